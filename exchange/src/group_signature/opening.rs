//! Opening signatures, and judging openings.
//!
//! Part of opener i: D_i = ζ_i·E0, with a proof of Z_i = ζ_i·k, D_i = ζ_i·E0, the challenge over gpk, signature, i and D_i.
//! t parts give F = E1 − Σ λ_i·D_i. Opened is only what has been verified: an opener that opened anything else would open
//! E + ϱ·(k, Z1, Z2), a signature's F in other clothes (the attack is in `tests/anonymity.rs`).
//!
//! Judge: the signature verifies, so do the parts, and F is in the registry with its signed join. An opened F that is in no
//! registry convicts the issuer, who alone can certify it.

use blstrs::{G1Affine, G1Projective, Scalar};
use consilium_crypto::building_blocks::{Protocol, Reader};
use consilium_hash::Pseudonym;
use group::Curve;
use group::prime::PrimeCurveAffine;
use rand_core::{CryptoRng, RngCore};

use super::curve::{
    G1_LEN, SCALAR_LEN, Secret, affine, append_g1, challenge, read_g1, read_scalar,
};
use super::opener::lagrange;
use super::parameters::bases;
use super::{
    GroupError, GroupParameters, OpenerKey, Openers, Registry, VerifiedSignature, transcript,
};

/// One opener's part in an opening. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningPart {
    pub(super) place: u8,
    pub(super) d: G1Affine,
    pub(super) c: Scalar,
    pub(super) z: Scalar,
}

impl OpenerKey {
    /// This opener's part in opening a verified signature.
    pub fn open(
        &self,
        signature: &VerifiedSignature,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> OpeningPart {
        let [e0, ..] = signature.signature.e;
        let d = (e0 * self.zeta.0).to_affine();
        let mut transcript = start(signature, self.place, &d);
        let mut nonces = transcript.witness_rng(&*self.to_bytes(), rng);
        let a = Secret::random(&mut nonces);
        append_g1(&mut transcript, b"T", &affine([bases().k * a.0, e0 * a.0]));
        let c = challenge(&mut transcript, b"c");
        OpeningPart { place: self.place, d, c, z: a.0 + c * self.zeta.0 }
    }
}

fn start(signature: &VerifiedSignature, place: u8, d: &G1Affine) -> merlin::Transcript {
    transcript::opening(&signature.group, &signature.signature.encode(), place, d)
}

impl OpeningPart {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 1 + G1_LEN + 2 * SCALAR_LEN;

    /// Place ‖ D ‖ c ‖ z.
    pub fn encode(&self) -> Vec<u8> {
        let scalars = [self.c.to_bytes_le(), self.z.to_bytes_le()];
        [&[self.place], self.d.to_compressed().as_slice(), scalars.as_flattened()].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "part of an opening";
        let mut reader = Reader::new(WHAT, bytes, Self::LEN)?;
        let [place] = reader.array()?;
        let d = read_g1(WHAT, &mut reader)?;
        let c = read_scalar(WHAT, &mut reader)?;
        Ok(Self { place, d, c, z: read_scalar(WHAT, &mut reader)? })
    }

    /// The opener's place, from 1.
    pub fn place(&self) -> u8 {
        self.place
    }

    /// Verifies the part against the opener's public share.
    pub fn verify(
        self,
        openers: &Openers,
        signature: &VerifiedSignature,
    ) -> Result<VerifiedPart, GroupError> {
        let Self { place, d, c, z } = &self;
        let public = openers.share(*place)?;
        let [e0, ..] = signature.signature.e;
        let mut transcript = start(signature, *place, d);
        let t = affine([bases().k * z - public.0 * c, e0 * z - d * c]);
        append_g1(&mut transcript, b"T", &t);
        if challenge(&mut transcript, b"c") != *c {
            return Err(GroupError::BadOpening { place: *place });
        }
        Ok(VerifiedPart { signature: signature.clone(), place: *place, d: *d })
    }
}

/// A part whose proof holds, of one signature.
#[derive(Clone, Debug)]
pub struct VerifiedPart {
    signature: VerifiedSignature,
    place: u8,
    d: G1Affine,
}

/// Whom an opening convicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The member who signed.
    Signed(Pseudonym),
    /// The issuer: it has certified somebody who never joined.
    Phantom,
}

/// Says who signed, from t verified parts.
pub fn judge(
    group: &GroupParameters,
    openers: &Openers,
    registry: &Registry,
    signature: &VerifiedSignature,
    parts: &[VerifiedPart],
) -> Result<Verdict, GroupError> {
    if signature.group != *group.hash() || *openers.key() != group.opener {
        return Err(GroupError::OtherSignature);
    }
    if parts.iter().any(|part| part.signature != *signature) {
        return Err(GroupError::OtherSignature);
    }
    let mut places: Vec<u8> = Vec::with_capacity(parts.len());
    for part in parts {
        if places.contains(&part.place) {
            return Err(GroupError::Duplicate { place: part.place });
        }
        places.push(part.place);
    }
    let expected = openers.threshold();
    let used =
        parts.get(..expected.into()).ok_or(GroupError::TooFew { expected, found: parts.len() })?;
    places.truncate(expected.into());
    let factors = lagrange(&places, 0).into_iter();
    let d: G1Projective = factors.zip(used).map(|(factor, part)| part.d * factor).sum();
    let [_, e1, _] = signature.signature.e;
    let f = (e1.to_curve() - d).to_affine();
    Ok(registry.member(&f).map_or(Verdict::Phantom, Verdict::Signed))
}
