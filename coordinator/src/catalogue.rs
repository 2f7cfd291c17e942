//! Where durable things lie on the chain: the aggregate that trustees judge, and the bodies of accepted updates.

use std::collections::BTreeMap;

use consilium_contract::Recorded;
use consilium_crypto::mask::CandidateHeader;
use consilium_hash::{BlobHash, BlockHash, HeaderHash};
use consilium_proto::v1::{Aggregate, SignedTransaction, transaction::Action};

/// Follows the chain block by block and remembers what calls ask for. It can be made again from the ledger.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// Accepted updates of the attempt, in the order of the chain.
    updates: Vec<SignedTransaction>,
    /// The last sealed collection, with its step.
    aggregate: Option<(u64, Aggregate)>,
    /// SHA-256 of an accepted update's header → SHA-256 of its body. An institution that was away checks every round
    /// since, so all of them are kept, with their steps: 72 bytes an update.
    bodies: BTreeMap<HeaderHash, (u64, BlobHash)>,
}

impl Catalogue {
    /// Takes note of a durable block.
    pub(crate) fn record(&mut self, height: u64, block: &BlockHash, entries: &[Recorded]) {
        for Recorded { transaction, .. } in
            entries.iter().filter(|recorded| recorded.receipt.is_accepted())
        {
            let signed = transaction.signed();
            match transaction.action() {
                Action::OpenRound(_) => self.updates.clear(),
                Action::SubmitUpdate(update) => {
                    self.updates.push(signed.clone());
                    // An accepted header decodes.
                    if let Ok(header) = CandidateHeader::decode(&update.header) {
                        let step = header.context().round.step;
                        self.bodies.insert(header.hash(), (step, header.body_hash()));
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
                _ => {}
            }
        }
    }

    /// The sealed collection of `step`, if it is the last one.
    pub(crate) fn aggregate(&self, step: u64) -> Option<&Aggregate> {
        self.aggregate.as_ref().filter(|(of, _)| *of == step).map(|(_, aggregate)| aggregate)
    }

    /// The step of the accepted update with this header, and its body.
    pub(crate) fn body(&self, header: &HeaderHash) -> Option<(u64, BlobHash)> {
        self.bodies.get(header).copied()
    }
}
