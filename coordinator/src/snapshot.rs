//! What a restart goes on from: the state of a node where the run rested last.
//!
//! It is of the moment before a block, and written when that block is durable: the block's sealed header names the state, and
//! the tree over all headers before it, so that nothing in it has to be believed. What was in the blocks since is applied
//! again. Where it cannot be used, all blocks are, and nothing is lost but time.
//!
//! Receipts and the places of bodies are in the ledger's notes and need no part here. Rejections are counted from the opening
//! of an attempt, which comes after the moment.

use std::sync::Arc;

use consilium_contract::{Attendance, Contract, Recorded, SnapshotError, transaction::parse_entry};
use consilium_crypto::DiscreteLogTable;
use consilium_hash::{LengthError, MerkleNode, Pseudonym};
use consilium_ledger::{ChainError, HeaderChain, LedgerError, Store, Validators};
use consilium_proto::{
    WireError, decode,
    v1::{HeardSnapshot, NodeSnapshot},
};
use prost::Message as _;
use thiserror::Error;

use crate::{
    catalogue::Catalogue,
    executor::Executor,
    history::{History, Standing},
    shared::Shared,
};

/// Blocks after which a run that goes on resting is written down again.
const MOST_BLOCKS: u64 = 64;

/// Why a snapshot is not used.
#[derive(Debug, Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Length(#[from] LengthError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    State(#[from] SnapshotError),
    #[error("the ledger does not come to block {0}, which it is of")]
    TooLate(u64),
    #[error("block {0} holds what it should not, or has no receipts")]
    Collection(u64),
}

/// A node as it was before the block at height `chain.len()`.
pub(crate) struct Resumed {
    pub(crate) contract: Contract,
    pub(crate) chain: HeaderChain,
    pub(crate) history: History,
    pub(crate) attendance: Attendance,
    pub(crate) catalogue: Catalogue,
}

/// Reads the ledger's snapshot, if there is one.
///
/// # Errors
/// [`Unusable`].
pub(crate) fn load(
    store: &Arc<Store>,
    genesis_entry: &[u8],
    validators: Validators,
) -> Result<Option<Resumed>, Unusable> {
    let Some(bytes) = store.get_snapshot()? else { return Ok(None) };
    let snapshot: NodeSnapshot = decode("snapshot", &bytes, bytes.len())?;
    let height = snapshot.height;
    let last = store.get_header(height.saturating_sub(1))?;
    let (Some(last), Some(next)) = (last, store.get_header(height)?) else {
        return Err(Unusable::TooLate(height));
    };
    let peaks = snapshot.peaks.iter().map(|peak| MerkleNode::try_from(peak.as_slice()));
    let chain = HeaderChain::resume(validators, last, peaks.collect::<Result<_, _>>()?, &next)?;
    let state = snapshot.state.unwrap_or_default();
    let expected = next.header.state_root;
    let contract = Contract::resume(genesis_entry, state, expected, DiscreteLogTable::shared())?;
    let heard = snapshot.heard.iter().map(|heard| {
        Ok::<_, LengthError>((Pseudonym::try_from(heard.pseudonym.as_slice())?, heard.step))
    });
    let attendance = heard.collect::<Result<_, _>>()?;
    let history = History::new(Arc::clone(store), Standing::of(&contract));

    let mut catalogue = Catalogue::default();
    for height in snapshot.collection_from..snapshot.collection_to.min(height) {
        let block = store.get_block(height)?.ok_or(Unusable::Collection(height))?;
        let recorded = |entry: &Vec<u8>| {
            let (transaction, _) = parse_entry(entry).ok()?;
            let receipt = history.receipt(&transaction.id()).ok()??;
            Some(Recorded { transaction, receipt })
        };
        let recorded: Option<Vec<_>> = block.entries.iter().map(recorded).collect();
        let recorded = recorded.ok_or(Unusable::Collection(height))?;
        catalogue.record(store, height, &block.hash(), &recorded)?;
    }
    Ok(Some(Resumed { contract, chain, history, attendance, catalogue }))
}

/// Writes snapshots. Owned by the node's thread.
pub(crate) struct Snapshots {
    /// Of the moment before the next block.
    waiting: Option<NodeSnapshot>,
    /// Whether the run rested after the last block.
    rested: bool,
    /// Height of the last one.
    height: u64,
}

impl Snapshots {
    /// For a node that goes on after the blocks which are durable now.
    pub(crate) fn new(executor: &Executor, shared: &Shared) -> Self {
        let height = shared.chain().len();
        Self {
            waiting: of_now(height, executor, shared),
            rested: executor.contract().rests(),
            height,
        }
    }

    /// Takes note of a durable block, which is the last one.
    pub(crate) fn sealed(&mut self, height: u64, executor: &Executor, shared: &Shared) {
        if let Some(snapshot) = self.waiting.take()
            && let Err(error) = shared.store.put_snapshot(&snapshot.encode_to_vec())
        {
            tracing::warn!(%error, "no snapshot is kept: the next start takes longer");
        }
        let next = height.saturating_add(1);
        let is_due = !self.rested || next.saturating_sub(self.height) >= MOST_BLOCKS;
        let rests = executor.contract().rests();
        self.rested = rests;
        if rests && is_due {
            self.waiting = of_now(next, executor, shared);
            self.height = next;
        }
    }
}

fn of_now(height: u64, executor: &Executor, shared: &Shared) -> Option<NodeSnapshot> {
    let heard = executor
        .attendance()
        .heard()
        .map(|(name, step)| HeardSnapshot { pseudonym: name.to_vec(), step });
    let collection = shared.catalogue().heights();
    Some(NodeSnapshot {
        height,
        peaks: shared.chain().peaks().iter().map(MerkleNode::to_vec).collect(),
        state: Some(executor.contract().snapshot()?),
        heard: heard.collect(),
        collection_from: collection.start,
        collection_to: collection.end,
    })
}
