//! What a replay writes down about the verified federation is what the same institutions would have computed in the
//! clear: `accuracy.csv` line by line and `model.safetensors` parameter by parameter, bit for bit.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::fs;

use common::{
    accepted,
    clear::{self, Step},
};
use consilium_authority::{BoundChoice, BoundKind};
use consilium_contract::transaction::parse_entry;
use consilium_experiments::{
    progress::Progress,
    replay::{
        self, Choice, Federation, ReplayConfig, files, load_dataset,
        record::{AccuracyRow, Experiment, accuracy_csv},
        verified,
    },
};
use consilium_learning::TrainedModel;
use consilium_ledger::Store;

const EPOCHS: usize = 4;

/// The lines about the verified federation that follow from these steps.
fn lines(federation: &Federation, steps: &[Step]) -> Vec<String> {
    let mut rows = Vec::new();
    for (epoch, step) in (1..).zip(steps) {
        let observed = step.locals.iter().filter(|(place, _)| federation.observed.contains(place));
        let mut models: Vec<(Option<usize>, &[f32])> =
            observed.map(|(place, model)| (Some(*place), model.as_slice())).collect();
        models.push((None, &step.global));
        for (institution, model) in models {
            let quality = federation.quality(model).unwrap();
            let experiment = Experiment::Verified;
            rows.push(AccuracyRow { experiment, split: 0, institution, epoch, quality });
        }
    }
    accuracy_csv(&rows).lines().skip(1).map(str::to_owned).collect()
}

fn is_that_of_the_plaintext(dataset: &str, bound: BoundKind, malicious: usize) {
    let case = format!("{dataset}, {bound:?}, {malicious} malicious");
    let data = load_dataset(dataset).unwrap();
    let choice = Choice {
        dataset: dataset.to_owned(),
        institutions: 7,
        malicious,
        epochs: EPOCHS,
        splits: 1,
        bound: BoundChoice { bound, ..BoundChoice::default() },
        ..Choice::default()
    };
    let config = ReplayConfig::resolve(choice, &data).unwrap();
    let directory = tempfile::tempdir().unwrap();
    replay::run(&config, &data, directory.path(), &Progress::silent()).unwrap();

    let federation = Federation::new(&config, &data).unwrap();
    assert_eq!(federation.malicious.len(), malicious, "{case}");
    let store = Store::open_copy(&directory.path().join(files::LEDGER), directory.path()).unwrap();
    let entries = store.blocks(1).flat_map(|block| block.unwrap().entries);
    let chain: Vec<_> = entries.map(|entry| parse_entry(&entry).unwrap().0).collect();
    let accepted = accepted::places(&chain);
    assert_eq!(accepted.len(), EPOCHS, "{case}");
    let honest = clear::honest(&federation);
    assert!(accepted.iter().all(|places| places.is_superset(&honest)), "{case}: {accepted:?}");
    let participants = verified::participants(&federation).unwrap();
    let steps = clear::steps(&federation, participants, 1, &accepted);

    let csv = fs::read_to_string(directory.path().join(files::ACCURACY)).unwrap();
    let written: Vec<&str> = csv.lines().filter(|line| line.starts_with("verified,")).collect();
    assert_eq!(written.len(), EPOCHS * (federation.observed.len() + 1), "{case}");
    assert_eq!(written, lines(&federation, &steps), "{case}");

    let bits = |model: &[f32]| model.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let written = fs::read(directory.path().join(files::MODEL)).unwrap();
    let written = TrainedModel::from_bytes(&written).unwrap();
    let same = bits(&written.parameters) == bits(&steps[EPOCHS - 1].global);
    assert!(same, "{case}: model.safetensors is not the plaintext model");
    assert_eq!(written.step, EPOCHS as u64);
    assert_eq!(written.description, federation.description);
}

#[test]
fn a_replay_writes_what_plaintext_averaging_computes_under_a_bound_on_every_parameter() {
    for dataset in ["pima", "wdbc"] {
        for malicious in [0, 2] {
            is_that_of_the_plaintext(dataset, BoundKind::Parameter, malicious);
        }
    }
}

#[test]
fn a_replay_writes_what_plaintext_averaging_computes_under_a_bound_on_the_norm() {
    for dataset in ["pima", "wdbc"] {
        for malicious in [0, 2] {
            is_that_of_the_plaintext(dataset, BoundKind::Norm, malicious);
        }
    }
}
