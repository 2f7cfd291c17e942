//! What the chain of a finished run says.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use consilium_audit::AuditReport;
use consilium_contract::{CandidateTransaction, transaction::parse_entry};
use consilium_crypto::{CandidateHeader, Evaluation};
use consilium_hash::{HeaderHash, ModelHash};
use consilium_ledger::sha256;
use consilium_proto::v1::transaction::Action;

use crate::world::World;

/// What the chain of a finished run says.
pub struct Finished {
    pub report: AuditReport,
    /// SHA-256 of the model after each step.
    pub models: Vec<ModelHash>,
    /// Whose updates are in the sum of each step.
    pub accepted: Vec<BTreeSet<u32>>,
    /// From the opening of each step's last attempt to the end of its collection.
    pub collected: Vec<Duration>,
}

impl Finished {
    pub fn new(world: &World, chain: &[CandidateTransaction], report: AuditReport) -> Self {
        let mut models = Vec::new();
        let mut accepted = Vec::new();
        let mut authors = BTreeMap::new();
        let mut collected = Vec::new();
        let mut opened_ms = 0;
        let mut encrypted: BTreeMap<(u32, u64, u32), HeaderHash> = BTreeMap::new();
        let mut countersigned: BTreeMap<(u32, u64), BTreeSet<Vec<u8>>> = BTreeMap::new();
        for transaction in chain {
            match transaction.action() {
                Action::OpenRound(open) => opened_ms = open.time_ms,
                Action::SubmitUpdate(update) => {
                    let context =
                        CandidateHeader::decode(&update.header).unwrap().context().clone();
                    let author = world.index_of(transaction);
                    let header = HeaderHash(sha256(&update.header));
                    let first = *encrypted
                        .entry((author, context.round.step, context.round.attempt))
                        .or_insert(header);
                    assert_eq!(
                        first, header,
                        "institution {author} has encrypted twice in {:?}",
                        context.round
                    );
                    authors.insert(header, author);
                }
                Action::CloseCollection(close) => {
                    collected.push(Duration::from_millis(close.time_ms - opened_ms));
                    let evaluation = Evaluation::decode(&close.evaluation).unwrap();
                    accepted
                        .push(evaluation.inputs().iter().map(|header| authors[header]).collect());
                }
                Action::Countersign(said) => {
                    let blocks =
                        countersigned.entry((world.index_of(transaction), said.step)).or_default();
                    blocks.insert(said.sealed_block.clone());
                }
                Action::CloseRound(close) => {
                    models.push(close.model.as_ref().unwrap().sha256[..].try_into().unwrap())
                }
                _ => {}
            }
        }
        for ((index, step), blocks) in countersigned {
            assert_eq!(
                blocks.len(),
                1,
                "institution {index} has countersigned two blocks of step {step}"
            );
        }
        Self { report, models, accepted, collected }
    }
}

fn step_of_update(action: &Action) -> Option<u64> {
    let Action::SubmitUpdate(update) = action else { return None };
    Some(CandidateHeader::decode(&update.header).unwrap().context().round.step)
}

pub fn is_update(step: u64) -> impl Fn(&Action) -> bool {
    move |action| step_of_update(action) == Some(step)
}

pub fn is_countersignature(step: u64) -> impl Fn(&Action) -> bool {
    move |action| matches!(action, Action::Countersign(said) if said.step == step)
}

pub fn is_share(step: u64) -> impl Fn(&Action) -> bool {
    move |action| matches!(action, Action::SubmitShare(said) if said.step == step)
}

pub fn is_close(step: u64) -> impl Fn(&Action) -> bool {
    move |action| matches!(action, Action::CloseRound(said) if said.step == step)
}

pub fn parse(entries: &[Vec<u8>]) -> Vec<CandidateTransaction> {
    entries
        .iter()
        .filter_map(|entry| parse_entry(entry).ok().map(|(transaction, _)| transaction))
        .collect()
}
