//! What a trustee has countersigned, for ever.
//!
//! (chain, step) → hash of the one sealed block that it countersigns, flushed to disk before the countersignature
//! exists (design, section 3). A second block of the same step is refused whatever the attempt and whatever restarts
//! lie between. A trustee that finds on the chain what its memory does not hold has lost it, and leaves the step in
//! progress to the others: [`Memory::forgo`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use consilium_crypto::Hash;
use consilium_ledger::sha256;
use thiserror::Error;

use crate::{ClientError, durable::Log, error::short};

/// The file in a state directory.
const FILE: &str = "countersigned";

/// chain (32) ‖ step (8) ‖ block (32) ‖ first 8 bytes of the SHA-256 of these.
const RECORD: usize = 32 + 8 + 32 + 8;

/// In the place of a block's hash: no block of that step is countersigned.
const NONE: Hash = [0; 32];

/// Why a block is not countersigned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// Another block of the same step was countersigned before.
    #[error(
        "this trustee has countersigned block {} of step {step} and is now asked for block {}: \
             the coordinator shows two sums of one step; nothing more is countersigned",
        short(remembered),
        short(asked)
    )]
    OtherBlock {
        /// The step.
        step: u64,
        /// What was countersigned.
        remembered: Hash,
        /// The block that is to be remembered.
        asked: Hash,
    },
    /// The step is left to the others.
    #[error("this trustee's memory was lost during step {step}: it leaves that step to the others")]
    Forgone {
        /// The step.
        step: u64,
    },
}

/// The memory of one trustee.
#[derive(Debug)]
pub struct Memory {
    log: Log,
    blocks: HashMap<(Hash, u64), Hash>,
    chain: Hash,
    is_new: bool,
}

impl Memory {
    /// Opens the memory in `directory`, or begins one.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`] where a whole record is not what was written: a trustee that cannot trust its
    /// memory answers nothing.
    pub fn open(directory: &Path, chain: Hash) -> Result<Self, ClientError> {
        let path: PathBuf = directory.join(FILE);
        let is_new = !path.exists();
        let mut log = Log::open(&path, RECORD as u32)?;
        let mut blocks = HashMap::new();
        for index in 0..log.len() {
            let bytes = log.get(index)?.unwrap_or_default();
            let (key, block) = parse(&bytes).ok_or_else(|| ClientError::DamagedState {
                path: path.clone(),
                detail: format!(
                    "record {index} is not what was written; this trustee does not know what it has countersigned"
                ),
            })?;
            blocks.insert(key, block);
        }
        Ok(Self { log, blocks, chain, is_new })
    }

    /// Whether there was no memory before.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The block of this step that was countersigned.
    pub fn countersigned(&self, step: u64) -> Option<&Hash> {
        self.blocks.get(&(self.chain, step)).filter(|block| **block != NONE)
    }

    /// Whether this step is left to the others.
    pub fn is_forgone(&self, step: u64) -> bool {
        self.blocks.get(&(self.chain, step)) == Some(&NONE)
    }

    /// Makes `block` the one block of `step`; on disk when it returns. The same block again changes nothing.
    ///
    /// # Errors
    /// [`MemoryError`] where another one is remembered.
    pub fn remember(&mut self, step: u64, block: &Hash) -> Result<(), ClientError> {
        match self.blocks.get(&(self.chain, step)) {
            Some(remembered) if remembered == block => Ok(()),
            Some(&NONE) => Err(MemoryError::Forgone { step }.into()),
            Some(&remembered) => Err(MemoryError::OtherBlock { step, remembered, asked: *block }.into()),
            None => self.write(step, block),
        }
    }

    /// Leaves `step` to the others, unless a block of it is remembered; on disk when it returns.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub fn forgo(&mut self, step: u64) -> Result<(), ClientError> {
        if self.blocks.contains_key(&(self.chain, step)) { Ok(()) } else { self.write(step, &NONE) }
    }

    fn write(&mut self, step: u64, block: &Hash) -> Result<(), ClientError> {
        let fields = [self.chain.as_slice(), &step.to_be_bytes(), block].concat();
        let checksum = sha256(&fields);
        let record: Vec<u8> = fields.iter().chain(checksum.iter().take(8)).copied().collect();
        self.log.append(&record)?;
        self.log.flush().wait()?;
        self.blocks.insert((self.chain, step), *block);
        Ok(())
    }
}

fn parse(record: &[u8]) -> Option<((Hash, u64), Hash)> {
    let (fields, checksum) = record.split_at_checked(RECORD - 8)?;
    if sha256(fields).get(..8)? != checksum {
        return None;
    }
    let (chain, rest) = fields.split_first_chunk::<32>()?;
    let (step, block) = rest.split_first_chunk::<8>()?;
    Some(((*chain, u64::from_be_bytes(*step)), block.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: Hash = [1; 32];

    fn refusal(result: Result<(), ClientError>) -> MemoryError {
        let Err(ClientError::Memory(error)) = result else { panic!("expected a refusal, got {result:?}") };
        error
    }

    #[test]
    fn one_block_a_step_is_remembered_across_restarts_and_every_other_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (block, other) = ([2; 32], [3; 32]);
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        assert!(memory.is_new());
        memory.remember(5, &block).unwrap();
        memory.remember(5, &block).unwrap();
        for _ in 0..2 {
            let refused = refusal(memory.remember(5, &other));
            assert_eq!(refused, MemoryError::OtherBlock { step: 5, remembered: block, asked: other });
            drop(memory);
            memory = Memory::open(dir.path(), CHAIN).unwrap();
            assert!(!memory.is_new());
        }
        memory.remember(6, &other).unwrap();
        assert_eq!(memory.countersigned(5), Some(&block));
        let another_chain = Memory::open(dir.path(), [9; 32]).unwrap();
        assert_eq!(another_chain.countersigned(5), None);
    }

    #[test]
    fn a_forgone_step_is_forgone_across_restarts_and_a_remembered_one_is_not_forgone() {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        memory.forgo(3).unwrap();
        memory.remember(4, &[2; 32]).unwrap();
        memory.forgo(4).unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        assert!(memory.is_forgone(3) && !memory.is_forgone(4));
        assert_eq!(memory.countersigned(3), None);
        assert_eq!(refusal(memory.remember(3, &[2; 32])), MemoryError::Forgone { step: 3 });
    }

    #[test]
    fn two_histories_shown_to_two_halves_never_get_two_quorums_for_any_n_up_to_10_any_t_and_any_split() {
        let dir = tempfile::tempdir().unwrap();
        let blocks = [[2; 32], [3; 32]];
        // An honest trustee, asked for both in either order, answers the first.
        for (step, first) in [0, 1].into_iter().enumerate() {
            let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
            let mut answers = |block: usize| memory.remember(step as u64, &blocks[block]).is_ok();
            assert!(answers(first) && !answers(1 - first));
        }
        for n in 1..=10_u32 {
            for t in (1..=n).take_while(|t| n + 2 >= 3 * t) {
                let quorum = consilium_crypto::countersign_quorum(n, t);
                assert!(quorum <= n - (t - 1), "{n}, {t}: the honest ones suffice");
                for corrupt in (0..1_u32 << n).filter(|corrupt| corrupt.count_ones() < t) {
                    // Whom the first history is shown to; the others see the second. The corrupt answer both.
                    for first in 0..1_u32 << n {
                        let second = !first & ((1 << n) - 1);
                        let has_quorum = |shown: u32| (shown | corrupt).count_ones() >= quorum;
                        assert!(!(has_quorum(first) && has_quorum(second)), "{n}, {t}: {first:b}, corrupt {corrupt:b}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_changed_byte_of_the_memory_silences_the_trustee() {
        let dir = tempfile::tempdir().unwrap();
        Memory::open(dir.path(), CHAIN).unwrap().remember(5, &[2; 32]).unwrap();
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for position in 4..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(Memory::open(dir.path(), CHAIN).is_err(), "byte {position}");
        }
    }
}
