//! The contract as lists of operations: what a run does when nobody misbehaves, and when some are absent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{Model, Phase, Receipt, model::encode_sums, round::ExpectedSums};
use consilium_hash::BlockHash;
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS, bounds};
use rand_core::OsRng;

fn plain_step(model: &Model, updates: &[(u64, Vec<i64>)]) -> Vec<f32> {
    // Section 5, written out: c/(2^(b−1)−1) · Σq / Σω with c = 0.5, b = 8, ω = rows/100.
    let weight: f64 = updates.iter().map(|(rows, _)| *rows).sum::<u64>() as f64 / 100.0;
    model
        .parameters()
        .iter()
        .enumerate()
        .map(|(j, &old)| {
            let sum: i64 = updates.iter().map(|(_, values)| values[j]).sum();
            (f64::from(old) + f64::from(0.5_f32) / 127.0 * sum as f64 / weight) as f32
        })
        .collect()
}

#[test]
fn a_round_moves_the_model_by_the_weighted_mean_of_the_updates() {
    let mut run = Run::enrolled(2);
    assert!(run.open().is_accepted());
    let values: Vec<Vec<i64>> = (0..4)
        .map(|i| {
            (0..DIMENSION as i64).map(|j| ((i * 31 + j * 17) % 255 - 127) * (i + 1) / 4).collect()
        })
        .collect();
    for (i, values) in values.iter().enumerate() {
        assert!(run.submit(i, values).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    let before = run.contract.model().clone();
    run.open_and_close();
    let updates: Vec<(u64, Vec<i64>)> =
        values.into_iter().enumerate().map(|(i, v)| (25 * (i as u64 + 1), v)).collect();
    let expected = plain_step(&before, &updates);
    for (actual, expected) in run.contract.model().parameters().iter().zip(&expected) {
        assert!((actual - expected).abs() <= f32::EPSILON, "{actual} {expected}");
    }
    assert_eq!(run.contract.step(), 1);
}

#[test]
fn a_round_of_norm_bounded_updates_moves_the_model_by_their_weighted_mean() {
    let mut run = Run::norm_bounded(2, 1000);
    let values: Vec<Vec<i64>> = (0..4)
        .map(|i| {
            (0..DIMENSION as i64).map(|j| ((i * 131 + j * 217) % 601 - 300) * (i + 1) / 4).collect()
        })
        .collect();
    for step in 0..2 {
        assert!(run.open().is_accepted());
        for (i, values) in values.iter().enumerate() {
            assert!(run.submit(i, values).is_accepted());
        }
        assert!(run.close_collection().is_accepted());
        run.end_block();
        let before = run.contract.model().clone();
        run.open_and_close();
        // c/R · Σq / Σω with c = 0.5, R = √(1000² − 9/4) − 1, and rows of 25, 50, 75 and 100.
        let unit = 0.5 / ((1e6f64 - 2.25).sqrt() - 1.0);
        for (j, (old, new)) in
            before.parameters().iter().zip(run.contract.model().parameters()).enumerate()
        {
            let sum: i64 = values.iter().map(|values| values[j]).sum();
            assert_eq!(*new, (f64::from(*old) + unit * sum as f64 / 2.5) as f32);
        }
        assert_eq!(run.contract.step(), step + 1);
    }
    assert!(matches!(run.contract.phase(), Phase::Finished));
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
}

#[test]
fn a_run_finishes_after_its_last_step() {
    let mut run = Run::enrolled(2);
    for step in 0..2 {
        assert_eq!(run.contract.step(), step);
        assert!(run.open().is_accepted());
        for i in 0..4 {
            assert!(run.submit(i, &[5; DIMENSION]).is_accepted());
        }
        assert!(run.close_collection().is_accepted());
        run.end_block();
        run.open_and_close();
    }
    assert!(matches!(run.contract.phase(), Phase::Finished));
    assert_eq!(run.open().reason, Reason::TooEarly);
}

#[test]
fn the_same_transactions_lead_to_the_same_state_roots_however_the_bodies_were_batched() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        let mut roots = Vec::new();
        let update = run.encrypt(0, run.round(), &[1; DIMENSION]);
        let transaction = run.submission(0, update.header);
        run.apply_missing(&transaction);
        run.apply_update(&transaction, &update.body);
        for (i, value) in [(1, 1270), (2, 2), (3, 3)] {
            run.submit(i, &[value; DIMENSION]);
            roots.push(run.contract.state_root());
        }
        run.close_collection();
        run.end_block();
        run.open_and_close();
        roots.push(run.contract.state_root());
        let again = run.again();
        assert_eq!(again.last(), roots.last());
        assert!(roots.iter().all(|root| again.contains(root)));
        let mut distinct = again.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(
            distinct.len(),
            again.len() - 1,
            "every operation but the last end of a block changes the root"
        );
    }
}

#[test]
fn a_refused_transaction_of_an_institution_changes_nothing_but_the_chain_of_receipts() {
    let mut run = Run::collecting();
    let before = run.contract.state_root();
    assert_eq!(run.countersign(0, BlockHash([1; 32])).reason, Reason::TooEarly);
    assert_ne!(before, run.contract.state_root());
    assert!(run.submit(0, &[1; DIMENSION]).is_accepted());
}

#[test]
fn a_refused_order_of_the_coordinator_or_the_authority_changes_nothing_and_may_not_stand() {
    let mut run = Run::collecting();
    assert!(run.revoke(3).is_accepted());
    let before = run.contract.state_root();
    let order = run.by_coordinator(run.open_action());
    let decree = Action::Revoke(v1::Revoke { pseudonym: run.name(3).to_vec() });
    let decree = run.by_authority(decree);
    for (transaction, reason) in [(order, Reason::TooEarly), (decree, Reason::Duplicate)] {
        let receipt = run.apply(&transaction);
        assert_eq!(receipt.reason, reason);
        assert!(!receipt.may_stand(&transaction));
        assert_eq!(before, run.contract.state_root());
    }
}

#[test]
fn a_collection_waits_for_everyone_until_the_deadline() {
    let mut run = Run::collecting();
    for i in 0..3 {
        run.submit(i, &[1; DIMENSION]);
    }
    assert_eq!(run.close_collection().reason, Reason::TooEarly);
    run.time_ms += TIMEOUT_MS;
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
    assert_eq!(run.contract.step(), 1);
}

#[test]
fn a_collection_waits_for_an_institution_that_enrols_while_it_is_open() {
    let mut run = Run::founded(1);
    for i in 0..3 {
        run.enrol(i);
    }
    run.share_key();
    run.open();
    assert!(run.enrol(3).is_accepted());
    for i in 0..3 {
        run.submit(i, &[1; DIMENSION]);
    }
    assert_eq!(run.close_collection().reason, Reason::TooEarly);
    assert!(run.submit(3, &[1; DIMENSION]).is_accepted());
    assert!(run.close_collection().is_accepted());
}

#[test]
fn an_institution_that_was_away_for_a_round_takes_part_in_the_next() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        for i in 0..3 {
            run.submit(i, &[1; DIMENSION]);
        }
        run.time_ms += TIMEOUT_MS;
        run.close_collection();
        run.end_block();
        run.open_and_close();
        assert!(run.open().is_accepted());
        assert!(run.submit(3, &[1; DIMENSION]).is_accepted());
    }
}

fn abandon(run: &mut Run) -> Receipt {
    let action = v1::Abandon { step: 0, attempt: run.contract.attempt(), time_ms: run.time_ms };
    run.apply(&run.by_coordinator(Action::Abandon(action)))
}

#[test]
fn too_few_updates_are_waited_for_however_long_it_takes() {
    let mut run = Run::collecting();
    for i in 0..2 {
        assert!(run.submit(i, &[1; DIMENSION]).is_accepted());
    }
    for _ in 0..5 {
        run.time_ms += TIMEOUT_MS;
        assert_eq!(run.close_collection().reason, Reason::TooFewUpdates);
        assert_eq!(abandon(&mut run).reason, Reason::TooEarly, "another attempt helps nobody");
    }
    // Long after its least time a collection ends with the update that makes them enough.
    assert!(run.submit(2, &[1; DIMENSION]).is_accepted());
    assert!(run.close_collection().is_accepted());
    assert_eq!(run.contract.attempt(), 0);
}

#[test]
fn an_attempt_is_abandoned_where_everyone_has_a_verdict_and_those_refused_have_another_try() {
    let mut run = Run::collecting();
    let model = run.contract.model().hash();
    for attempt in 0..3 {
        assert_eq!(run.contract.attempt(), attempt, "as often as credit lasts");
        for i in 0..2 {
            assert!(run.submit(i, &[1; DIMENSION]).is_accepted());
        }
        assert_eq!(abandon(&mut run).reason, Reason::TooEarly);
        for i in 2..4 {
            let other = run.encrypt(0, run.round(), &[i as i64; DIMENSION]);
            let receipt = run.apply_update(&run.submission(i, other.header), &other.body);
            assert_eq!(receipt.culprit, Some(run.name(i)));
        }
        assert_eq!(run.close_collection().reason, Reason::TooFewUpdates);
        assert!(abandon(&mut run).is_accepted(), "at once: nobody is left to wait for");
        assert_eq!((run.contract.step(), run.contract.model().hash()), (0, model));
        let opened = run.open();
        assert_eq!(opened.is_accepted(), attempt < 2, "{opened:?}");
    }
    assert_eq!(run.open().reason, Reason::TooFewUpdates, "two of four are expelled by now");
}

#[test]
fn a_collection_with_enough_updates_cannot_be_abandoned() {
    let mut run = Run::collecting();
    for i in 0..3 {
        run.submit(i, &[1; DIMENSION]);
    }
    run.time_ms += TIMEOUT_MS;
    let action = v1::Abandon { step: 0, attempt: 0, time_ms: run.time_ms };
    assert_eq!(run.apply(&run.by_coordinator(Action::Abandon(action))).reason, Reason::TooEarly);
}

#[test]
fn a_sealed_step_cannot_be_abandoned() {
    let mut run = Run::sealed();
    run.time_ms += TIMEOUT_MS;
    let action = v1::Abandon { step: 0, attempt: 0, time_ms: run.time_ms };
    assert_eq!(run.apply(&run.by_coordinator(Action::Abandon(action))).reason, Reason::TooLate);
}

#[test]
fn countersignatures_wait_for_the_sealed_block_and_shares_for_the_quorum() {
    let mut run = Run::collecting();
    for i in 0..4 {
        run.submit(i, &[1; DIMENSION]);
    }
    run.close_collection();
    let unknown = BlockHash([1; 32]);
    assert_eq!(run.countersign(0, unknown).reason, Reason::TooEarly, "the block is not sealed yet");
    run.end_block();
    let block = run.sealed_hash();
    let step = run.contract.step();
    let share = v1::SubmitShare { step, sealed_block: block.to_vec(), share: vec![0; 672] };
    assert_eq!(run.apply(&run.by_member(0, Action::SubmitShare(share))).reason, Reason::TooEarly);
    for i in 0..run.parameters().quorum as usize {
        assert!(matches!(run.contract.phase(), Phase::Sealed(_)));
        assert!(run.countersign(i, block).is_accepted());
    }
    assert!(matches!(run.contract.phase(), Phase::Opening(_)));
    assert_eq!(run.countersign(3, block).reason, Reason::TooLate);
}

#[test]
fn time_never_runs_backwards() {
    let mut run = Run::enrolled(1);
    assert!(run.open().is_accepted());
    for i in 0..4 {
        run.submit(i, &[1; DIMENSION]);
    }
    run.time_ms -= 1;
    assert_eq!(run.close_collection().reason, Reason::TooEarly);
}

#[test]
fn a_round_does_not_open_with_fewer_institutions_than_a_sum_needs() {
    let mut run = Run::founded(1);
    (0..3).for_each(|i| assert!(run.enrol(i).is_accepted()));
    run.share_key();
    assert!(run.revoke(0).is_accepted());
    assert_eq!(run.open().reason, Reason::TooFewUpdates);
    assert!(run.enrol(3).is_accepted());
    assert!(run.open().is_accepted());
}

#[test]
fn a_trustee_that_answers_a_closed_step_is_too_late_and_one_ahead_of_it_has_the_wrong_step() {
    let mut run = Run::opening();
    let block = run.sealed_hash();
    let late = run.share(3);
    run.open_and_close_from_opening();
    for (step, reason) in [(0, Reason::TooLate), (2, Reason::WrongStep)] {
        let countersign = run.countersignature(3, step, block);
        assert_eq!(run.apply(&run.by_member(3, Action::Countersign(countersign))).reason, reason);
        let share = v1::SubmitShare { step, sealed_block: block.to_vec(), share: late.clone() };
        assert_eq!(run.apply(&run.by_member(3, Action::SubmitShare(share))).reason, reason);
    }
}

#[test]
fn what_a_sum_is_said_to_open_to_is_taken_where_it_holds_and_changes_nothing_where_it_does_not() {
    let announced = |sums: &[i64]| encode_sums(sums).unwrap();
    let honest: Vec<i64> = vec![6; DIMENSION];
    let mut off = honest.clone();
    off[DIMENSION - 1] += 1;
    let expectations = [
        (0, announced(&honest)),
        (0, announced(&off)),
        // Of a step that is not being opened, too short, and beyond what any updates add up to.
        (1, announced(&off)),
        (0, announced(&honest[1..])),
        (0, announced(&[i64::from(i32::MAX); DIMENSION])),
    ];
    for bound in bounds() {
        let mut models = Vec::new();
        let mut read = 0;
        for (step, blob) in &expectations {
            let mut run = Run::collecting_under(bound);
            for place in 0..4 {
                assert!(run.submit(place, &[place as i64; DIMENSION]).is_accepted());
            }
            assert!(run.close_collection().is_accepted());
            run.end_block();
            if let Some(sums) = ExpectedSums::read(*step, blob, DIMENSION as u32, &mut OsRng) {
                read += 1;
                run.contract.expect(sums);
            }
            run.open_and_close();
            models.push(run.contract.model().parameters().to_vec());
        }
        assert_eq!(read, 4, "one of these is no blob of sums");
        assert!(models.iter().all(|model| *model == models[0]), "{models:?}");
        assert!(models[0].iter().any(|parameter| *parameter != 0.0));
    }
}
