//! The committee: who holds shares of the decryption key, and what everybody knows of them.

use std::collections::BTreeMap;

use consilium_crypto::{DealingCommitments, PublicKey, countersign_quorum};
use consilium_hash::{CommitteeHash, KeyHash, Pseudonym};
use sha2::{Digest, Sha256};

const HASH_LABEL: &[u8] = b"consilium/v1/committee";

/// The institutions that hold shares of the decryption key, with the public half of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committee {
    /// 0 for the first; one more after every resharing.
    pub number: u32,
    /// gpk: the same for every committee of a run.
    pub public_key: PublicKey,
    /// SHA-256 of the encoded gpk.
    pub key_hash: KeyHash,
    /// What is public of the shares: commitments to the polynomials that they lie on.
    pub dealing: DealingCommitments,
    members: BTreeMap<u32, Pseudonym>,
}

impl Committee {
    /// The committee that holds shares of this key.
    ///
    /// `members`: place, 1 to n, to pseudonym.
    pub(crate) fn new(
        number: u32,
        public_key: PublicKey,
        dealing: DealingCommitments,
        members: BTreeMap<u32, Pseudonym>,
    ) -> Self {
        Self { number, key_hash: public_key.hash(), public_key, dealing, members }
    }

    /// Place, 1 to n, and pseudonym of every member. A place that nobody has is one of an institution that was absent when
    /// the key was made.
    pub fn members(&self) -> &BTreeMap<u32, Pseudonym> {
        &self.members
    }

    /// The place of an institution, if it is a member: the index of its key share.
    pub fn place_of(&self, pseudonym: &Pseudonym) -> Option<u32> {
        self.members.iter().find(|(_, member)| *member == pseudonym).map(|(place, _)| *place)
    }

    /// n.
    pub fn size(&self) -> u32 {
        self.dealing.trustees()
    }

    /// t: shares that open a sum.
    pub fn threshold(&self) -> u32 {
        self.dealing.threshold()
    }

    /// A name for it: its number, its key, the commitments to its shares and its members.
    pub fn hash(&self) -> CommitteeHash {
        let mut hasher = Sha256::new_with_prefix(HASH_LABEL);
        hasher.update(self.number.to_be_bytes());
        hasher.update(self.public_key.encode());
        hasher.update(self.dealing.encode());
        for (place, name) in &self.members {
            hasher.update(place.to_be_bytes());
            hasher.update(name);
        }
        CommitteeHash(hasher.finalize().into())
    }

    /// q = ⌊(n+t−1)/2⌋ + 1: countersignatures that a sealed block needs.
    pub fn quorum(&self) -> u32 {
        countersign_quorum(self.dealing.trustees(), self.threshold())
    }
}
