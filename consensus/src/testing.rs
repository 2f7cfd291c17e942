//! For this crate's tests: keys whose seats are their places, and their set.

use consilium_hash::{BlockHash, ChainId, MerkleRoot, StateRoot};
use consilium_ledger::{HEADER_VERSION, Header};
use ed25519_dalek::SigningKey;

use crate::validators::ValidatorSet;

pub(crate) const CHAIN: ChainId = ChainId([9; 32]);

/// Keys in the order of their seats.
pub(crate) fn keys(count: usize) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> =
        (0..count).map(|place| SigningKey::from_bytes(&[place as u8 + 1; 32])).collect();
    keys.sort_by_key(|key| key.verifying_key().to_bytes());
    keys
}

pub(crate) fn set_of(count: usize) -> ValidatorSet {
    ValidatorSet::new(keys(count).iter().map(SigningKey::verifying_key).collect()).unwrap()
}

/// A header of this height that differs with `variant`.
pub(crate) fn header(height: u64, variant: u8) -> Header {
    Header {
        version: HEADER_VERSION,
        height,
        previous: BlockHash([1; 32]),
        time_ms: 2,
        history_root: MerkleRoot([3; 32]),
        entries_root: MerkleRoot([variant; 32]),
        state_root: StateRoot([4; 32]),
        count: 1,
    }
}
