//! Convolutional networks on images: a small one verified end to end, and one of a million parameters that learns in a few
//! rounds of ten institutions.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{collections::BTreeSet, fs};

use common::clear;
use consilium_audit::audit;
use consilium_experiments::{
    progress::Progress,
    replay::{
        Choice, Federation, ReplayConfig, centralised, load_dataset,
        plain::{self, Malicious},
        recorder::Recorder,
        verified,
    },
};
use consilium_learning::evaluate;

fn federation(
    convolution: &[usize],
    hidden: usize,
    institutions: usize,
    epochs: usize,
) -> Federation {
    let data = load_dataset("digits").unwrap();
    let choice = Choice {
        dataset: "digits".into(),
        institutions,
        malicious: 0,
        epochs,
        splits: 1,
        convolution: convolution.to_vec(),
        hidden: vec![hidden],
        ..Choice::default()
    };
    let config = ReplayConfig::resolve(choice, &data).unwrap();
    assert_eq!(ReplayConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
    let federation = Federation::new(&config, &data).unwrap();
    assert_eq!(federation.architecture.parameter_count(), config.dimension as usize);
    federation
}

/// Every institution's update is in the sum of every step.
fn everyone(federation: &Federation) -> Vec<BTreeSet<usize>> {
    vec![(0..federation.tables.len()).collect(); federation.config.epochs]
}

#[test]
fn a_convolutional_network_trains_verified_to_the_bit_of_averaging_in_the_clear() {
    let federation = federation(&[2, 4], 8, 4, 3);
    assert_eq!(federation.config.dimension, 20 + 76 + 2056 + 9);
    let directory = tempfile::tempdir().unwrap();
    let scratch = directory.path().join("institutions");
    let ledger = directory.path().join("ledger");
    fs::create_dir(&scratch).unwrap();
    let verified = verified::run(
        &federation,
        &ledger,
        &scratch,
        &mut Recorder::in_memory(),
        &Progress::silent(),
    )
    .unwrap();

    let participants = federation.participants().unwrap();
    let steps = clear::steps(&federation, participants, 1, &everyone(&federation));
    assert!(verified.model == steps[2].global, "the verified model is not the one in the clear");
    let report = audit(&ledger, directory.path(), None).unwrap();
    assert_eq!((report.steps, report.accepted_updates), ((3, 3), 12));
    assert_eq!(report.model, steps[2].hash().to_string());
}

/// Accuracy of the last model that was recorded.
fn last(run: impl FnOnce(&mut Recorder)) -> f64 {
    let mut recorder = Recorder::in_memory();
    run(&mut recorder);
    recorder.rows().last().unwrap().quality.accuracy
}

#[test]
fn ten_institutions_train_a_million_parameters_and_rounding_for_proofs_costs_no_point() {
    let federation = federation(&[32, 64], 240, 10, 2);
    assert_eq!(federation.config.dimension, 1_002_337);
    let Federation { architecture, initial, test, .. } = &federation;
    let accuracy = |model: &[f32]| evaluate(architecture, model, test).unwrap().accuracy;
    assert!(accuracy(initial) < 0.6);
    let central = last(|recorder| centralised::run(&federation, recorder).unwrap());
    let plain = last(|recorder| {
        plain::run(&federation, Malicious::Honest, recorder).unwrap();
    });
    let participants = federation.participants().unwrap();
    let steps = clear::steps(&federation, participants, 1, &everyone(&federation));
    // The model that a verified federation arrives at, bit for bit.
    let verified = accuracy(&steps[1].global);
    println!("centralised {central:.4}, plain {plain:.4}, verified {verified:.4}");
    assert!(central > 0.93 && plain > 0.85, "{central} {plain}");
    assert!((verified - plain).abs() < 0.01, "{verified} {plain}");

    let trainer = &federation.trainers().unwrap()[0];
    let twice = [trainer.fit(1, initial).unwrap(), trainer.fit(1, initial).unwrap()];
    assert!(twice[0] == twice[1], "the same step twice trains two models");
}
