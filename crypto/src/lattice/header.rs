//! The signed header of an update under a lattice mask: it names the body, and the key part with which the body begins.
//!
//! context ‖ h_c ‖ SHA-256 and length of the key part ‖ SHA-256 and length of the whole body, key part included.
//!
//! So a body is one blob, sent and stored like that of a group mask, and its first bytes can be served and verified alone.
//!
//! Unlike the header under a group mask it proves nothing by itself: 105 to 165 kB of ciphertexts and proof are too much for
//! an entry of a ledger. Where others say "from the header alone", here it is "from the signed header and its key part".

use consilium_hash::{BlobHash, HeaderHash};
use sha2::{Digest, Sha256};

use crate::group::encoding::Reader;
use crate::{Context, UpdateError};

/// Length of a header, in bytes.
pub const LATTICE_HEADER_LEN: usize = Context::LEN + 64 + 2 * (32 + 8);

/// A header that decodes. Nothing that it names is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatticeHeader {
    context: Context,
    mask_hash: [u8; 64],
    key_part: Part,
    body: Part,
    encoded: Vec<u8>,
    hash: HeaderHash,
}

/// SHA-256 and length of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// SHA-256.
    pub hash: BlobHash,
    /// Length, in bytes.
    pub length: u64,
}

impl Part {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_all(&[bytes])
    }

    /// Of these bytes, one after another.
    pub(super) fn of_all(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        let length = parts.iter().map(|part| part.len() as u64).sum();
        Self { hash: BlobHash(hasher.finalize().into()), length }
    }

    /// Whether the bytes are it.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        self.length == bytes.len() as u64 && *self == Self::of(bytes)
    }
}

impl LatticeHeader {
    pub(super) fn new(context: Context, mask_hash: [u8; 64], key_part: Part, body: Part) -> Self {
        let mut encoded = Vec::with_capacity(LATTICE_HEADER_LEN);
        encoded.extend(context.encode());
        encoded.extend(mask_hash);
        for part in [key_part, body] {
            encoded.extend(part.hash.0);
            encoded.extend(part.length.to_be_bytes());
        }
        let hash = HeaderHash(Sha256::digest(&encoded).into());
        Self { context, mask_hash, key_part, body, encoded, hash }
    }

    /// Reads a header of exactly [`LATTICE_HEADER_LEN`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, UpdateError> {
        let mut reader = Reader::new("header", bytes, LATTICE_HEADER_LEN)?;
        let context = Context::decode(reader.take(Context::LEN)?)?;
        let mask_hash = reader.array()?;
        let mut part = || -> Result<Part, UpdateError> {
            Ok(Part { hash: BlobHash(reader.array()?), length: reader.u64()? })
        };
        let key_part = part()?;
        let body = part()?;
        Ok(Self::new(context, mask_hash, key_part, body))
    }

    /// The bytes that the institution signs.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// SHA-256 of the bytes.
    pub fn hash(&self) -> HeaderHash {
        self.hash
    }

    /// The round and the author.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// h_c, SHA-512 of the masked update's encoding.
    pub fn mask_hash(&self) -> &[u8; 64] {
        &self.mask_hash
    }

    /// The key part that it names: the beginning of the body.
    pub fn key_part(&self) -> Part {
        self.key_part
    }

    /// The body that it names, key part included.
    pub fn body(&self) -> Part {
        self.body
    }
}
