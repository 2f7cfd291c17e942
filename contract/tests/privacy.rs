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
use consilium_testkit::{DIMENSION, Run, ceremony, genesis, genesis_entry, table};

/// Noise of ten times an update's norm in a sum of h = 2 shares: 20² · 10² / 2 = 20,000.
const PRIVACY: v1::Privacy =
    v1::Privacy { signal_norm: 20, noise_variance: 20_000, epsilon_milli: 1_000, delta_bits: 17 };

fn bound(norm: u32) -> Option<v1::genesis::Bound> {
    Some(v1::genesis::Bound::Norm(v1::NormBound { norm, clip: 0.5, projections: 256 }))
}

fn private(steps: u64, privacy: v1::Privacy) -> Run {
    let mut run = Run::founded_with(|spec| {
        spec.steps = steps;
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

#[test]
fn a_budget_ends_a_run_at_the_last_step_that_it_affords() {
    let cost = |steps| private(50, PRIVACY).parameters().epsilon(steps).unwrap();
    let two = u32::try_from(cost(2).0).unwrap();
    assert!(cost(3) > Thousandths(two.into()) && cost(0) == Thousandths(0));

    let mut run = private(50, v1::Privacy { epsilon_milli: two, ..PRIVACY });
    assert_eq!((run.parameters().steps, run.parameters().last_step()), (50, 2));
    step(&mut run);
    assert!(matches!(run.contract.phase(), Phase::Idle));
    step(&mut run);
    assert!(matches!(run.contract.phase(), Phase::Finished));
    assert_eq!(run.open().reason, Reason::BudgetSpent);
    assert_eq!(run.contract.step(), 2);
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));

    let one = private(50, v1::Privacy { epsilon_milli: two - 1, ..PRIVACY });
    assert_eq!(one.parameters().last_step(), 1);
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
    assert_eq!(run.parameters().epsilon(run.contract.step()), Some(Thousandths(0)));
    step(&mut run);
    assert!(run.parameters().epsilon(run.contract.step()).unwrap() > Thousandths(0));
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
