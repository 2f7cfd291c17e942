//! What an honest orderer says next, and for whom a run waits.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::collections::BTreeSet;

use consilium_contract::{
    Phase,
    keygen::StageName,
    schedule::{Awaited, Due, Situation, Wait, awaited, deadline_ms, due, missing_numbers},
    transaction::CandidateTransaction,
};
use consilium_crypto::signature::SigningKey;
use consilium_hash::Pseudonym;
use consilium_proto::v1::{Abandon, BeginKeygen, ChangeCommittee, EndStage, transaction::Action};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS};
use rand_core::OsRng;

/// An orderer that has been up for long.
fn at(now_ms: u64) -> Situation {
    Situation { now_ms, since_ms: 0, enrolment_over: false, verifying: false }
}

fn order(run: &Run, situation: &Situation) -> Option<Action> {
    match due(&run.contract, situation) {
        Some(Due::Order(action)) => Some(action),
        Some(Due::CloseCollection { .. }) => panic!("a collection ends"),
        None => None,
    }
}

/// A run whose key is being made, where `stage` has just begun.
fn in_stage(stage: StageName) -> Run {
    let mut run = Run::founded(2).with_everyone();
    let mut rehearsal =
        consilium_contract::keygen::Rehearsal::new((0..4).map(|place| run.name(place)));
    loop {
        if let Phase::Keygen(keygen) = run.contract.phase()
            && keygen.stage().name() == stage
        {
            return run;
        }
        let keys: Vec<&SigningKey> = (0..4).map(|place| run.key(place)).collect();
        let coordinator = &run.ceremony.coordinator.signing;
        let next =
            rehearsal.next(&run.contract, coordinator, &keys, run.time_ms, &mut OsRng).unwrap();
        let next = CandidateTransaction::parse(next.unwrap()).unwrap();
        assert!(run.apply(&next).is_accepted());
    }
}

fn names(run: &Run, places: &[usize]) -> Vec<Pseudonym> {
    let names: BTreeSet<Pseudonym> = places.iter().map(|place| run.name(*place)).collect();
    names.into_iter().collect()
}

#[test]
fn the_key_is_made_with_everyone_or_after_the_timeout_with_a_quorum() {
    let over = Situation { enrolment_over: true, ..at(5) };
    for (enrolled, in_time, late) in [(2, false, false), (3, false, true), (4, true, true)] {
        let mut run = Run::founded(1);
        for place in 0..enrolled {
            assert!(run.enrol(place).is_accepted());
        }
        let begin = Action::BeginKeygen(BeginKeygen { committee: 0, time_ms: 5 });
        assert_eq!(order(&run, &at(5)), in_time.then_some(begin.clone()), "{enrolled} in time");
        assert_eq!(order(&run, &over), late.then_some(begin), "{enrolled} after the timeout");
        let waiting =
            Awaited { wait: Wait::Enrolments, present: enrolled, needed: 3, absent: Vec::new() };
        assert_eq!(awaited(&run.contract), (enrolled < 3).then_some(waiting));
        let missing: Vec<u32> = (enrolled as u32 + 1..=4).collect();
        assert_eq!(missing_numbers(&run.contract), missing);
    }
}

#[test]
fn a_stage_ends_when_everyone_has_spoken_or_enough_have_when_its_whole_time_is_over() {
    for stage in [StageName::Dealing, StageName::Checking, StageName::Products] {
        let run = in_stage(stage);
        let begun_ms = run.time_ms;
        assert_eq!(order(&run, &at(begun_ms + TIMEOUT_MS - 1)), None, "{stage:?}");
        let end = |time_ms| {
            let stage = stage.into();
            Action::EndStage(EndStage { committee: 0, attempt: 0, stage, time_ms })
        };
        let over_ms = begun_ms + TIMEOUT_MS;
        assert_eq!(order(&run, &at(over_ms)), Some(end(over_ms)), "{stage:?}");
        // An orderer that was down for long gives everyone time to come back.
        let since_ms = begun_ms + 50_000;
        let back = |now_ms| Situation { since_ms, ..at(now_ms) };
        assert_eq!(order(&run, &back(since_ms)), None, "{stage:?} after a restart");
        let over_ms = since_ms + TIMEOUT_MS;
        assert_eq!(order(&run, &back(over_ms)), Some(end(over_ms)), "{stage:?}");
    }
}

#[test]
fn too_few_members_who_offer_keys_are_waited_for_by_name() {
    let run = in_stage(StageName::Offering);
    assert_eq!(order(&run, &at(1 << 40)), None, "however long it takes");
    let waiting = awaited(&run.contract).unwrap();
    assert_eq!((waiting.wait, waiting.present, waiting.needed), (Wait::Members, 0, 3));
    assert_eq!(waiting.absent, names(&run, &[0, 1, 2, 3]));
}

#[test]
fn a_committee_that_is_not_confirmed_is_waited_for_by_name() {
    let run = in_stage(StageName::Confirming);
    assert_eq!(order(&run, &at(1 << 40)), None);
    let waiting = awaited(&run.contract).unwrap();
    assert_eq!((waiting.wait, waiting.present, waiting.needed), (Wait::Confirmations, 0, 3));
    assert_eq!(waiting.absent, names(&run, &[0, 1, 2, 3]));
}

#[test]
fn what_the_authority_asks_for_is_begun_before_the_next_round() {
    let mut run = Run::enrolled(2);
    let now = at(run.time_ms + 100);
    assert!(matches!(order(&run, &now), Some(Action::OpenRound(_))));
    let members = (0..4).map(|place| run.name(place).to_vec()).collect();
    let change = ChangeCommittee { committee: 1, members, threshold: 2, request: 1 };
    assert!(run.apply(&run.by_authority(Action::ChangeCommittee(change))).is_accepted());
    let begin = Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: now.now_ms });
    assert_eq!(order(&run, &now), Some(begin));
}

#[test]
fn a_collection_ends_at_its_deadline_but_not_before_what_arrived_in_time_is_verified() {
    let mut run = Run::collecting();
    let opened_ms = run.time_ms;
    let deadline = opened_ms + TIMEOUT_MS;
    assert_eq!(deadline_ms(&run.contract, opened_ms), Some(deadline));
    for place in 0..3 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
    let close = |time_ms| Some(Due::CloseCollection { time_ms });
    assert_eq!(due(&run.contract, &at(deadline - 1)), None);
    assert_eq!(due(&run.contract, &Situation { verifying: true, ..at(deadline) }), None);
    assert_eq!(due(&run.contract, &at(deadline)), close(deadline));
    // After a restart the whole time passes again.
    let since_ms = deadline + 10;
    assert_eq!(deadline_ms(&run.contract, since_ms), Some(since_ms + TIMEOUT_MS));
    let back = |now_ms| Situation { since_ms, ..at(now_ms) };
    assert_eq!(due(&run.contract, &back(since_ms)), None);
    assert_eq!(due(&run.contract, &back(since_ms + TIMEOUT_MS)), close(since_ms + TIMEOUT_MS));
    // With everyone's it ends at once.
    assert!(run.submit(3, &[1; DIMENSION]).is_accepted());
    assert_eq!(due(&run.contract, &at(opened_ms)), close(opened_ms));
}

#[test]
fn too_few_updates_are_waited_for_by_name_and_abandoned_where_nobody_is_left_to_wait_for() {
    let mut run = Run::collecting();
    for place in 0..2 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
    let late = at(1 << 40);
    assert_eq!(order(&run, &late), None);
    let waiting = awaited(&run.contract).unwrap();
    assert_eq!((waiting.wait, waiting.present, waiting.needed), (Wait::Updates, 2, 3));
    assert_eq!(waiting.absent, names(&run, &[2, 3]));
    for place in 2..4 {
        assert!(run.apply(&run.submission(place, vec![1])).culprit.is_some());
    }
    let abandon = Abandon { step: 0, attempt: 0, time_ms: late.now_ms };
    assert_eq!(order(&run, &late), Some(Action::Abandon(abandon)));
}

#[test]
fn a_run_that_too_few_may_still_submit_to_waits_for_others_to_join() {
    let mut run = Run::enrolled(2);
    for place in 0..2 {
        assert!(run.revoke(place).is_accepted());
    }
    let over = Situation { enrolment_over: true, ..at(1 << 40) };
    assert_eq!(order(&run, &over), None);
    let waiting = awaited(&run.contract).unwrap();
    assert_eq!((waiting.wait, waiting.present, waiting.needed), (Wait::Institutions, 2, 3));
    let newcomer = run.newcomer("clinic");
    assert!(run.enrol(newcomer).is_accepted());
    assert!(matches!(order(&run, &over), Some(Action::OpenRound(_))), "it goes on");
    assert_eq!(awaited(&run.contract), None);
}

#[test]
fn a_sealed_sum_waits_for_its_trustees_by_name_and_is_closed_as_soon_as_it_is_open() {
    let mut run = Run::sealed();
    let block = run.sealed_hash();
    assert!(run.countersign(0, block).is_accepted());
    assert_eq!(order(&run, &at(1 << 40)), None);
    let waiting = awaited(&run.contract).unwrap();
    assert_eq!((waiting.wait, waiting.present, waiting.needed), (Wait::Countersignatures, 1, 3));
    assert_eq!(waiting.absent, names(&run, &[1, 2, 3]));
    for place in 1..3 {
        assert!(run.countersign(place, block).is_accepted());
    }
    assert!(run.submit_share(3, run.share(3)).is_accepted());
    let waiting = awaited(&run.contract).unwrap();
    assert_eq!((waiting.wait, waiting.present, waiting.needed), (Wait::Shares, 1, 2));
    assert_eq!(waiting.absent, names(&run, &[0, 1, 2]));
    assert!(run.submit_share(1, run.share(1)).is_accepted());
    assert_eq!(awaited(&run.contract), None);
    let Some(Action::CloseRound(close)) = order(&run, &at(run.time_ms)) else { panic!("not due") };
    assert_eq!(close, run.close_round_action());
}
