//! Receipts of what is durable, so that a transaction that is sent again gets the answer that was lost.

use std::collections::{BTreeMap, HashMap, VecDeque};

use consilium_contract::{Receipt, Recorded};
use consilium_hash::{Pseudonym, TransactionHash};
use consilium_proto::v1::{Reason, transaction::Action};

/// Receipts that are remembered: those of more than a thousand rounds of ten institutions, in about 10 MB.
const CAPACITY: usize = 1 << 16;

/// The recent receipts, and how often each institution was rejected in this attempt or stage.
#[derive(Debug, Default)]
pub(crate) struct History {
    receipts: HashMap<TransactionHash, Receipt>,
    order: VecDeque<TransactionHash>,
    rejections: BTreeMap<Pseudonym, u32>,
}

impl History {
    /// Takes note of a durable block's entries.
    pub(crate) fn record<'a>(&mut self, entries: impl IntoIterator<Item = &'a Recorded>) {
        for Recorded { transaction, receipt } in entries {
            if self.receipts.insert(receipt.transaction, *receipt).is_none() {
                self.order.push_back(receipt.transaction);
            }
            if self.order.len() > CAPACITY
                && let Some(oldest) = self.order.pop_front()
            {
                self.receipts.remove(&oldest);
            }
            let action = transaction.action();
            if receipt.is_accepted() {
                if starts_afresh(action) {
                    self.rejections.clear();
                }
                continue;
            }
            if let Some(author) = transaction.author() {
                *self.rejections.entry(author).or_default() += 1;
            }
        }
    }

    /// The durable receipt of this transaction.
    pub(crate) fn receipt(&self, id: &TransactionHash) -> Option<Receipt> {
        self.receipts.get(id).copied()
    }

    /// Rejected transactions of an institution in this attempt or stage.
    pub(crate) fn rejections(&self, author: &Pseudonym) -> u32 {
        self.rejections.get(author).copied().unwrap_or_default()
    }
}

/// Whether an attempt begins with it, or a stage of making a committee: each member may come late to several of those.
fn starts_afresh(action: &Action) -> bool {
    matches!(action, Action::OpenRound(_) | Action::BeginKeygen(_) | Action::EndStage(_))
}

/// Whether a receipt stays the answer when the transaction comes again. A body that was cut off may be sent again, and
/// what came too early may come in time.
pub(crate) fn is_final(receipt: &Receipt) -> bool {
    !matches!(receipt.reason, Reason::IncompleteBody | Reason::TooEarly)
}

#[cfg(test)]
mod tests {
    use consilium_contract::{CandidateTransaction, transaction::sign};
    use consilium_crypto::signature::SigningKey;
    use consilium_hash::ChainId;
    use consilium_proto::v1::{BeginKeygen, Countersign, EndStage, OpenRound};
    use rand_core::OsRng;

    use super::*;

    fn recorded(author: Option<Pseudonym>, action: Action, reason: Reason) -> Recorded {
        let signed =
            sign(&SigningKey::generate(&mut OsRng), &ChainId([1; 32]), author.as_ref(), action);
        let transaction = CandidateTransaction::parse(signed).unwrap();
        let receipt = Receipt { transaction: transaction.id(), reason, culprit: None };
        Recorded { transaction, receipt }
    }

    #[test]
    fn a_receipt_is_remembered_and_rejections_are_counted_until_the_next_attempt_or_stage_begins() {
        let author = Pseudonym([7; 32]);
        let late =
            || recorded(Some(author), Action::Countersign(Countersign::default()), Reason::TooLate);
        let entries = [late(), late()];
        let mut history = History::default();
        history.record(&entries);
        assert_eq!(history.receipt(&entries[1].receipt.transaction), Some(entries[1].receipt));
        assert_eq!((history.rejections(&author), history.rejections(&Pseudonym([8; 32]))), (2, 0));
        history.record(&[recorded(
            None,
            Action::OpenRound(OpenRound::default()),
            Reason::TooEarly,
        )]);
        assert_eq!(history.rejections(&author), 2);
        let openings = [
            Action::OpenRound(OpenRound::default()),
            Action::BeginKeygen(BeginKeygen::default()),
            Action::EndStage(EndStage::default()),
        ];
        for opening in openings {
            history.record(&[late(), recorded(None, opening, Reason::Accepted)]);
            assert_eq!(history.rejections(&author), 0);
        }
    }
}
