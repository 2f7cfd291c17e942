//! What the figures claim, as means over five seeds.
//!
//! The verified federation arrives, bit for bit, at the model that `fed_avg_quantised` computes in the clear from the
//! accepted updates (shown over gRPC in `federation.rs`); so the means are taken over that.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::collections::BTreeSet;

use common::clear;
use consilium_authority::{BoundChoice, BoundKind};
use consilium_experiments::replay::{
    Choice, Federation, ReplayConfig, centralised, load_dataset,
    plain::{self, Malicious},
    recorder::Recorder,
    summary::summarise,
};
use consilium_learning::evaluate;

const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];

/// Accuracies of the last global models, by seed.
struct Outcomes {
    honest: Vec<f64>,
    poisoned: Vec<f64>,
    /// Quantised updates of everyone.
    quantised: Vec<f64>,
    /// Quantised updates of the honest alone: what a federation that rejects the others arrives at.
    verified: Vec<f64>,
}

fn quantised(federation: &Federation, institutions: BTreeSet<usize>) -> f64 {
    let accepted = vec![institutions; federation.config.epochs];
    let steps = clear::steps(federation, federation.participants().unwrap(), 1, &accepted);
    let global = &steps[steps.len() - 1].global;
    evaluate(&federation.architecture, global, &federation.test).unwrap().accuracy
}

fn outcomes(dataset: &str, bound: BoundKind) -> Outcomes {
    let mut outcomes =
        Outcomes { honest: vec![], poisoned: vec![], quantised: vec![], verified: vec![] };
    let data = load_dataset(dataset).unwrap();
    for seed in SEEDS {
        let bound = BoundChoice { bound, ..BoundChoice::default() };
        let choice = Choice { dataset: dataset.to_owned(), seed, bound, ..Choice::default() };
        let federation =
            Federation::new(&ReplayConfig::resolve(choice, &data).unwrap(), &data).unwrap();
        let plain = |poisoned| {
            let model = plain::run(&federation, poisoned, &mut Recorder::in_memory()).unwrap();
            federation.quality(&model).unwrap().accuracy
        };
        outcomes.honest.push(plain(Malicious::Honest));
        outcomes.poisoned.push(plain(Malicious::Poisoning));
        let everyone = (0..federation.tables.len()).collect();
        outcomes.quantised.push(quantised(&federation, everyone));
        outcomes.verified.push(quantised(&federation, clear::honest(&federation)));
    }
    outcomes
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn costs_no_point(bound: BoundKind) {
    for dataset in ["pima", "wdbc"] {
        let Outcomes { honest, poisoned, quantised, verified } = outcomes(dataset, bound);
        assert!(
            (mean(&quantised) - mean(&honest)).abs() < 0.01,
            "{dataset}: {quantised:?} {honest:?}"
        );
        assert!(
            (mean(&verified) - mean(&honest)).abs() < 0.02,
            "{dataset}: {verified:?} {honest:?}"
        );
        assert!(mean(&poisoned) < mean(&honest) - 0.1, "{dataset}: {poisoned:?} {honest:?}");
    }
}

#[test]
fn eight_bits_cost_no_point_and_rejection_no_two_points_and_plain_averaging_falls_to_two_of_ten() {
    costs_no_point(BoundKind::Parameter);
}

#[test]
fn a_bound_on_the_norm_costs_no_point_and_rejection_no_two_points() {
    costs_no_point(BoundKind::Norm);
}

#[test]
fn centralised_training_ends_where_the_literature_does() {
    for (dataset, range) in [("pima", 0.74..0.80), ("wdbc", 0.95..0.99)] {
        let data = load_dataset(dataset).unwrap();
        let choice = Choice { dataset: dataset.to_owned(), ..Choice::default() };
        let config = ReplayConfig::resolve(choice, &data).unwrap();
        let mut recorder = Recorder::in_memory();
        for split in 0..config.splits {
            let federation = Federation::on_split(&config, &data, split).unwrap();
            centralised::run(&federation, &mut recorder).unwrap();
        }
        let summary = summarise(recorder.rows());
        assert!(range.contains(&summary[0].accuracy), "{dataset}: {}", summary[0].accuracy);
    }
}
