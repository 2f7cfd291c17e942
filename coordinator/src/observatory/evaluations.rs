//! How good the model was, as the run's counts say it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use consilium_contract::{
    Contract, Parameters, Purpose, model::decode_sums, transaction::parse_entry,
};
use consilium_hash::BlobHash;
use consilium_ledger::Block;
use consilium_proto::{hash32, v1::transaction::Action};
use consilium_scorecard::{Form, Quantities};

use super::snapshot::Evaluation;
use crate::shared::Shared;

/// The last evaluations that are shown, at most: a run may have any number of them.
const SHOWN: usize = 2_000;

/// By step. The node's thread adds what it sees; what former starts have seen is read beside it.
pub(super) struct Evaluations(Mutex<BTreeMap<u64, Evaluation>>);

impl Evaluations {
    /// Those that the contract remembers.
    pub(super) fn new(contract: &Contract) -> Self {
        let evaluations = Self(Mutex::default());
        if let Some(best) = contract.findings().best() {
            evaluations.add(evaluation(contract.parameters(), best.step, &best.places));
        }
        evaluations.learn(contract);
        evaluations
    }

    /// Takes the contract's last one.
    pub(super) fn learn(&self, contract: &Contract) {
        if let Some(counted) = contract.findings().last_evaluation() {
            self.add(evaluation(contract.parameters(), counted.step, &counted.places));
        }
    }

    /// Takes the last ones that the ledger holds. What cannot be read is not shown.
    pub(super) fn remember(&self, shared: &Shared) {
        if shared.parameters.agenda().evaluation().is_none() {
            return;
        }
        let heights = (0..shared.chain().len()).rev();
        let blocks = heights.map_while(|height| shared.store.get_block(height).ok().flatten());
        let evaluations = blocks.filter_map(|block| closed_by(shared, &block));
        evaluations.take(SHOWN).for_each(|evaluation| self.add(Some(evaluation)));
    }

    pub(super) fn all(&self) -> Vec<Evaluation> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }

    fn add(&self, evaluation: Option<Evaluation>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(evaluation.map(|evaluation| (evaluation.step, evaluation)));
        while known.len() > SHOWN {
            known.pop_first();
        }
    }
}

/// The evaluation that a block closes. A phase's end is the last entry of its block.
fn closed_by(shared: &Shared, block: &Block) -> Option<Evaluation> {
    let (transaction, _) = parse_entry(block.entries.last()?).ok()?;
    let Action::CloseRound(close) = transaction.action() else { return None };
    let form = shared.parameters.form(close.step);
    if form.purpose != Purpose::Evaluation {
        return None;
    }
    let sums = close.sums.as_ref()?;
    let address = BlobHash(hash32("hash of sums", &sums.sha256).ok()?);
    let sums = shared.store.get_blob(&address).ok()??;
    evaluation(&shared.parameters, close.step, &decode_sums(&sums, form.dimension())?)
}

/// What a step says that was opened to these places.
fn evaluation(parameters: &Parameters, step: u64, places: &[i64]) -> Option<Evaluation> {
    let tally = &parameters.agenda().evaluation()?.counted.tally;
    let (counts, sums) = tally.decode(places)?;
    let scores = Form::of_run(&parameters.training)?.read(&Quantities { counts, sums })?;
    let named = scores.named().into_iter();
    Some(Evaluation {
        step,
        rows: scores.rows(),
        loss: scores.loss(),
        scores: named.map(|(name, value)| (name.to_owned(), value)).collect(),
    })
}
