//! Group signatures: their encoding, and verification alone or folded.
//!
//! Check: Ā ≠ 0; with T1 = z_r·g1 + z_u·h1 − z_e·Ā − c·B̄, T2 = z_r·E0 − z_θ·k, T3 = z_r·E1 − z_θ·Z1 − z_u·f and
//! T4 = z_r·E2 − z_θ·Z2 − z_u·f the challenge is c; e(Ā, w) = e(B̄, P̃). Of many signatures the pairings alone are folded,
//! e(Σ d_i·Ā_i, w) = e(Σ d_i·B̄_i, P̃), with weights of 128 bits drawn after all bytes.

use blstrs::{G1Affine, G1Projective, Scalar};
use consilium_crypto::building_blocks::Reader;
use consilium_hash::GroupHash;
use group::prime::PrimeCurveAffine;
use group::{Curve, Group};
use rand_core::{CryptoRng, RngCore};

use super::curve::{
    G1_LEN, SCALAR_LEN, affine, append_g1, challenge, pairings_agree, read_g1, read_proper_g1,
    read_scalar, short_weight,
};
use super::parameters::bases;
use super::{GroupError, GroupParameters, transcript};

/// A group signature. Nothing of it is verified, but that its points are in the subgroup and Ā ≠ 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSignature {
    /// Ā and B̄: the certificate, hidden by r.
    pub(super) a: G1Affine,
    pub(super) b: G1Affine,
    /// E0, E1, E2: F, encrypted twice.
    pub(super) e: [G1Affine; 3],
    pub(super) c: Scalar,
    /// z_e, z_r, z_u, z_θ.
    pub(super) z: [Scalar; 4],
}

impl GroupSignature {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 5 * G1_LEN + 5 * SCALAR_LEN;

    /// Ā ‖ B̄ ‖ E0 ‖ E1 ‖ E2 ‖ c ‖ z_e ‖ z_r ‖ z_u ‖ z_θ.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        let points = [self.a, self.b].into_iter().chain(self.e);
        points.for_each(|point| bytes.extend_from_slice(&point.to_compressed()));
        let scalars = std::iter::once(self.c).chain(self.z);
        scalars.for_each(|scalar| bytes.extend_from_slice(&scalar.to_bytes_le()));
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "group signature";
        let mut reader = Reader::new(WHAT, bytes, Self::LEN)?;
        let a = read_proper_g1(WHAT, &mut reader)?;
        let b = read_g1(WHAT, &mut reader)?;
        let e0 = read_g1(WHAT, &mut reader)?;
        let e1 = read_g1(WHAT, &mut reader)?;
        let e2 = read_g1(WHAT, &mut reader)?;
        let c = read_scalar(WHAT, &mut reader)?;
        let mut z = [Scalar::default(); 4];
        for z in &mut z {
            *z = read_scalar(WHAT, &mut reader)?;
        }
        Ok(Self { a, b, e: [e0, e1, e2], c, z })
    }

    /// Everything but the pairing equation.
    fn check_proof(&self, group: &GroupParameters, context: &[u8], message: &[u8]) -> bool {
        let Self { a, b, e: [e0, e1, e2], c, z: [z_e, z_r, z_u, z_theta] } = self;
        if bool::from(a.is_identity()) {
            return false;
        }
        let zu_f = bases().f * z_u;
        let t = affine([
            group.g1 * z_r + group.h1 * z_u - a * z_e - b * c,
            e0 * z_r - bases().k * z_theta,
            e1 * z_r - group.z1() * z_theta - zu_f,
            e2 * z_r - bases().z2 * z_theta - zu_f,
        ]);
        let [t1, t2, t3, t4] = t;
        let points = [*a, *b, *e0, *e1, *e2, t1, t2, t3, t4];
        let mut transcript = transcript::signature(group.hash(), context, message);
        append_g1(&mut transcript, b"points", &points);
        challenge(&mut transcript, b"c") == *c
    }
}

/// A signature and what it is said to be of.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The epoch that the signature names.
    pub epoch: u64,
    /// What the signature is for.
    pub context: &'a [u8],
    /// What is signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a GroupSignature,
}

impl Claim<'_> {
    /// Verifies one signature.
    pub fn verify(&self, group: &GroupParameters) -> Result<VerifiedSignature, GroupError> {
        let proven = self.check(group)?;
        proven.check_certificate(group)
    }

    fn check(&self, group: &GroupParameters) -> Result<Proven, GroupError> {
        group.check_epoch(self.epoch)?;
        if !self.signature.check_proof(group, self.context, self.message) {
            return Err(GroupError::BadSignature);
        }
        Ok(Proven(self.signature.clone()))
    }
}

/// A signature that holds but for its pairing equation.
struct Proven(GroupSignature);

impl Proven {
    fn check_certificate(self, group: &GroupParameters) -> Result<VerifiedSignature, GroupError> {
        if !pairings_agree((&self.0.a, &group.w), (&self.0.b, &bases().generator)) {
            return Err(GroupError::NotCertified);
        }
        Ok(self.verified(group))
    }

    fn verified(self, group: &GroupParameters) -> VerifiedSignature {
        VerifiedSignature { group: *group.hash(), signature: self.0 }
    }
}

/// Verifies many signatures, with two pairings for all; where these do not hold, with two for each. `rng` is the operating
/// system's where there is one: nobody can then choose signatures that cancel under the weights.
pub fn verify_signatures(
    group: &GroupParameters,
    claims: &[Claim<'_>],
    rng: &mut (impl RngCore + CryptoRng),
) -> Vec<Result<VerifiedSignature, GroupError>> {
    let checked: Vec<Result<Proven, GroupError>> =
        claims.iter().map(|claim| claim.check(group)).collect();
    let proven: Vec<&GroupSignature> = checked.iter().flatten().map(|proven| &proven.0).collect();
    let all_hold = certificates_hold(group, &proven, rng);
    let decide = |proven: Proven| {
        if all_hold { Ok(proven.verified(group)) } else { proven.check_certificate(group) }
    };
    checked.into_iter().map(|checked| checked.and_then(decide)).collect()
}

fn certificates_hold(
    group: &GroupParameters,
    signatures: &[&GroupSignature],
    rng: &mut (impl RngCore + CryptoRng),
) -> bool {
    let mut fresh = [0; 32];
    rng.fill_bytes(&mut fresh);
    let mut weights = transcript::fold(group.hash(), &fresh);
    for signature in signatures {
        weights.append_message(b"signature", &signature.encode());
    }
    let mut sums = [G1Projective::identity(); 2];
    let [left, right] = &mut sums;
    for signature in signatures {
        let weight = short_weight(&mut weights, b"d");
        *left += signature.a * weight;
        *right += signature.b * weight;
    }
    let [left, right] = sums.map(|sum| sum.to_affine());
    pairings_agree((&left, &group.w), (&right, &bases().generator))
}

/// A signature of some member of the group at the epoch of `group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    pub(super) group: GroupHash,
    pub(super) signature: GroupSignature,
}
