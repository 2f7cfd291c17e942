//! BLS12-381 as this form needs it: strict reading, challenges, weights.

use blstrs::{G1Affine, G1Projective, Scalar};
use consilium_crypto::building_blocks::Reader;
use ff::Field;
use group::prime::PrimeCurveAffine;
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};

use super::error::PairingFormError;

/// Length of a point of G1, in bytes.
pub(super) const G1_LEN: usize = 48;
/// Length of a scalar, in bytes, the least first.
pub(super) const SCALAR_LEN: usize = 32;

/// A point of G1, on the curve and in the subgroup.
pub(super) fn read_point(
    what: &'static str,
    reader: &mut Reader<'_>,
) -> Result<G1Affine, PairingFormError> {
    let point = G1Affine::from_compressed(&reader.array()?);
    Option::from(point).ok_or(PairingFormError::Point { what })
}

/// The same, and not the identity.
pub(super) fn read_proper_point(
    what: &'static str,
    reader: &mut Reader<'_>,
) -> Result<G1Affine, PairingFormError> {
    let point = read_point(what, reader)?;
    if bool::from(point.is_identity()) {
        return Err(PairingFormError::Identity { what });
    }
    Ok(point)
}

/// A scalar below the group's order.
pub(super) fn read_scalar(
    what: &'static str,
    reader: &mut Reader<'_>,
) -> Result<Scalar, PairingFormError> {
    Option::from(Scalar::from_bytes_le(&reader.array()?)).ok_or(PairingFormError::Scalar { what })
}

/// A uniform scalar.
pub(super) fn random(rng: &mut (impl RngCore + CryptoRng)) -> Scalar {
    Scalar::random(rng)
}

/// A uniform scalar that is not 0, and its inverse.
pub(super) fn random_invertible(rng: &mut (impl RngCore + CryptoRng)) -> (Scalar, Scalar) {
    loop {
        let scalar = random(rng);
        let inverse: Option<Scalar> = scalar.invert().into();
        if let Some(inverse) = inverse {
            return (scalar, inverse);
        }
    }
}

/// c, uniform.
pub(super) fn challenge(transcript: &mut Transcript) -> Scalar {
    let mut bytes = [0; 64];
    transcript.challenge_bytes(b"c", &mut bytes);
    reduce(&bytes)
}

/// 512 bits modulo the group's order, the least first.
fn reduce(bytes: &[u8; 64]) -> Scalar {
    let base = power_of_two(64);
    let (limbs, _) = bytes.as_chunks();
    limbs
        .iter()
        .rev()
        .fold(Scalar::ZERO, |sum, limb| sum * base + Scalar::from(u64::from_le_bytes(*limb)))
}

/// A weight of 128 bits.
pub(super) fn weight(transcript: &mut Transcript) -> Scalar {
    let mut bytes = [0; 64];
    let (low, _) = bytes.split_at_mut(16);
    transcript.challenge_bytes(b"weight", low);
    reduce(&bytes)
}

/// 2^bits.
pub(super) fn power_of_two(bits: u32) -> Scalar {
    (0..bits).fold(Scalar::ONE, |power, _| power.double())
}

/// Σ s_k·(2^u)^k: digits, or their responses, as one number.
pub(super) fn number(digits: impl DoubleEndedIterator<Item = Scalar>, bits: u32) -> Scalar {
    let base = power_of_two(bits);
    digits.rev().fold(Scalar::ZERO, |sum, digit| sum * base + digit)
}

/// Many points at once: one inversion for all.
pub(super) fn affine(points: &[G1Projective]) -> Vec<G1Affine> {
    let mut affine = vec![G1Affine::identity(); points.len()];
    group::Curve::batch_normalize(points, &mut affine);
    affine
}

/// A point of G1 that nobody knows a relation of (RFC 9380, section 8.8.1).
pub(super) fn hashed_base() -> G1Projective {
    const DOMAIN: &[u8] = b"consilium-v1-figure-4_BLS12381G1_XMD:SHA-256_SSWU_RO_";
    G1Projective::hash_to_curve(b"h", DOMAIN, &[])
}
