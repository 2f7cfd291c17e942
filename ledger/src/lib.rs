//! Blocks, hash chain, Merkle trees, the durable store and the verification of a chain.
//!
//! A block is a header, the coordinator's signature over it, and up to [`MAX_ENTRIES`] entries. Entries are opaque
//! bytes here: what they mean is the contract's business. Large bodies lie beside the chain as blobs, addressed by
//! their SHA-256.
//!
//! Each header names the hash of the one before it (the first names the chain's id, the hash of the genesis) and the
//! root of an RFC 6962 tree over the hashes of all earlier headers. So one header proves, in logarithmic size, that an
//! earlier block is part of its history and that an earlier history is a prefix of its own.
//!
//! What this crate must not be used for: it says that a chain is well formed, signed and unbroken, not that its entries
//! are right. Only the contract, applied to them again, says that. A [`SealedHeader`] or a [`Block`] out of `decode` is
//! a candidate about which nothing is known; only [`HeaderChain`] turns one into a [`VerifiedHeader`].
//!
//! | file | concept |
//! | --- | --- |
//! | [`merkle`] | RFC 6962 trees: roots, the append-only frontier, inclusion and consistency proofs |
//! | `header` | the header, its encoding, hash and seal |
//! | `block` | a sealed header with its entries, its encoding and limits |
//! | `chain` | verification of one header after another, forks as evidence |
//! | `note` | signed notes of the transparency logs' world |
//! | `checkpoint` | heads as signed notes, and their cosignatures |
//! | `contradiction` | a header and a head of two histories, as evidence |
//! | `store` | the durable store: write path, recovery, locks, seals, copies for auditors |
//! | `error` | what can be wrong with a ledger |
//!
//! All integers in encodings are big-endian.
//!
//! Writing and reading, as a coordinator does:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use consilium_ledger::{Block, HeaderChain, Store, sha256, verify_chain};
//! # let (folder, key) = (tempfile::tempdir()?, ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
//! let genesis = b"parameters of the run".to_vec();
//! let mut chain = HeaderChain::new(sha256(&genesis), key.verifying_key());
//! let store = Store::open(folder.path())?;
//!
//! let (entries, state_root, now_ms) = (vec![genesis], [0; 32], 1_700_000_000_000);
//! let header = chain.propose(&entries, state_root, now_ms)?;
//! let block = Block { sealed: header.seal(chain.chain_id(), &key), entries };
//! store.append_block(&block, &[b"a large body"])?; // durable when it returns
//! chain.append_block(&block)?; // now it may be acknowledged
//!
//! let again = verify_chain(store.blocks(0), *chain.chain_id(), key.verifying_key())?;
//! assert_eq!(again.head(), chain.head());
//! # Ok(())
//! # }
//! ```

use sha2::{Digest, Sha256};

mod block;
mod chain;
mod checkpoint;
mod contradiction;
mod error;
mod header;
pub mod merkle;
mod note;
mod store;

pub use block::{Block, MAX_BLOCK_BYTES, MAX_ENTRIES, MAX_ENTRY_BYTES, entries_root};
pub use chain::{Fork, HeaderChain, VerifiedHeader, verify_chain};
pub use checkpoint::{Checkpoint, Cosignature, SignedCheckpoint, coordinator_key, trustee_key};
pub use contradiction::Contradiction;
pub use error::{ChainError, LedgerError};
pub use header::{HEADER_VERSION, Header, SealedHeader};
pub use note::{
    MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, Note, NoteError, NoteKey, NoteSignature, SignatureType,
};
pub use store::{Head, MAX_BLOB_BYTES, SealState, Store, verify_seal};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// SHA-256 of `bytes`: the address of a blob.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}
