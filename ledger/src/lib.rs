//! Blocks, hash chain, Merkle trees, the durable store and the verification of a chain.
//!
//! A block is a header, the seal of those who vouch for it, and up to [`MAX_ENTRIES`] entries. Entries are opaque bytes
//! here: what they mean is the contract's business. Large bodies lie beside the chain as blobs, addressed by their
//! SHA-256.
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
//! | `header` | the header, its encoding and hash; which state it names |
//! | `seal` | who vouches for a block: validators, and the seal over a header |
//! | `block` | a sealed header with its entries, its encoding and limits |
//! | `link`, `chain` | how a header follows from those before it; a verified copy of a chain |
//! | `note`, `note_error` | signed notes of the transparency logs' world |
//! | `cosignature`, `checkpoint` | heads as signed notes, and their cosignatures |
//! | `fork`, `contradiction` | two headers, or a header and a head, of two histories, as evidence |
//! | `store` | the durable store: write path, recovery, locks, manifest, copies for auditors (feature `store`) |
//! | `error`, `malformed`, `limits`, `head` | what can be wrong with a ledger, and what its errors speak of |
//!
//! The store, and with it sled, is behind the feature `store`, which is on by default: what reads and writes the formats
//! alone (the contract, for one) does without.
//!
//! All integers in encodings are big-endian.
//!
//! Writing and reading, as a coordinator does:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use consilium_hash::ChainId;
//! use consilium_ledger::{Block, HeaderChain, NO_STATE, Validators, sha256, verify_chain};
//! # let (folder, key) = (tempfile::tempdir()?, ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
//! let genesis = b"parameters of the run".to_vec();
//! let validators = Validators::single(ChainId(sha256(&genesis)), key.verifying_key());
//! let mut chain = HeaderChain::new(validators);
//!
//! let entries = vec![genesis];
//! let header = chain.propose(&entries, NO_STATE, 1_700_000_000_000)?;
//! let block = Block { sealed: header.seal(chain.chain_id(), &key), entries };
//! # #[cfg(feature = "store")]
//! let store = consilium_ledger::Store::open(folder.path())?;
//! # #[cfg(feature = "store")]
//! store.append_block(&block, &[b"a large body"])?; // durable when it returns
//! chain.append_block(&block)?; // now it may be acknowledged
//!
//! # #[cfg(feature = "store")]
//! let again = verify_chain(store.blocks(0), validators)?;
//! # #[cfg(not(feature = "store"))]
//! # let again = verify_chain([Ok(block)], validators)?;
//! assert_eq!(again.head(), chain.head());
//! # Ok(())
//! # }
//! ```

use consilium_hash::BlobHash;
use sha2::{Digest, Sha256};

mod block;
mod chain;
mod checkpoint;
mod contradiction;
mod cosignature;
mod error;
mod fork;
mod head;
mod header;
mod limits;
mod link;
mod malformed;
pub mod merkle;
mod note;
mod note_error;
mod seal;
pub mod snapshot_file;
#[cfg(feature = "store")]
mod store;

pub use block::{Block, MAX_BLOCK_BYTES, entries_root};
pub use chain::{HeaderChain, VerifiedHeader, verify_chain};
pub use checkpoint::{Checkpoint, SignedCheckpoint, coordinator_key, trustee_key};
pub use contradiction::Contradiction;
pub use cosignature::Cosignature;
pub use error::{ChainError, LedgerError};
pub use fork::Fork;
pub use head::Head;
pub use header::{HEADER_VERSION, Header, NO_STATE};
pub use limits::{MAX_BLOB_BYTES, MAX_ENTRIES, MAX_ENTRY_BYTES};
pub use link::{Link, verify_linked};
pub use malformed::Malformed;
pub use note::{MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, Note, NoteKey, NoteSignature, SignatureType};
pub use note_error::NoteError;
pub use seal::{BadSeal, Seal, SealedHeader, Validators};
#[cfg(feature = "store")]
pub use store::{ManifestState, Store, verify_manifest};

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The address of a blob.
pub fn blob_hash(blob: &[u8]) -> BlobHash {
    BlobHash(sha256(blob))
}
