//! The last block of a chain or store.

use consilium_hash::BlockHash;

/// The last durable block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub height: u64,
    /// The hash of its header.
    pub hash: BlockHash,
}
