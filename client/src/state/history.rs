//! An institution's own copy of the chain.
//!
//! Every block is verified against the blocks before it and kept, entries included, in the state directory: so a
//! restart needs nobody's word on what happened before it, and a coordinator that shows another history later is
//! found out. What this institution says is said only after [`History::flush`], so that it never forgets the history
//! that it said it on.

use std::path::{Path, PathBuf};

use consilium_audit::{
    Evidence,
    files::{self, FileError},
};
use consilium_contract::{Parameters, transaction::parse_entry};
use consilium_hash::TransactionHash;
use consilium_ledger::{
    Block, ChainError, HeaderChain, MAX_BLOCK_BYTES, Note, SealedHeader, SignedCheckpoint,
    VerifiedHeader,
};

use crate::{
    ClientError,
    state::durable::{Flush, Log},
};

/// The file of blocks in a state directory.
const FILE: &str = "blocks.bin";

/// The blocks in a state directory, which another process may be writing: decoded, and not verified.
///
/// # Errors
/// [`FileError::System`] where there are none, [`FileError::Damaged`] where they do not decode.
pub fn blocks(directory: &Path) -> Result<Vec<Block>, FileError> {
    let path = directory.join(FILE);
    let mut log = Log::view(&path, MAX_BLOCK_BYTES as u32)?;
    let length = log.len();
    let damaged = |detail: String| FileError::Damaged { path: path.clone(), detail };
    let mut block = |height| {
        let bytes = log.get(height)?.unwrap_or_default();
        Block::decode(&bytes).map_err(|error| damaged(format!("block {height}: {error}")))
    };
    (0..length).map(&mut block).collect()
}

/// The verified blocks of one chain, on disk.
#[derive(Debug)]
pub struct History {
    chain: HeaderChain,
    log: Log,
    directory: PathBuf,
}

impl History {
    /// Opens the copy in `directory`, verifying it again, or begins one.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`] where the file does not hold blocks of this chain.
    pub fn open(directory: &Path, parameters: &Parameters) -> Result<Self, ClientError> {
        Self::verify(
            directory,
            Log::open(&directory.join(FILE), MAX_BLOCK_BYTES as u32)?,
            parameters,
        )
    }

    /// Opens a copy that another process may be writing, to read it.
    ///
    /// # Errors
    /// As [`History::open`], and [`ClientError::State`] where there is none.
    pub fn view(directory: &Path, parameters: &Parameters) -> Result<Self, ClientError> {
        Self::verify(
            directory,
            Log::view(&directory.join(FILE), MAX_BLOCK_BYTES as u32)?,
            parameters,
        )
    }

    fn verify(
        directory: &Path,
        mut log: Log,
        parameters: &Parameters,
    ) -> Result<Self, ClientError> {
        let path = directory.join(FILE);
        let damaged = |detail: String| ClientError::DamagedState { path: path.clone(), detail };
        let mut chain = HeaderChain::new(parameters.validators());
        for height in 0..log.len() {
            let bytes = log.get(height)?.unwrap_or_default();
            let block = Block::decode(&bytes)
                .map_err(|error| damaged(format!("block {height}: {error}")))?;
            if block.height() != height {
                return Err(damaged(format!(
                    "block {height} says that it is at height {}",
                    block.height()
                )));
            }
            chain
                .append_block(&block)
                .map_err(|error| damaged(format!("block {height}: {error}")))?;
        }
        Ok(Self { chain, log, directory: directory.to_owned() })
    }

    /// Verifies that the block continues the chain, or is the known one at its height, and keeps it.
    ///
    /// # Errors
    /// [`ClientError::ForkedHistory`], with the evidence written; [`ClientError::Chain`] for any other block that is
    /// not the next one. The history is as it was.
    pub fn record(&mut self, block: &Block) -> Result<VerifiedHeader, ClientError> {
        let known = self.len();
        let header = match self.chain.append_block(block) {
            Ok(header) => header.clone(),
            Err(error) => return Err(self.refuse(error)),
        };
        if header.height == known {
            let bytes =
                block.encode().map_err(|error| ClientError::Malformed(error.to_string()))?;
            self.log.append(&bytes)?;
        }
        Ok(header)
    }

    /// Compares what the coordinator says is its last block with what it has shown before.
    ///
    /// # Errors
    /// [`ClientError::LostBlocks`], [`ClientError::ForkedHistory`], and [`ClientError::Chain`] for a header that the
    /// coordinator has not signed.
    pub fn compare(&mut self, head: &SealedHeader) -> Result<(), ClientError> {
        head.verify(self.chain.validators()).map_err(|error| ClientError::Chain(error.into()))?;
        let ours = self.len();
        let theirs = head.header.height;
        if theirs >= ours {
            return Ok(());
        }
        self.confirm(head)?;
        if theirs + 1 < ours {
            Err(ClientError::LostBlocks { ours: ours - 1, theirs })
        } else {
            Ok(())
        }
    }

    /// Checks that a header below the end of this history is part of it.
    ///
    /// # Errors
    /// [`ClientError::ForkedHistory`], with the evidence written.
    pub fn confirm(&mut self, known: &SealedHeader) -> Result<(), ClientError> {
        match self.chain.append(*known) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Verifies a checkpoint that the coordinator is said to have signed, and compares it with this history.
    ///
    /// # Errors
    /// As [`History::confirm_head`], and [`ClientError::Malformed`] where the coordinator has not signed it.
    pub fn verify_head(&self, note: &Note) -> Result<(), ClientError> {
        let signed = SignedCheckpoint::verify(note.clone(), self.chain.validators(), &[]);
        self.confirm_head(&signed.map_err(|error| ClientError::Malformed(error.to_string()))?)
    }

    /// Compares a signed checkpoint with this history. A longer one than this history says nothing.
    ///
    /// # Errors
    /// [`ClientError::ForkedHistory`], with the evidence written.
    pub fn confirm_head(&self, head: &SignedCheckpoint) -> Result<(), ClientError> {
        let Some(contradiction) = self.chain.contradiction(head) else { return Ok(()) };
        let height = contradiction.ours.header.height;
        let evidence = self.keep_evidence(height, &Evidence::head(&contradiction))?;
        Err(ClientError::ForkedHistory { height, evidence })
    }

    fn refuse(&self, error: ChainError) -> ClientError {
        let ChainError::Fork(fork) = error else { return ClientError::Chain(error) };
        let height = fork.height;
        let evidence = Evidence::fork(&fork);
        match self.keep_evidence(height, &evidence) {
            Ok(evidence) => ClientError::ForkedHistory { height, evidence },
            Err(error) => error,
        }
    }

    /// Writes what convicts somebody beside the history; it says where.
    pub(crate) fn keep_evidence(
        &self,
        height: u64,
        evidence: &Evidence,
    ) -> Result<PathBuf, ClientError> {
        let path = self.directory.join(format!("evidence-{height}.bin"));
        files::replace(&path, &[&evidence.encode()])?;
        Ok(path)
    }

    /// The first `blocks` blocks, encoded.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub(crate) fn encoded(&mut self, blocks: u64) -> Result<Vec<Vec<u8>>, ClientError> {
        let encoded = (0..blocks).filter_map(|height| self.log.get(height).transpose());
        Ok(encoded.collect::<Result<_, _>>()?)
    }

    /// Whether one of the blocks holds this transaction; the last ones are looked at first.
    ///
    /// # Errors
    /// As [`History::block`].
    pub(crate) fn holds(&mut self, transaction: &TransactionHash) -> Result<bool, ClientError> {
        for height in (0..self.len()).rev() {
            let block = self.block(height)?.map(|(block, _)| block.entries).unwrap_or_default();
            if block
                .iter()
                .filter_map(|entry| parse_entry(entry).ok())
                .any(|(held, _)| held.id() == *transaction)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Number of blocks: the height of the next one.
    pub fn len(&self) -> u64 {
        self.chain.len()
    }

    /// Whether there is no block yet.
    pub fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    /// The verified headers.
    pub fn chain(&self) -> &HeaderChain {
        &self.chain
    }

    /// The block at `height`, with its verified header.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`] where the file has changed since it was verified.
    pub fn block(&mut self, height: u64) -> Result<Option<(Block, VerifiedHeader)>, ClientError> {
        let (Some(bytes), Some(header)) = (self.log.get(height)?, self.chain.get(height)) else {
            return Ok(None);
        };
        let damaged =
            |detail: String| ClientError::DamagedState { path: self.directory.join(FILE), detail };
        let block = Block::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
        if block.hash() != *header.hash() || block.verify_entries().is_err() {
            return Err(damaged(format!("block {height} was changed while this program ran")));
        }
        Ok(Some((block, header.clone())))
    }

    /// What makes everything recorded so far durable.
    pub fn flush(&mut self) -> Flush {
        self.log.flush()
    }
}

#[cfg(test)]
mod tests {
    use consilium_hash::StateRoot;
    use std::fs;

    use consilium_proto::v1::Charge;

    use consilium_ledger::Seal;

    use super::*;
    use crate::fixture::Kept as _;
    use consilium_audit::evidence::Culprit;
    use consilium_testkit::World;

    #[test]
    fn blocks_are_kept_across_restarts_and_known_ones_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.open();
        let mut history = world.history(dir.path());
        assert_eq!(history.record(&world.blocks[1]).unwrap().height, 1);
        drop(history);
        let mut again = History::open(dir.path(), &world.ceremony.parameters).unwrap();
        assert_eq!(again.len(), 3);
        assert_eq!(again.block(2).unwrap().unwrap().0, world.blocks[2]);
        assert!(again.block(3).unwrap().is_none());
        assert_eq!(blocks(dir.path()).unwrap(), world.blocks);
    }

    #[test]
    fn another_history_than_the_one_on_disk_leaves_evidence_and_stops_with_exit_code_3() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.open();
        drop(world.history(dir.path()));
        // Another block 2, as signed as ours; and the block that follows it.
        let mut other = World::new();
        other.time_passes();
        other.open();
        other.submit(&[0]);
        let mut history = History::open(dir.path(), &world.ceremony.parameters).unwrap();
        for (theirs, height) in [(&other.blocks[2], 2), (&other.blocks[3], 2)] {
            let error = history.record(theirs).unwrap_err();
            assert!(!error.is_transient());
            assert_eq!(error.exit_code(), 3);
            let ClientError::ForkedHistory { height: at, evidence } = error else {
                panic!("{error}")
            };
            assert_eq!((at, &evidence), (height, &dir.path().join("evidence-2.bin")));
            let evidence = Evidence::decode(&fs::read(evidence).unwrap()).unwrap();
            let verdict = evidence.verify(&world.ceremony.genesis_entry).unwrap();
            assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, Charge::Fork));
            assert_eq!(history.len(), 3);
        }
    }

    #[test]
    fn a_head_below_what_was_shown_is_lost_blocks_and_another_head_a_fork() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.open();
        let mut history = world.history(dir.path());
        assert!(history.compare(&world.blocks[2].sealed).is_ok());
        let error = history.compare(&world.blocks[1].sealed).unwrap_err();
        assert!(matches!(error, ClientError::LostBlocks { ours: 2, theirs: 1 }), "{error}");
        let mut other = World::new();
        other.time_passes();
        other.open();
        let error = history.compare(&other.blocks[2].sealed).unwrap_err();
        assert!(matches!(error, ClientError::ForkedHistory { height: 2, .. }), "{error}");
    }

    #[test]
    fn what_the_coordinator_has_not_signed_is_no_evidence_and_only_breaks_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.open();
        let mut history = world.history(dir.path());
        let mut noise = world.sealed_block(vec![vec![1]], StateRoot([0; 32]));
        let mut seal = noise.sealed.seal.encode();
        seal[3] ^= 1;
        noise.sealed.seal = Seal::from_bytes(seal);
        let mut changed = world.sealed_block(vec![vec![1]], StateRoot([0; 32]));
        changed.entries[0][0] = 2;
        for block in [noise, changed] {
            let error = history.record(&block).unwrap_err();
            assert!(error.is_transient(), "{error}");
            assert_eq!(history.len(), 3);
        }
        assert!(!dir.path().join("evidence-2.bin").exists());
    }

    #[test]
    fn a_changed_byte_of_the_own_copy_is_found_when_it_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new();
        drop(world.history(dir.path()));
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for position in (4..whole.len()).step_by(101) {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            fs::write(&path, changed).unwrap();
            let opened = History::open(dir.path(), &world.ceremony.parameters);
            assert!(matches!(opened, Err(ClientError::DamagedState { .. })), "byte {position}");
        }
    }
}
