//! gpk: the public parameters of a group at one epoch.
//!
//! g1, h1, f, k, Z2 are hashed to G1, so that nobody has log_k Z2 or any other relation; w = γ·P̃ is the issuer's, Z1 = ζ·k
//! the opener's. A revocation replaces g1 and h1 and moves the epoch on; f, k, Z1, Z2, w stay.

use std::fmt;
use std::sync::OnceLock;

use blstrs::{G1Affine, G1Projective, G2Affine, G2Prepared};
use consilium_crypto::building_blocks::Reader;
use consilium_hash::GroupHash;
use group::Curve;
use group::prime::PrimeCurveAffine;
use sha2::{Digest, Sha256};

use super::curve::{G1_LEN, G2_LEN, generator, hash_to_g1, read_proper_g1, read_proper_g2};
use super::{GroupError, transcript};

/// The bases that every group and epoch has.
pub(super) struct Bases {
    pub(super) g1: G1Affine,
    pub(super) h1: G1Affine,
    pub(super) f: G1Projective,
    pub(super) k: G1Projective,
    pub(super) z2: G1Projective,
    /// P̃.
    pub(super) generator: G2Prepared,
}

pub(super) fn bases() -> &'static Bases {
    static BASES: OnceLock<Bases> = OnceLock::new();
    BASES.get_or_init(|| Bases {
        g1: hash_to_g1(b"g1").to_affine(),
        h1: hash_to_g1(b"h1").to_affine(),
        f: hash_to_g1(b"f"),
        k: hash_to_g1(b"k"),
        z2: hash_to_g1(b"Z2"),
        generator: generator().to_affine().into(),
    })
}

/// The issuer's public key, w = γ·P̃.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssuerPublicKey(pub(super) G2Affine);

impl IssuerPublicKey {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = G2_LEN;

    /// Reads 96 bytes; refuses the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "issuer's key";
        Ok(Self(read_proper_g2(WHAT, &mut Reader::new(WHAT, bytes, Self::LEN)?)?))
    }

    /// The 96 bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.0.to_compressed()
    }
}

impl fmt::Debug for IssuerPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerPublicKey({:?})", self.0)
    }
}

/// The opener's public key, Z1 = ζ·k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenerPublicKey(pub(super) G1Affine);

impl OpenerPublicKey {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = G1_LEN;

    /// Reads 48 bytes; refuses the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "opener's key";
        Ok(Self(read_proper_g1(WHAT, &mut Reader::new(WHAT, bytes, Self::LEN)?)?))
    }

    /// The 48 bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.0.to_compressed()
    }
}

/// gpk at one epoch.
#[derive(Clone)]
pub struct GroupParameters {
    pub(super) epoch: u64,
    pub(super) g1: G1Affine,
    pub(super) h1: G1Affine,
    pub(super) issuer: IssuerPublicKey,
    pub(super) opener: OpenerPublicKey,
    /// w, ready for pairings.
    pub(super) w: G2Prepared,
    hash: GroupHash,
}

impl GroupParameters {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 8 + G2_LEN + 3 * G1_LEN;

    /// A new group, at epoch 0.
    pub fn found(issuer: IssuerPublicKey, opener: OpenerPublicKey) -> Self {
        Self::at_epoch(0, bases().g1, bases().h1, issuer, opener)
    }

    pub(super) fn at_epoch(
        epoch: u64,
        g1: G1Affine,
        h1: G1Affine,
        issuer: IssuerPublicKey,
        opener: OpenerPublicKey,
    ) -> Self {
        let encoding = encode(epoch, &g1, &h1, &issuer, &opener);
        let digest: [u8; 32] = Sha256::new()
            .chain_update(transcript::PARAMETERS_HASH)
            .chain_update(encoding)
            .finalize()
            .into();
        let w = issuer.0.into();
        Self { epoch, g1, h1, issuer, opener, w, hash: GroupHash(digest) }
    }

    /// Epoch ‖ w ‖ Z1 ‖ g1 ‖ h1.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.epoch, &self.g1, &self.h1, &self.issuer, &self.opener)
    }

    /// Reads [`encode`](Self::encode)'s bytes, from where they are trusted: a snapshot under a state root. That g1 and h1
    /// follow from the revocations before, only whoever has applied these knows.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "group parameters";
        let mut reader = Reader::new(WHAT, bytes, Self::LEN)?;
        let epoch = reader.u64()?;
        let issuer = IssuerPublicKey(read_proper_g2(WHAT, &mut reader)?);
        let opener = OpenerPublicKey(read_proper_g1(WHAT, &mut reader)?);
        let g1 = read_proper_g1(WHAT, &mut reader)?;
        let h1 = read_proper_g1(WHAT, &mut reader)?;
        Ok(Self::at_epoch(epoch, g1, h1, issuer, opener))
    }

    /// Number of revocations applied.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All of it, which every proof is bound to.
    pub fn hash(&self) -> &GroupHash {
        &self.hash
    }

    /// The opener's public key.
    pub fn opener(&self) -> &OpenerPublicKey {
        &self.opener
    }

    /// Refuses what is of another epoch.
    pub(super) fn check_epoch(&self, found: u64) -> Result<(), GroupError> {
        let expected = self.epoch;
        if found == expected { Ok(()) } else { Err(GroupError::OtherEpoch { expected, found }) }
    }

    /// Z1.
    pub(super) fn z1(&self) -> G1Projective {
        self.opener.0.to_curve()
    }
}

fn encode(
    epoch: u64,
    g1: &G1Affine,
    h1: &G1Affine,
    issuer: &IssuerPublicKey,
    opener: &OpenerPublicKey,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(GroupParameters::LEN);
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.extend_from_slice(&issuer.encode());
    bytes.extend_from_slice(&opener.encode());
    bytes.extend_from_slice(&g1.to_compressed());
    bytes.extend_from_slice(&h1.to_compressed());
    bytes
}

impl PartialEq for GroupParameters {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for GroupParameters {}

impl fmt::Debug for GroupParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupParameters(epoch {}, {:?})", self.epoch, self.hash)
    }
}
