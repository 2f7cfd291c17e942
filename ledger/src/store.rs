//! The durable store of a chain and its blobs.
//!
//! ```text
//! ledger/
//!   LOCK      locked while a process has the ledger open
//!   HEAD      last durable block, see `head_file`
//!   SNAPSHOT  what its writer has reached, see `snapshot_file`
//!   MANIFEST  hashes of all files, while the ledger is closed, see `manifest`
//!   store/    sled's: tree "blocks" (height u64 → encoded block), tree "blobs" (SHA-256 → bytes), "notes", see `values`
//! ```
//!
//! Writing, in this order; every step's comment says what a crash before the next one means:
//! blobs, block, flush, `HEAD`, and only then visible to readers.
//! Blobs are compared with their address and blocks decoded strictly on every read; that a chain holds together is for
//! [`verify_chain`](crate::verify_chain) to say.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use consilium_hash::BlobHash;
use tempfile::TempDir;

use crate::{
    blob_hash,
    block::Block,
    error::LedgerError,
    head::Head,
    limits::{MAX_BLOB_BYTES, MAX_NOTE_BYTES},
    malformed::Malformed,
    seal::SealedHeader,
    snapshot_file,
};
use disk::{io_error, replace};
use fence::fence;
use layout::{HEAD_FILE, SNAPSHOT_FILE, STORE_FOLDER};
use lock::{lock_for_reading, wait_for_log};
use open::Open;

mod disk;
mod fence;
mod head_file;
mod layout;
mod lock;
mod manifest;
mod open;
mod values;

pub use manifest::{ManifestState, verify_manifest};

/// A chain's blocks and blobs on disk. One process has it open at a time; threads share it by reference.
pub struct Store {
    root: PathBuf,
    /// `None` once closed.
    open: RwLock<Option<Open>>,
    /// The last durable block. Readers see nothing above it.
    head: RwLock<Option<Head>>,
    /// One writer at a time; whether a write has failed.
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Writer {
    failed: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.root)
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Whether there is a ledger in `path`, whole or not.
    pub fn exists(path: &Path) -> bool {
        path.join(STORE_FOLDER).exists() || path.join(HEAD_FILE).exists()
    }

    /// Opens the ledger in `path`, or creates it.
    ///
    /// After a crash the last block may be one that was never acknowledged: read [`Store::head`] before making another.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] where it is open elsewhere; [`LedgerError::FilesChanged`], [`LedgerError::BlocksLost`],
    /// [`LedgerError::Damaged`] where its files are not what was written.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_with(path, None)
    }

    /// Opens a copy of the ledger in `path`, made in a new folder below `scratch` that goes away with the store.
    ///
    /// For auditors: opening a store writes to it, even if only to note how far it has recovered. The ledger itself is
    /// only read, and must not be open elsewhere. Its manifest is not looked at: see [`verify_manifest`].
    ///
    /// # Errors
    /// As [`Store::open`], and [`LedgerError::NotALedger`].
    pub fn open_copy(path: &Path, scratch: &Path) -> Result<Self, LedgerError> {
        if !path.join(STORE_FOLDER).is_dir() {
            return Err(LedgerError::NotALedger { path: path.to_owned() });
        }
        let _shared = lock_for_reading(path)?;
        let copy = tempfile::Builder::new()
            .prefix("ledger-copy-")
            .tempdir_in(scratch)
            .map_err(io_error("make a folder in", scratch))?;
        for file in manifest::files(path)? {
            let from = path.join(&file);
            let to = copy.path().join(&file);
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(io_error("create", folder))?;
            }
            fs::copy(&from, &to).map_err(io_error("copy", &from))?;
        }
        let folder = copy.path().to_owned();
        Self::open_with(&folder, Some(copy))
    }

    fn open_with(path: &Path, copy: Option<TempDir>) -> Result<Self, LedgerError> {
        // Letting go of a store that turns out to be damaged may panic, too.
        fence(path, || Self::open_inside_fence(path.to_owned(), copy))
    }

    fn open_inside_fence(root: PathBuf, copy: Option<TempDir>) -> Result<Self, LedgerError> {
        let (open, head) = Open::at(&root, copy)?;
        Ok(Self {
            root,
            open: RwLock::new(Some(open)),
            head: RwLock::new(head),
            writer: Mutex::default(),
        })
    }

    /// Appends the next block together with blobs it speaks of. When it returns, both are on disk.
    ///
    /// The block must be the next one and hold its own entries; its signature is the chain's business. Blobs that are
    /// already stored cost nothing.
    ///
    /// # Errors
    /// After a failed write no further one is accepted: what reached the disk shows when the ledger is opened again.
    /// Until then nobody has seen the block, and no other may be signed at its height.
    pub fn append_block(&self, block: &Block, blobs: &[&[u8]]) -> Result<(), LedgerError> {
        let mut writer = self.writer()?;
        block.verify_entries()?;
        let bytes = block.encode()?;
        let header = block.header();
        let (expected, after) = match self.head() {
            Some(head) => (head.height + 1, head.hash),
            None => (0, header.previous),
        };
        if header.height != expected || header.previous != after {
            let got = header.height;
            let got_after = header.previous;
            return Err(LedgerError::NotNext { expected, after, got, got_after });
        }
        let addressed = addressed(blobs)?;

        let open = self.opened();
        let open = open.as_ref().ok_or_else(|| self.closed())?;
        let new_head = Head { height: header.height, hash: block.hash() };
        writer.attempt(|| {
            // 1. Blobs. A crash leaves blobs that no block names: they take space, no more.
            open.put_blobs(&addressed)?;
            // 2. The block. sled's log keeps the order: where the block is, its blobs are. A crash leaves no block, or
            //    one that was not acknowledged, which the next opening makes durable.
            open.blocks.put(&header.height.to_be_bytes(), &bytes)?;
            // 3. The flush. From here on the block stays; a crash leaves HEAD one behind, and the next opening mends it.
            open.flush(&self.root)?;
            // 4. HEAD. From here on a store without this block is known to have lost it.
            head_file::write(&self.root, Some(new_head))
        })?;
        // 5. Visible.
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = Some(new_head);
        Ok(())
    }

    /// Stores blobs ahead of the block that names them; durable with the next block that is appended.
    ///
    /// # Errors
    /// As [`Store::append_block`].
    pub fn stage_blobs(&self, blobs: &[&[u8]]) -> Result<(), LedgerError> {
        let mut writer = self.writer()?;
        let addressed = addressed(blobs)?;
        let open = self.opened();
        let open = open.as_ref().ok_or_else(|| self.closed())?;
        // A crash leaves blobs that no block names, or none.
        writer.attempt(|| open.put_blobs(&addressed))
    }

    /// The last durable block.
    pub fn head(&self) -> Option<Head> {
        *self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block at `height`, a candidate still; `None` above the head.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] names the height of a block that is missing or cannot be decoded.
    pub fn get_block(&self, height: u64) -> Result<Option<Block>, LedgerError> {
        if self.head().is_none_or(|head| height > head.height) {
            return Ok(None);
        }
        let bytes = self.read(|open| open.blocks.get(&height.to_be_bytes()))?;
        let bytes = bytes.ok_or_else(|| self.missing(height))?;
        let block = Block::decode(&bytes).map_err(LedgerError::from);
        block.map(Some).map_err(|error| self.at_height(height, error))
    }

    /// The sealed header of the block at `height`, a candidate still; `None` above the head.
    ///
    /// # Errors
    /// As [`Store::get_block`].
    pub fn get_header(&self, height: u64) -> Result<Option<SealedHeader>, LedgerError> {
        if self.head().is_none_or(|head| height > head.height) {
            return Ok(None);
        }
        self.read(|open| open.header(height))
            .map_err(|error| self.at_height(height, error))
            .and_then(|header| header.map(Some).ok_or_else(|| self.missing(height)))
    }

    /// The blocks from height `from` to what is the head now, for [`verify_chain`](crate::verify_chain) or a follower.
    pub fn blocks(&self, from: u64) -> impl Iterator<Item = Result<Block, LedgerError>> + '_ {
        let end = self.head().map_or(0, |head| head.height + 1);
        (from..end).filter_map(|height| self.get_block(height).transpose())
    }

    /// The blob with this SHA-256.
    ///
    /// # Errors
    /// [`LedgerError::WrongBlob`] if the stored bytes have another; [`LedgerError::Damaged`] if they cannot be read.
    pub fn get_blob(&self, address: &BlobHash) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(blob) = self.read(|open| open.blobs.get(&address.0))? else {
            return Ok(None);
        };
        let got = blob_hash(&blob);
        if got == *address {
            Ok(Some(blob))
        } else {
            Err(LedgerError::WrongBlob { expected: *address, got })
        }
    }

    /// Whether a blob with this address is stored. Its bytes are not read.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`].
    pub fn contains_blob(&self, address: &BlobHash) -> Result<bool, LedgerError> {
        self.read(|open| open.blobs.contains(&address.0))
    }

    /// Keeps a note under a key of its writer's: what follows from the blocks and is faster found than derived again.
    ///
    /// Durable with the next block that is appended; a crash before that may lose it, so whoever keeps notes makes those anew
    /// that are missing when the ledger is opened.
    ///
    /// # Errors
    /// As [`Store::append_block`].
    pub fn put_note(&self, key: &[u8; 32], note: &[u8]) -> Result<(), LedgerError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(LedgerError::BlobTooLong { got: note.len(), most: MAX_NOTE_BYTES });
        }
        let mut writer = self.writer()?;
        let open = self.opened();
        let open = open.as_ref().ok_or_else(|| self.closed())?;
        writer.attempt(|| open.notes.put(key, note))
    }

    /// The note under this key.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`].
    pub fn get_note(&self, key: &[u8; 32]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.read(|open| open.notes.get(key))
    }

    /// Keeps what its writer has reached by the blocks so far, in the place of what it kept before. Durable when it returns; a
    /// crash leaves the one or the other.
    ///
    /// # Errors
    /// [`LedgerError::Io`], [`LedgerError::Closed`]: then the one before stands, and the ledger is as good as it was.
    pub fn put_snapshot(&self, snapshot: &[u8]) -> Result<(), LedgerError> {
        let file = snapshot_file::encode(snapshot);
        self.read(|_| replace(&self.root, SNAPSHOT_FILE, &file))
    }

    /// What was kept by [`Self::put_snapshot`]; `None` where nothing was, or it is not whole.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn get_snapshot(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let path = self.root.join(SNAPSHOT_FILE);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &path)(error)),
            Ok(file) => Ok(snapshot_file::decode(&file).map(<[u8]>::to_vec)),
        }
    }

    /// Ends the work with the ledger and writes a manifest of its files. Later calls find it closed.
    ///
    /// A store that is dropped instead loses nothing; its files only have no manifest.
    ///
    /// # Errors
    /// [`LedgerError::WriteFailedBefore`] if a write had failed: the ledger is closed, but has no manifest.
    pub fn close(&self) -> Result<(), LedgerError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Open { blocks, blobs, notes, db, log, _lock, copy }) = open else {
            return Err(self.closed());
        };
        fence(&self.root, || {
            drop((blocks, blobs, notes, db));
            Ok(())
        })?;
        if writer.failed {
            return Err(LedgerError::WriteFailedBefore { path: self.root.clone() });
        }
        if copy.is_some() {
            return Ok(());
        }
        // sled has let go only when its last thread has.
        drop(log);
        wait_for_log(&self.root)?;
        // The lock is held until the manifest stands. A crash before leaves the ledger without one.
        manifest::write(&self.root)
    }

    fn read<T>(
        &self,
        step: impl FnOnce(&Open) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        step(self.opened().as_ref().ok_or_else(|| self.closed())?)
    }

    fn opened(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, LedgerError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.failed {
            Err(LedgerError::WriteFailedBefore { path: self.root.clone() })
        } else {
            Ok(writer)
        }
    }

    fn closed(&self) -> LedgerError {
        LedgerError::Closed { path: self.root.clone() }
    }

    fn missing(&self, height: u64) -> LedgerError {
        LedgerError::Damaged {
            path: self.root.clone(),
            detail: format!("block {height} is missing"),
        }
    }

    /// Names the height in what is wrong with a stored block.
    fn at_height(&self, height: u64, error: LedgerError) -> LedgerError {
        let detail = match error {
            LedgerError::Malformed(Malformed { .. }) => format!("block {height}: {error}"),
            LedgerError::Damaged { detail, .. } => format!("block {height}: {detail}"),
            other => return other,
        };
        LedgerError::Damaged { path: self.root.clone(), detail }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Nobody is left to tell; a ledger that could not be let go cleanly says so when it is opened again.
        let _ = fence(&self.root, || {
            drop(open);
            Ok(())
        });
    }
}

impl Writer {
    /// Notes a failure, so that nothing is written on top of an unknown state.
    fn attempt<T>(
        &mut self,
        write: impl FnOnce() -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.failed = true;
        let done = write()?;
        self.failed = false;
        Ok(done)
    }
}

/// Blobs with their addresses, if none is too long.
fn addressed<'a>(blobs: &[&'a [u8]]) -> Result<Vec<(BlobHash, &'a [u8])>, LedgerError> {
    blobs
        .iter()
        .map(|blob| match blob.len() {
            got if got > MAX_BLOB_BYTES => {
                Err(LedgerError::BlobTooLong { got, most: MAX_BLOB_BYTES })
            }
            _ => Ok((blob_hash(blob), *blob)),
        })
        .collect()
}

#[cfg(test)]
mod tests;
