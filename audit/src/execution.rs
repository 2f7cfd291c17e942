//! The contract, run over a chain by a reader that has the bodies of the updates.

use std::sync::Arc;

use consilium_contract::{
    CandidateTransaction, Contract, GenesisError, Model, Parameters, Phase, SnapshotError,
    execute::{self, CheckedAhead, Decoded, EntryError, ExecuteError, Loaded, announced},
    light::View,
    round::Findings,
};
use consilium_crypto::{
    DiscreteLogTable,
    mask::{CandidateHeader, VerifiedHeader as VerifiedUpdateHeader},
};
use consilium_hash::{BlobHash, HeaderHash, StateRoot};
use consilium_ledger::VerifiedHeader;
use consilium_proto::v1::StateSnapshot;
use rand_core::CryptoRngCore;
use thiserror::Error;

/// Why a block is not what the contract makes of its transactions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("block {height}: {source}")]
pub struct ExecutionError {
    /// Height of the block.
    pub height: u64,
    /// What does not hold.
    pub source: ExecuteError,
}

impl ExecutionError {
    /// Whether nothing is wrong with the block but that a body was not at hand.
    pub fn lacks_a_body(&self) -> bool {
        matches!(&self.source, ExecuteError::Entry { cause: EntryError::BodyAbsent(_), .. })
    }
}

/// An update in a block, whose body the contract may ask for.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The transaction.
    pub transaction: CandidateTransaction,
    /// SHA-256 of its header: its name.
    pub name: HeaderHash,
    /// SHA-256 of its body.
    pub body: BlobHash,
    /// Length of its body.
    pub length: u64,
}

impl Submitted {
    /// Reads the header of an update; `None` where it is none.
    pub fn read(transaction: &CandidateTransaction) -> Option<Self> {
        transaction.update_header()?.ok().map(|header| Self::of(transaction, header))
    }

    fn of(transaction: &CandidateTransaction, header: &CandidateHeader) -> Self {
        Self {
            name: header.hash(),
            body: header.body_hash(),
            length: header.body_length(),
            transaction: transaction.clone(),
        }
    }
}

/// The updates of a block that are said to have arrived with a body of the length that their bound gives them; no bound
/// is more than this run's.
pub fn submitted(block: &Decoded, parameters: &Parameters) -> Vec<Submitted> {
    let read = |(transaction, body_missing): (&CandidateTransaction, bool)| {
        let header = transaction.update_header()?.ok()?;
        let context = header.context();
        let form = parameters.form(context.round.step);
        let is_of_this_run = header.is_of(&form.update)
            && context.round.bound == form.bound
            && context.round.dimension == form.dimension();
        let own = form.update.for_bound(context.bound).ok()?;
        let length = own.body_length() as u64;
        let is_complete = !body_missing && is_of_this_run && header.body_length() == length;
        is_complete.then(|| Submitted::of(transaction, header))
    };
    block.entries().filter_map(read).collect()
}

/// The blobs of sums that orders in a block announce, with their steps. Who has them need not read them off.
pub fn announced_sums(block: &Decoded) -> Vec<(u64, BlobHash)> {
    block.entries().filter_map(|(transaction, _)| announced(transaction)).collect()
}

/// A run of the contract over the blocks so far.
#[derive(Debug)]
pub struct Execution {
    contract: Contract,
    height: u64,
    is_resumed: bool,
}

impl Execution {
    /// Founds the contract; no block has been executed, not even that of the genesis.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn found(genesis_entry: &[u8], initial_model: &[u8]) -> Result<Self, GenesisError> {
        let contract = Contract::found(genesis_entry, initial_model, DiscreteLogTable::shared())?;
        Ok(Self { contract, height: 0, is_resumed: false })
    }

    /// Goes on from a state that [`Self::snapshot`] gave and that was kept where nobody else writes, with the block of this
    /// header as the next one.
    ///
    /// # Errors
    /// [`SnapshotError`] where the header does not name this state.
    pub fn resume(
        genesis_entry: &[u8],
        state: StateSnapshot,
        next: &VerifiedHeader,
    ) -> Result<Self, SnapshotError> {
        let table = DiscreteLogTable::shared();
        let contract = Contract::resume(genesis_entry, state, next.state_root, table)?;
        Ok(Self { contract, height: next.height, is_resumed: true })
    }

    /// The state and its root, where the run rests.
    pub fn snapshot(&self) -> Option<(StateSnapshot, StateRoot)> {
        Some((self.contract.snapshot()?, self.contract.state_root()))
    }

    /// Whether it has gone on from a kept state: what it finds wrong with a block it has not worked out from the genesis.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// What the signatures in the blocks so far show; `None` where something is being made.
    pub(crate) fn view(&self, parameters: Arc<Parameters>) -> Option<View> {
        View::resume(&self.contract, parameters)
    }

    /// Blocks executed so far: the height of the next one.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Whether the key has been made, as far as blocks have been executed: before it there is no update to check.
    pub fn has_key(&self) -> bool {
        self.contract.committee().is_some()
    }

    /// The headers of the sum that is sealed, in its order, as far as blocks have been executed: their proofs have been
    /// verified here, and their bodies' too.
    pub fn sealed(&self) -> &[VerifiedUpdateHeader] {
        match self.contract.phase() {
            Phase::Sealed(sealed) => sealed.accepted(),
            Phase::Opening(opening) => opening.accepted(),
            _ => &[],
        }
    }

    /// The model that the contract has come to, of this step.
    pub fn model(&self) -> (u64, &Model) {
        (self.contract.step(), self.contract.model())
    }

    /// What closed steps have found out about rows and models, as far as blocks have been executed.
    pub fn findings(&self) -> &Findings {
        self.contract.findings()
    }

    /// Verifies all proofs of the updates in these blocks, folded, on all cores.
    pub fn check(&self, blocks: &[Loaded<'_>], rng: &mut impl CryptoRngCore) -> CheckedAhead {
        execute::check_ahead(&self.contract, blocks, rng)
    }

    /// Executes the next block.
    ///
    /// # Errors
    /// [`ExecutionError`]. The state is then of no use: begin again.
    pub fn execute(
        &mut self,
        block: Loaded<'_>,
        header: &VerifiedHeader,
        checked: &mut CheckedAhead,
    ) -> Result<(), ExecutionError> {
        let height = self.height;
        let outcome = match height {
            // The genesis, with which the contract was founded.
            0 => {
                execute::end(&mut self.contract, header);
                Ok(())
            }
            _ => execute::execute_loaded(&mut self.contract, block, header, checked).map(drop),
        };
        outcome.map_err(|source| ExecutionError { height, source })?;
        self.height += 1;
        Ok(())
    }
}
