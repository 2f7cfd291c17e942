//! What can be wrong with a ledger, and what to do about it.

use std::{io, path::PathBuf};

use consilium_hash::{BlobHash, BlockHash, ChainId, MerkleRoot, StateRoot};

use crate::{
    fork::Fork,
    head::Head,
    limits::{MAX_ENTRIES, MAX_ENTRY_BYTES},
    malformed::Malformed,
    seal::BadSeal,
};

/// Why a header or a block is not the next one of a verified chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The header is of a version this program does not know.
    #[error(
        "the header at height {height} has version {got}, expected {expected}: use the program that wrote it"
    )]
    Version {
        /// Height the header claims.
        height: u64,
        /// The one version known here.
        expected: u32,
        /// Version in the header.
        got: u32,
    },
    /// The header is further ahead than the next one.
    #[error(
        "expected the header at height {expected}, got height {got}: fetch the headers between first"
    )]
    Gap {
        /// Height of the next header.
        expected: u64,
        /// Height of the one that came.
        got: u64,
    },
    /// Nobody who may speak for this chain vouches for the header.
    #[error(transparent)]
    BadSeal(#[from] BadSeal),
    /// The first header does not follow from the genesis.
    #[error(
        "the first header names {} as its predecessor, expected the chain id {}: it belongs to another chain",
        got,
        expected
    )]
    WrongGenesis {
        /// The chain id.
        expected: ChainId,
        /// Predecessor named by the header.
        got: BlockHash,
    },
    /// The header does not follow from the one before it.
    #[error(
        "the header at height {height} names {} as its predecessor, expected {}: it was changed, or one before it",
        hex::encode(got),
        hex::encode(expected)
    )]
    WrongPredecessor {
        /// Height of the header.
        height: u64,
        /// Hash of the header before it.
        expected: BlockHash,
        /// Predecessor named by the header.
        got: BlockHash,
    },
    /// The first header names a state, before which there is none.
    #[error(
        "the first header names the state {}, before which there is none: discard it",
        hex::encode(got)
    )]
    FirstState {
        /// State root in the header.
        got: StateRoot,
    },
    /// The coordinator signed two histories.
    #[error("the coordinator signed a second history at height {}: keep both headers as evidence and stop", .0.height)]
    Fork(Box<Fork>),
    /// The header's history root is not the root over the headers before it.
    #[error(
        "the header at height {height} has history root {}, expected {}: discard it",
        got,
        expected
    )]
    WrongHistory {
        /// Height of the header.
        height: u64,
        /// Root over the hashes of the headers before it.
        expected: MerkleRoot,
        /// Root in the header.
        got: MerkleRoot,
    },
    /// The header is older than the one before it.
    #[error(
        "the header at height {height} is of {got_ms} ms, before its predecessor's {previous_ms} ms: discard it"
    )]
    TimeBackwards {
        /// Height of the header.
        height: u64,
        /// Time of the header before, in milliseconds since the epoch.
        previous_ms: u64,
        /// Time of the header, in milliseconds since the epoch.
        got_ms: u64,
    },
    /// The number of entries is zero, too large, or not the header's.
    #[error(
        "the block at height {height} has {got} entries where its header says {expected} and 1 to {MAX_ENTRIES} are allowed"
    )]
    WrongCount {
        /// Height of the block.
        height: u64,
        /// Number in the header.
        expected: u32,
        /// Number of entries.
        got: usize,
    },
    /// An entry is too long.
    #[error(
        "entry {index} at height {height} has {got} bytes, at most {MAX_ENTRY_BYTES} are allowed: move its body into a blob"
    )]
    EntryTooLong {
        /// Height of the block.
        height: u64,
        /// Place of the entry in the block, from 0.
        index: usize,
        /// Length in bytes.
        got: usize,
    },
    /// The entries are not those whose root the header holds.
    #[error(
        "the entries at height {height} have root {}, the signed header says {}: they were changed; fetch the block again",
        got,
        expected
    )]
    WrongEntries {
        /// Height of the block.
        height: u64,
        /// Root in the header.
        expected: MerkleRoot,
        /// Root over the entries.
        got: MerkleRoot,
    },
}

/// Why the ledger cannot do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Bytes that are not the encoding they should be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A header or block that does not continue the chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A block that is not the next one of the store.
    #[error(
        "the store expects the block at height {expected} after {}, got height {got} after {}: append blocks in order",
        after,
        got_after
    )]
    NotNext {
        /// Next height.
        expected: u64,
        /// Hash of the store's last block (for the first block: of whatever came, any chain may begin).
        after: BlockHash,
        /// Height that came.
        got: u64,
        /// Predecessor named by the block that came.
        got_after: BlockHash,
    },
    /// A blob that is longer than any blob may be.
    #[error("a blob of {got} bytes is longer than the {most} bytes allowed: split it")]
    BlobTooLong {
        /// Length in bytes.
        got: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// The stored bytes of a blob are not those of its address.
    #[error(
        "the blob {} holds other bytes (SHA-256 {}): it was changed; take it from another party's copy",
        expected,
        got
    )]
    WrongBlob {
        /// Address of the blob.
        expected: BlobHash,
        /// SHA-256 of what is stored there.
        got: BlobHash,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}; see that this user can read and write there, with room left", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path holds no ledger.
    #[error("{} holds no ledger: expected a folder that a coordinator has written", path.display())]
    NotALedger {
        /// The path.
        path: PathBuf,
    },
    /// The files below the ledger are not what was written.
    #[error("the ledger in {} is damaged: {detail}; restore it from a backup or from another party's copy", path.display())]
    Damaged {
        /// The ledger's folder.
        path: PathBuf,
        /// What does not hold.
        detail: String,
    },
    /// Blocks that had been durable are gone.
    #[error("the ledger in {} has lost blocks: height {} was durable, {}; restore it from a backup or from another party's copy",
            path.display(), recorded.height, match found { Some(h) => format!("what is left ends at {h}"), None => "nothing is left".into() })]
    BlocksLost {
        /// The ledger's folder.
        path: PathBuf,
        /// The last block that was durable.
        recorded: Head,
        /// Height of the last block that is left.
        found: Option<u64>,
    },
    /// A file of a closed ledger is not as it was when the ledger was closed.
    #[error("the ledger in {} was changed after it was closed: {file} {detail}; restore it from a backup or from another party's copy",
            path.display())]
    FilesChanged {
        /// The ledger's folder.
        path: PathBuf,
        /// The first file that differs, relative to it.
        file: String,
        /// How it differs.
        detail: &'static str,
    },
    /// Another process, or this one, has the ledger open.
    #[error("the ledger in {} is open elsewhere: stop the process that has it, or give this one its own folder", path.display())]
    Locked {
        /// The ledger's folder.
        path: PathBuf,
    },
    /// An earlier write failed; whether it is on disk shows only when the ledger is opened again.
    #[error("an earlier write to the ledger in {} failed: open it again and see which block survived", path.display())]
    WriteFailedBefore {
        /// The ledger's folder.
        path: PathBuf,
    },
    /// The ledger has been closed.
    #[error("the ledger in {} has been closed", path.display())]
    Closed {
        /// The ledger's folder.
        path: PathBuf,
    },
}
