//! What a trustee has countersigned, and what it has sworn as a member of a committee, for ever.
//!
//! (chain, step) → hash of the one sealed block that it countersigns, flushed to disk before the countersignature
//! exists (design, section 3). A second block of the same step is refused whatever the attempt and whatever restarts
//! lie between. A trustee that finds on the chain what its memory does not hold has lost it, and leaves the step in
//! progress to the others: [`Memory::forgo`].

use consilium_hash::{BlockHash, ChainId};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use consilium_crypto::Hash;
use consilium_ledger::sha256;
use thiserror::Error;

use consilium_audit::digest::short;

use crate::{ClientError, state::durable::Log};

/// The file in a state directory.
const FILE: &str = "countersigned";

/// chain (32) ‖ what it is about (9) ‖ hash (32) ‖ first 8 bytes of the SHA-256 of these.
const RECORD: usize = 32 + 9 + 32 + 8;

/// In the place of a block's hash: no block of that step is countersigned.
const NONE: Hash = [0; 32];

/// Why a block is not countersigned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// Another block of the same step was countersigned before.
    #[error(
        "this trustee has countersigned block {} of step {step} and is now asked for block {}: \
             the coordinator shows two sums of one step; nothing more is countersigned",
        remembered.short(),
        asked.short()
    )]
    OtherBlock {
        /// The step.
        step: u64,
        /// What was countersigned.
        remembered: BlockHash,
        /// The block that is to be remembered.
        asked: BlockHash,
    },
    /// Something else was sworn before.
    #[error(
        "this institution has sworn to {what} {} and is now asked for {}: the coordinator shows two ceremonies",
        short(remembered),
        short(asked)
    )]
    OtherOath {
        /// What it is about.
        what: &'static str,
        /// What was sworn.
        remembered: Hash,
        /// What is asked for.
        asked: Hash,
    },
    /// A step that the committee before would have answered for is one that this trustee has answered already.
    #[error(
        "this trustee has countersigned a block of step {answered} and is now asked for a committee that answers from \
             step {step} on: the coordinator shows two histories"
    )]
    Answered {
        /// The last step that it has countersigned a block of.
        answered: u64,
        /// The first step that the committee is to answer for.
        step: u64,
    },
    /// The committee has handed over to another one.
    #[error(
        "this trustee has confirmed committee {confirmed} and answers for committee {asked} no longer"
    )]
    HandedOver {
        /// The committee that it has confirmed.
        confirmed: u32,
        /// The one that it is asked to answer for.
        asked: u32,
    },
    /// The step is left to the others.
    #[error("this trustee's memory was lost during step {step}: it leaves that step to the others")]
    Forgone {
        /// The step.
        step: u64,
    },
}

/// What a record is about: of each there is one, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum About {
    /// The countersigned block of a step.
    Step(u64),
    /// The qualified dealings that this institution answers for in an attempt at a committee.
    Dealings { number: u32, attempt: u32 },
    /// The committee of a number.
    Committee(u32),
}

impl About {
    fn encode(self) -> [u8; 9] {
        let (kind, number) = match self {
            Self::Step(step) => (0, step),
            Self::Dealings { number, attempt } => (1, u64::from(number) << 32 | u64::from(attempt)),
            Self::Committee(number) => (2, u64::from(number)),
        };
        let mut bytes = [kind; 9];
        bytes.iter_mut().skip(1).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        bytes
    }

    fn decode(bytes: &[u8; 9]) -> Option<Self> {
        let (kind, number) = bytes.split_first_chunk::<1>()?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        let high = (number >> 32) as u32;
        let low = number as u32;
        match (kind, high) {
            ([0], _) => Some(Self::Step(number)),
            ([1], _) => Some(Self::Dealings { number: high, attempt: low }),
            ([2], 0) => Some(Self::Committee(low)),
            _ => None,
        }
    }
}

/// The memory of one trustee.
#[derive(Debug)]
pub struct Memory {
    log: Log,
    records: HashMap<(ChainId, About), Hash>,
    chain: ChainId,
    is_new: bool,
}

impl Memory {
    /// Opens the memory in `directory`, or begins one.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`] where a whole record is not what was written: a trustee that cannot trust its
    /// memory answers nothing.
    pub fn open(directory: &Path, chain: ChainId) -> Result<Self, ClientError> {
        let path: PathBuf = directory.join(FILE);
        let is_new = !path.exists();
        let mut log = Log::open(&path, RECORD as u32)?;
        let mut records = HashMap::new();
        for index in 0..log.len() {
            let bytes = log.get(index)?.unwrap_or_default();
            let (key, hash) = parse(&bytes).ok_or_else(|| ClientError::DamagedState {
                path: path.clone(),
                detail: format!(
                    "record {index} is not what was written; this trustee does not know what it has countersigned"
                ),
            })?;
            records.insert(key, hash);
        }
        Ok(Self { log, records, chain, is_new })
    }

    /// Whether there was no memory before.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    fn get(&self, about: About) -> Option<&Hash> {
        self.records.get(&(self.chain, about))
    }

    /// The block of this step that was countersigned.
    pub fn countersigned(&self, step: u64) -> Option<BlockHash> {
        self.get(About::Step(step)).filter(|block| **block != NONE).map(|block| BlockHash(*block))
    }

    /// Whether this step is left to the others.
    pub fn is_forgone(&self, step: u64) -> bool {
        self.get(About::Step(step)) == Some(&NONE)
    }

    /// The largest number of a committee that was confirmed on this chain.
    pub fn confirmed(&self) -> Option<u32> {
        let numbers = self.records.keys().filter_map(|(chain, about)| match about {
            About::Committee(number) if *chain == self.chain => Some(*number),
            _ => None,
        });
        numbers.max()
    }

    /// Makes `block` the one block of `step` that is countersigned, as a member of the committee with this number; on
    /// disk when it returns. The same block again changes nothing.
    ///
    /// # Errors
    /// [`MemoryError`] where another one is remembered, or a later committee was confirmed.
    pub fn remember(
        &mut self,
        committee: u32,
        step: u64,
        block: &BlockHash,
    ) -> Result<(), ClientError> {
        if let Some(confirmed) = self.confirmed().filter(|confirmed| *confirmed > committee) {
            return Err(MemoryError::HandedOver { confirmed, asked: committee }.into());
        }
        match self.get(About::Step(step)) {
            Some(remembered) if *remembered == block.0 => Ok(()),
            Some(&NONE) => Err(MemoryError::Forgone { step }.into()),
            Some(&remembered) => {
                let remembered = BlockHash(remembered);
                Err(MemoryError::OtherBlock { step, remembered, asked: *block }.into())
            }
            None => self.write(About::Step(step), &block.0),
        }
    }

    /// Leaves `step` to the others, unless a block of it is remembered; on disk when it returns.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub fn forgo(&mut self, step: u64) -> Result<(), ClientError> {
        if self.get(About::Step(step)).is_some() {
            Ok(())
        } else {
            self.write(About::Step(step), &NONE)
        }
    }

    /// Makes these qualified dealings the only ones that this institution answers for in the attempt; on disk when it
    /// returns.
    ///
    /// # Errors
    /// [`MemoryError::OtherOath`].
    pub fn swear_dealings(
        &mut self,
        number: u32,
        attempt: u32,
        qualified: &Hash,
    ) -> Result<(), ClientError> {
        self.swear("the dealings of an attempt", About::Dealings { number, attempt }, qualified)
    }

    /// Makes this the only committee of its number that this institution confirms, with `step` the first one that it
    /// answers for; on disk when it returns. Whoever has countersigned a block of that step or a later one has done so
    /// for another committee: two would answer for it.
    ///
    /// # Errors
    /// [`MemoryError::OtherOath`], [`MemoryError::Answered`].
    pub fn swear_committee(
        &mut self,
        number: u32,
        step: u64,
        confirmation: &Hash,
    ) -> Result<(), ClientError> {
        if let Some(answered) = self.last_countersigned().filter(|answered| *answered >= step)
            && self.get(About::Committee(number)).is_none()
        {
            return Err(MemoryError::Answered { answered, step }.into());
        }
        self.swear("the committee of a number", About::Committee(number), confirmation)
    }

    /// The last step of which a block was countersigned on this chain.
    fn last_countersigned(&self) -> Option<u64> {
        let steps = self.records.iter().filter_map(|((chain, about), block)| match about {
            About::Step(step) if *chain == self.chain && *block != NONE => Some(*step),
            _ => None,
        });
        steps.max()
    }

    fn swear(&mut self, what: &'static str, about: About, asked: &Hash) -> Result<(), ClientError> {
        match self.get(about) {
            Some(remembered) if remembered == asked => Ok(()),
            Some(&remembered) => {
                Err(MemoryError::OtherOath { what, remembered, asked: *asked }.into())
            }
            None => self.write(about, asked),
        }
    }

    fn write(&mut self, about: About, hash: &Hash) -> Result<(), ClientError> {
        let fields = [self.chain.as_slice(), &about.encode(), hash].concat();
        let checksum = sha256(&fields);
        let record: Vec<u8> = fields.iter().chain(checksum.iter().take(8)).copied().collect();
        self.log.append(&record)?;
        self.log.flush().wait()?;
        self.records.insert((self.chain, about), *hash);
        Ok(())
    }
}

fn parse(record: &[u8]) -> Option<((ChainId, About), Hash)> {
    let (fields, checksum) = record.split_at_checked(RECORD - 8)?;
    if sha256(fields).get(..8)? != checksum {
        return None;
    }
    let (chain, rest) = fields.split_first_chunk::<32>()?;
    let (about, hash) = rest.split_first_chunk::<9>()?;
    Some(((ChainId(*chain), About::decode(about)?), hash.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: ChainId = ChainId([1; 32]);

    fn refusal(result: Result<(), ClientError>) -> MemoryError {
        let Err(ClientError::Memory(error)) = result else {
            panic!("expected a refusal, got {result:?}")
        };
        error
    }

    #[test]
    fn one_block_a_step_is_remembered_across_restarts_and_every_other_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let block = [2; 32];
        let other = [3; 32];
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        assert!(memory.is_new());
        memory.remember(0, 5, &BlockHash(block)).unwrap();
        memory.remember(0, 5, &BlockHash(block)).unwrap();
        for _ in 0..2 {
            let refused = refusal(memory.remember(0, 5, &BlockHash(other)));
            assert_eq!(
                refused,
                MemoryError::OtherBlock {
                    step: 5,
                    remembered: BlockHash(block),
                    asked: BlockHash(other)
                }
            );
            drop(memory);
            memory = Memory::open(dir.path(), CHAIN).unwrap();
            assert!(!memory.is_new());
        }
        memory.remember(0, 6, &BlockHash(other)).unwrap();
        assert_eq!(memory.countersigned(5), Some(BlockHash(block)));
        let another_chain = Memory::open(dir.path(), ChainId([9; 32])).unwrap();
        assert_eq!(another_chain.countersigned(5), None);
    }

    #[test]
    fn a_forgone_step_is_forgone_across_restarts_and_a_remembered_one_is_not_forgone() {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        memory.forgo(3).unwrap();
        memory.remember(0, 4, &BlockHash([2; 32])).unwrap();
        memory.forgo(4).unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        assert!(memory.is_forgone(3) && !memory.is_forgone(4));
        assert_eq!(memory.countersigned(3), None);
        assert_eq!(
            refusal(memory.remember(0, 3, &BlockHash([2; 32]))),
            MemoryError::Forgone { step: 3 }
        );
    }

    #[test]
    fn two_histories_shown_to_two_halves_never_get_two_quorums_for_any_n_up_to_10_any_t_and_any_split()
     {
        let dir = tempfile::tempdir().unwrap();
        let blocks = [[2; 32], [3; 32]];
        // An honest trustee, asked for both in either order, answers the first.
        for (step, first) in [0, 1].into_iter().enumerate() {
            let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
            let mut answers =
                |block: usize| memory.remember(0, step as u64, &BlockHash(blocks[block])).is_ok();
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
                        assert!(
                            !(has_quorum(first) && has_quorum(second)),
                            "{n}, {t}: {first:b}, corrupt {corrupt:b}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_oath_is_kept_across_restarts_and_every_other_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let one = [2; 32];
        let other = [3; 32];
        Memory::open(dir.path(), CHAIN).unwrap().swear_dealings(1, 0, &one).unwrap();
        Memory::open(dir.path(), CHAIN).unwrap().swear_committee(1, 0, &one).unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        memory.swear_dealings(1, 0, &one).unwrap();
        memory.swear_committee(1, 0, &one).unwrap();
        assert!(matches!(
            refusal(memory.swear_dealings(1, 0, &other)),
            MemoryError::OtherOath { .. }
        ));
        assert!(matches!(
            refusal(memory.swear_committee(1, 0, &other)),
            MemoryError::OtherOath { .. }
        ));
        // Another attempt, another committee, another chain.
        memory.swear_dealings(1, 1, &other).unwrap();
        memory.swear_committee(2, 0, &other).unwrap();
        Memory::open(dir.path(), ChainId([9; 32])).unwrap().swear_committee(1, 0, &other).unwrap();
    }

    #[test]
    fn who_has_confirmed_a_committee_answers_for_earlier_ones_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        memory.swear_committee(0, 0, &[2; 32]).unwrap();
        memory.remember(0, 5, &BlockHash([3; 32])).unwrap();
        memory.swear_committee(1, 6, &[2; 32]).unwrap();
        for mut memory in [memory, Memory::open(dir.path(), CHAIN).unwrap()] {
            let refused = refusal(memory.remember(0, 6, &BlockHash([3; 32])));
            assert_eq!(refused, MemoryError::HandedOver { confirmed: 1, asked: 0 });
            memory.remember(1, 6, &BlockHash([3; 32])).unwrap();
        }
    }

    #[test]
    fn who_has_answered_for_a_step_confirms_no_other_committee_that_would_answer_for_it() {
        let dir = tempfile::tempdir().unwrap();
        Memory::open(dir.path(), CHAIN).unwrap().remember(0, 5, &BlockHash([3; 32])).unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        for step in [4, 5] {
            let refused = refusal(memory.swear_committee(1, step, &[2; 32]));
            assert_eq!(refused, MemoryError::Answered { answered: 5, step });
        }
        // A step that is left to the others is not answered for, and what is confirmed can be said again.
        memory.forgo(6).unwrap();
        memory.swear_committee(1, 6, &[2; 32]).unwrap();
        memory.remember(1, 7, &BlockHash([3; 32])).unwrap();
        memory.swear_committee(1, 6, &[2; 32]).unwrap();
    }

    #[test]
    fn a_changed_byte_of_the_memory_silences_the_trustee() {
        let dir = tempfile::tempdir().unwrap();
        Memory::open(dir.path(), CHAIN).unwrap().remember(0, 5, &BlockHash([2; 32])).unwrap();
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
