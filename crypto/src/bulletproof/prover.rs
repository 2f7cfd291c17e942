//! The prover: one party, all values at once.
//!
//! 1. a_L: the bits; a_R = a_L − 1. A = ã·g + Σ (a_L·G + a_R·H), S = s̃·g + Σ (s_L·G + s_R·H); y, z.
//! 2. l(X) = a_L − z + s_L·X, r(X) = y^i·(a_R + z + s_R·X) + z^(2+j)·c_(i mod n); t = ⟨l, r⟩ = t_0 + t_1·X + t_2·X².
//!    T_1 = t_1·h + τ_1·g, T_2 = t_2·h + τ_2·g; x.
//! 3. t_x = t(x), t̃_x = Σ z^(2+j)·γ_j + τ_1·x + τ_2·x², ẽ = ã + s̃·x; w; the inner-product argument on l(x), r(x).

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::MultiscalarMul;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use rayon::prelude::*;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{MAX_VALUES, Range, RangeProtocol, inner_product, proof_length};
use crate::EncryptError;
use crate::group::generators::{Pair, pairs};
use crate::group::{g_times, h, h_times, inner, powers, random_scalar};
use crate::transcript::Protocol;

/// Pairs in one constant-time multiplication, which share its doublings.
const PAIRS_AT_ONCE: usize = 64;

/// What hides the bits. The order of drawing is the crate's: value by value, so that fixed randomness gives its bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Masks {
    a_blinding: Scalar,
    s_blinding: Scalar,
    s_l: Vec<Scalar>,
    s_r: Vec<Scalar>,
}

impl Masks {
    fn draw(values: usize, bits: usize, rng: &mut impl CryptoRngCore) -> Self {
        let [s_l, s_r] = [(); 2].map(|()| Vec::with_capacity(values * bits));
        let mut masks = Self { a_blinding: Scalar::ZERO, s_blinding: Scalar::ZERO, s_l, s_r };
        for _ in 0..values {
            masks.a_blinding += random_scalar(rng);
            masks.s_blinding += random_scalar(rng);
            masks.s_l.extend((0..bits).map(|_| random_scalar(rng)));
            masks.s_r.extend((0..bits).map(|_| random_scalar(rng)));
        }
        masks
    }

    /// A = ã·g + Σ (bit ? G_i : −H_i).
    fn commit_to_bits(&self, pairs: &[&Pair], bits_of: &[u64], bits: usize) -> RistrettoPoint {
        let of_value = |(bits, pairs): (&u64, &[&Pair])| -> RistrettoPoint {
            let chosen = pairs.iter().enumerate().map(|(i, [g, h])| {
                let bit = Choice::from(((bits >> i) & 1) as u8);
                RistrettoPoint::conditional_select(&-h, g, bit)
            });
            chosen.sum()
        };
        let sum: RistrettoPoint =
            bits_of.par_iter().zip(pairs.par_chunks(bits)).with_min_len(16).map(of_value).sum();
        g_times(&self.a_blinding) + sum
    }

    /// S = s̃·g + Σ (s_L·G + s_R·H).
    fn commit_to_masks(&self, pairs: &[&Pair]) -> RistrettoPoint {
        let chunks = pairs.par_chunks(PAIRS_AT_ONCE).zip(self.s_l.par_chunks(PAIRS_AT_ONCE));
        let sum: RistrettoPoint = chunks
            .zip(self.s_r.par_chunks(PAIRS_AT_ONCE))
            .map(|((pairs, s_l), s_r)| {
                let scalars = s_l.iter().zip(s_r).flat_map(|(l, r)| [l, r]);
                RistrettoPoint::multiscalar_mul(scalars, pairs.iter().flat_map(|[g, h]| [g, h]))
            })
            .sum();
        g_times(&self.s_blinding) + sum
    }
}

/// Proves that values lie in a range; `commitments` are V, encoded. A statement that is false gives a proof that is.
pub(crate) fn prove(
    mut transcript: Transcript,
    values: &[u64],
    blindings: &[Scalar],
    commitments: &[CompressedRistretto],
    range: Range,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>, EncryptError> {
    let bits = range.bits();
    let count = values.len();
    let fits = count.is_power_of_two() && count <= MAX_VALUES && matches!(bits, 8 | 16 | 32 | 64);
    if !fits || blindings.len() != count || commitments.len() != count {
        return Err(EncryptError::RangeProver { values: count, bits });
    }

    transcript.begin_range_proof(range, commitments);
    let pairs = pairs(count, bits);
    let bits_of: Vec<_> = values.iter().map(|value| range.decompose(*value)).collect();
    let bits_of = Zeroizing::new(bits_of);
    let masks = Masks::draw(count, bits, rng);
    let (a_commitment, s_commitment) = rayon::join(
        || masks.commit_to_bits(&pairs, &bits_of, bits),
        || masks.commit_to_masks(&pairs),
    );
    let mut proof = Vec::with_capacity(proof_length(count, bits));
    transcript.say(&mut proof, b"A", &a_commitment.compress().0);
    transcript.say(&mut proof, b"S", &s_commitment.compress().0);
    let y = transcript.challenge(b"y");
    let z = transcript.challenge(b"z");

    // l and r are l_0 and r_0 until x is known; l_1 is s_L.
    let mut l = Zeroizing::new(Vec::with_capacity(pairs.len()));
    let mut r = Zeroizing::new(Vec::with_capacity(pairs.len()));
    let mut r_1 = Zeroizing::new(Vec::with_capacity(pairs.len()));
    let offsets = powers(z).skip(2).zip(bits_of.iter()).flat_map(|(z_j, bits)| {
        range.counts().enumerate().map(move |(i, count)| (z_j * count, (bits >> i) & 1))
    });
    for (((offset, bit), y_i), s_r) in offsets.zip(powers(y)).zip(&masks.s_r) {
        let bit = Scalar::from(bit);
        l.push(bit - z);
        r.push(y_i * (bit - Scalar::ONE + z) + offset);
        r_1.push(y_i * s_r);
    }
    let t_1 = Zeroizing::new(inner(&l, &r_1) + inner(&masks.s_l, &r));
    let t_2 = Zeroizing::new(inner(&masks.s_l, &r_1));
    let mut tau = Zeroizing::new([Scalar::ZERO; 2]);
    for _ in values {
        tau.iter_mut().for_each(|tau| *tau += random_scalar(rng));
    }
    let [tau_1, tau_2] = &*tau;
    transcript.say(&mut proof, b"T_1", &(h_times(&t_1) + g_times(tau_1)).compress().0);
    transcript.say(&mut proof, b"T_2", &(h_times(&t_2) + g_times(tau_2)).compress().0);
    let x = transcript.challenge(b"x");

    for (l, l_1) in l.iter_mut().zip(&masks.s_l) {
        *l += x * l_1;
    }
    for (r, r_1) in r.iter_mut().zip(r_1.iter()) {
        *r += x * r_1;
    }
    let gamma: Scalar = powers(z).skip(2).zip(blindings).map(|(z_j, gamma)| z_j * gamma).sum();
    transcript.say(&mut proof, b"t_x", inner(&l, &r).as_bytes());
    transcript.say(&mut proof, b"t_x_blinding", (gamma + x * (tau_1 + x * tau_2)).as_bytes());
    transcript.say(&mut proof, b"e_blinding", (masks.a_blinding + x * masks.s_blinding).as_bytes());
    let w = transcript.challenge(b"w");
    inner_product::prove(&mut transcript, &mut proof, &pairs, y.invert(), (w, h()), l, r);
    Ok(proof)
}
