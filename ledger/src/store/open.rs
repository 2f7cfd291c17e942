//! A ledger that is open: sled's trees, its log and the lock.

use std::{
    fs::{self, File},
    path::Path,
};

use consilium_disk::Step;
use consilium_hash::BlobHash;
use tempfile::TempDir;

use crate::{
    block::MAX_BLOCK_BYTES,
    error::LedgerError,
    head::Head,
    limits::{MAX_BLOB_BYTES, MAX_NOTE_BYTES},
    seal::SealedHeader,
    store::{
        disk::{io_error, remove, sync_folder, write},
        fence::fenced,
        head_file::{self, Recorded},
        layout::{MANIFEST_FILE, STORE_FOLDER, log_path},
        lock::{lock, wait_for_log},
        manifest::verify_manifest,
        values::Values,
    },
};

const CACHE_BYTES: u64 = 16 << 20;

/// What is let go when the store is closed, in this order.
pub(super) struct Open {
    pub(super) blocks: Values,
    pub(super) blobs: Values,
    pub(super) notes: Values,
    pub(super) db: sled::Db,
    /// sled's log, through a handle of our own.
    pub(super) log: File,
    pub(super) _lock: File,
    /// The folder of an auditor's copy.
    pub(super) copy: Option<TempDir>,
}

impl Open {
    /// Opens the ledger in `root`, or creates it, and says which block is the last durable one.
    pub(super) fn at(
        root: &Path,
        copy: Option<TempDir>,
    ) -> Result<(Self, Option<Head>), LedgerError> {
        fs::create_dir_all(root).map_err(io_error("create", root))?;
        let lock = lock(root)?;

        // The manifest is checked before sled touches a file, and removed before sled writes one. A crash after that
        // leaves a ledger that was not closed: no less true.
        let folder = root.join(STORE_FOLDER);
        if root.join(MANIFEST_FILE).exists() {
            verify_manifest(root)?;
            remove(root, MANIFEST_FILE)?;
        }
        let recorded = head_file::read(root)?;
        if let Recorded::At(recorded) = recorded
            && !folder.exists()
        {
            return Err(LedgerError::BlocksLost { path: root.to_owned(), recorded, found: None });
        }

        wait_for_log(root)?;
        let db = fenced(root, || {
            // No thread flushes behind our back: a write is durable when `append_block` says so.
            sled::Config::new()
                .path(&folder)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(None)
                .open()
        })?;
        let blocks = Values::open(root, &db, "blocks", MAX_BLOCK_BYTES)?;
        let blobs = Values::open(root, &db, "blobs", MAX_BLOB_BYTES)?;
        let notes = Values::open(root, &db, "notes", MAX_NOTE_BYTES)?;
        let log_path = log_path(root);
        let log = File::options()
            .read(true)
            .write(true)
            .open(&log_path)
            .map_err(io_error("open", &log_path))?;
        let open = Self { blocks, blobs, notes, db, log, _lock: lock, copy };

        let head = open.check_recovered(root, recorded)?;
        // What recovery has read may lie in the system's memory only. Nobody sees it before it is durable.
        open.flush(root)?;
        sync_folder(&folder)?;
        head_file::write(root, head)?;
        Ok((open, head))
    }

    pub(super) fn put_blobs(&self, addressed: &[(BlobHash, &[u8])]) -> Result<(), LedgerError> {
        for (address, blob) in addressed {
            if !self.blobs.contains(&address.0)? {
                self.blobs.put(&address.0, blob)?;
            }
        }
        Ok(())
    }

    /// Makes all that was written durable.
    pub(super) fn flush(&self, root: &Path) -> Result<(), LedgerError> {
        let folder = root.join(STORE_FOLDER);
        write(Step::Write(&folder), || fenced(root, || self.db.flush()))?;
        // On Linux sled flushes with sync_file_range, which flushes neither the file's length nor the disk's own cache.
        write(Step::Flush(&folder), || {
            self.log.sync_data().map_err(io_error("flush", &log_path(root)))
        })
    }

    pub(super) fn header(&self, height: u64) -> Result<Option<SealedHeader>, LedgerError> {
        let Some(beginning) = self.blocks.get_beginning(&height.to_be_bytes())? else {
            return Ok(None);
        };
        let header = beginning.get(..SealedHeader::LEN).unwrap_or(&beginning);
        Ok(Some(SealedHeader::decode(header)?))
    }

    /// The last block found, if it is no less than what was recorded.
    fn check_recovered(
        &self,
        root: &Path,
        recorded: Recorded,
    ) -> Result<Option<Head>, LedgerError> {
        let found = self.blocks.last_key()?.map(u64::from_be_bytes);
        let head_at = |height| {
            let header = self.header(height)?;
            Ok::<_, LedgerError>(header.map(|header| Head { height, hash: header.hash() }))
        };
        match recorded {
            Recorded::At(recorded) => {
                if found.is_none_or(|found| found < recorded.height) {
                    return Err(LedgerError::BlocksLost { path: root.to_owned(), recorded, found });
                }
                if head_at(recorded.height)? != Some(recorded) {
                    let detail =
                        format!("block {} is not the one that HEAD names", recorded.height);
                    return Err(LedgerError::Damaged { path: root.to_owned(), detail });
                }
            }
            Recorded::Nothing if found.is_some() => {
                let detail = "HEAD is missing though there are blocks".to_owned();
                return Err(LedgerError::Damaged { path: root.to_owned(), detail });
            }
            Recorded::Nothing | Recorded::NoBlock => {}
        }
        found.map_or(Ok(None), head_at)
    }
}
