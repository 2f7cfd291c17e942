//! Joining: a member proves that one secret is behind H and F, under its own name and signature.
//!
//! s random; H = s·h1, F = s·f; (c, z) with c = H(gpk, epoch, chain, pseudonym, H, F, T_H, T_F), z = a + c·s. Check:
//! T_H = z·h1 − c·H, T_F = z·f − c·F give c. The issuer never learns s, so it cannot sign as F. Joins are taken one at a
//! time, in the ledger's order; F names the member to whoever may open.

use std::fmt;

use blstrs::{G1Affine, Scalar};
use consilium_crypto::building_blocks::{Protocol, Reader};
use consilium_crypto::{SIGNATURE_LEN, Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, Pseudonym};
use group::Curve;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::curve::{
    G1_LEN, SCALAR_LEN, Secret, affine, append_g1, challenge, read_proper_g1, read_scalar,
};
use super::parameters::bases;
use super::transcript::{JOIN, join};
use super::{GroupError, GroupParameters};

/// A member's secret s. Wiped when dropped, never shown, not clonable.
pub struct MemberSecret {
    pub(super) s: Zeroizing<Secret>,
    /// F = s·f.
    pub(super) f: G1Affine,
}

impl MemberSecret {
    /// A new secret.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self::new(Secret::random(rng))
    }

    /// The secret of 32 bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; SCALAR_LEN]>) -> Result<Self, GroupError> {
        Ok(Self::new(Secret::from_bytes("member's secret", bytes)?))
    }

    fn new(s: Zeroizing<Secret>) -> Self {
        let f = (bases().f * s.0).to_affine();
        Self { s, f }
    }

    /// The 32 secret bytes, to be stored where only the member reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SCALAR_LEN]> {
        self.s.to_bytes()
    }

    /// The join of this secret at the current epoch, under the member's pseudonym and signature.
    pub fn join(
        &self,
        group: &GroupParameters,
        chain_id: &ChainId,
        member: &Pseudonym,
        key: &SigningKey,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Join {
        let halves = [(group.h1 * self.s.0).to_affine(), self.f];
        let mut transcript = join(group.hash(), chain_id, member, &halves);
        let mut nonces = transcript.witness_rng(&*self.to_bytes(), rng);
        let a = Secret::random(&mut nonces);
        append_g1(&mut transcript, b"T", &affine([group.h1 * a.0, bases().f * a.0]));
        let c = challenge(&mut transcript, b"c");
        let statement =
            Statement { member: *member, epoch: group.epoch, halves, c, z: a.0 + c * self.s.0 };
        let signature = key.sign(JOIN, &[chain_id.as_slice(), &statement.encode()]);
        Join { statement, signature }
    }
}

impl fmt::Debug for MemberSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberSecret(of F = {:?})", self.f)
    }
}

/// A join's statement for the ledger. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    pub(super) statement: Statement,
    pub(super) signature: Signature,
}

/// What the member signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) member: Pseudonym,
    pub(super) epoch: u64,
    /// H and F.
    pub(super) halves: [G1Affine; 2],
    pub(super) c: Scalar,
    pub(super) z: Scalar,
}

impl Statement {
    const LEN: usize = 32 + 8 + 2 * G1_LEN + 2 * SCALAR_LEN;

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Join::LEN);
        bytes.extend_from_slice(self.member.as_slice());
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        self.halves.iter().for_each(|half| bytes.extend_from_slice(&half.to_compressed()));
        bytes.extend_from_slice(&self.c.to_bytes_le());
        bytes.extend_from_slice(&self.z.to_bytes_le());
        bytes
    }
}

impl Join {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = Statement::LEN + SIGNATURE_LEN;

    /// Pseudonym ‖ epoch ‖ H ‖ F ‖ c ‖ z ‖ Ed25519 signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.statement.encode();
        bytes.extend_from_slice(&self.signature.encode());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes; refuses points outside the subgroup, and the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "group join";
        let mut reader = Reader::new(WHAT, bytes, Self::LEN)?;
        let member = Pseudonym(reader.array()?);
        let epoch = reader.u64()?;
        let halves = [read_proper_g1(WHAT, &mut reader)?, read_proper_g1(WHAT, &mut reader)?];
        let c = read_scalar(WHAT, &mut reader)?;
        let z = read_scalar(WHAT, &mut reader)?;
        let signature = Signature::decode(reader.take(SIGNATURE_LEN)?)?;
        Ok(Self { statement: Statement { member, epoch, halves, c, z }, signature })
    }

    /// Who is said to join.
    pub fn member(&self) -> &Pseudonym {
        &self.statement.member
    }

    /// Verifies signature and proof, under the Ed25519 key of the member whom the join names.
    pub fn verify(
        self,
        group: &GroupParameters,
        chain_id: &ChainId,
        key: &VerifyingKey,
    ) -> Result<VerifiedJoin, GroupError> {
        let Statement { member, epoch, halves, c, z } = &self.statement;
        group.check_epoch(*epoch)?;
        key.verify(JOIN, &[chain_id.as_slice(), &self.statement.encode()], &self.signature)
            .map_err(|_| GroupError::BadJoinSignature)?;
        let [h, f] = halves;
        let mut transcript = join(group.hash(), chain_id, member, halves);
        let t = affine([group.h1 * z - h * c, bases().f * z - f * c]);
        append_g1(&mut transcript, b"T", &t);
        if challenge(&mut transcript, b"c") != *c {
            return Err(GroupError::BadJoinProof);
        }
        Ok(VerifiedJoin { member: *member, epoch: *epoch, h: *h, f: *f })
    }
}

/// A join whose proof and signature hold, at its epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedJoin {
    pub(super) member: Pseudonym,
    pub(super) epoch: u64,
    pub(super) h: G1Affine,
    pub(super) f: G1Affine,
}

impl VerifiedJoin {
    /// Who joins.
    pub fn member(&self) -> &Pseudonym {
        &self.member
    }
}
