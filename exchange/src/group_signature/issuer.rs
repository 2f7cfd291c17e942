//! The issuer: certificates for members, and their revocation.
//!
//! Certificate of H = s·h1: e random, A = (γ + e)^(−1)·(g1 + H), a BBS signature of s (Tessaro, Zhu, EUROCRYPT 2023).
//! e stays with the issuer and the member: whoever knows it can tell nothing from signatures, but can revoke with γ.

use std::fmt;

use blstrs::{G1Affine, Scalar};
use consilium_crypto::building_blocks::Reader;
use ff::Field;
use group::Curve;
use group::prime::PrimeCurveAffine;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::curve::{G1_LEN, SCALAR_LEN, Secret, generator, read_proper_g1, read_scalar};
use super::{GroupError, GroupParameters, IssuerPublicKey, Revocation, VerifiedJoin};

/// γ. Wiped when dropped, never shown, not clonable.
pub struct IssuerKey {
    gamma: Zeroizing<Secret>,
    public: IssuerPublicKey,
}

impl IssuerKey {
    /// A new key.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self::new(Secret::random(rng))
    }

    /// The key of 32 secret bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; SCALAR_LEN]>) -> Result<Self, GroupError> {
        Ok(Self::new(Secret::from_bytes("issuer's secret key", bytes)?))
    }

    fn new(gamma: Zeroizing<Secret>) -> Self {
        let public = IssuerPublicKey((generator() * gamma.0).to_affine());
        Self { gamma, public }
    }

    /// The 32 secret bytes, to be stored where only the issuer reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SCALAR_LEN]> {
        self.gamma.to_bytes()
    }

    /// w.
    pub fn public(&self) -> &IssuerPublicKey {
        &self.public
    }

    /// Certifies a join of the current epoch.
    pub fn certify(
        &self,
        group: &GroupParameters,
        join: &VerifiedJoin,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Certificate, GroupError> {
        group.check_epoch(join.epoch)?;
        loop {
            let e = Secret::random(rng);
            if let Some(inverse) = self.inverse(&e.0) {
                let a = ((join.h.to_curve() + group.g1) * inverse.0).to_affine();
                return Ok(Certificate { epoch: group.epoch, a, e: e.0 });
            }
        }
    }

    /// (γ + e)^(−1); none for e = −γ, which is drawn never.
    pub(super) fn inverse(&self, e: &Scalar) -> Option<Zeroizing<Secret>> {
        Option::from((self.gamma.0 + e).invert()).map(|inverse| Zeroizing::new(Secret(inverse)))
    }

    /// Revokes whoever has the certificate with this e.
    pub fn revoke(
        &self,
        group: &GroupParameters,
        e: &RevocationHandle,
    ) -> Result<Revocation, GroupError> {
        let inverse = self.inverse(&e.0).ok_or(GroupError::BadRevocation)?;
        let bases = [group.g1, group.h1].map(|base| (base * inverse.0).to_affine());
        Ok(Revocation { e: e.0, bases })
    }
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerKey(of {:?})", self.public)
    }
}

/// e of a certificate, which the issuer keeps to revoke it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RevocationHandle(pub(super) Scalar);

impl RevocationHandle {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = SCALAR_LEN;

    /// Reads 32 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "revocation handle";
        Ok(Self(read_scalar(WHAT, &mut Reader::new(WHAT, bytes, Self::LEN)?)?))
    }

    /// The 32 bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.0.to_bytes_le()
    }
}

impl fmt::Debug for RevocationHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RevocationHandle(redacted)")
    }
}

/// (A, e), as the issuer sends it to a member. The member verifies it; without s it is of no use.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pub(super) epoch: u64,
    pub(super) a: G1Affine,
    pub(super) e: Scalar,
}

impl Certificate {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 8 + G1_LEN + SCALAR_LEN;

    /// Epoch ‖ A ‖ e.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LEN));
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.a.to_compressed());
        bytes.extend_from_slice(&self.e.to_bytes_le());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "certificate of a group";
        let mut reader = Reader::new(WHAT, bytes, Self::LEN)?;
        let epoch = reader.u64()?;
        let a = read_proper_g1(WHAT, &mut reader)?;
        Ok(Self { epoch, a, e: read_scalar(WHAT, &mut reader)? })
    }

    /// What the issuer keeps of it.
    pub fn revocation_handle(&self) -> RevocationHandle {
        RevocationHandle(self.e)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate(of epoch {})", self.epoch)
    }
}
