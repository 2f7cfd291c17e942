//! The state of a node out of its ledger: the chain is verified, and applied again through the contract.

use std::{borrow::Cow, sync::Arc};

use consilium_contract::{
    Attendance, Contract, ExecuteError, Recorded,
    execute::{LoadError, Loaded, begin, check_ahead, end, run_entries},
};
use consilium_crypto::DiscreteLogTable;
use consilium_hash::BlobHash;
use consilium_ledger::{Block, HeaderChain, LedgerError, NO_STATE, Store, verify_chain};
use rand_core::OsRng;

use crate::{
    CoordinatorError,
    catalogue::Catalogue,
    clock::{Clock, NodeTime},
    history::{History, Standing},
    keys::Keys,
};

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
) -> Result<Recovered, CoordinatorError> {
    let mut contract = Contract::found(genesis_entry, initial_model, DiscreteLogTable::shared())?;
    let chain_id = contract.parameters().chain_id;
    let validators = contract.parameters().validators();
    let mut chain = HeaderChain::new(validators);
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
    chain = verify_chain(store.blocks(0), validators)?;

    let mut history = History::new(Arc::clone(store));
    let mut catalogue = Catalogue::default();
    let mut attendance = Attendance::default();
    for (block, header) in store.blocks(0).zip(chain.headers()) {
        let block = block?;
        // No block reaches over the end of a step.
        let step = contract.step();
        let mut recorded = Vec::new();
        if block.height() > 0 {
            begin(&contract, header).map_err(|error| broken(block.height(), error))?;
            recorded = replay(&mut contract, store, &block)?;
        }
        end(&mut contract, header);
        history.record(&recorded, Standing::of(&contract))?;
        let accepted = recorded.iter().filter(|recorded| recorded.receipt.is_accepted());
        accepted
            .filter_map(|recorded| recorded.transaction.author())
            .for_each(|author| attendance.hear(&author, step));
        catalogue.record(block.height(), &block.hash(), &recorded);
    }
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
