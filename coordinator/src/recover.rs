//! The state of a node out of its ledger: the chain is verified, and applied again through the contract.

use consilium_contract::{
    Attendance, Body, CandidateTransaction, CheckedUpdate, Contract, Receipt, check_updates,
    transaction::parse_entry,
};
use consilium_crypto::{CandidateHeader, DiscreteLogTable};
use consilium_ledger::{Block, HeaderChain, LedgerError, Store, verify_chain};
use consilium_proto::v1::transaction::Action;
use rand_core::OsRng;

use crate::{
    CoordinatorError,
    catalogue::Catalogue,
    clock::{Clock, NodeTime},
    history::History,
    keys::Keys,
    recorded::Recorded,
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
    store: &Store,
    keys: &Keys,
    genesis_entry: &[u8],
    initial_model: &[u8],
    clock: &dyn Clock,
) -> Result<Recovered, CoordinatorError> {
    let mut contract = Contract::found(genesis_entry, initial_model, DiscreteLogTable::shared())?;
    let chain_id = contract.parameters().chain_id;
    let sealer = keys.sealing.verifying_key();
    let mut chain = HeaderChain::new(chain_id, sealer);
    let mut time = NodeTime::new(clock, 0);
    if store.head().is_none() {
        let entries = vec![genesis_entry.to_vec()];
        let header = chain.propose(&entries, contract.state_root(), time.now_ms(clock))?;
        let block = Block { sealed: header.seal(&chain_id, &keys.sealing), entries };
        // A crash before the flush leaves an empty ledger, after it one with this block. The genesis is the same bytes
        // at every start, so another block 0 of this run differs in its time only, and this one was shown to nobody.
        store.append_block(&block, &[initial_model])?;
    }

    // The first block says whose ledger this is: only then is a signature that does not hold a fault of the ledger.
    let first = store.get_block(0)?.ok_or(CoordinatorError::OtherRun)?;
    if first.entries != [genesis_entry] {
        return Err(CoordinatorError::OtherRun);
    }
    chain = verify_chain(store.blocks(0), chain_id, sealer)?;

    let mut history = History::default();
    let mut catalogue = Catalogue::default();
    let mut attendance = Attendance::default();
    for (block, header) in store.blocks(0).zip(chain.headers()) {
        let block = block?;
        // No block reaches over the end of a step.
        let step = contract.step();
        let recorded =
            if block.height() == 0 { Vec::new() } else { replay(&mut contract, store, &block)? };
        if contract.state_root() != block.header().state_root {
            let detail = "the state after it is not the one that its header names".to_owned();
            return Err(CoordinatorError::Replay { height: block.height(), detail });
        }
        contract.end_block(header.into());
        history.record(&recorded);
        let accepted = recorded.iter().filter(|recorded| recorded.receipt.is_accepted());
        accepted
            .filter_map(|recorded| recorded.transaction.author())
            .for_each(|author| attendance.hear(&author, step));
        catalogue.record(block.height(), &block.hash(), &recorded);
    }
    let ledger_ms = chain.head().map_or(0, |head| head.time_ms);
    time = NodeTime::new(clock, ledger_ms);
    Ok(Recovered { contract, history, attendance, chain, catalogue, time })
}

/// Applies a block's entries. The proofs of all its updates are verified as one batch.
fn replay(
    contract: &mut Contract,
    store: &Store,
    block: &Block,
) -> Result<Vec<Recorded>, CoordinatorError> {
    let height = block.height();
    let broken = |detail: String| CoordinatorError::Replay { height, detail };
    let entries: Vec<(CandidateTransaction, bool)> = block
        .entries
        .iter()
        .map(|entry| parse_entry(entry).map_err(|error| broken(error.to_string())))
        .collect::<Result<_, _>>()?;

    let bodies =
        entries.iter().map(|(transaction, body_missing)| body(store, transaction, *body_missing));
    let bodies: Vec<Option<Vec<u8>>> = bodies.collect::<Result<_, _>>()?;
    let submissions: Vec<(&CandidateTransaction, &[u8])> = entries
        .iter()
        .zip(&bodies)
        .filter_map(|((transaction, _), body)| body.as_deref().map(|body| (transaction, body)))
        .collect();
    let checked = contract
        .committee()
        .map(|committee| check_updates(contract.parameters(), committee, &submissions, &mut OsRng));
    let mut checked = checked.unwrap_or_default().into_iter();

    let mut recorded = Vec::with_capacity(entries.len());
    for ((transaction, body_missing), body) in entries.into_iter().zip(&bodies) {
        let checked: Option<CheckedUpdate> = body.as_ref().and_then(|_| checked.next());
        let body = match checked {
            Some(checked) => Body::Checked(checked),
            None if body_missing => Body::Missing,
            None => Body::None,
        };
        let receipt: Receipt =
            contract.apply(&transaction, body).map_err(|error| broken(error.to_string()))?;
        recorded.push(Recorded { transaction, receipt });
    }
    Ok(recorded)
}

/// The stored body of an update. There is none where the header alone decided: the contract says whether one is needed.
fn body(
    store: &Store,
    transaction: &CandidateTransaction,
    body_missing: bool,
) -> Result<Option<Vec<u8>>, LedgerError> {
    match transaction.action() {
        Action::SubmitUpdate(update) if !body_missing => {
            match CandidateHeader::decode(&update.header) {
                Ok(header) => store.get_blob(header.body_hash()),
                Err(_) => Ok(None),
            }
        }
        _ => Ok(None),
    }
}
