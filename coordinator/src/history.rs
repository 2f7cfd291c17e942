//! Receipts of what is durable, so that a transaction that is sent again gets the answer that was lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use consilium_contract::{Contract, Phase, Receipt, Recorded};
use consilium_hash::{Pseudonym, TransactionHash};
use consilium_ledger::{LedgerError, Store};
use consilium_proto::v1::{Reason, transaction::Action};

/// The receipts of all entries, which the ledger's notes hold by transaction, and how often each institution was rejected in
/// this attempt or stage.
///
/// A chain is public, so anyone can send again what somebody signed long ago. It is never judged a second time: otherwise a
/// stranger could use up an institution's rejections with its own old words.
#[derive(Debug)]
pub(crate) struct History {
    store: Arc<Store>,
    rejections: BTreeMap<Pseudonym, u32>,
    /// What came too early since the run has stood where it stands. Until that changes, it is still too early.
    too_early: BTreeSet<TransactionHash>,
    standing: Standing,
}

/// Where a run stands, as far as what comes too early depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    step: u64,
    attempt: u32,
    phase: &'static str,
    /// Whether a sealed sum is in a block.
    is_in_block: bool,
}

impl Standing {
    pub(crate) fn of(contract: &Contract) -> Self {
        let phase = contract.phase();
        let is_in_block = matches!(phase, Phase::Sealed(sealed) if sealed.block().is_some());
        let (step, attempt) = (contract.step(), contract.attempt());
        Self { step, attempt, phase: phase.name(), is_in_block }
    }
}

impl History {
    /// Before anything has been recorded since the run stands there.
    pub(crate) fn new(store: Arc<Store>, standing: Standing) -> Self {
        Self { store, rejections: BTreeMap::new(), too_early: BTreeSet::new(), standing }
    }

    /// Takes note of a durable block's entries. Notes of an opened ledger's blocks that are there already cost nothing.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub(crate) fn record<'a>(
        &mut self,
        entries: impl IntoIterator<Item = &'a Recorded>,
        standing: Standing,
    ) -> Result<(), LedgerError> {
        // A block ends with what moves the run, so its entries were judged where the run still stands, or else came before that.
        let has_moved = self.standing != standing;
        self.standing = standing;
        if has_moved {
            self.too_early.clear();
        }
        for Recorded { transaction, receipt } in entries {
            let known = self.receipt(&receipt.transaction)?;
            // Sent again after a cut connection, or too early: the note follows the last answer.
            if known != Some(*receipt) {
                self.store.put_note(&receipt.transaction.0, &note(receipt))?;
            }
            if receipt.reason == Reason::TooEarly && !has_moved {
                self.too_early.insert(receipt.transaction);
            }
            if receipt.is_accepted() {
                if starts_afresh(transaction.action()) {
                    self.rejections.clear();
                }
            } else if let Some(author) = transaction.author().filter(|_| known.is_none()) {
                *self.rejections.entry(author).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The durable receipt of this transaction, if it is still the answer.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`].
    pub(crate) fn answer(&self, id: &TransactionHash) -> Result<Option<Receipt>, LedgerError> {
        let stands = |receipt: &Receipt| is_final(receipt) || self.too_early.contains(id);
        Ok(self.receipt(id)?.filter(stands))
    }

    /// The durable receipt of this transaction.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`].
    pub(crate) fn receipt(&self, id: &TransactionHash) -> Result<Option<Receipt>, LedgerError> {
        let Some(bytes) = self.store.get_note(&id.0)? else { return Ok(None) };
        // Notes follow from the blocks: one that cannot be read is as good as none.
        Ok(read(*id, &bytes))
    }

    /// Rejected transactions of an institution in this attempt or stage.
    pub(crate) fn rejections(&self, author: &Pseudonym) -> u32 {
        self.rejections.get(author).copied().unwrap_or_default()
    }
}

/// Reason (four bytes, big-endian), then the culprit if there is one.
fn note(receipt: &Receipt) -> Vec<u8> {
    let reason = (receipt.reason as i32).to_be_bytes();
    let culprit = receipt.culprit.map(|culprit| culprit.0);
    [reason.as_slice(), culprit.as_ref().map_or(&[], <[u8; 32]>::as_slice)].concat()
}

fn read(transaction: TransactionHash, note: &[u8]) -> Option<Receipt> {
    let (reason, culprit) = note.split_first_chunk::<4>()?;
    let culprit = match culprit {
        [] => None,
        culprit => Some(Pseudonym(culprit.try_into().ok()?)),
    };
    let reason = Reason::try_from(i32::from_be_bytes(*reason)).ok()?;
    Some(Receipt { transaction, reason, culprit })
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

    fn history() -> History {
        let folder = tempfile::tempdir().unwrap().keep();
        History::new(Arc::new(Store::open(&folder).unwrap()), Standing::default())
    }

    #[test]
    fn a_receipt_is_read_as_it_was_noted_and_a_note_that_is_none_is_no_receipt() {
        let transaction = TransactionHash([4; 32]);
        for receipt in [
            Receipt::accepted(transaction),
            Receipt::fault(transaction, Reason::BadLinkProof, Pseudonym([3; 32])),
        ] {
            assert_eq!(read(transaction, &note(&receipt)), Some(receipt));
            assert_eq!(read(transaction, &note(&receipt)[1..]), None);
        }
        assert_eq!(read(transaction, &[]), None);
        assert_eq!(read(transaction, &[0x7f, 0, 0, 0]), None);
    }

    #[test]
    fn what_is_sent_again_is_held_against_nobody_and_stays_too_early_until_the_run_moves() {
        let author = Pseudonym([7; 32]);
        let early = || {
            recorded(Some(author), Action::Countersign(Countersign::default()), Reason::TooEarly)
        };
        let entry = early();
        let id = entry.receipt.transaction;
        let standing = Standing { step: 4, phase: "collecting", ..Standing::default() };
        let mut history = history();
        // The block that ends with the move: where the run stands now, it may be early no more.
        history.record([&entry], standing).unwrap();
        assert_eq!(history.answer(&id).unwrap(), None);
        for _ in 0..3 {
            history.record([&entry], standing).unwrap();
            assert_eq!(history.answer(&id).unwrap(), Some(entry.receipt));
            assert_eq!(history.rejections(&author), 1);
        }
        history.record([&early()], Standing { phase: "sealed", ..standing }).unwrap();
        assert_eq!(history.answer(&id).unwrap(), None);
        assert_eq!(history.rejections(&author), 2);
    }

    #[test]
    fn a_receipt_is_remembered_and_rejections_are_counted_until_the_next_attempt_or_stage_begins() {
        let author = Pseudonym([7; 32]);
        let late =
            || recorded(Some(author), Action::Countersign(Countersign::default()), Reason::TooLate);
        let entries = [late(), late()];
        let mut history = history();
        history.record(&entries, Standing::default()).unwrap();
        let found = history.receipt(&entries[1].receipt.transaction).unwrap();
        assert_eq!(found, Some(entries[1].receipt));
        assert_eq!((history.rejections(&author), history.rejections(&Pseudonym([8; 32]))), (2, 0));
        history
            .record(
                &[recorded(None, Action::OpenRound(OpenRound::default()), Reason::TooEarly)],
                Standing::default(),
            )
            .unwrap();
        assert_eq!(history.rejections(&author), 2);
        let openings = [
            Action::OpenRound(OpenRound::default()),
            Action::BeginKeygen(BeginKeygen::default()),
            Action::EndStage(EndStage::default()),
        ];
        for opening in openings {
            let entries = [late(), recorded(None, opening, Reason::Accepted)];
            history.record(&entries, Standing::default()).unwrap();
            assert_eq!(history.rejections(&author), 0);
        }
    }
}
