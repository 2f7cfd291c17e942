//! The block that is being filled: applied, not durable, not acknowledged.

use consilium_contract::{CandidateTransaction, Receipt, transaction::entry};
use consilium_crypto::Hash;
use tokio::sync::oneshot;

use crate::error::CallError;

/// What the node answers to a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The receipt; its block is durable, or the transaction was dropped.
    Receipt(Receipt),
    /// An update of the current attempt: its body decides.
    Upload { sha256: Hash, length: u64 },
}

/// Where an answer goes. A caller that has gone away is no error.
pub(crate) type Reply = oneshot::Sender<Result<Answer, CallError>>;

/// A transaction and what the contract made of it.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) transaction: CandidateTransaction,
    pub(crate) receipt: Receipt,
}

/// Entries with everything that becomes durable and is answered together with them.
#[derive(Debug, Default)]
pub(crate) struct OpenBlock {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) recorded: Vec<Recorded>,
    pub(crate) blobs: Vec<Vec<u8>>,
    waiting: Vec<(Reply, Receipt)>,
    /// When the first entry came, in milliseconds since the epoch.
    since_ms: u64,
}

impl OpenBlock {
    pub(crate) fn push(&mut self, recorded: Recorded, body_missing: bool, blobs: Vec<Vec<u8>>, now_ms: u64) {
        if self.entries.is_empty() {
            self.since_ms = now_ms;
        }
        self.entries.push(entry(recorded.transaction.signed().clone(), body_missing));
        self.recorded.push(recorded);
        self.blobs.extend(blobs);
    }

    /// Answers `reply` once the block is durable.
    pub(crate) fn wait(&mut self, reply: Reply, receipt: Receipt) {
        self.waiting.push((reply, receipt));
    }

    /// The receipt of a transaction in this block, the latest where it stands here twice.
    pub(crate) fn receipt(&self, id: &Hash) -> Option<Receipt> {
        self.recorded.iter().rev().map(|recorded| recorded.receipt).find(|receipt| receipt.transaction == *id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it has as many entries or is as old as a block should be.
    pub(crate) fn is_due(&self, entries: usize, age_ms: u64, now_ms: u64) -> bool {
        self.entries.len() >= entries || (!self.is_empty() && now_ms.saturating_sub(self.since_ms) >= age_ms)
    }

    /// Answers everyone who waited for this block.
    pub(crate) fn answer(self) {
        for (reply, receipt) in self.waiting {
            let _ = reply.send(Ok(Answer::Receipt(receipt)));
        }
    }
}
