//! A prover of norms that works in scalars and may lie at every step: what each place in the order of challenges is for.
//!
//! Each attack draws one challenge before the words that must come first, makes those words fit, and passes where that
//! challenge stands. Under the verifier's order it does not.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::OsRng;
use sha2::{Digest, Sha256, Sha512};

use super::arithmetic::{
    kernel, low, power, root_of_minus_one, small_with_the_same_sum, square_root,
};
use super::*;
use crate::Ciphertext;
use crate::bound::NormBound;
use crate::fold::{Folded, Weights};
use crate::group::{g_times, h_times, inner, mask_bases, random_scalar};
use crate::proof::link::limb_weights;
use crate::proof::norm::Challenges;
use crate::proof::projection::Projection;
use crate::proof::{BoundProof, Equations, limbs, range};
use crate::transcript::{NORM, PROJECTION_RANGE, Protocol, SQUARES_RANGE, UPDATE_WEIGHTS};
use crate::update::header;

/// Which challenge the cheat draws too early, and what it makes of that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Early {
    /// None: the prover is honest but for its x, and where asked for the projections it claims.
    Nothing,
    /// None either, but the squares claimed are none.
    Squares,
    /// The seed before E: x is in the kernel of Π.
    Seed,
    /// γ before V: the projections claimed are small ones with the same Σγ_t·y_t.
    Gamma,
    /// e before A1: the squares claimed are none.
    Products,
    /// e before M: all f_t are 0, and so are the squares claimed.
    Masks,
    /// e before T: the projections claimed are all 0.
    Link,
    /// ω before f: two f_t are others with the same Σω_t·f_t, and the squares claimed are none.
    Responses,
}

fn short(weights: &[u128]) -> Vec<Scalar> {
    weights.iter().map(|weight| Scalar::from(*weight)).collect()
}

fn encode(points: &[RistrettoPoint]) -> Vec<u8> {
    points.iter().flat_map(|point| point.compress().to_bytes()).collect()
}

fn commit(value: &Scalar, blinding: &Scalar) -> RistrettoPoint {
    h_times(value) + g_times(blinding)
}

fn random(count: usize) -> Vec<Scalar> {
    (0..count).map(|_| random_scalar(&mut OsRng)).collect()
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
        .map(|t| columns.iter().map(|column| crate::group::signed(column[t])).collect())
        .collect()
}

/// The proof of x by a prover who draws `early` too early; `claim` makes of the projections what is committed to. Returns
/// the update and the challenges as the cheat has them.
pub(super) fn forge(
    federation: &mut Federation,
    x: Vec<Scalar>,
    early: Early,
    claim: impl Fn(&mut [Scalar]),
) -> (EncryptedUpdate, Challenges) {
    forge_with_errors(federation, x, early, claim, [0; 5])
}

/// [`forge`] with equations that are off by so many times g: the three of the link, the openings, the squares.
fn forge_with_errors(
    federation: &mut Federation,
    mut x: Vec<Scalar>,
    early: Early,
    claim: impl Fn(&mut [Scalar]),
    errors: [i64; 5],
) -> (EncryptedUpdate, Challenges) {
    let errors = errors.map(crate::group::signed);
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
    let mut y: Vec<Scalar> = rows(&projection, d).iter().map(|row| inner(row, &x)).collect();

    let gamma_before = transcript.clone().short_weights(b"gamma", y.len());
    match early {
        Early::Gamma => {
            let shift = 1u64 << 62;
            let integers: Vec<_> = y
                .iter()
                .map(|y| low(y + Scalar::from(shift)).wrapping_sub(shift).cast_signed())
                .collect();
            let small = small_with_the_same_sum(&gamma_before, &integers);
            y = small.into_iter().map(crate::group::signed).collect();
        }
        Early::Link => y.fill(Scalar::ZERO),
        _ => claim(&mut y),
    }
    let beta = random(y.len());
    let mu = random(y.len());
    let mut m = random(y.len());
    let offset = Scalar::from(1u64 << (bound.projection_bits - 1));
    let v_points: Vec<_> =
        y.iter().zip(&beta).map(|(y, beta)| commit(&(y + offset), beta)).collect();
    let v = encode(&v_points);
    transcript.append_message(b"V", &v);
    let gamma_after = transcript.short_weights(b"gamma", y.len());
    let gamma = if early == Early::Gamma { gamma_before } else { gamma_after };
    let sigma: Vec<_> =
        projection.combine(&gamma, d).iter().map(|weight| weight.scalar()).collect();
    let sum = |points: &[RistrettoPoint]| -> RistrettoPoint {
        points.iter().zip(&sigma).map(|(p, s)| p * s).sum()
    };
    let e_sigma = sum(&e_points);
    let w_sigma = sum(&bases[..d]);
    let y_sigma: RistrettoPoint =
        v_points.iter().zip(short(&gamma)).map(|(v, gamma)| (v - h_times(&offset)) * gamma).sum();

    // M, A0, A1, S, T, one challenge.
    let e_before = transcript.clone().challenge(b"e");
    let zeta = random(3);
    let squares = match early {
        Early::Squares | Early::Products | Early::Masks | Early::Responses => Scalar::ZERO,
        _ => inner(&y, &y),
    };
    if early == Early::Masks {
        m = y.iter().map(|y| -e_before * y).collect();
    }
    let mut products = [inner(&m, &m), Scalar::from(2u64) * inner(&m, &y), squares];
    match early {
        Early::Products => {
            let f: Vec<_> = m.iter().zip(&y).map(|(m, y)| m + e_before * y).collect();
            products[1] = (inner(&f, &f) - products[0]) * e_before.invert();
        }
        Early::Masks => products = [Scalar::ZERO; 3],
        _ => {}
    }
    let masks = encode(&m.iter().zip(&mu).map(|(m, mu)| commit(m, mu)).collect::<Vec<_>>());
    let products_bytes =
        encode(&products.iter().zip(&zeta).map(|(p, zeta)| commit(p, zeta)).collect::<Vec<_>>());
    let tau: Vec<_> = unproven.limbs.r.iter().zip(&unproven.limbs.s).map(|(r, s)| r + s).collect();
    let powers: Vec<_> = limb_weights().take(16).collect();
    let gamma_scalars = short(&gamma);
    let secrets =
        [inner(&gamma_scalars, &y), k, inner(&gamma_scalars, &beta), inner(&powers, &tau)];
    let a = random(4);
    let mut t = [h_times(&a[0]) + w_sigma * a[1], commit(&a[0], &a[2]), commit(&a[1], &a[3])];
    if early == Early::Link {
        let key_sum = commit(&k, &secrets[3]);
        let of_z = t;
        t = [
            of_z[0] - e_sigma * e_before,
            of_z[1] - y_sigma * e_before,
            of_z[2] - key_sum * e_before,
        ];
    }
    t[0] -= g_times(&errors[0]);
    transcript.append_message(b"M", &masks);
    transcript.append_message(b"A0 A1 S", &products_bytes);
    transcript.append_message(b"T", &encode(&t));
    let e_after = transcript.challenge(b"e");
    let e = if matches!(early, Early::Products | Early::Masks | Early::Link) {
        e_before
    } else {
        e_after
    };

    let mut z_link: Vec<_> = match early {
        Early::Link => a,
        _ => a.iter().zip(&secrets).map(|(a, secret)| a + e * secret).collect(),
    };
    z_link[2] += errors[1];
    z_link[3] += errors[2];
    let mut f: Vec<_> = m.iter().zip(&y).map(|(m, y)| m + e * y).collect();
    let z = zeta[0] + e * (zeta[1] + e * zeta[2]) + errors[4];
    let omega_before = transcript.clone().weights(b"omega", y.len());
    if early == Early::Responses {
        let missing = products[0] + e * products[1] + e * e * products[2] - inner(&f, &f);
        let (position, c) = (1..)
            .find_map(|i| {
                // (f + c·v)² = f² + missing for a v that is orthogonal to ω.
                let f_v = f[0] * omega_before[i] - f[i] * omega_before[0];
                let v_v = omega_before[0] * omega_before[0] + omega_before[i] * omega_before[i];
                let root = square_root(&(f_v * f_v + v_v * missing))?;
                Some((i, (root - f_v) * v_v.invert()))
            })
            .unwrap();
        f[0] += c * omega_before[position];
        f[position] -= c * omega_before[0];
    }
    let f_bytes: Vec<u8> = f.iter().flat_map(Scalar::to_bytes).collect();
    transcript.append_message(b"f", &f_bytes);
    transcript.append_message(b"z", z.as_bytes());
    let omega_after = transcript.weights(b"omega", y.len());
    let omega = if early == Early::Responses { omega_before } else { omega_after };
    let phi = inner(&omega, &mu) + e * inner(&omega, &beta) + errors[3];

    let raised: Vec<_> = y.iter().map(|y| low(y + offset)).collect();
    let mut rng = transcript.witness_rng(&[], &mut OsRng);
    let prove = |label, values: &[u64], blindings: &[Scalar], bits, rng: &mut _| {
        range::prove_all(&transcript, label, values, blindings, bits, rng).unwrap().0
    };
    let ranges = prove(PROJECTION_RANGE, &raised, &beta, bound.projection_bits, &mut rng);
    let rest = low(Scalar::from(bound.squares) - products[2]);
    let squares_range = prove(SQUARES_RANGE, &[rest], &[-zeta[2]], bound.squares_bits, &mut rng);
    let link: Vec<u8> =
        encode(&t).into_iter().chain(z_link.iter().flat_map(Scalar::to_bytes)).collect();
    let body = [
        masked,
        v,
        masks,
        products_bytes,
        link,
        f_bytes,
        z.to_bytes().into(),
        phi.to_bytes().into(),
        ranges,
        squares_range,
    ]
    .concat();

    let mut header = unproven.context.to_vec();
    header.extend(ciphertexts);
    header.extend(mask_hash);
    header.extend(Sha256::digest(&body));
    header.extend((body.len() as u64).to_be_bytes());
    header.extend(limbs::prove(&base, &key, &unproven.limbs, &mut OsRng).unwrap());
    (EncryptedUpdate { header, body }, Challenges { projection, gamma, e, omega, transcript })
}

/// Whether the link and the squares hold under these challenges, and whether all does, range proofs included.
fn equations_hold(
    federation: &Federation,
    update: &EncryptedUpdate,
    challenges: &Challenges,
) -> (bool, bool) {
    let key = &federation.dealing.public_key;
    let update = federation.parse(update).unwrap();
    let BoundProof::Norm(proof) = &update.proof else { panic!("a bound on the norm") };
    let holds = |which| {
        let mut weights = Weights::new(UPDATE_WEIGHTS, 1, key, None, []);
        let mut folded = Folded::default();
        proof.fold(
            challenges,
            which,
            &update.e,
            update.header().ciphertexts(),
            &mut weights,
            &mut folded,
        );
        folded.holds(key)
    };
    (holds(Equations::Link) && holds(Equations::Squares), holds(Equations::All))
}

/// B = 1,000: projections of much longer vectors are in range, too.
pub(super) fn federation(seed: u64, dimension: u32) -> Federation {
    Federation::bounded(seed, 1, 1, dimension, Bound::Norm { norm: 1000, projections: 256 })
}

/// Nine times as long as allowed.
pub(super) fn long() -> Vec<Scalar> {
    vec![Scalar::from(5400u64), -Scalar::from(7200u64), Scalar::ZERO]
}

#[test]
fn the_prover_in_scalars_convinces_where_it_does_not_lie() {
    let mut federation = federation(101, 3);
    let x = vec![Scalar::from(60u64), -Scalar::from(80u64), Scalar::ZERO];
    let (update, challenges) = forge(&mut federation, x, Early::Nothing, |_| ());
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, true));
    assert!(federation.verify(&update).is_ok());
}

#[test]
fn a_challenge_drawn_too_early_lets_a_long_vector_pass_and_is_not_the_verifiers() {
    for (early, expected) in [
        (Early::Gamma, UpdateError::BadLinkProof),
        (Early::Products, UpdateError::BadLinkProof),
        (Early::Masks, UpdateError::BadLinkProof),
        (Early::Link, UpdateError::BadLinkProof),
        (Early::Responses, UpdateError::BadNormProof),
    ] {
        let mut federation = federation(122, 3);
        let (update, challenges) = forge(&mut federation, long(), early, |_| ());
        assert_eq!(
            equations_hold(&federation, &update, &challenges),
            (true, true),
            "the attack works on {early:?}"
        );
        assert_eq!(federation.verify(&update).err(), Some(expected), "{early:?}");
    }
}

#[test]
fn a_seed_drawn_before_the_masks_lets_a_vector_of_its_kernel_pass() {
    let mut federation = federation(103, 260);
    let (update, challenges) = forge(&mut federation, vec![Scalar::ZERO; 260], Early::Seed, |_| ());
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, true), "the attack works");
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof));
}

#[test]
fn vectors_that_are_no_small_integers_are_rejected_whatever_their_author_says_of_them() {
    let half = Scalar::from(2u64).invert();
    let huge = power(&Scalar::from(2u64), &Scalar::from(200u64), 0);
    // One coordinate of 2^200; vectors that wrap around modulo ℓ: a half, whose sums by pairs are small, and −1/3.
    for x in [
        vec![huge, Scalar::ZERO, Scalar::ZERO],
        vec![half, half, -half],
        vec![-Scalar::from(3u64).invert(), Scalar::ONE, Scalar::ONE],
    ] {
        let mut federation = federation(104, 3);
        let (update, _) = forge(&mut federation, x.clone(), Early::Nothing, |_| ());
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadRangeProof));
        // Projections that are small, but not those of x.
        let small = |y: &mut [Scalar]| {
            y.iter_mut().for_each(|y| *y = Scalar::from(u64::from(y.as_bytes()[0])))
        };
        let (update, challenges) = forge(&mut federation, x, Early::Nothing, small);
        assert!(!equations_hold(&federation, &update, &challenges).0);
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof));
    }
}

#[test]
fn one_projection_that_is_not_that_of_the_update_is_rejected() {
    let mut federation = federation(105, 3);
    for (t, error) in [(0, Scalar::ONE), (100, -Scalar::ONE), (255, Scalar::from(7u64))] {
        let (update, _) = forge(&mut federation, long(), Early::Nothing, |y| y[t] += error);
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof), "{t}");
    }
}

#[test]
fn projections_whose_squares_wrap_around_to_less_than_nothing_are_rejected_for_their_own_size() {
    let mut federation = federation(109, 3);
    let root = root_of_minus_one();
    assert_eq!(root * root, -Scalar::ONE);
    // Σy_t² is negative: Γ·B² less that is in range, and only the range proofs of the y_t are false.
    let (update, challenges) = forge(&mut federation, vec![root; 3], Early::Nothing, |_| ());
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadRangeProof));
}

#[test]
fn squares_that_are_not_those_of_the_projections_are_rejected() {
    let mut federation = federation(107, 3);
    let (update, challenges) = forge(&mut federation, long(), Early::Squares, |_| ());
    assert_eq!(equations_hold(&federation, &update, &challenges), (false, false));
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadNormProof));
}

#[test]
fn equations_of_one_update_whose_errors_cancel_are_rejected() {
    let mut federation = federation(108, 3);
    for first in 0..5 {
        for second in first + 1..5 {
            let mut errors = [0; 5];
            (errors[first], errors[second]) = (1, -1);
            let x = vec![Scalar::ONE; 3];
            let (update, _) = forge_with_errors(&mut federation, x, Early::Nothing, |_| (), errors);
            let expected =
                if first < 3 { UpdateError::BadLinkProof } else { UpdateError::BadNormProof };
            assert_eq!(federation.verify(&update).err(), Some(expected), "{errors:?}");
        }
    }
}

#[test]
fn a_transcript_that_ends_elsewhere_gives_other_range_proofs() {
    let mut federation = federation(106, 3);
    let x = vec![Scalar::ONE; 3];
    let (update, mut challenges) = forge(&mut federation, x, Early::Nothing, |_| ());
    challenges.transcript = Transcript::new(b"elsewhere");
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
}
