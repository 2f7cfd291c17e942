//! Decrypting a body.

use std::fmt;

use aead_stream::DecryptorBE32;
use chacha20poly1305::ChaCha20Poly1305;
use consilium_ledger::merkle::{Frontier, leaf_hash};
use zeroize::Zeroizing;

use super::encrypt::Body;
use super::{CHUNK_LEN, ENCRYPTED_CHUNK_LEN, TAG_LEN, chunk_count, encrypted_length, fill};
use crate::records::RecordError;

/// A body on its way to be decrypted.
///
/// Each chunk that comes out is what somebody with the record's key encrypted at this place. That the whole is what
/// custodian and owner signed, [`finish`](Self::finish) says: act on nothing before.
pub struct BodyDecryptor {
    /// Taken when the last chunk is decrypted.
    stream: Option<DecryptorBE32<ChaCha20Poly1305>>,
    associated: [u8; 32],
    /// Ciphertext of the next chunk or, after `absorb` has handed it out, the chunk.
    buffer: Zeroizing<Vec<u8>>,
    handed_out: bool,
    tree: Frontier,
    body: Body,
    encrypted_length: u64,
    /// Bytes of ciphertext taken.
    taken: u64,
    /// Bytes of plaintext still to come.
    remaining: u64,
}

impl BodyDecryptor {
    pub(crate) fn new(
        key: &Zeroizing<[u8; 32]>,
        associated: [u8; 32],
        body: Body,
    ) -> Result<Self, RecordError> {
        let encrypted_length = encrypted_length(body.length).ok_or(RecordError::BodyTooLong)?;
        Ok(Self {
            stream: Some(DecryptorBE32::new((&**key).into(), &[0; 7].into())),
            associated,
            buffer: Zeroizing::new(Vec::with_capacity(ENCRYPTED_CHUNK_LEN)),
            handed_out: false,
            tree: Frontier::new(),
            body,
            encrypted_length,
            taken: 0,
            remaining: body.length,
        })
    }

    /// Takes bytes of the encrypted body from the front of `data`. Called until none are left, it returns each chunk.
    pub fn absorb(&mut self, data: &mut &[u8]) -> Result<Option<&[u8]>, RecordError> {
        if std::mem::take(&mut self.handed_out) {
            self.buffer.clear();
        }
        if data.len() as u64 > self.encrypted_length - self.taken {
            return Err(self.wrong_length(data.len()));
        }
        let length = self.remaining.min(CHUNK_LEN as u64);
        // At most a chunk.
        let full = length as usize + TAG_LEN;
        let before = data.len();
        fill(&mut self.buffer, full, data);
        self.taken += (before - data.len()) as u64;
        if self.buffer.len() < full {
            return Ok(None);
        }
        self.decrypt()?;
        self.remaining -= length;
        self.handed_out = true;
        Ok(Some(&self.buffer))
    }

    fn decrypt(&mut self) -> Result<(), RecordError> {
        let index = self.tree.size();
        self.tree.append(leaf_hash(&self.buffer));
        let buffer = &mut *self.buffer;
        let decrypted = if index + 1 < chunk_count(self.body.length) {
            self.stream
                .as_mut()
                .map(|stream| stream.decrypt_next_in_place(&self.associated, buffer))
        } else {
            self.stream.take().map(|stream| stream.decrypt_last_in_place(&self.associated, buffer))
        };
        // Without a stream the last chunk has been; `absorb` lets no byte come after it.
        match decrypted {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(RecordError::BadChunk { index }),
        }
    }

    /// Whether the whole body has come, and is the one under the header's root.
    pub fn finish(self) -> Result<(), RecordError> {
        if self.stream.is_some() {
            return Err(self.wrong_length(0));
        }
        if self.tree.root() != self.body.root {
            return Err(RecordError::WrongRoot);
        }
        Ok(())
    }

    fn wrong_length(&self, more: usize) -> RecordError {
        let found = self.taken.saturating_add(more as u64);
        RecordError::BodyLength { expected: self.encrypted_length, found }
    }
}

impl fmt::Debug for BodyDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyDecryptor(after {} of {} bytes)", self.taken, self.encrypted_length)
    }
}
