//! The committee: who holds shares of the decryption key, and what everybody knows of them.

use consilium_crypto::{DealingCommitments, Hash, PublicKey, countersign_quorum};

/// The institutions that hold shares of the decryption key, with the public half of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committee {
    /// 0 for the first; one more after every resharing.
    pub number: u32,
    /// gpk: the same for every committee of a run.
    pub public_key: PublicKey,
    /// SHA-256 of the encoded gpk.
    pub key_hash: Hash,
    /// What is public of the shares: commitments to the polynomials that they lie on.
    pub dealing: DealingCommitments,
}

impl Committee {
    /// The committee that holds shares of this key.
    pub fn new(number: u32, public_key: PublicKey, dealing: DealingCommitments) -> Self {
        Self { number, key_hash: public_key.hash(), public_key, dealing }
    }

    /// t: shares that open a sum.
    pub fn threshold(&self) -> u32 {
        self.dealing.threshold()
    }

    /// q = ⌊(n+t−1)/2⌋ + 1: countersignatures that a sealed block needs.
    pub fn quorum(&self) -> u32 {
        countersign_quorum(self.dealing.trustees(), self.threshold())
    }
}
