//! Values of any length in a sled tree, cut into chunks.
//!
//! sled keeps up to 17 neighbouring values in one page, and writes a page above a quarter of a segment (128 KiB) into a
//! file of its own, flushed by itself. Chunks keep every page inside the log, where the order of writes is defined.
//! Key = the value's key ‖ chunk number u32. Chunk 0 starts with the value's length, u32, and is written last: it is
//! there only if all others are.

use std::path::{Path, PathBuf};

use consilium_disk::Step;

use crate::{
    LedgerError,
    header::take,
    store::{disk::write, fence::fenced, layout::STORE_FOLDER},
};

const CHUNK_BYTES: usize = 6 * 1024;
/// A full page of chunks, with room for keys and headers, stays in the log.
const _: () = assert!(17 * (CHUNK_BYTES + 64) < 128 * 1024);

#[derive(Debug)]
pub(super) struct Values {
    root: PathBuf,
    tree: sled::Tree,
    most_bytes: usize,
}

impl Values {
    /// The tree `name` of values of at most `most_bytes` (which must fit 32 bits).
    pub(super) fn open(
        root: &Path,
        db: &sled::Db,
        name: &str,
        most_bytes: usize,
    ) -> Result<Self, LedgerError> {
        let tree = fenced(root, || db.open_tree(name))?;
        Ok(Self { root: root.to_owned(), tree, most_bytes })
    }

    /// Writes a value, each chunk one step. Not durable before the next flush.
    pub(super) fn put(&self, key: &[u8], value: &[u8]) -> Result<(), LedgerError> {
        // The callers' limits are `most_bytes`, which fits.
        let length = (value.len() as u32).to_be_bytes();
        let (first, rest) = value.split_at(value.len().min(CHUNK_BYTES));
        let first = [&length, first].concat();
        let folder = self.root.join(STORE_FOLDER);
        // A crash between two chunks leaves chunks without a first one: no value, and overwritten by the next try.
        for (number, chunk) in (1..).zip(rest.chunks(CHUNK_BYTES)).chain([(0, first.as_slice())]) {
            let insert = || self.tree.insert(chunk_key(key, number), chunk);
            write(Step::Write(&folder), || fenced(&self.root, insert))?;
        }
        Ok(())
    }

    /// Reads a value.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some((length, mut value)) = self.first_chunk(key)? else {
            return Ok(None);
        };
        // At most `most_bytes`; a vector that doubles as it grows would take up to twice as much.
        value.reserve_exact(length.saturating_sub(value.len()));
        for number in 1..length.div_ceil(CHUNK_BYTES).max(1) {
            // most_bytes fits u32, and so does the number of chunks.
            let chunk = self
                .chunk(key, number as u32)?
                .ok_or_else(|| self.damaged("a piece of a value is missing"))?;
            value.extend_from_slice(&chunk);
        }
        if value.len() == length {
            Ok(Some(value))
        } else {
            Err(self.damaged("a value has another length"))
        }
    }

    /// The first bytes of a value, as many as the first chunk holds.
    pub(super) fn get_beginning(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.first_chunk(key)?.map(|(_, beginning)| beginning))
    }

    /// Whether a value is there, whole.
    pub(super) fn contains(&self, key: &[u8]) -> Result<bool, LedgerError> {
        fenced(&self.root, || self.tree.contains_key(chunk_key(key, 0)))
    }

    /// The largest key of `N` bytes that has a value.
    pub(super) fn last_key<const N: usize>(&self) -> Result<Option<[u8; N]>, LedgerError> {
        let mut keys = self.tree.iter().keys();
        while let Some(key) = fenced(&self.root, || keys.next_back().transpose())? {
            let mut rest: &[u8] = &key;
            let (Some(key), Some(number)) = (take(&mut rest), take(&mut rest)) else {
                return Err(self.damaged("a key has another length"));
            };
            if number == 0u32.to_be_bytes() {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The value's length and first chunk.
    fn first_chunk(&self, key: &[u8]) -> Result<Option<(usize, Vec<u8>)>, LedgerError> {
        let Some(chunk) = self.chunk(key, 0)? else {
            return Ok(None);
        };
        let mut rest: &[u8] = &chunk;
        let length =
            take(&mut rest).and_then(|length| usize::try_from(u32::from_be_bytes(length)).ok());
        match length.filter(|length| *length <= self.most_bytes) {
            Some(length) => Ok(Some((length, rest.to_vec()))),
            None => Err(self.damaged("a value has an impossible length")),
        }
    }

    fn chunk(&self, key: &[u8], number: u32) -> Result<Option<sled::IVec>, LedgerError> {
        fenced(&self.root, || self.tree.get(chunk_key(key, number)))
    }

    fn damaged(&self, detail: &str) -> LedgerError {
        LedgerError::Damaged { path: self.root.clone(), detail: detail.to_owned() }
    }
}

fn chunk_key(key: &[u8], number: u32) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}
