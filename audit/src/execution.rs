//! The contract, run block by block by a reader that has the bodies of the updates.

use std::collections::HashMap;

use consilium_contract::{
    Admission, Body, CandidateTransaction, CheckedUpdate, Committee, Contract, GenesisError,
    Parameters, check_updates, transaction::parse_entry,
};
use consilium_crypto::{CandidateHeader, DiscreteLogTable, Hash, body_length};
use consilium_ledger::{Block, VerifiedHeader};
use consilium_proto::v1::transaction::Action;
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::digest::short;

/// Why a block is not what the contract makes of its transactions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExecutionError {
    /// An entry that no coordinator records that runs the contract.
    #[error("entry {index} of block {height}: {detail}")]
    Entry {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// What is wrong.
        detail: String,
    },
    /// The contract reaches another state.
    #[error(
        "the transactions of block {height} lead to state {}, its header says {}",
        short(expected),
        short(found)
    )]
    StateRoot {
        /// Height of the block.
        height: u64,
        /// The state that follows.
        expected: Hash,
        /// The state in the header.
        found: Hash,
    },
    /// The contract asks for a body that the caller has not brought.
    #[error("the body {} of entry {index} of block {height} is missing", short(body))]
    MissingBody {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// SHA-256 of the body.
        body: Hash,
    },
}

/// An update in a block, whose body the contract may ask for.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The transaction.
    pub transaction: CandidateTransaction,
    /// SHA-256 of its header: its name.
    pub name: Hash,
    /// SHA-256 of its body.
    pub body: Hash,
}

/// The updates of a block that are said to have arrived with a body of this run's length.
pub fn submitted(block: &Block, parameters: &Parameters) -> Vec<Submitted> {
    let length = body_length(&parameters.update_parameters()) as u64;
    let read = |entry: &Vec<u8>| {
        let (transaction, body_missing) = parse_entry(entry).ok()?;
        let Action::SubmitUpdate(update) = transaction.action() else { return None };
        let header = CandidateHeader::decode(&update.header).ok()?;
        let name = header.hash();
        let body = *header.body_hash();
        let is_complete = !body_missing && header.body_length() == length;
        is_complete.then_some(Submitted { transaction, name, body })
    };
    block.entries.iter().filter_map(read).collect()
}

/// A run of the contract over the blocks so far.
#[derive(Debug)]
pub struct Execution {
    contract: Contract,
    height: u64,
}

impl Execution {
    /// Founds the contract; no block has been executed, not even that of the genesis.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn found(genesis_entry: &[u8], initial_model: &[u8]) -> Result<Self, GenesisError> {
        let contract = Contract::found(genesis_entry, initial_model, DiscreteLogTable::shared())?;
        Ok(Self { contract, height: 0 })
    }

    /// Blocks executed so far: the height of the next one.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Who holds the key, as far as blocks have been executed.
    pub fn committee(&self) -> Option<&Committee> {
        self.contract.committee().map(AsRef::as_ref)
    }

    /// Verifies all proofs of these updates, folded, on all cores.
    pub fn check(
        &self,
        updates: &[(&CandidateTransaction, &[u8])],
        rng: &mut impl CryptoRngCore,
    ) -> Vec<CheckedUpdate> {
        let Some(committee) = self.committee() else { return Vec::new() };
        check_updates(self.contract.parameters(), committee, updates, rng)
    }

    /// Executes the next block, with the checked updates in it by transaction.
    ///
    /// # Errors
    /// [`ExecutionError`]. The state is then of no use: begin again.
    pub fn execute(
        &mut self,
        block: &Block,
        header: &VerifiedHeader,
        checked: &mut HashMap<Hash, CheckedUpdate>,
    ) -> Result<(), ExecutionError> {
        let height = self.height;
        // Block 0 is the genesis, with which the contract was founded.
        let entries = if height == 0 { &[][..] } else { block.entries.as_slice() };
        for (index, entry) in entries.iter().enumerate() {
            self.entry(height, index, entry, checked)?;
        }
        let expected = self.contract.state_root();
        let found = block.header().state_root;
        if expected != found {
            return Err(ExecutionError::StateRoot { height, expected, found });
        }
        self.contract.end_block(header.into());
        self.height += 1;
        Ok(())
    }

    fn entry(
        &mut self,
        height: u64,
        index: usize,
        entry: &[u8],
        checked: &mut HashMap<Hash, CheckedUpdate>,
    ) -> Result<(), ExecutionError> {
        let failed = |detail: String| ExecutionError::Entry { height, index, detail };
        let (transaction, body_missing) =
            parse_entry(entry).map_err(|error| failed(error.to_string()))?;
        let body = match self.contract.admit(&transaction) {
            Admission::Decided(_) => Body::None,
            Admission::NeedsBody { .. } if body_missing => Body::Missing,
            Admission::NeedsBody { sha256: body, .. } => match checked.remove(&transaction.id()) {
                Some(update) => Body::Checked(update.into()),
                None => return Err(ExecutionError::MissingBody { height, index, body }),
            },
        };
        let receipt =
            self.contract.apply(&transaction, body).map_err(|error| failed(error.to_string()))?;
        if !receipt.may_stand(&transaction) {
            let id = short(&transaction.id());
            let reason = receipt.reason.as_str_name();
            return Err(failed(format!("transaction {id} must not stand there: {reason}")));
        }
        Ok(())
    }
}
