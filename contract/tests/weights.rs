//! Weights: an institution moves the model as its rows do, and a sum needs rows behind it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{
    Admission, Receipt,
    roster::INITIAL_CREDIT,
    schedule::{Awaited, Situation, Wait, awaited, due},
};
use consilium_crypto::{Bound, quantise::share};
use consilium_proto::v1::{Abandon, Reason, transaction::Action};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS, bounds};

/// One row, two institutions of a few, and one of a hundred thousand.
const ROWS: [u64; 4] = [1, 200, 200, 100_000];
const CLIP: f32 = 0.5;

fn run(bound: Bound, min_rows: u64) -> Run {
    let mut run = Run::founded_with(|spec| {
        spec.rows = ROWS.to_vec();
        spec.bound = bound;
        spec.min_rows = min_rows;
    })
    .with_everyone()
    .with_key();
    assert!(run.open().is_accepted());
    run
}

/// All of a bound in one place.
fn all_of(bound: Bound) -> Vec<i64> {
    let mut values = vec![0; DIMENSION];
    values[0] = match bound {
        Bound::Parameter { most, .. } => most.into(),
        Bound::Norm { norm, .. } => norm.into(),
    };
    values
}

/// The collection ends without the largest institution, and its sum is opened. How far the model went.
fn moved(run: &mut Run) -> f64 {
    run.time_ms += TIMEOUT_MS;
    let before = run.contract.model().clone();
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
    let after = run.contract.model().parameters();
    let pairs = before.parameters().iter().zip(after);
    pairs.map(|(old, new)| f64::from(new - old).powi(2)).sum::<f64>().sqrt()
}

/// The attack: with bounds that are the same for all, this moved the model by 249·c, and by 2.78 times that under a bound
/// on the norm.
#[test]
fn one_row_of_a_hundred_thousand_may_not_send_what_the_largest_institution_may() {
    for bound in bounds() {
        let mut run = run(bound, 1);
        let receipt = run.submit(0, &all_of(bound));
        let refused = Receipt { culprit: Some(run.name(0)), ..receipt.clone() };
        let reason = match bound {
            Bound::Parameter { .. } => Reason::BadRangeProof,
            Bound::Norm { .. } => Reason::BadNormProof,
        };
        assert_eq!((receipt.reason, &receipt), (reason, &refused), "{bound}");
        assert_eq!(run.credit(0), INITIAL_CREDIT - 1);
        // The same values are honest ones of the largest.
        assert!(run.submit(3, &all_of(bound)).is_accepted());
    }
}

#[test]
fn the_most_that_one_row_may_send_moves_the_model_no_further_than_the_genesis_says() {
    for bound in bounds() {
        let mut run = run(bound, 1);
        let own = run.own_bound(0);
        assert!(own != bound && own == share(bound, 1, 100_000, DIMENSION as u32));
        assert!(run.submit(0, &all_of(own)).is_accepted());
        for place in [1, 2] {
            assert!(run.submit(place, &[0; DIMENSION]).is_accepted());
        }
        let limit = run.parameters().influence().of(1, &ROWS[1..]);
        let moved = moved(&mut run);
        assert!(moved > 0.0 && moved <= limit.most * (1.0 + 1e-6), "{bound}: {moved} of {limit}");
        assert!(moved < 2.0 * f64::from(CLIP), "{bound}: {moved}");
    }
}

#[test]
fn an_update_under_another_bound_than_its_authors_rows_give_it_is_a_fault_before_its_body_is_taken()
{
    for bound in bounds() {
        // More than its own, and less.
        let run_of = || run(bound, 1);
        let less = share(bound, 1, 100_000, DIMENSION as u32);
        for (place, wrong) in [(0, bound), (3, less), (3, run_of().own_bound(1))] {
            let mut run = run_of();
            let values = [0; DIMENSION];
            let update = run.encrypt_under(place, run.round(), &values, wrong);
            let submission = run.submission(place, update.header);
            assert!(matches!(run.contract.admit(&submission), Admission::Decided(_)));
            let receipt = run.apply(&submission);
            assert_eq!(receipt.reason, Reason::WrongDimension, "{wrong}");
            assert_eq!(receipt.culprit, Some(run.name(place)));
        }
    }
}

#[test]
fn a_sum_with_too_few_rows_behind_it_is_waited_for_however_long_it_takes() {
    for bound in bounds() {
        let mut run = run(bound, 25_101);
        for place in 0..3 {
            assert!(run.submit(place, &[0; DIMENSION]).is_accepted());
        }
        let situation =
            |now_ms| Situation { now_ms, since_ms: 0, enrolment_over: true, verifying: false };
        for _ in 0..3 {
            run.time_ms += TIMEOUT_MS;
            assert_eq!(run.close_collection().reason, Reason::TooFewUpdates);
            let abandon = Abandon { step: 0, attempt: 0, time_ms: run.time_ms };
            let receipt = run.apply(&run.by_coordinator(Action::Abandon(abandon)));
            assert_eq!(receipt.reason, Reason::TooEarly, "another attempt helps nobody");
            assert_eq!(due(&run.contract, &situation(run.time_ms)), None);
        }
        let absent = vec![run.name(3)];
        let expected = Awaited { wait: Wait::Rows, present: 401, needed: 25_101, absent };
        assert_eq!(awaited(&run.contract), Some(expected));
        assert!(run.submit(3, &[0; DIMENSION]).is_accepted());
        assert_eq!(awaited(&run.contract), None);
        assert!(due(&run.contract, &situation(run.time_ms)).is_some());
        assert!(run.close_collection().is_accepted());
    }
}

#[test]
fn no_round_opens_for_institutions_that_have_too_few_rows_together() {
    let mut run = Run::founded_with(|spec| {
        spec.rows = ROWS.to_vec();
        spec.min_rows = 402;
    })
    .with_everyone()
    .with_key();
    assert!(run.revoke(3).is_accepted());
    assert_eq!(run.open().reason, Reason::TooFewUpdates);
    let expected = Awaited { wait: Wait::Rows, present: 401, needed: 402, absent: Vec::new() };
    assert_eq!(awaited(&run.contract), Some(expected));
    let situation = Situation { now_ms: 9, since_ms: 0, enrolment_over: true, verifying: false };
    assert_eq!(due(&run.contract, &situation), None);
    // One that joins with enough of them.
    let place = run.newcomer("Another");
    assert!(run.enrol(place).is_accepted());
    assert!(run.open().is_accepted());
}
