//! A party's own copy of the chain.
//!
//! Every block is verified against the blocks before it and kept, entries included, in the state directory: so a
//! restart needs nobody's word on what happened before it, and a coordinator that shows another history later is
//! found out. What this party says is said only after [`History::flush`], so that it never forgets the history
//! that it said it on.

use std::path::{Path, PathBuf};

use consilium_contract::{Parameters, transaction::parse_entry};
use consilium_hash::{ChainId, TransactionHash};
use consilium_ledger::{
    Block, ChainError, HeaderChain, MAX_BLOCK_BYTES, Note, SealedHeader, SignedCheckpoint,
    VerifiedHeader,
};

use thiserror::Error;

use crate::{
    Evidence,
    durable::{Flush, Log},
    files::{self, FileError},
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

/// Why a history does not go on.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The copy on disk cannot be read or written, or is not what was written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory is of another run than the one that is asked about.
    #[error(
        "{} holds what belongs to another run, chain {}: give each run a directory of its own, and this one to the run that it is of",
        directory.display(),
        chain.short()
    )]
    OtherRun {
        /// The directory.
        directory: PathBuf,
        /// The run that it is of.
        chain: ChainId,
    },
    /// The coordinator signed another history than the one on disk.
    #[error("the coordinator shows another history than the one that was verified here, from height {height} on; \
             what it has signed is in {}: stop trusting this coordinator and show the file to the others", evidence.display())]
    ForkedHistory {
        /// First height at which the histories differ.
        height: u64,
        /// The file of evidence.
        evidence: PathBuf,
    },
    /// The coordinator shows fewer blocks than before.
    #[error(
        "the coordinator's chain ends at height {theirs}, it has shown height {ours} before; it has to bring those blocks back"
    )]
    LostBlocks {
        /// Height of the last block here.
        ours: u64,
        /// Height of the coordinator's last block.
        theirs: u64,
    },
    /// A block that does not continue the chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Bytes that are not what they should be.
    #[error("the coordinator's answer is not one: {0}")]
    Malformed(String),
}

/// The verified blocks of one chain, on disk.
#[derive(Debug)]
pub struct History {
    chain: HeaderChain,
    log: Log,
    directory: PathBuf,
}

impl History {
    /// Opens the copy in `directory`, or begins one. That the headers hang together is verified again, under the last one's seal;
    /// the rest of a block is when it is read ([`History::block`]).
    ///
    /// # Errors
    /// [`HistoryError::OtherRun`]; [`HistoryError::File`] where the file does not hold headers of this chain.
    pub fn open(directory: &Path, parameters: &Parameters) -> Result<Self, HistoryError> {
        Self::verify(
            directory,
            Log::open(&directory.join(FILE), MAX_BLOCK_BYTES as u32)?,
            parameters,
        )
    }

    /// Refuses a directory that is of another run, before anything in it is opened for writing, or waited for.
    ///
    /// # Errors
    /// [`HistoryError::OtherRun`]. A directory without a whole first block is of no run yet, or [`open`](Self::open) says what
    /// is wrong with it.
    pub fn check_run(directory: &Path, parameters: &Parameters) -> Result<(), HistoryError> {
        let view = Log::view(&directory.join(FILE), MAX_BLOCK_BYTES as u32);
        let Ok(Some(bytes)) = view.and_then(|mut log| log.get(0)) else { return Ok(()) };
        match Block::decode(&bytes) {
            Ok(first) => check_first(&first, directory, parameters),
            Err(_) => Ok(()),
        }
    }

    /// Opens a copy that another process may be writing, to read it.
    ///
    /// # Errors
    /// As [`History::open`], and [`HistoryError::File`] where there is none.
    pub fn view(directory: &Path, parameters: &Parameters) -> Result<Self, HistoryError> {
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
    ) -> Result<Self, HistoryError> {
        let path = directory.join(FILE);
        let damaged =
            |detail: String| HistoryError::File(FileError::Damaged { path: path.clone(), detail });
        if let Some(bytes) = log.get(0)? {
            let first =
                Block::decode(&bytes).map_err(|error| damaged(format!("block 0: {error}")))?;
            check_first(&first, directory, parameters)?;
        }
        let mut headers = Vec::new();
        for height in 0..log.len() {
            let bytes = log.beginning(height, SealedHeader::LEN as u32)?.unwrap_or_default();
            let header = SealedHeader::decode(&bytes);
            headers.push(header.map_err(|error| damaged(format!("block {height}: {error}")))?);
        }
        let chain = HeaderChain::linked(parameters.validators(), headers)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(Self { chain, log, directory: directory.to_owned() })
    }

    /// Verifies that the block continues the chain, or is the known one at its height, and keeps it.
    ///
    /// # Errors
    /// [`HistoryError::ForkedHistory`], with the evidence written; [`HistoryError::Chain`] for any other block that is
    /// not the next one. The history is as it was.
    pub fn record(&mut self, block: &Block) -> Result<VerifiedHeader, HistoryError> {
        let known = self.len();
        let header = match self.chain.append_block(block) {
            Ok(header) => header.clone(),
            Err(error) => return Err(self.refuse(error)),
        };
        if header.height == known {
            let bytes =
                block.encode().map_err(|error| HistoryError::Malformed(error.to_string()))?;
            self.log.append(&bytes)?;
        }
        Ok(header)
    }

    /// As [`record`](Self::record), for a copy that another process keeps: nothing is written, and the block cannot be
    /// asked for again.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn follow(&mut self, block: &Block) -> Result<VerifiedHeader, HistoryError> {
        match self.chain.append_block(block) {
            Ok(header) => Ok(header.clone()),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Compares what the coordinator says is its last block with what it has shown before.
    ///
    /// # Errors
    /// [`HistoryError::LostBlocks`], [`HistoryError::ForkedHistory`], and [`HistoryError::Chain`] for a header that the
    /// coordinator has not signed.
    pub fn compare(&mut self, head: &SealedHeader) -> Result<(), HistoryError> {
        head.verify(self.chain.validators()).map_err(|error| HistoryError::Chain(error.into()))?;
        let ours = self.len();
        let theirs = head.header.height;
        if theirs >= ours {
            return Ok(());
        }
        self.confirm(head)?;
        if theirs + 1 < ours {
            Err(HistoryError::LostBlocks { ours: ours - 1, theirs })
        } else {
            Ok(())
        }
    }

    /// Checks that a header below the end of this history is part of it.
    ///
    /// # Errors
    /// [`HistoryError::ForkedHistory`], with the evidence written.
    pub fn confirm(&mut self, known: &SealedHeader) -> Result<(), HistoryError> {
        match self.chain.append(*known) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Verifies a checkpoint that the coordinator is said to have signed, and compares it with this history.
    ///
    /// # Errors
    /// As [`History::confirm_head`], and [`HistoryError::Malformed`] where the coordinator has not signed it.
    pub fn verify_head(&self, note: &Note) -> Result<(), HistoryError> {
        let signed = SignedCheckpoint::verify(note.clone(), self.chain.validators(), &[]);
        self.confirm_head(&signed.map_err(|error| HistoryError::Malformed(error.to_string()))?)
    }

    /// Compares a signed checkpoint with this history. A longer one than this history says nothing.
    ///
    /// # Errors
    /// [`HistoryError::ForkedHistory`], with the evidence written.
    pub fn confirm_head(&self, head: &SignedCheckpoint) -> Result<(), HistoryError> {
        let Some(contradiction) = self.chain.contradiction(head) else { return Ok(()) };
        let height = contradiction.ours.header.height;
        self.shows(&contradiction.ours)?;
        let evidence = self.keep_evidence(height, &Evidence::head(&contradiction))?;
        Err(HistoryError::ForkedHistory { height, evidence })
    }

    /// Whether a header of this copy, which is to be shown to others, still has its seal.
    fn shows(&self, ours: &SealedHeader) -> Result<(), HistoryError> {
        ours.verify(self.chain.validators()).map_err(|error| self.damaged(error.to_string()))
    }

    fn damaged(&self, detail: String) -> HistoryError {
        HistoryError::File(FileError::Damaged { path: self.directory.join(FILE), detail })
    }

    fn refuse(&self, error: ChainError) -> HistoryError {
        let ChainError::Fork(fork) = error else { return HistoryError::Chain(error) };
        let height = fork.height;
        if let Err(error) = self.shows(&fork.ours) {
            return error;
        }
        let evidence = Evidence::fork(&fork);
        match self.keep_evidence(height, &evidence) {
            Ok(evidence) => HistoryError::ForkedHistory { height, evidence },
            Err(error) => error,
        }
    }

    /// Writes what convicts somebody beside the history; it says where.
    pub fn keep_evidence(&self, height: u64, evidence: &Evidence) -> Result<PathBuf, HistoryError> {
        let path = self.directory.join(format!("evidence-{height}.bin"));
        files::replace(&path, &[&evidence.encode()])?;
        Ok(path)
    }

    /// The first `blocks` blocks, encoded.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    pub fn encoded(&mut self, blocks: u64) -> Result<Vec<Vec<u8>>, HistoryError> {
        let encoded = (0..blocks).filter_map(|height| self.log.get(height).transpose());
        Ok(encoded.collect::<Result<_, _>>()?)
    }

    /// Whether one of the blocks holds this transaction; the last ones are looked at first.
    ///
    /// # Errors
    /// As [`History::block`].
    pub fn holds(&mut self, transaction: &TransactionHash) -> Result<bool, HistoryError> {
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

    /// The block at `height`, with its verified header: its seal and its entries are verified again.
    ///
    /// # Errors
    /// [`HistoryError::File`] where the file has changed since it was written.
    pub fn block(&mut self, height: u64) -> Result<Option<(Block, VerifiedHeader)>, HistoryError> {
        let (Some(bytes), Some(header)) = (self.log.get(height)?, self.chain.get(height)) else {
            return Ok(None);
        };
        let header = header.clone();
        let block = Block::decode(&bytes)
            .map_err(|error| self.damaged(format!("block {height}: {error}")))?;
        let is_ours = block.sealed == *header.sealed();
        if !is_ours || block.verify_entries().is_err() || self.shows(&block.sealed).is_err() {
            return Err(self.damaged(format!("block {height} is not the one that was written")));
        }
        Ok(Some((block, header)))
    }

    /// What makes everything recorded so far durable.
    pub fn flush(&mut self) -> Flush {
        self.log.flush()
    }
}

/// Refuses the first block of another run: a whole genesis, which its authority has signed. Damage makes none out of this run's.
fn check_first(
    first: &Block,
    directory: &Path,
    parameters: &Parameters,
) -> Result<(), HistoryError> {
    let genesis = first.entries.first().map(|entry| Parameters::from_genesis_entry(entry));
    match genesis {
        Some(Ok(Parameters { chain_id: chain, .. })) if chain != parameters.chain_id => {
            Err(HistoryError::OtherRun { directory: directory.to_owned(), chain })
        }
        _ => Ok(()),
    }
}
