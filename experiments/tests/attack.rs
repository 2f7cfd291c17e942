//! What `consilium attack` simulates is what the encrypted federation computes; and a seed determines every byte of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use consilium_client::learning::Trainer;
use consilium_crypto::{
    CandidateHeader, CandidateUpdate, Context, Dealing, DiscreteLogTable, EncryptedUpdate, EvaluationKey, MaskedSum,
    RoundContext, VerifiedUpdate, combine, deal,
    quantise::{apply, decode},
    update::encrypt,
    verify_key_proofs, verify_share, verify_updates,
};
use consilium_datasets::Dataset;
use consilium_experiments::attack::{
    Attack, AttackConfig, Defence, Delivery, Limits, files,
    simulation::{Cell, simulate, trainers},
};
use consilium_experiments::{Federation, ReplayConfig, attack, config::Choice, progress::Progress, verified};
use rand_core::OsRng;

/// Two of seven are malicious.
fn federation(epochs: usize) -> Federation {
    let dataset = Dataset::bundled("pima").unwrap();
    let choice = Choice { institutions: 7, malicious: 2, epochs, ..Choice::default() };
    Federation::new(&ReplayConfig::resolve(choice, &dataset).unwrap(), &dataset).unwrap()
}

fn cell(federation: &Federation, attack: Attack, delivery: Delivery, defence: Defence) -> Cell {
    Cell { attack, delivery, defence, limit: Limits::new(federation).of(defence) }
}

/// The same institutions over gRPC, with everything verified.
fn encrypted(federation: &Federation, cell: Cell) -> verified::Verified {
    let directory = tempfile::tempdir().unwrap();
    let scratch = directory.path().join("institutions");
    fs::create_dir(&scratch).unwrap();
    let trainers = trainers(federation, cell).unwrap();
    verified::run_with(federation, trainers, &directory.path().join("ledger"), &scratch, &Progress::silent()).unwrap()
}

#[test]
fn attackers_at_the_bound_are_accepted_over_grpc_and_the_model_is_the_simulated_one_bit_for_bit() {
    let federation = federation(3);
    let cell = cell(&federation, Attack::AtBound, Delivery::Bounded, Defence::Parameter);
    let simulated = simulate(&federation, cell).unwrap();
    let verified = encrypted(&federation, cell);
    assert_eq!(verified.model, simulated.model);
    assert!(verified.rounds.iter().all(|round| round.accepted == 7));
    assert_eq!((simulated.accepted, simulated.rejected), (6, 0));
}

#[test]
fn attackers_beyond_the_bound_are_rejected_and_expelled_over_grpc_as_in_the_simulation() {
    let federation = federation(4);
    let cell = cell(&federation, Attack::Noise, Delivery::Naive, Defence::Parameter);
    let simulated = simulate(&federation, cell).unwrap();
    let verified = encrypted(&federation, cell);
    assert_eq!(verified.model, simulated.model);
    assert_eq!((simulated.accepted, simulated.rejected), (0, 8));
    assert!(verified.rounds.iter().all(|round| round.accepted == 5));
    assert!(verified.rounds[..3].iter().all(|round| round.rejected.values().sum::<u32>() == 2));
    // The expelled are not waited for: the round may be over before they are told.
    assert!(verified.rounds[3].rejected.keys().all(|reason| reason == "expelled"));
}

/// One round with real encryption, proofs and trustees: who is accepted, and the model.
fn round(
    federation: &Federation,
    (dealing, evaluation_key): (&Dealing, &EvaluationKey),
    trainers: &mut [Box<dyn Trainer>],
    (step, model): (u64, &[f32]),
    cell: Cell,
) -> (Vec<bool>, Vec<f32>) {
    let key = &dealing.public_key;
    let round = RoundContext {
        protocol_version: 1,
        chain_id: [1; 32],
        step,
        attempt: 0,
        model_hash: [step as u8; 32],
        bound: cell.limit.bound,
        dimension: model.len() as u32,
        key_hash: key.hash(),
    };
    let parameters = round.parameters().unwrap();
    let send = |(who, trainer): (u8, &mut Box<dyn Trainer>)| -> EncryptedUpdate {
        let update = trainer.local_update(step, model).unwrap().quantised;
        let context = Context { round: round.clone(), pseudonym: [who; 32] };
        encrypt(key, &context, &update).unwrap().prove().unwrap()
    };
    let sent: Vec<_> = (0..).zip(trainers).map(send).collect();
    let parse = |update: &EncryptedUpdate| {
        CandidateUpdate::parse(CandidateHeader::decode(&update.header).unwrap(), &update.body, &parameters).unwrap()
    };
    let verdicts = verify_updates(key, sent.iter().map(parse).collect());
    let accepted: Vec<bool> = verdicts.iter().map(Result::is_ok).collect();
    let verified: Vec<VerifiedUpdate> = verdicts.into_iter().flatten().collect();

    let headers: Vec<_> = verified.iter().map(VerifiedUpdate::header).collect();
    let evaluation = evaluation_key.evaluate(&round, &headers).unwrap();
    let candidates = headers.iter().map(|header| CandidateHeader::decode(header.as_bytes()).unwrap()).collect();
    let checked: Vec<_> = verify_key_proofs(key, candidates).into_iter().collect::<Result<_, _>>().unwrap();
    let evaluation = evaluation.verify(key, &round, &checked.iter().collect::<Vec<_>>()).unwrap();
    let (block, table) = ([9; 32], DiscreteLogTable::shared());
    let shares: Vec<_> = dealing.shares.iter().take(dealing.commitments.threshold() as usize).collect();
    let shares: Vec<_> = shares
        .into_iter()
        .map(|trustee| trustee.decryption_share(key, &evaluation, &block))
        .map(|share| verify_share(&share, key, &dealing.commitments, &evaluation, &block).unwrap())
        .collect();
    let mask_key = combine(&evaluation, &shares, &dealing.commitments, &table).unwrap();
    let mut sum = MaskedSum::new(&parameters);
    verified.iter().for_each(|update| sum.add(update).unwrap());
    let sums = sum.open(&mask_key, &table).unwrap();

    let weights = federation.weights.iter().zip(&accepted).filter(|(_, accepted)| **accepted);
    let weight_sum = weights.map(|(weight, _)| weight).sum();
    let mean = decode(&sums, sum.summands(), cell.limit.bound, cell.limit.clip, weight_sum).unwrap();
    (accepted, apply(model, &mean))
}

#[test]
fn under_either_bound_the_simulated_models_are_those_that_encrypted_rounds_open_to() {
    let federation = federation(2);
    let evaluation_key = EvaluationKey::generate(&mut OsRng);
    let dealing = deal(7, federation.config.threshold, &evaluation_key.verifying_key(), &mut OsRng).unwrap();
    for (attack, delivery, defence) in [
        (Attack::AtBound, Delivery::Bounded, Defence::Norm),
        (Attack::Scaling, Delivery::Bounded, Defence::Norm),
        (Attack::Scaling, Delivery::Naive, Defence::Norm),
        (Attack::Backdoor, Delivery::Bounded, Defence::Parameter),
    ] {
        let cell = cell(&federation, attack, delivery, defence);
        let simulated = simulate(&federation, cell).unwrap();
        let mut trainers = trainers(&federation, cell).unwrap();
        let (mut model, mut accepted) = (federation.initial.clone(), 0);
        for step in 1..=2 {
            let (verdicts, next) = round(&federation, (&dealing, &evaluation_key), &mut trainers, (step, &model), cell);
            let malicious = federation.malicious.iter().filter(|k| verdicts[**k]).count();
            assert_eq!(
                verdicts.iter().filter(|accepted| **accepted).count(),
                5 + malicious,
                "an honest one is refused"
            );
            (model, accepted) = (next, accepted + malicious);
        }
        assert_eq!(accepted, simulated.accepted, "{attack:?} {delivery:?} {defence:?}");
        assert_eq!(model, simulated.model, "{attack:?} {delivery:?} {defence:?}");
    }
}

fn run(directory: &Path) -> Vec<Vec<u8>> {
    let config = AttackConfig::new("pima".into(), 3, 42, 2, true).unwrap();
    attack::run(&config, &Dataset::bundled("pima").unwrap(), directory, &Progress::silent()).unwrap();
    [files::CSV, files::FIGURE, files::REPORT].map(|name| fs::read(directory.join(name)).unwrap()).into()
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
    fs::write(directory.path().join("thesis.txt"), "words").unwrap();
    let config = AttackConfig::new("pima".into(), 1, 1, 1, true).unwrap();
    let dataset = Dataset::bundled("pima").unwrap();
    let error = attack::run(&config, &dataset, directory.path(), &Progress::silent()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
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
