//! Where durable things lie on the chain: the aggregate that trustees judge, and the bodies of accepted updates.

use std::ops::Range;

use consilium_contract::Recorded;
use consilium_crypto::mask::CandidateHeader;
use consilium_hash::{BlobHash, BlockHash, HeaderHash};
use consilium_ledger::{LedgerError, Store};
use consilium_proto::v1::{Aggregate, SignedTransaction, transaction::Action};

/// Follows the chain block by block and remembers what calls ask for. It can be made again from the ledger.
///
/// An institution that was away checks every round since, so where the bodies of all accepted updates lie is kept, too: in the
/// ledger's notes, by the hash of the update's header.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// Accepted updates of the attempt, in the order of the chain.
    updates: Vec<SignedTransaction>,
    /// The last sealed collection, with its step.
    aggregate: Option<(u64, Aggregate)>,
    /// Heights of the blocks that all of this is from.
    heights: Range<u64>,
}

impl Catalogue {
    /// Takes note of a durable block.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub(crate) fn record(
        &mut self,
        store: &Store,
        height: u64,
        block: &BlockHash,
        entries: &[Recorded],
    ) -> Result<(), LedgerError> {
        for Recorded { transaction, .. } in
            entries.iter().filter(|recorded| recorded.receipt.is_accepted())
        {
            let signed = transaction.signed();
            match transaction.action() {
                Action::OpenRound(_) => {
                    self.updates.clear();
                    self.heights.start = height;
                }
                Action::SubmitUpdate(update) => {
                    self.updates.push(signed.clone());
                    // An accepted header decodes.
                    if let Ok(header) = CandidateHeader::decode(&update.header) {
                        let step = header.context().round.step;
                        let note = [step.to_be_bytes().as_slice(), &header.body_hash().0].concat();
                        store.put_note(&header.hash().0, &note)?;
                    }
                }
                Action::CloseCollection(close) => {
                    let aggregate = Aggregate {
                        sealed_height: height,
                        sealed_block: block.to_vec(),
                        updates: std::mem::take(&mut self.updates),
                        close_collection: Some(signed.clone()),
                        countersignatures: Vec::new(),
                    };
                    self.aggregate = Some((close.step, aggregate));
                }
                Action::Countersign(_) => {
                    if let Some((_, aggregate)) = &mut self.aggregate {
                        aggregate.countersignatures.push(signed.clone());
                    }
                }
                _ => continue,
            }
            self.heights.end = height.saturating_add(1);
        }
        Ok(())
    }

    /// Heights of the blocks that hold the last collection and what was said of its sum: recording those makes another
    /// catalogue the same.
    pub(crate) fn heights(&self) -> Range<u64> {
        self.heights.clone()
    }

    /// The sealed collection of `step`, if it is the last one.
    pub(crate) fn aggregate(&self, step: u64) -> Option<&Aggregate> {
        self.aggregate.as_ref().filter(|(of, _)| *of == step).map(|(_, aggregate)| aggregate)
    }
}

/// The step of the accepted update with this header, and its body.
///
/// # Errors
/// [`LedgerError::Damaged`].
pub(crate) fn body(
    store: &Store,
    header: &HeaderHash,
) -> Result<Option<(u64, BlobHash)>, LedgerError> {
    // Receipts are notes, too, and shorter.
    Ok(store.get_note(&header.0)?.and_then(|note| {
        let (step, body) = note.split_first_chunk()?;
        Some((u64::from_be_bytes(*step), body.try_into().ok()?))
    }))
}
