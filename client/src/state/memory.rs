//! What an institution has said as a trustee and as a member of committees, for ever.
//!
//! (chain, step) → hash of the one sealed block that it countersigns, flushed to disk before the countersignature
//! exists; and so the qualified dealings of an attempt, and the committee of a number. A second one is refused whatever
//! restarts lie between.
//!
//! A memory can be lost: the directory is new, or a copy of an earlier time, or the last records are gone. Where it
//! finds that out (`Memory::catch_up`), the institution cannot know what it has answered for, and is silent as a member
//! of every committee up to that one. It serves again in a committee that it has helped to make with this memory.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use consilium_audit::files::FileError;
use consilium_hash::{
    BlockHash, ChainId, Checksum, ConfirmationHash, OathHash, QualifiedHash, SecretsName,
};
use thiserror::Error;

use crate::ClientError;

mod about;
mod journal;

pub(crate) use about::About;
pub use about::Place;
use journal::{Files, Journal, Medium, Opened};

/// The file in a state directory.
pub(crate) const FILE: &str = "countersigned";

/// In the place of a hash: what was said is not known any more.
pub(crate) const UNKNOWN: OathHash = OathHash([0; 32]);

/// Why something is not said.
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
        remembered.short(),
        asked.short()
    )]
    OtherOath {
        /// What it is about.
        what: &'static str,
        /// What was sworn.
        remembered: OathHash,
        /// What is asked for.
        asked: OathHash,
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
    /// The institution has not confirmed the committee with this memory.
    #[error(
        "this institution does not know that it has confirmed committee {committee}, and answers for none that it has not"
    )]
    Unconfirmed {
        /// The committee.
        committee: u32,
    },
    /// What was said before is not known any more.
    #[error(
        "this institution has lost what it knew of committee {number} and its making: it says nothing there"
    )]
    Lost {
        /// Number of the committee.
        number: u32,
    },
    /// Nobody has compared the memory with the chain.
    #[error("the memory has not been compared with the chain")]
    Uncertain,
}

/// How it was found that a memory is not all that its institution has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// There was none, and the chain knows the institution.
    New,
    /// Records are missing that were on disk.
    CutShort,
    /// The chain holds what this institution has signed and its memory does not.
    Older,
}

impl Loss {
    /// What has happened, for an operator.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::New => "this state directory is new, and the institution is not",
            Self::CutShort => "records of this state directory are missing that were on disk",
            Self::Older => {
                "the chain holds what this institution has signed and this state directory does not know: it is a copy of an earlier time"
            }
        }
    }
}

/// Makes the memory in `directory`, which nobody has open, one that has lost something: whoever opens it finds that out, and
/// records it once it has read the chain.
///
/// # Errors
/// [`FileError::System`].
pub(crate) fn distrust(directory: &Path) -> Result<(), FileError> {
    journal::unmark(&directory.join(FILE))
}

/// What an institution has said.
#[derive(Debug)]
pub struct Memory {
    journal: Journal,
    records: HashMap<(ChainId, About), OathHash>,
    chain: ChainId,
    /// Everything up to here may have been said, and is not known.
    lost: Option<Place>,
    /// Committees confirmed on this chain after the last loss.
    sworn: HashSet<u32>,
    is_cut_short: bool,
}

impl Memory {
    /// Opens the memory in `directory`, or begins one.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`] where a whole record is not what was written: a trustee that cannot trust its
    /// memory answers nothing.
    pub fn open(directory: &Path, chain: ChainId) -> Result<Self, ClientError> {
        Self::read(Box::new(Files::open(&directory.join(FILE))?), chain)
    }

    fn read(medium: Box<dyn Medium>, chain: ChainId) -> Result<Self, ClientError> {
        let path = medium.path().to_owned();
        let Opened { journal, records, has_lost } = Journal::open(medium)?;
        let mut memory = Self {
            journal,
            records: HashMap::new(),
            chain,
            lost: None,
            sworn: HashSet::new(),
            is_cut_short: has_lost,
        };
        for (index, payload) in records.iter().enumerate() {
            let (of, about, hash) =
                about::parse(payload).ok_or_else(|| ClientError::DamagedState {
                    path: path.clone(),
                    detail: format!(
                        "record {index} is none of this version; this trustee does not know what it has countersigned"
                    ),
                })?;
            memory.keep(of, about, hash);
        }
        Ok(memory)
    }

    fn keep(&mut self, chain: ChainId, about: About, hash: OathHash) {
        if chain == self.chain {
            match about {
                About::Lost(place) => {
                    self.lost = self.lost.max(Some(place));
                    self.sworn.clear();
                }
                About::Committee(number) if hash != UNKNOWN => {
                    self.sworn.insert(number);
                }
                _ => {}
            }
        }
        self.records.insert((chain, about), hash);
    }

    fn get(&self, about: About) -> Option<&OathHash> {
        self.records.get(&(self.chain, about))
    }

    /// How many records it holds, and the hash over all of them.
    pub(crate) fn reach(&self) -> (u64, Checksum) {
        self.journal.reach()
    }

    /// Whether it holds as many records as it did when they were these, and the same ones.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub(crate) fn reaches(&mut self, records: u64, hash: &Checksum) -> Result<bool, ClientError> {
        Ok(self.journal.reaches(records, hash)?)
    }

    /// Whether the memory has been compared with the chain, and everything that was missing is recorded as lost.
    pub fn is_certain(&self) -> bool {
        !self.is_cut_short && self.get(About::Begun).is_some()
    }

    /// Whether this is what the memory holds.
    pub(crate) fn holds(&self, about: About, said: &OathHash) -> bool {
        self.get(about).is_some_and(|known| known == said || *said == UNKNOWN)
    }

    /// Compares the memory with the chain, once all of it has been read: whether the chain knows the institution, where
    /// the run stands, and what it has said there that the memory does not hold. What is lost is recorded as lost.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub(crate) fn catch_up(
        &mut self,
        is_known: bool,
        through: Option<Place>,
        missing: &[(About, OathHash)],
    ) -> Result<Option<Loss>, ClientError> {
        let has_begun = self.get(About::Begun).is_some();
        let loss = if self.is_cut_short {
            Some(Loss::CutShort)
        } else if !missing.is_empty() {
            Some(Loss::Older)
        } else {
            // Where no committee is being made yet, an institution has said nothing that binds it.
            (!has_begun && is_known && through.is_some()).then_some(Loss::New)
        };
        if loss.is_some() {
            let said = missing.iter().filter_map(|(about, _)| about.place()).max();
            // First, so that a crash in between leaves the loss known.
            self.lose(through.max(said).unwrap_or_default())?;
            self.is_cut_short = false;
            for (about, said) in missing {
                if self.get(*about).is_none() {
                    self.write(*about, said)?;
                }
            }
        }
        if !has_begun {
            self.write(About::Begun, &UNKNOWN)?;
        }
        Ok(loss)
    }

    /// Records that what was said up to this place is not known; on disk when it returns.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub(crate) fn lose(&mut self, through: Place) -> Result<(), ClientError> {
        self.write(About::Lost(through), &UNKNOWN)
    }

    /// Whether this institution may have answered for the committee with this number, and not know it.
    pub fn has_lost(&self, committee: u32) -> bool {
        self.has_lost_through(Place::standing(committee))
    }

    /// Whether it answers for the committee with this number: it has confirmed it, and forgotten nothing since.
    pub fn answers_for(&self, committee: u32) -> bool {
        self.is_certain() && !self.has_lost(committee) && self.sworn.contains(&committee)
    }

    /// Whether it takes part in this attempt at making a committee.
    pub fn takes_part_in(&self, place: Place) -> bool {
        self.is_certain() && !self.has_lost_through(place)
    }

    /// Whether everything up to this place is known to be lost.
    pub fn has_lost_through(&self, place: Place) -> bool {
        self.lost >= Some(place)
    }

    /// The block of this step that was countersigned.
    pub fn countersigned(&self, step: u64) -> Option<BlockHash> {
        self.get(About::Step(step)).map(|block| BlockHash(block.0))
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
    /// [`MemoryError`] where another one is remembered, a later committee was confirmed, or this one was not.
    pub fn remember(
        &mut self,
        committee: u32,
        step: u64,
        block: &BlockHash,
    ) -> Result<(), ClientError> {
        if let Some(confirmed) = self.confirmed().filter(|confirmed| *confirmed > committee) {
            return Err(MemoryError::HandedOver { confirmed, asked: committee }.into());
        }
        let remembered = self.countersigned(step);
        if let Some(remembered) = remembered.filter(|remembered| remembered != block) {
            return Err(MemoryError::OtherBlock { step, remembered, asked: *block }.into());
        }
        if self.has_lost(committee) {
            return Err(MemoryError::Lost { number: committee }.into());
        }
        if !self.answers_for(committee) {
            return Err(MemoryError::Unconfirmed { committee }.into());
        }
        match remembered {
            Some(_) => Ok(()),
            None => self.write(About::Step(step), &OathHash(block.0)),
        }
    }

    /// Whether secrets were made for this attempt.
    pub fn has_secrets_of(&self, place: Place) -> bool {
        self.get(About::Secrets(place)).is_some()
    }

    /// Makes these secrets, of which `name` tells others, the only ones of an attempt; on disk when it returns.
    ///
    /// # Errors
    /// [`MemoryError::OtherOath`], [`MemoryError::Lost`].
    pub fn keep_secrets(&mut self, place: Place, name: &SecretsName) -> Result<(), ClientError> {
        self.is_open(place)?;
        self.swear("the secrets of an attempt", About::Secrets(place), &OathHash(name.0))
    }

    /// Makes these qualified dealings the only ones that this institution answers for in the attempt; on disk when it
    /// returns.
    ///
    /// # Errors
    /// [`MemoryError::OtherOath`], [`MemoryError::Lost`].
    pub fn swear_dealings(
        &mut self,
        place: Place,
        qualified: &QualifiedHash,
    ) -> Result<(), ClientError> {
        self.is_open(place)?;
        self.swear("the dealings of an attempt", About::Dealings(place), &OathHash(qualified.0))
    }

    /// Makes this the only committee of its number that this institution confirms, with `step` the first one that it
    /// answers for; on disk when it returns. Whoever has countersigned a block of that step or a later one has done so
    /// for another committee: two would answer for it.
    ///
    /// # Errors
    /// [`MemoryError::OtherOath`], [`MemoryError::Answered`], [`MemoryError::Lost`].
    pub fn swear_committee(
        &mut self,
        place: Place,
        step: u64,
        confirmation: &ConfirmationHash,
    ) -> Result<(), ClientError> {
        self.is_open(place)?;
        let about = About::Committee(place.number);
        if let Some(answered) = self.last_countersigned().filter(|answered| *answered >= step)
            && self.get(about).is_none()
        {
            return Err(MemoryError::Answered { answered, step }.into());
        }
        self.swear("the committee of a number", about, &OathHash(confirmation.0))
    }

    fn is_open(&self, place: Place) -> Result<(), MemoryError> {
        if !self.is_certain() {
            return Err(MemoryError::Uncertain);
        }
        if !self.takes_part_in(place) {
            return Err(MemoryError::Lost { number: place.number });
        }
        Ok(())
    }

    /// The last step of which a block was countersigned on this chain.
    fn last_countersigned(&self) -> Option<u64> {
        let steps = self.records.keys().filter_map(|(chain, about)| match about {
            About::Step(step) if *chain == self.chain => Some(*step),
            _ => None,
        });
        steps.max()
    }

    fn swear(
        &mut self,
        what: &'static str,
        about: About,
        asked: &OathHash,
    ) -> Result<(), ClientError> {
        match self.get(about) {
            Some(remembered) if remembered == asked => Ok(()),
            Some(&remembered) => {
                Err(MemoryError::OtherOath { what, remembered, asked: *asked }.into())
            }
            None => self.write(about, asked),
        }
    }

    fn write(&mut self, about: About, hash: &OathHash) -> Result<(), ClientError> {
        self.journal.append(&about::payload(&self.chain, about, hash))?;
        self.keep(self.chain, about, *hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
