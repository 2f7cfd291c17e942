//! Reads verified blocks into what their signatures show ([`View`]), and stops where they convict the coordinator.
//!
//! The rules are `consilium_contract::light`'s. Here a block is decoded as a whole before any of it is read, its entries
//! are read in order, and an entry that no coordinator which runs the contract seals ends the following.

use std::{ops::Deref, sync::Arc};

use consilium_contract::{
    CandidateTransaction, Parameters, keygen::Made, light::View, transaction::parse_entry,
};
use consilium_ledger::{Block, VerifiedHeader};
use thiserror::Error;
use tracing::debug;

use crate::execution::Execution;

pub use consilium_contract::light::{Closed, Collection, Phase, Sealed, SealedSum};

/// Why a block is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FollowError {
    /// Not the next block.
    #[error("block {found} came where block {expected} is next")]
    Gap {
        /// Height of the next block.
        expected: u64,
        /// Height of the block that came.
        found: u64,
    },
    /// A signed block holds what no contract can have taken.
    #[error(
        "entry {index} of the block at height {height} must not stand there, and the coordinator has signed it: {detail}"
    )]
    Entry {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// What is wrong.
        detail: String,
    },
}

impl FollowError {
    fn entry(height: u64, index: usize, detail: impl ToString) -> Self {
        Self::Entry { height, index, detail: detail.to_string() }
    }
}

/// Follows a chain.
#[derive(Debug)]
pub struct Follower {
    view: View,
    genesis_entry: Vec<u8>,
    /// Blocks read so far.
    height: u64,
}

/// What the blocks that were read show.
impl Deref for Follower {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl Follower {
    /// Begins before block 0. `genesis_entry` is this institution's own copy.
    pub fn new(parameters: Arc<Parameters>, genesis_entry: Vec<u8>) -> Self {
        Self { view: View::new(parameters), genesis_entry, height: 0 }
    }

    /// Begins after the blocks that were executed; `None` where they end while something is being made.
    pub fn resume(
        parameters: Arc<Parameters>,
        genesis_entry: Vec<u8>,
        execution: &Execution,
    ) -> Option<Self> {
        let view = execution.view(parameters)?;
        Some(Self { view, genesis_entry, height: execution.height() })
    }

    /// The committee that was made last, with the dealings that its shares are made of; once, for whoever has a share.
    pub fn take_made(&mut self) -> Option<Box<Made>> {
        self.view.take_made()
    }

    /// Blocks read so far: the height of the next one.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Reads the next block. A closed round is handed out: check it before the next block is read.
    ///
    /// # Errors
    /// [`FollowError::Entry`] for what no contract takes, and no coordinator that runs one records: an entry that is no
    /// transaction, or not its author's; another genesis than ours; an order of the coordinator out of turn.
    #[must_use = "a closed round is checked before anything is built on it"]
    pub fn read(
        &mut self,
        block: &Block,
        header: &VerifiedHeader,
    ) -> Result<Option<Closed>, FollowError> {
        self.read_with(block, header, |_, _| {})
    }

    /// As [`read`](Self::read); `taken` is shown each entry that has taken effect, with what the entries up to it show.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[must_use = "a closed round is checked before anything is built on it"]
    pub fn read_with(
        &mut self,
        block: &Block,
        header: &VerifiedHeader,
        mut taken: impl FnMut(&View, &CandidateTransaction),
    ) -> Result<Option<Closed>, FollowError> {
        let height = header.height;
        if height != self.height {
            return Err(FollowError::Gap { expected: self.height, found: height });
        }
        if height == 0 {
            if block.entries.as_slice() != [self.genesis_entry.as_slice()] {
                return Err(FollowError::entry(height, 0, "it is not the genesis of this run"));
            }
            self.height = 1;
            return Ok(None);
        }
        // All entries first: half a block is never read.
        let parse = |(index, entry): (usize, &Vec<u8>)| {
            parse_entry(entry).map_err(|error| FollowError::entry(height, index, error))
        };
        let entries = block.entries.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut closed = None;
        for (index, (transaction, body_missing)) in entries.iter().enumerate() {
            match self.view.read(transaction, *body_missing, height) {
                Ok(round) => {
                    closed = round.or(closed);
                    taken(&self.view, transaction);
                }
                Err(error) if error.convicts_the_coordinator() => {
                    return Err(FollowError::entry(height, index, error));
                }
                Err(error) => debug!(height, %error, "passed over an entry"),
            }
        }
        self.view.end_block(header);
        self.height += 1;
        Ok(closed)
    }
}

#[cfg(test)]
mod tests;
