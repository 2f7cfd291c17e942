//! Noise and its budget: what a genesis may promise, and where the budget ends a run.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{Phase, parameters::honest_shares};
use consilium_crypto::Bound;
use consilium_privacy::{Terms, Thousandths};
use consilium_proto::v1::{self, Reason};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS, ceremony, genesis, genesis_entry, table};

/// Noise of ten times an update's norm in a sum of h = 2 shares: 20² · 10² / 2 = 20,000.
const PRIVACY: v1::Privacy =
    v1::Privacy { signal_norm: 20, noise_variance: 20_000, epsilon_milli: 1_000, delta_bits: 17 };

fn bound(norm: u32) -> Option<v1::genesis::Bound> {
    Some(v1::genesis::Bound::Norm(v1::NormBound { norm, clip: 0.5, projections: 256 }))
}

fn private(steps: u64, privacy: v1::Privacy) -> Run {
    private_with(steps, 2, privacy)
}

fn private_with(steps: u64, threshold: u32, privacy: v1::Privacy) -> Run {
    let mut run = Run::founded_with(|spec| {
        spec.steps = steps;
        spec.threshold = threshold;
        spec.bound = Bound::Norm { norm: 3_000, projections: 256 };
        spec.privacy = Some(Terms {
            signal: privacy.signal_norm,
            variance: privacy.noise_variance,
            epsilon_milli: privacy.epsilon_milli,
            delta_bits: privacy.delta_bits,
        });
    });
    (0..4).for_each(|i| assert!(run.enrol(i).is_accepted()));
    run.with_key()
}

fn step(run: &mut Run) {
    assert!(run.open().is_accepted());
    for i in 0..4 {
        assert!(run.submit(i, &[300; DIMENSION]).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
}

/// ε in thousandths of so many steps under each of these numbers of honest shares.
fn cost(spent: &[(u32, u64)]) -> u32 {
    let guarantee = private(50, PRIVACY).parameters().privacy.clone().unwrap();
    u32::try_from(guarantee.epsilon(&spent.iter().copied().collect()).0).unwrap()
}

fn spent(run: &Run) -> Thousandths {
    run.parameters().epsilon(run.contract.succession()).unwrap()
}

/// Asks for a committee of everyone with another threshold.
fn ask(run: &mut Run, threshold: u32) {
    let members = (0..run.institutions()).map(|place| run.name(place).to_vec()).collect();
    let committee = run.contract.succession().next_number();
    let change = v1::ChangeCommittee { request: 1, committee, members, threshold };
    let asked = run.by_authority(v1::transaction::Action::ChangeCommittee(change));
    assert!(run.apply(&asked).is_accepted());
}

/// Steps that are made until the run is finished.
fn finish(run: &mut Run) -> u64 {
    let before = run.contract.step();
    while !matches!(run.contract.phase(), Phase::Finished) {
        step(run);
    }
    assert_eq!(run.open().reason, Reason::BudgetSpent);
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
    run.contract.step() - before
}

#[test]
fn a_later_committee_with_a_smaller_threshold_makes_every_step_cheaper() {
    // Three steps of h = 2; after one, the rest buys three of h = 3.
    let budget = cost(&[(2, 3)]);
    assert!(cost(&[(2, 1), (3, 3)]) <= budget && cost(&[(2, 1), (3, 4)]) > budget);
    let mut run = private(50, v1::Privacy { epsilon_milli: budget, ..PRIVACY });
    step(&mut run);
    ask(&mut run, 1);
    run.share_key();
    assert_eq!(finish(&mut run), 3);
    assert_eq!(spent(&run), Thousandths(cost(&[(2, 1), (3, 3)]).into()));
}

#[test]
fn a_later_committee_with_a_larger_threshold_makes_every_step_dearer() {
    // Four steps of h = 3; after one, the rest buys two of h = 2.
    let budget = cost(&[(3, 4)]);
    assert!(cost(&[(3, 1), (2, 2)]) <= budget && cost(&[(3, 1), (2, 3)]) > budget);
    let mut run = private_with(50, 1, v1::Privacy { epsilon_milli: budget, ..PRIVACY });
    step(&mut run);
    ask(&mut run, 2);
    run.share_key();
    let said = run.parameters().describe_privacy(run.contract.succession()).unwrap();
    assert!(said.ends_with("1 of 3 affordable rounds"), "{said}");
    assert_eq!(finish(&mut run), 2);
    assert_eq!(spent(&run), Thousandths(cost(&[(3, 1), (2, 2)]).into()));
}

/// A run with this budget, after one step in which a committee with threshold 1 was asked for.
fn asked_within_a_step(budget: u32) -> Run {
    let mut run = private(50, v1::Privacy { epsilon_milli: budget, ..PRIVACY });
    assert!(run.open().is_accepted());
    ask(&mut run, 1);
    (0..4).for_each(|i| assert!(run.submit(i, &[300; DIMENSION]).is_accepted()));
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
    run
}

#[test]
fn a_committee_that_is_asked_for_in_time_goes_on_where_the_budget_is_spent_for_the_present_one() {
    let budget = cost(&[(2, 1), (3, 1)]);
    assert!(budget < cost(&[(2, 2)]));
    let mut run = asked_within_a_step(budget);
    assert!(matches!(run.contract.phase(), Phase::Idle), "the next step is another committee's");
    run.share_key();
    assert_eq!(finish(&mut run), 1);
}

#[test]
fn nobodys_absence_from_a_committee_ends_a_run_whose_budget_only_that_committee_affords() {
    let budget = cost(&[(2, 1), (3, 1)]);
    let mut run = asked_within_a_step(budget);
    for _ in 0..3 {
        // Nobody offers a key, until the ceremony is given up.
        let mut attempts = attempts_without_anybody(&mut run);
        assert!(!attempts.is_empty() && attempts.is_sorted());
        assert!(matches!(run.contract.phase(), Phase::Idle));
        assert_eq!(run.open().reason, Reason::TooEarly, "no step of the present committee");
        // What was sworn in one attempt is sworn in no other.
        attempts.extend(attempts_without_anybody(&mut run));
        assert!(attempts.windows(2).all(|pair| pair[0] < pair[1]), "{attempts:?}");
    }
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
    run.share_key();
    assert_eq!(finish(&mut run), 1);
    assert_eq!(spent(&run), Thousandths(cost(&[(2, 1), (3, 1)]).into()));
}

#[test]
fn a_ceremony_that_is_given_up_leaves_a_committee_what_its_budget_still_affords() {
    let budget = cost(&[(2, 2)]);
    let mut run = private(50, v1::Privacy { epsilon_milli: budget, ..PRIVACY });
    step(&mut run);
    ask(&mut run, 1);
    attempts_without_anybody(&mut run);
    // This step is the present committee's, the next one is another's, which affords it no more than this one would.
    step(&mut run);
    assert!(matches!(run.contract.phase(), Phase::Idle));
    run.share_key();
    assert_eq!(finish(&mut run), 0);
}

/// Begins the ceremony that is due, in which nobody speaks: the attempts until it is given up.
fn attempts_without_anybody(run: &mut Run) -> Vec<u32> {
    let committee = run.contract.succession().next_number();
    let begin = v1::BeginKeygen { committee, time_ms: run.time_ms };
    let begin = run.by_coordinator(v1::transaction::Action::BeginKeygen(begin));
    assert!(run.apply(&begin).is_accepted());
    let mut attempts = Vec::new();
    while let Phase::Keygen(keygen) = run.contract.phase() {
        let attempt = keygen.attempt();
        attempts.push(attempt);
        run.time_ms += TIMEOUT_MS;
        let stage = v1::Stage::Offering.into();
        let end = v1::EndStage { committee, attempt, stage, time_ms: run.time_ms };
        let end = run.by_coordinator(v1::transaction::Action::EndStage(end));
        assert!(run.apply(&end).is_accepted());
    }
    attempts
}

#[test]
fn a_committee_that_cannot_afford_a_step_finishes_the_run_when_it_takes_over() {
    let budget = cost(&[(3, 2)]);
    assert!(cost(&[(3, 1), (2, 1)]) > budget);
    let mut run = private_with(50, 1, v1::Privacy { epsilon_milli: budget, ..PRIVACY });
    step(&mut run);
    ask(&mut run, 2);
    run.share_key();
    assert_eq!(finish(&mut run), 0);
    assert_eq!(spent(&run), Thousandths(cost(&[(3, 1)]).into()));
}

#[test]
fn closed_steps_are_counted_by_the_threshold_of_the_committee_that_answered_for_them() {
    let mut cheap = private(50, PRIVACY);
    let before = cheap.contract.succession().answered().clone();
    step(&mut cheap);
    assert!(before.is_empty());
    assert_eq!(cheap.contract.succession().answered().iter().next(), Some((&2, &1)));
}

#[test]
fn a_budget_ends_a_run_at_the_last_step_that_it_affords() {
    let two = cost(&[(2, 2)]);
    assert!(cost(&[(2, 3)]) > two && cost(&[]) == 0);

    let mut run = private(50, v1::Privacy { epsilon_milli: two, ..PRIVACY });
    let affords = |run: &Run| run.parameters().privacy.as_ref().unwrap().steps();
    assert_eq!((run.parameters().steps, affords(&run)), (50, 2));
    step(&mut run);
    assert!(matches!(run.contract.phase(), Phase::Idle));
    step(&mut run);
    assert!(matches!(run.contract.phase(), Phase::Finished));
    assert_eq!(run.open().reason, Reason::BudgetSpent);
    assert_eq!(run.contract.step(), 2);
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));

    let one = private(50, v1::Privacy { epsilon_milli: two - 1, ..PRIVACY });
    assert_eq!(affords(&one), 1);
}

#[test]
fn a_run_whose_steps_are_done_before_its_budget_is_finished_and_not_out_of_budget() {
    let mut run = private(1, PRIVACY);
    step(&mut run);
    assert!(matches!(run.contract.phase(), Phase::Finished));
    assert_eq!(run.open().reason, Reason::TooEarly);
}

#[test]
fn an_attempt_that_was_given_up_costs_nothing() {
    let mut run = private(50, PRIVACY);
    assert!(run.open().is_accepted());
    for i in 0..4 {
        assert!(run.apply(&run.submission(i, vec![1, 2, 3])).culprit.is_some());
    }
    let abandon = v1::Abandon { step: 0, attempt: 0, time_ms: run.time_ms };
    assert!(
        run.apply(&run.by_coordinator(v1::transaction::Action::Abandon(abandon))).is_accepted()
    );
    assert_eq!(spent(&run), Thousandths(0));
    step(&mut run);
    assert!(spent(&run) > Thousandths(0));
}

#[test]
fn sums_of_noisy_updates_are_decoded_by_the_norm_before_noise() {
    let mut run = private(1, PRIVACY);
    assert_eq!(run.parameters().quantised_bound(), Bound::Norm { norm: 20, projections: 256 });
    assert_eq!(run.parameters().bound, Bound::Norm { norm: 3_000, projections: 256 });
    step(&mut run);
    // c/R · Σq / Σω with c = 0.5, R = √(20² − 9/4) − 1, four updates of 300, and rows of 25, 50, 75 and 100.
    let unit = 0.5 / ((400.0f64 - 2.25).sqrt() - 1.0);
    let expected = (0.25 + unit * 1_200.0 / 2.5) as f32;
    assert!(run.contract.model().parameters().iter().all(|value| *value == expected));
    // What is promised of an accepted update is worth as much: 2.78·B of these units, not of those that B would be.
    let slack = run.parameters().bound.slack();
    let promise = run.parameters().promise();
    assert!((promise.longest() / (slack * 3_000.0 * unit) - 1.0).abs() < 1e-9, "{promise}");
    assert!(promise.warning().is_some(), "{promise}");
}

/// The accountant takes S for what one institution changes a sum by. With noise everyone is clipped to S and proves B, the
/// smallest as the largest: noise has no weight, and S is no less for whom it is scaled to.
#[test]
fn with_noise_nobody_is_quantised_to_more_than_the_norm_that_the_noise_is_scaled_to() {
    let run = private(1, PRIVACY);
    let parameters = run.parameters();
    let terms = parameters.privacy.as_ref().unwrap().terms();
    for rows in [1, 25, 60, 100] {
        let expected = Bound::Norm { norm: terms.signal, projections: 256 };
        assert_eq!(parameters.own_quantised_bound(rows), expected, "{rows} rows");
        assert_eq!(parameters.own_bound(rows), parameters.bound, "{rows} rows");
    }
    // Without noise the share is the bound, and there is nothing that it could be scaled to.
    let run = Run::norm_bounded(1, 3_000);
    let parameters = run.parameters();
    for rows in [1, 25, 60] {
        assert_eq!(parameters.own_quantised_bound(rows), parameters.own_bound(rows));
        assert!(parameters.own_bound(rows).reach() < parameters.bound.reach());
    }
}

#[test]
fn the_noise_that_counts_is_that_of_those_who_cannot_collude() {
    for (min_updates, threshold, honest) in [(3, 2, 2), (5, 4, 2), (10, 4, 7), (2, 1, 2)] {
        assert_eq!(honest_shares(min_updates, threshold), honest);
    }
}

#[test]
fn a_genesis_that_promises_what_its_noise_does_not_hold_is_refused_with_the_number_to_change() {
    let refused = |norm: Option<v1::genesis::Bound>, privacy: v1::Privacy, expected: &str| {
        let ceremony = ceremony(1, |spec| spec.steps = 5);
        let mut message = genesis(&ceremony);
        message.bound = norm;
        message.privacy = Some(privacy);
        let entry = genesis_entry(message, ceremony.authority_key());
        let error = consilium_contract::Contract::found(&entry, &ceremony.initial_model, table());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    };
    let bits = Some(v1::genesis::Bound::Parameter(v1::ParameterBound { bits: 8, clip: 0.5 }));
    refused(bits, PRIVACY, "a bound on the norm, where there is noise");
    refused(bound(1_000), PRIVACY, "raise the norm to 2");
    refused(bound(3_000), v1::Privacy { noise_variance: 0, ..PRIVACY }, "variance 0");
    refused(bound(3_000), v1::Privacy { noise_variance: u64::MAX, ..PRIVACY }, "1 to 100000000");
    refused(bound(3_000), v1::Privacy { signal_norm: 0, ..PRIVACY }, "norm before noise is 0");
    refused(bound(3_000), v1::Privacy { signal_norm: 2, ..PRIVACY }, "rounding 9 parameters alone");
    refused(bound(3_000), v1::Privacy { signal_norm: u32::MAX, ..PRIVACY }, "raise the norm to");
    refused(
        bound(3_000),
        v1::Privacy { epsilon_milli: 10, ..PRIVACY },
        "raise the noise multiplier, or the budget",
    );
    refused(bound(3_000), v1::Privacy { epsilon_milli: 20_001, ..PRIVACY }, "1 to 20000");
    refused(bound(3_000), v1::Privacy { delta_bits: 41, ..PRIVACY }, "10 to 40");
}
