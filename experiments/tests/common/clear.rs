//! Plaintext federated averaging over the quantised updates of whoever was accepted: what the verified federation must
//! compute bit for bit.

use std::collections::BTreeSet;

use consilium_client::prepare::Participant;
use consilium_crypto::QuantisedUpdate;
use consilium_experiments::replay::{Federation, plain::fed_avg_quantised};
use consilium_hash::ModelHash;
use consilium_learning::model_blob;
use consilium_ledger::sha256;

/// A step in the clear.
pub struct Step {
    /// Models of those whose updates are in the sum after their local training, by place.
    pub locals: Vec<(usize, Vec<f32>)>,
    /// The global model after the step.
    pub global: Vec<f32>,
}

impl Step {
    /// SHA-256 of the global model, as the chain names it.
    pub fn hash(&self) -> ModelHash {
        ModelHash(sha256(&model_blob(&self.global)))
    }
}

/// One step for each set of accepted institutions, given by their places. `first` is the number of the first step: a
/// replay counts from 1, a coordinator from 0, and the order of the rows follows from it.
pub fn steps(
    federation: &Federation,
    mut participants: Vec<Participant>,
    first: u64,
    accepted: &[BTreeSet<usize>],
) -> Vec<Step> {
    let Federation { config, weights, .. } = federation;
    let mut global = federation.initial.clone();
    let mut steps = Vec::new();
    for (step, places) in (first..).zip(accepted) {
        let mut updates: Vec<QuantisedUpdate> = Vec::new();
        let mut locals = Vec::new();
        for &place in places {
            let update = participants[place].local_update(step, &global).unwrap();
            updates.push(update.quantised);
            locals.push((place, update.model));
        }
        let weights: Vec<f64> = places.iter().map(|&place| weights[place]).collect();
        let bound = config.quantised_bound();
        global = fed_avg_quantised(&global, &updates, &weights, bound, config.clip).unwrap();
        steps.push(Step { locals, global: global.clone() });
    }
    steps
}

/// The places of all institutions that are not malicious.
pub fn honest(federation: &Federation) -> BTreeSet<usize> {
    let everyone = 0..federation.tables.len();
    everyone.filter(|place| !federation.malicious.contains(place)).collect()
}
