//! BLS12-381: strict reading, scalars, hashing to the group, pairing equations.
//!
//! A point is read by the checked decoder only: on the curve and in the subgroup of order p. Outside it, points of small
//! order would satisfy equations that say nothing.

use blstrs::{Bls12, G1Affine, G1Projective, G2Affine, G2Prepared, G2Projective, Scalar};
use consilium_crypto::building_blocks::Reader;
use ff::Field;
use group::Group;
use group::prime::PrimeCurveAffine;
use merlin::Transcript;
use pairing::{MillerLoopResult, MultiMillerLoop};
use rand_core::{CryptoRng, RngCore};
use zeroize::{DefaultIsZeroes, Zeroizing};

use super::GroupError;

/// Length of a compressed point of G1, in bytes.
pub(super) const G1_LEN: usize = 48;
/// Length of a compressed point of G2, in bytes.
pub(super) const G2_LEN: usize = 96;
/// Length of a scalar, in bytes, the least first.
pub(super) const SCALAR_LEN: usize = 32;

/// A secret scalar in `Zeroizing`, which blstrs' own type is not made for.
#[derive(Clone, Copy, Default)]
pub(super) struct Secret(pub(super) Scalar);

impl DefaultIsZeroes for Secret {}

impl Secret {
    /// Uniform.
    pub(super) fn random(rng: &mut (impl RngCore + CryptoRng)) -> Zeroizing<Self> {
        let mut bytes = Zeroizing::new([0; 64]);
        rng.fill_bytes(&mut *bytes);
        Zeroizing::new(Self(reduce(&bytes)))
    }

    /// Of 32 secret bytes; refuses what is not reduced, and 0.
    pub(super) fn from_bytes(
        what: &'static str,
        bytes: &Zeroizing<[u8; SCALAR_LEN]>,
    ) -> Result<Zeroizing<Self>, GroupError> {
        let scalar = read_scalar(what, &mut Reader::new(what, &**bytes, SCALAR_LEN)?)?;
        if bool::from(scalar.is_zero()) {
            return Err(GroupError::Scalar { what });
        }
        Ok(Zeroizing::new(Self(scalar)))
    }

    pub(super) fn to_bytes(self) -> Zeroizing<[u8; SCALAR_LEN]> {
        Zeroizing::new(self.0.to_bytes_le())
    }
}

/// 512 bits modulo p, the least first.
fn reduce(bytes: &[u8; 64]) -> Scalar {
    // By Horner's rule, 64 bits at a time.
    let base = Scalar::from(u64::MAX) + Scalar::ONE;
    let (limbs, _) = bytes.as_chunks();
    limbs
        .iter()
        .rev()
        .fold(Scalar::ZERO, |sum, limb| sum * base + Scalar::from(u64::from_le_bytes(*limb)))
}

/// A challenge of a transcript, uniform modulo p.
pub(super) fn challenge(transcript: &mut Transcript, label: &'static [u8]) -> Scalar {
    let mut bytes = [0; 64];
    transcript.challenge_bytes(label, &mut bytes);
    reduce(&bytes)
}

/// A weight of 128 bits.
pub(super) fn short_weight(transcript: &mut Transcript, label: &'static [u8]) -> Scalar {
    let mut bytes = [0; 64];
    let (low, _) = bytes.split_at_mut(16);
    transcript.challenge_bytes(label, low);
    reduce(&bytes)
}

/// A point of G1 that nobody knows a relation of (RFC 9380, section 8.8.1).
pub(super) fn hash_to_g1(label: &[u8]) -> G1Projective {
    const DOMAIN: &[u8] = b"consilium-v1-group-signature_BLS12381G1_XMD:SHA-256_SSWU_RO_";
    G1Projective::hash_to_curve(label, DOMAIN, &[])
}

/// A point of G1, in the subgroup; it may be the identity.
pub(super) fn read_g1(what: &'static str, reader: &mut Reader<'_>) -> Result<G1Affine, GroupError> {
    let point = G1Affine::from_compressed(&reader.array()?);
    Option::from(point).ok_or(GroupError::Point { what })
}

/// A point of G1, in the subgroup and not the identity.
pub(super) fn read_proper_g1(
    what: &'static str,
    reader: &mut Reader<'_>,
) -> Result<G1Affine, GroupError> {
    let point = read_g1(what, reader)?;
    if bool::from(point.is_identity()) {
        return Err(GroupError::Identity { what });
    }
    Ok(point)
}

/// A point of G2, in the subgroup and not the identity.
pub(super) fn read_proper_g2(
    what: &'static str,
    reader: &mut Reader<'_>,
) -> Result<G2Affine, GroupError> {
    let point: Option<G2Affine> = G2Affine::from_compressed(&reader.array()?).into();
    let point = point.ok_or(GroupError::Point { what })?;
    if bool::from(point.is_identity()) {
        return Err(GroupError::Identity { what });
    }
    Ok(point)
}

/// A scalar below p.
pub(super) fn read_scalar(
    what: &'static str,
    reader: &mut Reader<'_>,
) -> Result<Scalar, GroupError> {
    Option::from(Scalar::from_bytes_le(&reader.array()?)).ok_or(GroupError::Scalar { what })
}

/// Says points of G1 to a transcript.
pub(super) fn append_g1(transcript: &mut Transcript, label: &'static [u8], points: &[G1Affine]) {
    let bytes: Vec<u8> = points.iter().flat_map(|point| point.to_compressed()).collect();
    transcript.append_message(label, &bytes);
}

/// Many points at once: one inversion for all.
pub(super) fn affine<const N: usize>(points: [G1Projective; N]) -> [G1Affine; N] {
    let mut affine = [G1Affine::identity(); N];
    group::Curve::batch_normalize(&points, &mut affine);
    affine
}

/// Whether e(left, left_base) = e(right, right_base).
pub(super) fn pairings_agree(
    (left, left_base): (&G1Affine, &G2Prepared),
    (right, right_base): (&G1Affine, &G2Prepared),
) -> bool {
    let terms = [(left, left_base), (&-*right, right_base)];
    Bls12::multi_miller_loop(&terms).final_exponentiation().is_identity().into()
}

/// The generator P̃ of G2.
pub(super) fn generator() -> G2Projective {
    G2Projective::generator()
}
