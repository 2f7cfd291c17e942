//! What a ceremony is about: its committee, its place on the chain, the keys that its members have offered.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{DkgError, SealingKey};
use crate::{DealingCommitments, Hash, PublicKey};

/// The most members that a committee can have: a dealing for so many fits 64 KiB.
pub const MAX_MEMBERS: u32 = 128;

/// n and t of the committee that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    members: u32,
    threshold: u32,
}

impl Shape {
    /// n ≥ 3t − 2, t ≥ 1, n ≤ [`MAX_MEMBERS`]; everything else is [`DkgError::Shape`].
    pub fn new(_members: u32, _threshold: u32) -> Result<Self, DkgError> {
        todo!()
    }

    /// n.
    pub fn members(&self) -> u32 {
        self.members
    }

    /// t.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// 2t − 1: so many products make the key, and so many honest members there are while t − 1 are not.
    pub fn honest(&self) -> u32 {
        todo!()
    }

    /// q = ⌊(n+t−1)/2⌋ + 1.
    pub fn quorum(&self) -> u32 {
        todo!()
    }
}

/// Where a ceremony stands: no message of one is of any use in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Hash of the genesis.
    pub chain_id: Hash,
    /// Number of the ceremony on this chain, from 0.
    pub ceremony: u32,
    /// Number of the attempt at it, from 0.
    pub attempt: u32,
    /// The committee that is being made.
    pub shape: Shape,
}

/// A ceremony whose members have offered their keys. Every proof, every sealed share and every hash that follows is bound
/// to all of it.
#[derive(Clone, Debug)]
pub struct Ceremony {
    context: Context,
    recipients: BTreeMap<u32, SealingKey>,
}

impl Ceremony {
    /// A key generation. `offers`: place (1..=n) → sealing key of everyone who has offered one, at least 2t − 1.
    pub fn generation(_context: Context, _offers: BTreeMap<u32, SealingKey>) -> Result<Self, DkgError> {
        todo!()
    }

    /// A resharing of `key`, whose shares belong to `old`, to the committee of `context`, of whom `offers` are ready.
    pub fn resharing(
        _context: Context,
        _offers: BTreeMap<u32, SealingKey>,
        _key: &PublicKey,
        _old: &DealingCommitments,
    ) -> Result<Self, DkgError> {
        todo!()
    }

    /// Its place.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Place → key of everyone who gets shares.
    pub fn recipients(&self) -> &BTreeMap<u32, SealingKey> {
        &self.recipients
    }

    /// Places of those who may deal: 1 to n, or to the old committee's n in a resharing.
    pub fn dealers(&self) -> RangeInclusive<u32> {
        todo!()
    }

    /// Whether an existing key is reshared.
    pub fn is_resharing(&self) -> bool {
        todo!()
    }

    /// Length of the encoding of every [`Dealing`](super::Dealing) of this ceremony, in bytes.
    pub fn dealing_len(&self) -> usize {
        todo!()
    }

    /// Length of the encoding of every [`RevealedShare`](super::RevealedShare) of this ceremony, in bytes.
    pub fn revealed_share_len(&self) -> usize {
        todo!()
    }
}
