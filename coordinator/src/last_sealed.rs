//! The last block that the coordinator's key has sealed, remembered outside of the ledger.
//!
//! A ledger can be lost, mistyped, or brought back from an old copy. Whoever goes on from there seals heights a second
//! time, and two signed headers of one height convict an honest operator. So the height and hash of every block are in
//! this file, beside the key, before anyone outside sees its header; a node whose ledger does not hold that block signs
//! nothing.
//!
//! The file is two slots that are written in turn, each with a checksum: a crash leaves the other one whole. It may be
//! one block behind the ledger, whose last block nobody has seen then, and never ahead of it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use consilium_disk::{Step, step};
use consilium_hash::{BlockHash, Checksum};
use sha2::{Digest, Sha256};

use crate::CoordinatorError;

/// The file in the coordinator's folder of the ceremony.
const FILE: &str = "last-sealed";

/// Height, hash, checksum.
const SLOT_LEN: usize = 8 + 32 + 32;

/// A block by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) height: u64,
    pub(crate) hash: BlockHash,
}

/// See the module. Locked, so that no two processes seal with one key.
#[derive(Debug)]
pub(crate) struct LastSealed {
    file: File,
    path: PathBuf,
    last: Option<Block>,
    /// Where the next block is written: not over the last one.
    next_slot: u64,
}

impl LastSealed {
    /// Opens the file in `folder`, or creates one that remembers nothing.
    ///
    /// # Errors
    /// [`CoordinatorError::Memory`], [`CoordinatorError::DamagedMemory`], [`CoordinatorError::InUse`].
    pub(crate) fn open(folder: &Path) -> Result<Self, CoordinatorError> {
        let path = folder.join(FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CoordinatorError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        // The name of a new file is durable before anything is sealed on the strength of it.
        step(Step::FlushNames(folder), || File::open(folder)?.sync_all())
            .map_err(failed("flush", folder))?;
        let length = file.metadata().map_err(failed("read", &path))?.len();
        let slots = [read_slot(&file, 0, &path)?, read_slot(&file, 1, &path)?];
        let last = slots.iter().flatten().max_by_key(|block| block.height).copied();
        // A second slot is begun only once the first one is whole.
        if last.is_none() && length > SLOT_LEN as u64 {
            return Err(CoordinatorError::DamagedMemory { path });
        }
        let next_slot = u64::from(last.is_some() && last == slots[0]);
        Ok(Self { file, path, last, next_slot })
    }

    /// Opens the file in `folder`; `None` where there is none, which is not made then.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_if_there(folder: &Path) -> Result<Option<Self>, CoordinatorError> {
        match folder.join(FILE).symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => Self::open(folder).map(Some),
        }
    }

    /// The last block that was remembered; `None` where no ledger was ever founded with this key.
    pub(crate) fn last(&self) -> Option<Block> {
        self.last
    }

    /// Remembers a block. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`CoordinatorError::Memory`]: then nobody may see the block.
    pub(crate) fn remember(&mut self, block: Block) -> Result<(), CoordinatorError> {
        let slot = encode(block);
        let offset = self.next_slot * SLOT_LEN as u64;
        step(Step::Write(&self.path), || self.file.write_all_at(&slot, offset))
            .map_err(failed("write", &self.path))?;
        step(Step::Flush(&self.path), || self.file.sync_data())
            .map_err(failed("flush", &self.path))?;
        self.last = Some(block);
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CoordinatorError {
    let path = path.to_owned();
    move |source| CoordinatorError::Memory { action, path, source }
}

fn encode(block: Block) -> Vec<u8> {
    let content = [block.height.to_be_bytes().as_slice(), &block.hash.0].concat();
    let checksum = checksum(&content);
    [content.as_slice(), checksum.as_slice()].concat()
}

/// The block in a slot; `None` where the slot was never written, or a crash left a part of it.
fn read_slot(file: &File, slot: u64, path: &Path) -> Result<Option<Block>, CoordinatorError> {
    let mut bytes = [0; SLOT_LEN];
    match file.read_exact_at(&mut bytes, slot * SLOT_LEN as u64) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    }
    let Some((height, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
    let Some((hash, _)) = rest.split_first_chunk::<32>() else { return Ok(None) };
    let block = Block { height: u64::from_be_bytes(*height), hash: BlockHash(*hash) };
    Ok((encode(block) == bytes).then_some(block))
}

fn checksum(content: &[u8]) -> Checksum {
    let hasher = Sha256::new_with_prefix(b"consilium/v1/last-sealed");
    Checksum(hasher.chain_update(content).finalize().into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn block(height: u64) -> Block {
        Block { height, hash: BlockHash([height as u8 + 1; 32]) }
    }

    #[test]
    fn what_was_remembered_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LastSealed::open(folder.path()).unwrap().last(), None);
        for height in 0..5 {
            let mut memory = LastSealed::open(folder.path()).unwrap();
            memory.remember(block(height)).unwrap();
            drop(memory);
            assert_eq!(LastSealed::open(folder.path()).unwrap().last(), Some(block(height)));
        }
    }

    #[test]
    fn a_write_that_a_crash_cuts_off_anywhere_leaves_the_block_before_it() {
        for blocks in 1..4 {
            for written in 0..SLOT_LEN {
                let folder = tempfile::tempdir().unwrap();
                let mut memory = LastSealed::open(folder.path()).unwrap();
                (0..blocks - 1).for_each(|height| memory.remember(block(height)).unwrap());
                let offset = memory.next_slot * SLOT_LEN as u64;
                memory.file.write_all_at(&encode(block(blocks - 1))[..written], offset).unwrap();
                let before = memory.last();
                drop(memory);
                let mut memory = LastSealed::open(folder.path()).unwrap();
                assert_eq!(memory.last(), before, "{written} bytes of block {}", blocks - 1);
                memory.remember(block(blocks - 1)).unwrap();
                drop(memory);
                let memory = LastSealed::open(folder.path()).unwrap();
                assert_eq!(memory.last(), Some(block(blocks - 1)));
            }
        }
    }

    #[test]
    fn a_damaged_memory_is_not_taken_for_one_that_remembers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = LastSealed::open(folder.path()).unwrap();
        (0..2).for_each(|height| memory.remember(block(height)).unwrap());
        drop(memory);
        let path = folder.path().join(FILE);
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        bytes[SLOT_LEN + 3] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = LastSealed::open(folder.path()).unwrap_err();
        assert!(matches!(error, CoordinatorError::DamagedMemory { .. }), "{error}");
    }

    #[test]
    fn two_processes_do_not_seal_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let _first = LastSealed::open(folder.path()).unwrap();
        let error = LastSealed::open(folder.path()).unwrap_err();
        assert!(matches!(error, CoordinatorError::InUse { .. }), "{error}");
    }
}
