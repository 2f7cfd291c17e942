//! Encrypting a body.

use std::fmt;

use aead_stream::EncryptorBE32;
use chacha20poly1305::ChaCha20Poly1305;
use consilium_hash::MerkleRoot;
use consilium_ledger::merkle::{Frontier, leaf_hash};
use zeroize::Zeroizing;

use super::{CHUNK_LEN, ENCRYPTED_CHUNK_LEN, fill};
use crate::records::RecordError;

/// A body on its way to be encrypted.
pub(crate) struct BodyEncryptor {
    stream: EncryptorBE32<ChaCha20Poly1305>,
    associated: [u8; 32],
    /// Plaintext of the next chunk or, after `absorb` has handed it out, the encrypted chunk.
    buffer: Zeroizing<Vec<u8>>,
    handed_out: bool,
    tree: Frontier,
    length: u64,
}

/// What a header says of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// Length of the plaintext, in bytes.
    pub(crate) length: u64,
    /// Root over the encrypted chunks.
    pub(crate) root: MerkleRoot,
}

impl BodyEncryptor {
    pub(crate) fn new(key: &Zeroizing<[u8; 32]>, associated: [u8; 32]) -> Self {
        let stream = EncryptorBE32::new((&**key).into(), &[0; 7].into());
        // Never grown, which would leave copies of plaintext behind.
        let buffer = Zeroizing::new(Vec::with_capacity(ENCRYPTED_CHUNK_LEN));
        let tree = Frontier::new();
        Self { stream, associated, buffer, handed_out: false, tree, length: 0 }
    }

    /// Takes bytes from the front of `data`. Called until none are left, it returns each encrypted chunk but the last.
    pub(crate) fn absorb(&mut self, data: &mut &[u8]) -> Result<Option<&[u8]>, RecordError> {
        if std::mem::take(&mut self.handed_out) {
            self.buffer.clear();
        }
        let before = data.len();
        fill(&mut self.buffer, CHUNK_LEN, data);
        self.length += (before - data.len()) as u64;
        // A full chunk waits for a further byte: without one it is the last, and says so.
        if data.is_empty() {
            return Ok(None);
        }
        self.stream
            .encrypt_next_in_place(&self.associated, &mut *self.buffer)
            .map_err(|_| RecordError::BodyTooLong)?;
        self.tree.append(leaf_hash(&self.buffer));
        self.handed_out = true;
        Ok(Some(&self.buffer))
    }

    /// The last encrypted chunk and what the header says of all.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, Body), RecordError> {
        // Whoever drives `absorb` gives it what was left; no chunk is handed out while nothing follows it.
        if std::mem::take(&mut self.handed_out) {
            self.buffer.clear();
        }
        let mut last = std::mem::take(&mut *self.buffer);
        self.stream
            .encrypt_last_in_place(&self.associated, &mut last)
            .map_err(|_| RecordError::BodyTooLong)?;
        self.tree.append(leaf_hash(&last));
        Ok((last, Body { length: self.length, root: self.tree.root() }))
    }
}

impl fmt::Debug for BodyEncryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyEncryptor(after {} bytes)", self.length)
    }
}
