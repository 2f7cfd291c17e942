//! Revocations (Boneh, Boyen, Shacham, CRYPTO 2004, section 7): new bases that everybody but the revoked can follow.
//!
//! e*, g1' = (γ + e*)^(−1)·g1, h1' = (γ + e*)^(−1)·h1. Check by anyone: e(g1', w + e*·P̃) = e(g1, P̃), the same for h1.
//! Members update by A' = (e* − e)^(−1)·(A − g1' − s·h1'); for the revoked one the divisor is 0. 128 bytes a revocation;
//! signatures do not grow. What the revoked one has signed before stays anonymous.

use blstrs::{G1Affine, Scalar};
use consilium_crypto::building_blocks::Reader;
use group::Curve;

use super::curve::{G1_LEN, SCALAR_LEN, generator, pairings_agree, read_proper_g1, read_scalar};
use super::parameters::bases;
use super::{GroupError, GroupParameters};

/// A revocation's statement for the ledger. Nothing of it is verified: only who has γ can make one that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub(super) e: Scalar,
    /// g1' and h1'.
    pub(super) bases: [G1Affine; 2],
}

impl Revocation {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = SCALAR_LEN + 2 * G1_LEN;

    /// e* ‖ g1' ‖ h1'.
    pub fn encode(&self) -> Vec<u8> {
        let [g1, h1] = self.bases.map(|base| base.to_compressed());
        [self.e.to_bytes_le().as_slice(), &g1, &h1].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes; refuses points outside the subgroup, and the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "revocation";
        let mut reader = Reader::new(WHAT, bytes, Self::LEN)?;
        let e = read_scalar(WHAT, &mut reader)?;
        let bases = [read_proper_g1(WHAT, &mut reader)?, read_proper_g1(WHAT, &mut reader)?];
        Ok(Self { e, bases })
    }

    /// Verifies that the new bases follow from the current ones.
    pub fn verify(self, group: &GroupParameters) -> Result<VerifiedRevocation, GroupError> {
        let divisor = (group.issuer.0 + generator() * self.e).to_affine().into();
        let [g1, h1] = self.bases;
        for (new, old) in [(&g1, &group.g1), (&h1, &group.h1)] {
            if !pairings_agree((new, &divisor), (old, &bases().generator)) {
                return Err(GroupError::BadRevocation);
            }
        }
        let next = GroupParameters::at_epoch(group.epoch + 1, g1, h1, group.issuer, group.opener);
        Ok(VerifiedRevocation { e: self.e, next })
    }
}

/// A revocation that follows from the parameters of one epoch and leads to the next.
#[derive(Clone, Debug)]
pub struct VerifiedRevocation {
    pub(super) e: Scalar,
    next: GroupParameters,
}

impl VerifiedRevocation {
    /// The parameters of the next epoch.
    pub fn parameters(&self) -> &GroupParameters {
        &self.next
    }
}
