//! The block that is being filled: applied, not durable, not acknowledged.

use consilium_contract::{Receipt, Recorded, transaction::entry};
use consilium_hash::TransactionHash;
use consilium_proto::v1::Reason;

use crate::inbox::{Answer, Reply};

/// A transaction that the contract has decided, as the ledger is to hold it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) recorded: Recorded,
    /// Its body never came.
    pub(crate) body_missing: bool,
    /// What becomes durable with it.
    pub(crate) blobs: Vec<Vec<u8>>,
}

/// Entries with everything that becomes durable and is answered together with them.
#[derive(Debug, Default)]
pub(crate) struct OpenBlock {
    /// Encoded as the ledger stores them, in the order of `recorded`.
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) recorded: Vec<Recorded>,
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) unanswered: Unanswered,
    /// When the first entry came, in milliseconds since the epoch.
    since_ms: u64,
}

/// Those who wait until a block is durable.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(Vec<(Reply, Receipt)>);

impl Unanswered {
    /// Answers all of them.
    pub(crate) fn answer(self) {
        for (reply, receipt) in self.0 {
            let _ = reply.send(Ok(Answer::Receipt(receipt)));
        }
    }
}

impl OpenBlock {
    pub(crate) fn push(&mut self, new: Entry, now_ms: u64) {
        if self.entries.is_empty() {
            self.since_ms = now_ms;
        }
        let Entry { recorded, body_missing, blobs } = new;
        self.entries.push(entry(recorded.transaction.signed().clone(), body_missing));
        self.recorded.push(recorded);
        self.blobs.extend(blobs);
    }

    /// Answers `reply` once the block is durable, or at once where losing the block would change nothing. What is not
    /// recorded itself may have been refused for what the block holds.
    pub(crate) fn wait(&mut self, reply: Reply, receipt: Receipt) {
        if is_settled(&receipt) || self.is_empty() {
            let _ = reply.send(Ok(Answer::Receipt(receipt)));
        } else {
            self.unanswered.0.push((reply, receipt));
        }
    }

    /// The receipt of a transaction in this block, the latest where it stands here twice.
    pub(crate) fn receipt(&self, id: &TransactionHash) -> Option<Receipt> {
        self.recorded
            .iter()
            .rev()
            .map(|recorded| recorded.receipt)
            .find(|receipt| receipt.transaction == *id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it has as many entries or is as old as a block should be.
    pub(crate) fn is_due(&self, entries: usize, age_ms: u64, now_ms: u64) -> bool {
        self.entries.len() >= entries
            || (!self.is_empty() && now_ms.saturating_sub(self.since_ms) >= age_ms)
    }
}

/// Whether a rejection follows from step, attempt, model and phase alone. Those are durable before anything else is
/// applied, so no crash that loses the block lets the transaction count after all. A trustee whose share comes after the
/// step is closed must not wait for the end of the next collection, which may wait for that trustee's own update.
fn is_settled(receipt: &Receipt) -> bool {
    matches!(
        receipt.reason,
        Reason::WrongStep | Reason::WrongModel | Reason::TooEarly | Reason::TooLate
    ) && receipt.culprit.is_none()
}

#[cfg(test)]
mod tests {
    use consilium_contract::{CandidateTransaction, transaction::sign};
    use consilium_crypto::signature::SigningKey;
    use consilium_hash::ChainId;
    use consilium_proto::v1::{Revoke, transaction::Action};
    use rand_core::OsRng;
    use tokio::sync::oneshot;

    use super::*;
    use crate::error::CallError;

    type Answered = oneshot::Receiver<Result<Answer, CallError>>;

    fn an_entry() -> Entry {
        let signed = sign(
            &SigningKey::generate(&mut OsRng),
            &ChainId([1; 32]),
            None,
            Action::Revoke(Revoke::default()),
        );
        let transaction = CandidateTransaction::parse(signed).unwrap();
        let receipt = Receipt::accepted(transaction.id());
        let recorded = Recorded { transaction, receipt };
        Entry { recorded, body_missing: false, blobs: Vec::new() }
    }

    /// A block with one entry.
    fn begun() -> OpenBlock {
        let mut block = OpenBlock::default();
        block.push(an_entry(), 0);
        block
    }

    fn waiting_for(reason: Reason) -> (OpenBlock, Answered, Receipt) {
        let (reply, answer) = oneshot::channel();
        let receipt = Receipt { transaction: TransactionHash([1; 32]), reason, culprit: None };
        let mut block = begun();
        block.wait(reply, receipt);
        (block, answer, receipt)
    }

    #[test]
    fn a_block_is_due_with_twenty_entries_or_after_a_minute_and_an_empty_one_never() {
        let is_due = |block: &OpenBlock, now_ms| block.is_due(20, 60_000, now_ms);
        let mut block = begun();
        assert!(!is_due(&block, 59_999) && is_due(&block, 60_000));
        for entries in 2..=20 {
            assert!(!is_due(&block, 0), "{entries}");
            block.push(an_entry(), 59_999);
        }
        assert!(is_due(&block, 0));
        assert!(!is_due(&OpenBlock::default(), u64::MAX));
    }

    #[test]
    fn what_is_not_recorded_is_answered_at_once_where_no_block_is_open() {
        let (reply, mut answer) = oneshot::channel();
        let receipt = Receipt {
            transaction: TransactionHash([1; 32]),
            reason: Reason::Revoked,
            culprit: None,
        };
        OpenBlock::default().wait(reply, receipt);
        assert_eq!(answer.try_recv().unwrap().unwrap(), Answer::Receipt(receipt));
    }

    #[test]
    fn nothing_that_a_lost_block_would_change_is_answered_before_the_block_is_durable() {
        for reason in [
            Reason::Accepted,
            Reason::Duplicate,
            Reason::IncompleteBody,
            Reason::Expelled,
            Reason::Revoked,
        ] {
            let (block, mut answer, receipt) = waiting_for(reason);
            assert!(answer.try_recv().is_err(), "{reason:?}");
            block.unanswered.answer();
            assert_eq!(answer.try_recv().unwrap().unwrap(), Answer::Receipt(receipt));
        }
    }

    #[test]
    fn what_is_late_is_told_so_at_once() {
        for reason in [Reason::WrongStep, Reason::TooLate, Reason::TooEarly, Reason::WrongModel] {
            let (_block, mut answer, receipt) = waiting_for(reason);
            assert_eq!(answer.try_recv().unwrap().unwrap(), Answer::Receipt(receipt));
        }
    }
}
