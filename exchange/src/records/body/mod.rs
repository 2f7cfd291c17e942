//! Bodies of records: STREAM over ChaCha20-Poly1305 in chunks of 64 KiB, and the Merkle root over the encrypted chunks.
//!
//! STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, "Online authenticated-encryption and its nonce-reuse misuse-resistance",
//! CRYPTO 2015): the nonce of a chunk has its number and whether it is the last, so that none can be moved, doubled, left
//! out or cut off unnoticed. Every key encrypts one body; the rest of the nonce is 0. The associated data of every chunk is
//! the hash of the header's prologue: what is in the header before length and root, which depend on the chunks.
//!
//! Both directions take bytes as they come and keep one chunk: the memory needed does not depend on the record's length.
//!
//! ```text
//! while !data.is_empty() {
//!     if let Some(chunk) = encryptor.absorb(&mut data)? { write(chunk) }
//! }
//! let (last, body) = encryptor.finish()?; write(last)
//! ```

mod decrypt;
mod encrypt;

pub use decrypt::BodyDecryptor;
pub(super) use encrypt::{Body, BodyEncryptor};

/// Length of a chunk, in bytes. The last may be shorter, and is empty in an empty record only.
pub const CHUNK_LEN: usize = 64 * 1024;
/// Length of a chunk's authentication tag, in bytes.
const TAG_LEN: usize = 16;
/// Length of an encrypted chunk, in bytes.
pub const ENCRYPTED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;

/// Length of the encrypted body of a record of so many bytes; none if that is more than chunks can be numbered.
pub fn encrypted_length(length: u64) -> Option<u64> {
    let chunks = chunk_count(length);
    (chunks <= 1 << 32).then(|| length + chunks * TAG_LEN as u64)
}

fn chunk_count(length: u64) -> u64 {
    length.div_ceil(CHUNK_LEN as u64).max(1)
}

/// Moves bytes from the front of `data` to the end of `buffer` until that has `full` bytes.
fn fill(buffer: &mut Vec<u8>, full: usize, data: &mut &[u8]) {
    let missing = full.saturating_sub(buffer.len()).min(data.len());
    let (head, rest) = data.split_at(missing);
    buffer.extend_from_slice(head);
    *data = rest;
}
