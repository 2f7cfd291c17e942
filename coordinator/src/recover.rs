//! The state of a node out of its ledger: the chain is verified, and applied again through the contract, from the last
//! snapshot on.

use std::{borrow::Cow, sync::Arc};

use consilium_contract::{
    Attendance, Contract, ExecuteError, Recorded,
    execute::{LoadError, Loaded, begin, check_ahead, end, run_entries},
};
use consilium_crypto::DiscreteLogTable;
use consilium_hash::BlobHash;
use consilium_ledger::{Block, ChainError, HeaderChain, LedgerError, NO_STATE, Store};
use rand_core::OsRng;

use crate::{
    CoordinatorError,
    catalogue::Catalogue,
    clock::{Clock, NodeTime},
    history::{History, Standing},
    keys::Keys,
    snapshot::{self, Resumed},
};

/// Which blocks a node applies again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verify {
    /// Those since its last snapshot, which the sealed headers vouch for.
    SinceSnapshot,
    /// All, with every seal and proof.
    All,
}

/// What a node goes on from.
pub(crate) struct Recovered {
    pub(crate) contract: Contract,
    pub(crate) history: History,
    pub(crate) attendance: Attendance,
    pub(crate) chain: HeaderChain,
    pub(crate) catalogue: Catalogue,
    pub(crate) time: NodeTime,
}

/// Reads the ledger, or writes its first block where there is none.
///
/// # Errors
/// [`CoordinatorError::OtherRun`], [`CoordinatorError::Replay`] naming the block, [`CoordinatorError::Ledger`].
pub(crate) fn recover(
    store: &Arc<Store>,
    keys: &Keys,
    genesis_entry: &[u8],
    initial_model: &[u8],
    clock: &dyn Clock,
    choice: Verify,
) -> Result<Recovered, CoordinatorError> {
    let founded = Contract::found(genesis_entry, initial_model, DiscreteLogTable::shared())?;
    let chain_id = founded.parameters().chain_id;
    let validators = founded.parameters().validators();
    let chain = HeaderChain::new(validators);
    if store.head().is_none() {
        let entries = vec![genesis_entry.to_vec()];
        // The genesis names no time, so that block 0 follows from it alone: whoever founds a run again signs the same.
        let header = chain.propose(&entries, NO_STATE, 0)?;
        let block = Block { sealed: header.seal(&chain_id, &keys.sealing), entries };
        // A crash before the flush leaves an empty ledger, after it one with this block.
        store.append_block(&block, &[initial_model])?;
    }

    // The first block says whose ledger this is: only then is a signature that does not hold a fault of the ledger.
    let first = store.get_block(0)?.ok_or(CoordinatorError::OtherRun)?;
    if first.entries != [genesis_entry] {
        return Err(CoordinatorError::OtherRun);
    }
    let resumed = match choice {
        Verify::All => Ok(None),
        Verify::SinceSnapshot => snapshot::load(store, genesis_entry, validators),
    };
    let resumed = resumed.unwrap_or_else(|error| {
        tracing::warn!(%error, "the ledger's snapshot is not used: all blocks are applied again");
        None
    });
    let Resumed { mut contract, mut chain, mut history, mut attendance, mut catalogue } = resumed
        .unwrap_or_else(|| Resumed {
            contract: founded,
            chain,
            history: History::new(Arc::clone(store), Standing::default()),
            attendance: Attendance::default(),
            catalogue: Catalogue::default(),
        });
    let from = chain.len();
    for (height, block) in (from..).zip(store.blocks(from)) {
        let block = block?;
        if block.height() != height {
            return Err(ChainError::Gap { expected: height, got: block.height() }.into());
        }
        let header = chain.append_block(&block)?.clone();
        chain.forget();
        // No block reaches over the end of a step.
        let step = contract.step();
        let mut recorded = Vec::new();
        if height > 0 {
            begin(&contract, &header).map_err(|error| broken(height, error))?;
            recorded = replay(&mut contract, store, &block)?;
        }
        end(&mut contract, &header);
        history.record(&recorded, Standing::of(&contract))?;
        let accepted = recorded.iter().filter(|recorded| recorded.receipt.is_accepted());
        accepted
            .filter_map(|recorded| recorded.transaction.author())
            .for_each(|author| attendance.hear(&author, step));
        catalogue.record(store, height, &block.hash(), &recorded)?;
    }
    tracing::info!(from, to = chain.len(), "blocks applied again");
    let ledger_ms = chain.head().map_or(0, |head| head.time_ms);
    let time = NodeTime::new(clock, ledger_ms);
    Ok(Recovered { contract, history, attendance, chain, catalogue, time })
}

/// Runs a block's entries. The proofs of all its updates are verified as one batch.
pub(crate) fn replay(
    contract: &mut Contract,
    store: &Store,
    block: &Block,
) -> Result<Vec<Recorded>, CoordinatorError> {
    let body = |address: &BlobHash| Ok(store.get_blob(address)?.map(Cow::Owned));
    let loaded =
        Loaded::load(block, body).map_err(|error: LoadError<LedgerError>| match error {
            LoadError::Body { error, .. } => CoordinatorError::Ledger(error),
            LoadError::Block(error) => broken(block.height(), error),
        })?;
    let mut checked = check_ahead(contract, [&loaded], &mut OsRng);
    run_entries(contract, loaded, &mut checked).map_err(|error| broken(block.height(), error))
}

fn broken(height: u64, error: ExecuteError) -> CoordinatorError {
    CoordinatorError::Replay { height, detail: error.to_string() }
}
