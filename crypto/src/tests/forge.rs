//! A prover of norms that works in scalars and may lie at every step.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::{OsRng, RngCore};
use sha2::{Digest, Sha256, Sha512};

use super::arithmetic::{
    between, digit_that_makes, kernel, low, small_with_the_same_sum, square_root, sums_with_total,
};
use super::*;
use crate::Ciphertext;
use crate::bound::NormBound;
use crate::group::generators::consecutive;
use crate::group::{g_times, h, h_times, inner, mask_bases, powers, random_scalars, signed};
use crate::proof::limbs;
use crate::proof::link::limb_weights;
use crate::proof::norm::{Challenges, Draws};
use crate::proof::projection::Projection;
use crate::proof::shortness::{SUMS, Subsets, Sums};
use crate::transcript::{NORM, Protocol};
use crate::update::header;

/// Which challenge the cheat draws too early, and what it makes of that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Early {
    /// None: the prover is honest but for its x, and where asked for the projections it claims.
    Nothing,
    /// The seed before E: x is in the kernel of Π.
    Seed,
    /// γ before C_y: the projections claimed are small ones with the same Σγ_t·y_t.
    Gamma,
    /// R before C_y: p is what makes the sums small.
    Subsets,
    /// χ before C_y: the first digit is none, and makes up for all that the squares are too large.
    Chi,
    /// ω before F: the sums are small ones with the same Σω_j·F_j.
    Omega,
    /// e before M: f fits what the squares are claimed to be.
    Mask,
    /// e before a0: the sums are any.
    Constant,
    /// e before Q: the squares are any.
    Coefficients,
    /// e before T: the projections claimed are all 0.
    Link,
}

/// What else the prover lies about.
pub(super) struct Lies {
    /// Which challenge is drawn too early.
    pub(super) early: Early,
    /// What becomes of the projections before they are committed to.
    pub(super) projections: fn(&mut [Scalar]),
    /// What becomes of the digits.
    pub(super) digits: fn(&mut [Scalar]),
    /// What is added to F, after all that depends on p.
    pub(super) sums: fn(&mut [u128]),
    /// What is added to C_y.
    pub(super) commitment: RistrettoPoint,
    /// How many times h the equations are off: the two of the link, opening, shortness, squares.
    pub(super) errors: [i64; 5],
}

impl Default for Lies {
    fn default() -> Self {
        Self {
            early: Early::Nothing,
            projections: |_| (),
            digits: |_| (),
            sums: |_| (),
            commitment: RistrettoPoint::default(),
            errors: [0; 5],
        }
    }
}

impl From<Early> for Lies {
    fn from(early: Early) -> Self {
        Self { early, ..Self::default() }
    }
}

fn scalars(integers: &[u128]) -> Vec<Scalar> {
    integers.iter().map(|integer| Scalar::from(*integer)).collect()
}

fn encode(points: &[RistrettoPoint]) -> Vec<u8> {
    points.iter().flat_map(|point| point.compress().to_bytes()).collect()
}

fn bytes(scalars: &[Scalar]) -> Vec<u8> {
    scalars.iter().flat_map(Scalar::to_bytes).collect()
}

fn commit(value: &Scalar, blinding: &Scalar) -> RistrettoPoint {
    h_times(value) + g_times(blinding)
}

fn commit_to(values: &[Scalar], blinding: &Scalar) -> RistrettoPoint {
    let terms = values.iter().zip(consecutive(0, values.len()));
    terms.map(|(value, generator)| generator * value).sum::<RistrettoPoint>() + g_times(blinding)
}

/// Π, `[N][d]`.
fn rows(projection: &Projection, dimension: usize) -> Vec<Vec<Scalar>> {
    let column = |j: usize| {
        let mut unit = vec![0; dimension];
        unit[j] = 1;
        projection.project(&unit)
    };
    let columns: Vec<_> = (0..dimension).map(column).collect();
    (0..columns[0].len())
        .map(|t| columns.iter().map(|column| signed(column[t])).collect())
        .collect()
}

/// Rᵀω for weights that are 1 in one place: R, row by row.
fn subset_rows(subsets: &Subsets) -> Vec<Vec<Scalar>> {
    let unit = |j: usize| (0..SUMS).map(|i| u128::from(i == j)).collect::<Vec<_>>();
    (0..SUMS).map(|j| subsets.combine(&unit(j))).collect()
}

/// The coefficients in e of Σχ_i·Π_c (m_i + e·(v_i − c)).
pub(super) fn digits_polynomial(
    chi: &[Scalar],
    masks: &[Scalar],
    digits: &[Scalar],
) -> Vec<Scalar> {
    let mut sum = vec![Scalar::ZERO; 17];
    for ((chi, m), v) in chi.iter().zip(masks).zip(digits) {
        let mut product = vec![*chi];
        for c in 0..16u64 {
            let linear = v - Scalar::from(c);
            product.push(Scalar::ZERO);
            for place in (0..product.len()).rev() {
                let below = if place == 0 { Scalar::ZERO } else { product[place - 1] };
                product[place] = product[place] * m + below * linear;
            }
        }
        sum.iter_mut().zip(&product).for_each(|(sum, more)| *sum += more);
    }
    sum
}

/// The coefficients in e of the above and e^14·(Σ(m + e·y)² + e·Σ16^i·(m_i + e·v_i) − e²·Γ·B²).
fn squares_polynomial(
    chi: &[Scalar],
    [m_y, y]: [&[Scalar]; 2],
    [m_digits, digits]: [&[Scalar]; 2],
    bound: &NormBound,
) -> Vec<Scalar> {
    let mut sum = digits_polynomial(chi, m_digits, digits);
    let places: Vec<_> = powers(Scalar::from(16u64)).take(16).collect();
    sum[14] += inner(m_y, m_y);
    sum[15] += Scalar::from(2u64) * inner(m_y, y) + inner(&places, m_digits);
    sum[16] += inner(y, y) + inner(&places, digits) - Scalar::from(bound.squares);
    sum
}

fn value(polynomial: &[Scalar], e: &Scalar) -> Scalar {
    inner(polynomial, &powers(*e).take(polynomial.len()).collect::<Vec<_>>())
}

/// The proof of x by a prover who lies like this. Returns the update and the challenges as the cheat has them.
pub(super) fn forge(
    federation: &mut Federation,
    mut x: Vec<Scalar>,
    lies: impl Into<Lies>,
) -> (EncryptedUpdate, Challenges) {
    let lies = lies.into();
    let early = lies.early;
    let errors = lies.errors.map(signed);
    let Bound::Norm { norm, projections } = federation.round.bound else {
        panic!("a bound on the norm")
    };
    let bound = NormBound::new(norm, projections).unwrap();
    let d = x.len();
    let unproven = federation.unproven(1, vec![0; d]);
    let key = unproven.key.clone();
    let k = *unproven.k;
    let ciphertexts: Vec<u8> = unproven.ciphertexts.iter().flat_map(Ciphertext::encode).collect();
    let seeded = |mask_hash: &[u8; 64]| {
        let base = header::transcript(&unproven.context, &key, &ciphertexts, mask_hash);
        let mut transcript = base.fork(NORM, 0);
        let mut seed = [0; 32];
        transcript.challenge_bytes(b"seed", &mut seed);
        (base, transcript, Projection::new(seed, bound.projections))
    };

    // Masks and seed.
    let (_, _, projection_before) = seeded(&[0; 64]);
    if early == Early::Seed {
        x = kernel(rows(&projection_before, d));
    }
    let bases = mask_bases(d);
    let e_points: Vec<_> =
        x.iter().zip(bases.iter()).map(|(x, base)| h_times(x) + base * k).collect();
    let masked = encode(&e_points);
    let mask_hash: [u8; 64] = Sha512::digest(&masked).into();
    let (base, mut transcript, projection) = seeded(&mask_hash);
    let projection = if early == Early::Seed { projection_before } else { projection };

    // C_y, and what is drawn after it.
    let before = Draws::after(&mut transcript.clone(), &[], &bound);
    let mut y: Vec<_> = rows(&projection, d).iter().map(|row| inner(row, &x)).collect();
    match early {
        Early::Gamma => y = small_projections(&before.gamma, &y),
        Early::Link => y.fill(Scalar::ZERO),
        _ => (lies.projections)(&mut y),
    }
    let mut p: Vec<u128> = (0..SUMS)
        .map(|_| u128::from(OsRng.next_u64()) << 56 | u128::from(OsRng.next_u64() >> 8))
        .collect();
    let mut p_scalars = scalars(&p);
    if early == Early::Subsets {
        let rows = subset_rows(&before.subsets);
        p_scalars = p_scalars.iter().zip(&rows).map(|(sum, row)| sum - inner(row, &y)).collect();
    }
    let rest = Scalar::from(bound.squares) - inner(&y, &y);
    let mut digits: Vec<_> =
        (0..16).map(|place| Scalar::from(low(rest) >> (4 * place) & 15)).collect();
    (lies.digits)(&mut digits);
    if early == Early::Chi {
        digits = digit_that_makes(&before.chi, rest);
    }
    let entries = [&*y, &p_scalars, &digits].concat();
    let blindings = random_scalars(2, &mut OsRng);
    let commitment = commit_to(&entries, &blindings[0]) + lies.commitment;
    let mut draws = Draws::after(&mut transcript, commitment.compress().as_bytes(), &bound);
    match early {
        Early::Gamma => draws.gamma = before.gamma,
        Early::Subsets => draws.subsets = before.subsets,
        Early::Chi => draws.chi = before.chi,
        _ => {}
    }

    // F and ω. Where they are out of range, the cheat says their lowest 120 bits.
    let rows_of_sums = subset_rows(&draws.subsets);
    let total = |omega: &[u128]| {
        let lambda = draws.subsets.combine(omega);
        inner(&lambda, &y) + inner(&scalars(omega), &p_scalars)
    };
    if !matches!(early, Early::Subsets) {
        for (sum, row) in p.iter_mut().zip(&rows_of_sums) {
            let exact = Scalar::from(*sum) + inner(row, &y);
            *sum = u128::from_le_bytes(*exact.as_bytes().first_chunk().unwrap()) % (1 << 120);
        }
    }
    (lies.sums)(&mut p);
    let encode_sums = |sums: &[u128]| -> Vec<u8> {
        sums.iter().flat_map(|sum| sum.to_le_bytes()[..15].to_vec()).collect()
    };
    let omega_before = Sums::weights(&mut transcript.clone(), &[]);
    if early == Early::Omega {
        p = sums_with_total(&omega_before, total(&omega_before));
    }
    let omega_after = Sums::weights(&mut transcript, &encode_sums(&p));
    let omega = if early == Early::Omega { omega_before } else { omega_after };
    let lambda = [draws.subsets.combine(&omega), scalars(&omega)].concat();

    // M, a0, Q, T, one challenge.
    let masks = random_scalars(entries.len(), &mut OsRng);
    let (m_y, rest_of_masks) = masks.split_at(y.len());
    let m_digits = &rest_of_masks[SUMS..];
    let gamma = scalars(&draws.gamma);
    let sigma: Vec<_> =
        projection.combine(&draws.gamma, d).iter().map(|weight| weight.scalar()).collect();
    let sum = |points: &[RistrettoPoint]| -> RistrettoPoint {
        points.iter().zip(&sigma).map(|(p, s)| p * s).sum()
    };
    let e_sigma = sum(&e_points);
    let w_sigma = sum(&bases[..d]);
    let tau: Vec<_> = unproven.limbs.r.iter().zip(&unproven.limbs.s).map(|(r, s)| r + s).collect();
    let tau = inner(&limb_weights().take(16).collect::<Vec<_>>(), &tau);
    let nonces = random_scalars(2, &mut OsRng);
    let zeta = random_scalars(16, &mut OsRng);
    let mut polynomial = squares_polynomial(&draws.chi, [m_y, &y], [m_digits, &digits], &bound);
    polynomial.truncate(16);

    let mut mask = commit_to(&masks, &blindings[1]) - h_times(&errors[2]);
    let mut a0 = inner(&lambda, &masks[..lambda.len()]) - errors[3];
    let mut q: Vec<_> = polynomial.iter().zip(&zeta).map(|(q, zeta)| commit(q, zeta)).collect();
    q[0] -= h_times(&errors[4]);
    let mut t = [
        h_times(&inner(&gamma, m_y)) + w_sigma * nonces[0] - h_times(&errors[0]),
        commit(&nonces[0], &nonces[1]) - h_times(&errors[1]),
    ];
    let late = |label: &'static [u8], early_one: Early| {
        if early == early_one { None } else { Some(label) }
    };
    let say =
        |transcript: &mut Transcript, mask: &RistrettoPoint, a0: &Scalar, q: &[_], t: &[_]| {
            let words: [(Option<&'static [u8]>, Vec<u8>); 4] = [
                (late(b"M".as_slice(), Early::Mask), mask.compress().to_bytes().into()),
                (late(b"a0".as_slice(), Early::Constant), a0.to_bytes().into()),
                (late(b"Q".as_slice(), Early::Coefficients), encode(q)),
                (late(b"T".as_slice(), Early::Link), encode(t)),
            ];
            for (label, word) in words {
                if let Some(label) = label {
                    transcript.append_message(label, &word);
                }
            }
        };
    say(&mut transcript, &mask, &a0, &q, &t);
    let e = transcript.challenge(b"e");

    // Responses, and the word that comes too late, made to fit them.
    let mut f: Vec<_> = masks.iter().zip(&entries).map(|(m, v)| m + e * v).collect();
    let phi = blindings[1] + e * blindings[0];
    let z = value(&zeta, &e);
    let z_link = [nonces[0] + e * k, nonces[1] + e * tau];
    let claimed = scalars(&p);
    let value_of = |f: &[Scalar]| {
        let (f_y, f_rest) = f.split_at(y.len());
        let digits = &f_rest[SUMS..];
        let product = |(f, chi): (&Scalar, &Scalar)| {
            (0..16u64).fold(*chi, |product, c| product * (f - e * Scalar::from(c)))
        };
        let products: Scalar = digits.iter().zip(&draws.chi).map(product).sum();
        let places: Vec<_> = powers(Scalar::from(16u64)).take(16).collect();
        let squares =
            inner(f_y, f_y) + e * inner(&places, digits) - e * e * Scalar::from(bound.squares);
        products + powers(e).nth(14).unwrap() * squares
    };
    match early {
        Early::Mask => {
            let missing = value(&polynomial, &e) - value_of(&f);
            let missing = missing * powers(e).nth(14).unwrap().invert();
            bend(&mut f, [&gamma, &lambda], missing);
            mask = commit_to(&f, &phi) - commitment * e;
        }
        Early::Constant => {
            a0 = inner(&lambda, &f[..lambda.len()]) - e * inner(&scalars(&omega), &claimed);
        }
        Early::Coefficients => q[0] += h_times(&(value_of(&f) - value(&polynomial, &e))),
        Early::Link => {
            let z_u = inner(&gamma, &f[..y.len()]);
            t[0] = h_times(&z_u) + w_sigma * z_link[0] - e_sigma * e;
        }
        _ => {}
    }

    let body = [
        masked,
        encode(&[commitment, mask]),
        bytes(&f),
        bytes(&[phi]),
        encode_sums(&p),
        bytes(&[a0]),
        encode(&q),
        bytes(&[z]),
        encode(&t),
        bytes(&z_link),
    ]
    .concat();
    let mut header = unproven.context.to_vec();
    header.extend(ciphertexts);
    header.extend(mask_hash);
    header.extend(Sha256::digest(&body));
    header.extend((body.len() as u64).to_be_bytes());
    header.extend(limbs::prove(&base, &key, &unproven.limbs, &mut OsRng));
    (EncryptedUpdate { header, body }, Challenges { projection, draws, omega, e })
}

/// Small projections with the same Σγ_t·y_t.
fn small_projections(gamma: &[u128], y: &[Scalar]) -> Vec<Scalar> {
    let shift = 1u64 << 62;
    let integers: Vec<_> =
        y.iter().map(|y| low(y + Scalar::from(shift)).wrapping_sub(shift).cast_signed()).collect();
    small_with_the_same_sum(gamma, &integers).into_iter().map(signed).collect()
}

/// Changes three entries of f, in a direction that neither of two linear forms sees, so that Σf² is so much larger.
fn bend(f: &mut [Scalar], forms: [&[Scalar]; 2], missing: Scalar) {
    let [a, b] = forms;
    let (third, direction, times) = (2..)
        .find_map(|i| {
            let [a, b] = [a, b].map(|form| [form[0], form[1], form[i]]);
            let direction = between(&a, &b);
            let along = inner(&[f[0], f[1], f[i]], &direction);
            let length = inner(&direction, &direction);
            let root = square_root(&(along * along + length * missing))?;
            Some((i, direction, (root - along) * length.invert()))
        })
        .unwrap();
    for (place, step) in [0, 1, third].into_iter().zip(direction) {
        f[place] += times * step;
    }
}

/// So many times h.
pub(super) fn times_h(times: i64) -> RistrettoPoint {
    h() * signed(times)
}
