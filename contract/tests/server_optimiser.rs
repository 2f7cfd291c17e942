//! Runs in which the mean of the updates is a gradient for an optimiser.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{Contract, GenesisError, Model, ServerOptimiser};
use consilium_crypto::quantise;
use consilium_proto::v1::{self, server_optimiser::Rule};
use consilium_testkit::{DIMENSION, Run};
use sha2::{Digest, Sha256};

const MOMENTUM: v1::ServerMomentum = v1::ServerMomentum { learning_rate: 0.5, beta: 0.75 };
const ADAM: v1::ServerAdam =
    v1::ServerAdam { learning_rate: 0.1, beta1: 0.5, beta2: 0.75, tau: 0.01 };

fn optimiser(rule: Rule) -> ServerOptimiser {
    ServerOptimiser::read(Some(v1::ServerOptimiser { rule: Some(rule) })).unwrap()
}

fn run(rule: Rule) -> Run {
    Run::founded_with(|spec| {
        spec.steps = 3;
        spec.server_optimiser = optimiser(rule);
    })
    .with_everyone()
    .with_key()
}

/// A step in which everyone sends these; its mean.
fn train(run: &mut Run, values: [i64; DIMENSION]) -> Vec<f64> {
    assert!(run.open().is_accepted());
    let places = run.institutions();
    for place in 0..places {
        assert!(run.submit(place, &values).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
    let parameters = run.parameters();
    let names: Vec<_> = (0..places).map(|place| run.name(place)).collect();
    let weights = run.contract.roster().weight_sum(names.iter(), parameters.max_rows);
    let sums = values.map(|value| value * places as i64);
    quantise::decode(&sums, parameters.quantised_bound(), parameters.clip, weights).unwrap()
}

fn as_f64(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[test]
fn momentum_carries_the_model_on_after_the_institutions_have_stopped() {
    let mut run = run(Rule::Momentum(MOMENTUM));
    let started = as_f64(run.contract.model().parameters());
    let mean = train(&mut run, [4; DIMENSION]);
    let once = as_f64(run.contract.model().parameters());
    train(&mut run, [0; DIMENSION]);
    let twice = as_f64(run.contract.model().parameters());
    for place in 0..DIMENSION {
        assert!((once[place] - started[place] - 0.5 * mean[place]).abs() < 1e-6);
        assert!((twice[place] - once[place] - 0.5 * 0.75 * mean[place]).abs() < 1e-6);
    }
    assert_eq!(run.contract.model().to_bytes().len(), 8 * DIMENSION);
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
}

#[test]
fn adam_moves_the_model_as_far_for_small_means_as_for_large_ones() {
    let moved = |value| {
        let mut run = run(Rule::Adam(ADAM));
        let started = as_f64(run.contract.model().parameters());
        let mean = train(&mut run, [value; DIMENSION])[0];
        let model = run.contract.model();
        assert_eq!(model.to_bytes().len(), 12 * DIMENSION);
        let expected = 0.1 * 0.5 * mean / (0.5 * mean + 0.01);
        let moved = f64::from(model.parameters()[0]) - started[0];
        assert!((moved - expected).abs() < 1e-6, "{moved} {expected}");
        moved / mean
    };
    assert!(moved(1) > 2.0 * moved(20));
}

/// Two models that differ in what the optimiser keeps of them alone would part a step later.
#[test]
fn a_models_hash_is_that_of_its_moments_too() {
    let run = run(Rule::Momentum(MOMENTUM));
    let parameters = run.parameters();
    let model = run.contract.model();
    let mut bytes = model.to_bytes();
    let last = bytes.len() - 1;
    bytes[last] = 1;
    let other = Model::from_bytes(&bytes, parameters).unwrap();
    assert_eq!(other.parameters(), model.parameters());
    assert_ne!(other.hash(), model.hash());
    // And what one run reads is no model of a run with another optimiser.
    let mut without = parameters.clone();
    without.server_optimiser = ServerOptimiser::Mean;
    assert!(Model::from_bytes(&bytes, &without).is_none());
    assert!(Model::from_bytes(&bytes[..4 * DIMENSION], parameters).is_none());
}

#[test]
fn a_run_starts_at_rest() {
    let ceremony = consilium_testkit::ceremony(7, |spec| {
        spec.server_optimiser = optimiser(Rule::Momentum(MOMENTUM));
    });
    let found = |genesis: v1::Genesis, model: &[u8]| {
        let entry = consilium_testkit::genesis_entry(genesis, &ceremony.authority.signing);
        Contract::found(&entry, model, consilium_testkit::table())
    };
    let genesis = consilium_testkit::genesis(&ceremony);
    assert!(found(genesis.clone(), &ceremony.initial_model).is_ok());
    let mut moving = ceremony.initial_model.clone();
    let first_moment = 4 * DIMENSION;
    moving[first_moment..first_moment + 4].copy_from_slice(&1.0f32.to_le_bytes());
    let mut names_it = genesis;
    names_it.initial_model.as_mut().unwrap().sha256 = Sha256::digest(&moving).to_vec();
    assert!(matches!(found(names_it, &moving), Err(GenesisError::WrongModel)));
}
