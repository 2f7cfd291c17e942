//! The public halves of the key shares, with their proofs, and the commitments that follow.

use super::{DkgError, Qualified};
use crate::{DealingCommitments, DecodeError, PublicKey};

/// The key that the products gave, whose shares are not public yet.
#[derive(Clone, Debug)]
pub struct GeneratedKey {
    qualified: Qualified,
    key: PublicKey,
}

impl GeneratedKey {
    /// gpk.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The dealings that it is the sum of.
    pub fn qualified(&self) -> &Qualified {
        &self.qualified
    }

    /// The commitments to the shares, from at least t verified share keys; all of them must agree.
    pub fn commitments(&self, _share_keys: &[VerifiedShareKey]) -> Result<DealingCommitments, DkgError> {
        todo!()
    }
}

/// (A_i, B_i) with a proof. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareKey {}

impl ShareKey {
    /// Length of the encoding, in bytes: A, B, four points and four scalars.
    pub const LEN: usize = 10 * 32;

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(_bytes: &[u8]) -> Result<Self, DecodeError> {
        todo!()
    }

    /// Verifies the share key of the member at this place.
    pub fn verify(&self, _key: &GeneratedKey, _place: u32) -> Result<VerifiedShareKey, DkgError> {
        todo!()
    }
}

/// A share key whose proof holds.
#[derive(Clone, Debug)]
pub struct VerifiedShareKey {
    place: u32,
}

impl VerifiedShareKey {
    /// Its author's place.
    pub fn place(&self) -> u32 {
        self.place
    }
}
