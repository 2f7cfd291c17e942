//! What `consilium attack` simulates is what the encrypted federation computes; and a seed determines every byte of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::fs;
use std::path::Path;

use consilium_authority::{BoundChoice, BoundKind};
use consilium_datasets::Dataset;
use consilium_experiments::attack::{
    Attack, AttackConfig, Defence, Delivery, Limits, files,
    simulation::{Cell, Outcome, participants, simulate},
};
use consilium_experiments::{
    attack,
    progress::Progress,
    replay::{Choice, Federation, ReplayConfig, recorder::Recorder, verified},
};

/// Two of seven are malicious; the bound of the run is that of the defence.
fn federation(epochs: usize, defence: Defence) -> Federation {
    let dataset = Dataset::bundled("pima").unwrap();
    let bound = if defence == Defence::Norm { BoundKind::Norm } else { BoundKind::Parameter };
    let bound = BoundChoice { bound, ..BoundChoice::default() };
    let choice = Choice { institutions: 7, malicious: 2, epochs, bound, ..Choice::default() };
    Federation::new(&ReplayConfig::resolve(choice, &dataset).unwrap(), &dataset).unwrap()
}

/// What the simulation says, and the same institutions over gRPC with everything verified, in as many rounds.
fn both(
    epochs: usize,
    attack: Attack,
    delivery: Delivery,
    defence: Defence,
) -> (Outcome, verified::Verified) {
    let federation = federation(epochs, defence);
    let cell = Cell { attack, delivery, defence, limit: Limits::new(&federation).of(defence) };
    let directory = tempfile::tempdir().unwrap();
    let scratch = directory.path().join("institutions");
    fs::create_dir(&scratch).unwrap();
    let ledger = directory.path().join("ledger");
    let progress = Progress::silent();
    let participants = participants(&federation, cell).unwrap();
    let verified = verified::run_with(
        &federation,
        participants,
        &ledger,
        &scratch,
        &mut Recorder::in_memory(),
        &progress,
    )
    .unwrap();
    let simulated = simulate(&federation, cell).unwrap();
    assert_eq!(verified.model, simulated.model, "{attack:?} {delivery:?} {defence:?}");
    (simulated, verified)
}

#[test]
fn attackers_at_the_bound_are_accepted_over_grpc_and_the_model_is_the_simulated_one_bit_for_bit() {
    for (attack, defence) in [
        (Attack::AtBound, Defence::Parameter),
        (Attack::Backdoor, Defence::Parameter),
        (Attack::AtBound, Defence::Norm),
        (Attack::Scaling, Defence::Norm),
    ] {
        let (simulated, verified) = both(2, attack, Delivery::Bounded, defence);
        assert!(verified.rounds.iter().all(|round| round.accepted == 7), "{attack:?} {defence:?}");
        assert_eq!((simulated.accepted, simulated.rejected), (4, 0));
    }
}

#[test]
fn attackers_beyond_the_bound_are_rejected_and_expelled_over_grpc_as_in_the_simulation() {
    for (attack, defence) in [(Attack::Noise, Defence::Parameter), (Attack::Scaling, Defence::Norm)]
    {
        let (simulated, verified) = both(4, attack, Delivery::Naive, defence);
        assert_eq!((simulated.accepted, simulated.rejected), (0, 8), "{defence:?}");
        assert!(verified.rounds.iter().all(|round| round.accepted == 5));
        assert!(verified.rounds[..3].iter().all(|round| round.rejected.values().sum::<u32>() == 2));
        // The expelled are not waited for: the round may be over before they are told.
        assert!(verified.rounds[3].rejected.keys().all(|reason| reason == "expelled"));
    }
}

fn run(directory: &Path) -> Vec<Vec<u8>> {
    let config = AttackConfig::new("pima".into(), 3, 42, 2, true).unwrap();
    attack::run(&config, &Dataset::bundled("pima").unwrap(), directory, &Progress::silent())
        .unwrap();
    [files::CSV, files::FIGURE, files::REPORT]
        .map(|name| fs::read(directory.join(name)).unwrap())
        .into()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_an_earlier_run_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let first = run(directory.path());
    assert!(first == run(directory.path()));
    let csv = String::from_utf8(first[0].clone()).unwrap();
    // Three defences with nobody malicious, 31 ways to attack with two and with four; two seeds.
    assert_eq!(csv.lines().count(), 1 + 2 * (3 + 2 * 31));
    let figure = String::from_utf8(first[1].clone()).unwrap();
    for attack in Attack::ALL {
        assert!(figure.contains(attack.title()) && csv.contains(attack.name()), "{attack:?}");
    }
}

#[test]
fn a_directory_with_somebody_elses_files_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let table = directory.path().join(files::CSV);
    fs::write(&table, "somebody's table").unwrap();
    let config = AttackConfig::new("pima".into(), 1, 1, 1, true).unwrap();
    let dataset = Dataset::bundled("pima").unwrap();
    let error = attack::run(&config, &dataset, directory.path(), &Progress::silent()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(&table).unwrap(), "somebody's table");
}

#[test]
fn numbers_that_cannot_work_name_their_flag() {
    for (seed, seeds, flag) in
        [(1, 0, "--seeds"), (1, 1001, "--seeds"), (u64::MAX, 5, "--seed"), (1 << 63, 1, "--seed")]
    {
        let error = AttackConfig::new("pima".into(), 1, seed, seeds, false).unwrap_err();
        assert!(error.to_string().contains(flag), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
