//! The qualified dealings, added up, and what a member holds of the sum.

use std::collections::BTreeSet;

use rand_core::CryptoRngCore;

use super::{Ceremony, Dealing, DkgError, GeneratedKey, PrivateShare, Product, ShareKey, VerifiedProduct};
use crate::{DealingCommitments, Hash, KeyShare, PublicKey, VerifyingKey};

/// The dealings that count, once complaints are settled. From here on the set never changes.
#[derive(Clone, Debug)]
pub struct Qualified {}

impl Qualified {
    /// At least t dealings of one ceremony (in a resharing, the old committee's t), by distinct dealers, in any order.
    pub fn new<'a>(_ceremony: &Ceremony, _dealings: impl IntoIterator<Item = &'a Dealing>) -> Result<Self, DkgError> {
        todo!()
    }

    /// Binds the ceremony, every offered key and every qualified dealing: what members agree on before a product leaves
    /// any of them.
    pub fn hash(&self) -> &Hash {
        todo!()
    }

    /// The qualified dealers.
    pub fn dealers(&self) -> BTreeSet<u32> {
        todo!()
    }

    /// The key from verified products, at least 2t − 1; all of them must agree.
    pub fn generate(
        &self,
        _products: &[VerifiedProduct],
        _evaluation_key: &VerifyingKey,
    ) -> Result<GeneratedKey, DkgError> {
        todo!()
    }

    /// The commitments of a resharing, to the same key.
    pub fn reshared(&self) -> Result<DealingCommitments, DkgError> {
        todo!()
    }

    /// What the members of the new committee (and in a resharing the old) sign at the end: binds the whole ceremony, the
    /// key and the commitments.
    pub fn confirmation(&self, _key: &PublicKey, _commitments: &DealingCommitments) -> Hash {
        todo!()
    }
}

/// What a member holds of the qualified dealings. Wiped when dropped, never shown, not clonable.
pub struct MemberSecret {}

impl MemberSecret {
    /// The sum of the shares of all qualified dealings, exactly one of each.
    pub fn new(
        _qualified: &Qualified,
        _place: u32,
        _shares: impl IntoIterator<Item = PrivateShare>,
    ) -> Result<Self, DkgError> {
        todo!()
    }

    /// Only in key generation, and only after a quorum has agreed on [`Qualified::hash`]: products of two qualified sets
    /// give the key away.
    pub fn product(&self, _qualified: &Qualified, _rng: &mut impl CryptoRngCore) -> Result<Product, DkgError> {
        todo!()
    }

    /// (A_i, B_i) with their proof.
    pub fn share_key(&self, _key: &GeneratedKey, _rng: &mut impl CryptoRngCore) -> Result<ShareKey, DkgError> {
        todo!()
    }

    /// The member's share of the key, checked against the commitments that the ceremony ended with.
    pub fn key_share(&self, _key: &PublicKey, _commitments: &DealingCommitments) -> Result<KeyShare, DkgError> {
        todo!()
    }
}
