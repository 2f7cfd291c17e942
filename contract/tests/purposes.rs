//! Steps that count rows: statistics before the first improvement, evaluations between improvements.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{
    GenesisError, Model, Parameters, Phase, Purpose, model::encode_sums, round::Findings,
};
use consilium_crypto::{QuantisedUpdate, quantise::Tally};
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{DIMENSION, Run};

const TALLY: v1::Tally = v1::Tally { counts: 3, sums: 2 };

fn evaluation(every: u64, patience: u32) -> v1::Evaluation {
    v1::Evaluation { tally: Some(TALLY), every, patience, held_out_permille: 200 }
}

fn run(steps: u64, statistics: bool, evaluation: Option<v1::Evaluation>) -> Run {
    let run = Run::founded_with(|spec| {
        spec.steps = steps;
        spec.statistics = statistics.then_some(TALLY);
        spec.evaluation = evaluation;
    });
    run.with_everyone().with_key()
}

fn tally(run: &Run) -> Tally {
    let agenda = run.parameters().agenda();
    match agenda.purpose(run.contract.step()) {
        Purpose::Statistics => *agenda.statistics().unwrap(),
        Purpose::Evaluation => agenda.evaluation().unwrap().counted.tally,
        Purpose::Training => panic!("this step counts nothing"),
    }
}

/// Everyone reports these quantities, each institution its own, up to the sum that is opened and not yet closed.
fn count(run: &mut Run, of: impl Fn(usize) -> ([u64; 3], [f64; 2])) {
    assert!(run.open().is_accepted());
    let round = run.round();
    for place in 0..run.institutions() {
        let (counts, sums) = of(place);
        let update = tally(run).encode(&counts, &sums).unwrap();
        submit(run, place, &round, &update);
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    let block = run.sealed_hash();
    for place in 0..run.committee().quorum() as usize {
        assert!(run.countersign(place, block).is_accepted());
    }
    for place in 0..run.committee().threshold() as usize {
        let share = run.share(place);
        assert!(run.submit_share(place, share).is_accepted());
    }
}

fn submit(
    run: &mut Run,
    place: usize,
    round: &consilium_crypto::RoundContext,
    update: &QuantisedUpdate,
) {
    let encrypted = run.encrypt(place, round.clone(), update.as_slice());
    let receipt = run.apply_update(&run.submission(place, encrypted.header), &encrypted.body);
    assert!(receipt.is_accepted(), "{receipt:?}");
}

/// A training step in which everyone moves the model a little.
fn train(run: &mut Run) {
    assert!(run.open().is_accepted());
    for place in 0..run.institutions() {
        assert!(run.submit(place, &[2; DIMENSION]).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
}

/// An evaluation with this mean loss; the model stays.
fn evaluate(run: &mut Run, loss: f64) {
    let before = run.contract.model().clone();
    count(run, |_| ([10, 4, 6], [10.0 * loss, 3.0]));
    assert!(run.close_round().is_accepted());
    run.end_block();
    assert_eq!(*run.contract.model(), before);
}

#[test]
fn statistics_open_to_the_exact_sums_and_leave_the_model_alone() {
    let mut run = run(1, true, None);
    let before = run.contract.model().clone();
    let root = run.contract.state_root();
    count(&mut run, |place| {
        let rows = 25 * (place as u64 + 1);
        ([rows, place as u64, 25], [place as f64 * 0.25, 7.5])
    });
    assert!(run.close_round().is_accepted());
    run.end_block();
    let found = run.contract.findings().statistics().unwrap();
    assert_eq!(found.step, 0);
    let statistics = *run.parameters().agenda().statistics().unwrap();
    assert_eq!(statistics.decode(&found.places), Some((vec![250, 6, 100], vec![1.5, 30.0])));
    assert_eq!(*run.contract.model(), before);
    assert_ne!(run.contract.state_root(), root);
    // What was counted stays: whoever reads the state later reads the same.
    train(&mut run);
    assert_eq!(run.contract.findings().statistics().unwrap().step, 0);
    assert!(matches!(run.contract.phase(), Phase::Finished));
}

#[test]
fn an_update_of_another_purpose_is_a_fault_of_its_author() {
    let mut run = run(1, true, None);
    assert!(run.open().is_accepted());
    // What a training step would take: its context names another dimension and bound than the step's.
    let mut round = run.round();
    let training = run.parameters().form(1);
    (round.dimension, round.bound) = (training.dimension(), training.bound);
    let bound = run.parameters().own_bound(25);
    let update = QuantisedUpdate::new(vec![1; DIMENSION], bound).unwrap();
    let context =
        consilium_crypto::Context { round, pseudonym: run.name(0), bound: update.bound() };
    let key = &run.committee().public_key;
    let encrypted =
        consilium_crypto::mask::encrypt(&training.update, key, &context, &update).unwrap();
    let encrypted = encrypted.prove().unwrap();
    let receipt = run.apply_update(&run.submission(0, encrypted.header), &encrypted.body);
    assert_eq!(receipt.reason, Reason::WrongDimension);
    assert_eq!(receipt.culprit, Some(run.name(0)));
}

#[test]
fn more_than_an_institution_can_count_is_not_proven() {
    let mut run = run(1, true, None);
    assert!(run.open().is_accepted());
    let places = tally(&run).dimension() as usize;
    let receipt = run.submit(0, &vec![1 << 20; places]);
    assert_eq!(receipt.reason, Reason::BadNormProof);
}

#[test]
fn the_best_model_is_the_one_with_the_smallest_loss_on_rows_that_nobody_trains_on() {
    let mut run = run(3, false, Some(evaluation(1, 0)));
    let mut models = Vec::new();
    for loss in [0.5, 0.25, 0.375] {
        train(&mut run);
        models.push(run.contract.model().clone());
        evaluate(&mut run, loss);
    }
    assert!(matches!(run.contract.phase(), Phase::Finished));
    let best = run.contract.findings().best().unwrap();
    assert_eq!((best.step, best.loss), (3, 0.25));
    assert_eq!(best.model, models[1]);
}

#[test]
fn evaluations_without_a_smaller_loss_end_the_run_by_rule_of_the_contract() {
    let mut run = run(50, false, Some(evaluation(1, 2)));
    for loss in [0.5, 0.5] {
        train(&mut run);
        evaluate(&mut run, loss);
    }
    train(&mut run);
    count(&mut run, |_| ([10, 4, 6], [6.0, 3.0]));
    // A coordinator that would go on, against the rule.
    let on = v1::CloseRound { ends_run: false, ..run.close_round_action() };
    let refused = run.apply(&run.by_coordinator(Action::CloseRound(on)));
    assert_eq!(refused.reason, Reason::WrongResult);
    assert!(run.close_round().is_accepted());
    run.end_block();
    assert!(matches!(run.contract.phase(), Phase::Finished));
    assert_eq!(run.contract.step(), 6);
    assert!(!run.open().is_accepted());
}

#[test]
fn a_run_that_still_improves_cannot_be_ended() {
    let mut run = run(3, false, Some(evaluation(1, 1)));
    train(&mut run);
    count(&mut run, |_| ([10, 4, 6], [5.0, 3.0]));
    let end = v1::CloseRound { ends_run: true, ..run.close_round_action() };
    let refused = run.apply(&run.by_coordinator(Action::CloseRound(end)));
    assert_eq!(refused.reason, Reason::WrongResult);
    assert!(run.close_round().is_accepted());
    assert!(matches!(run.contract.phase(), Phase::Idle));
}

#[test]
fn an_evaluation_that_nobody_can_have_counted_makes_no_model_the_best() {
    let mut run = run(2, false, Some(evaluation(1, 0)));
    train(&mut run);
    // One institution reports rows below zero; the proofs say nothing of a sign.
    assert!(run.open().is_accepted());
    let round = run.round();
    let honest = tally(&run).encode(&[1, 0, 1], &[0.0, 0.0]).unwrap();
    for place in 1..run.institutions() {
        submit(&mut run, place, &round, &honest);
    }
    let mut lie = honest.as_slice().to_vec();
    lie[0] = -20;
    assert!(run.submit(0, &lie).is_accepted());
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
    assert_eq!(run.contract.findings().best(), None);
    assert!(run.contract.findings().last_evaluation().is_some());
}

#[test]
fn what_is_found_out_survives_its_encoding() {
    let mut run = run(1, true, Some(evaluation(1, 0)));
    count(&mut run, |_| ([10, 4, 6], [5.0, 3.0]));
    assert!(run.close_round().is_accepted());
    run.end_block();
    train(&mut run);
    evaluate(&mut run, 0.5);
    let findings = run.contract.findings();
    assert!(findings.statistics().is_some() && findings.best().is_some());
    let read = |bytes: &[u8]| Findings::read(bytes, run.parameters());
    assert_eq!(read(&findings.encode()).unwrap().as_ref(), Some(findings));
    assert_eq!(read(&[]).unwrap(), Some(Findings::default()));
    assert!(read(&findings.encode()[1..]).is_err());
    let mut other = run.parameters().clone();
    other.dimension += 1;
    assert_eq!(Findings::read(&findings.encode(), &other).unwrap(), None);
}

#[test]
fn the_sums_of_a_counting_step_are_blobs_like_any_other() {
    let mut run = run(1, true, None);
    count(&mut run, |_| ([10, 4, 6], [5.0, 3.0]));
    let (close, sums) = run.result();
    let places = run.parameters().form(0).dimension() as usize;
    assert_eq!(sums.len(), 4 * places);
    assert_eq!(close.sums.unwrap().length, sums.len() as u64);
    let Phase::Opening(opening) = run.contract.phase() else { panic!() };
    let opened = opening.outcome().unwrap().as_ref().unwrap();
    assert_eq!(encode_sums(&opened.sums), Some(sums));
    assert_eq!(
        Model::from_bytes(&opened.model.to_bytes(), run.parameters()),
        Some(opened.model.clone())
    );
}

#[test]
fn a_genesis_that_counts_what_it_cannot_is_refused_by_the_field() {
    type Tweak = fn(&mut v1::Genesis);
    let cases: [(&str, Tweak); 6] = [
        ("statistics", |genesis| genesis.statistics = Some(v1::Tally { counts: 0, sums: 1 })),
        ("statistics", |genesis| {
            genesis.statistics = Some(v1::Tally { counts: u32::MAX, sums: u32::MAX });
        }),
        ("evaluation", |genesis| {
            genesis.evaluation = Some(v1::Evaluation { tally: None, ..evaluation(1, 0) });
        }),
        ("between evaluations", |genesis| genesis.evaluation = Some(evaluation(0, 0))),
        ("between evaluations", |genesis| genesis.evaluation = Some(evaluation(u64::MAX, 0))),
        ("held out", |genesis| {
            genesis.evaluation = Some(v1::Evaluation { held_out_permille: 0, ..evaluation(1, 0) });
        }),
    ];
    for (expected, tweak) in cases {
        let mut genesis = consilium_testkit::genesis(&consilium_testkit::ceremony(1, |_| {}));
        tweak(&mut genesis);
        let error = Parameters::from_genesis(&genesis, Default::default()).unwrap_err();
        assert!(matches!(error, GenesisError::Agenda(_)), "{error}");
        assert!(error.to_string().contains(expected), "expected {expected:?} in {error}");
    }
}
