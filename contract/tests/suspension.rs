//! Who misses rounds is no longer waited for, and comes back by itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use consilium_contract::{
    Receipt,
    light::View,
    roster::Roster,
    schedule::{Due, Situation, awaited, due},
};
use consilium_proto::v1::{Reason, Rejoin, transaction::Action};
use consilium_testkit::{DIMENSION, Op, Run, TIMEOUT_MS};

/// Four institutions, three of which are enough; two missed rounds suspend one, or `suspend_after`.
fn run(suspend_after: u32) -> Run {
    let run = Run::founded_with(|spec| {
        spec.steps = 20;
        spec.suspend_after = suspend_after;
    });
    run.with_everyone().with_key()
}

/// What the coordinator would do now.
fn due_now(run: &Run) -> Option<Due> {
    let now_ms = run.time_ms;
    due(&run.contract, &Situation { now_ms, since_ms: 0, enrolment_over: true, verifying: false })
}

/// Whether the collection of these places' updates waits for anybody else; it is ended, late where it does.
fn round_waits(run: &mut Run, places: &[usize]) -> bool {
    assert!(run.open().is_accepted());
    for place in places {
        assert!(run.submit(*place, &[1; DIMENSION]).is_accepted());
    }
    let waits = due_now(run).is_none();
    let early = run.close_collection();
    assert_eq!(early.reason, if waits { Reason::TooEarly } else { Reason::Accepted });
    if waits {
        run.time_ms += TIMEOUT_MS;
        assert!(matches!(due_now(run), Some(Due::CloseCollection { .. })));
        assert!(run.close_collection().is_accepted());
    }
    run.end_block();
    run.open_and_close();
    waits
}

fn rejoin(run: &mut Run, place: usize, step: u64) -> Receipt {
    run.apply(&run.by_member(place, Action::Rejoin(Rejoin { step })))
}

#[test]
fn a_round_no_longer_waits_for_an_institution_that_has_missed_as_many_as_the_genesis_says() {
    let mut run = run(2);
    assert!(round_waits(&mut run, &[0, 1, 2]));
    assert!(round_waits(&mut run, &[0, 1, 2]));
    assert!(!round_waits(&mut run, &[0, 1, 2]));
    assert!(!round_waits(&mut run, &[0, 1, 2]));
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
}

#[test]
fn nobody_is_suspended_where_the_genesis_does_not_say_so_or_misses_are_not_in_a_row() {
    let mut never = run(0);
    for _ in 0..4 {
        assert!(round_waits(&mut never, &[0, 1, 2]));
    }
    let mut now_and_then = run(2);
    for _ in 0..2 {
        assert!(round_waits(&mut now_and_then, &[0, 1, 2]));
        assert!(!round_waits(&mut now_and_then, &[0, 1, 2, 3]));
    }
}

#[test]
fn an_update_of_a_suspended_institution_is_taken_and_brings_it_back() {
    let mut run = run(1);
    assert!(round_waits(&mut run, &[0, 1, 2]));
    assert!(!round_waits(&mut run, &[0, 1, 2]));
    assert!(!round_waits(&mut run, &[3, 0, 1, 2]));
    assert!(round_waits(&mut run, &[0, 1, 2]), "it is waited for again");
}

#[test]
fn one_that_is_too_slow_to_be_in_time_says_so_and_the_open_round_waits_for_it() {
    let mut run = run(1);
    assert!(round_waits(&mut run, &[0, 1, 2]));
    assert!(run.open().is_accepted());
    for place in 0..3 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
    assert!(matches!(due_now(&run), Some(Due::CloseCollection { .. })));
    assert_eq!(rejoin(&mut run, 3, 0).reason, Reason::WrongStep, "said again later, it is nothing");
    assert_eq!(rejoin(&mut run, 0, 1).reason, Reason::Duplicate, "who is not suspended");
    assert!(rejoin(&mut run, 3, 1).is_accepted());
    assert_eq!(due_now(&run), None);
    assert_eq!(rejoin(&mut run, 3, 1).reason, Reason::Duplicate);
    assert!(run.submit(3, &[1; DIMENSION]).is_accepted());
    assert!(run.close_collection().is_accepted());
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
}

#[test]
fn the_word_of_one_that_lags_behind_holds_for_fewer_steps_than_suspend_it() {
    let mut run = run(2);
    for _ in 0..4 {
        round_waits(&mut run, &[0, 1, 2]);
    }
    assert_eq!(run.contract.step(), 4);
    assert_eq!(rejoin(&mut run, 3, 5).reason, Reason::WrongStep, "a step that is not being made");
    assert_eq!(rejoin(&mut run, 3, 2).reason, Reason::WrongStep);
    assert!(rejoin(&mut run, 3, 3).is_accepted());
    // Gone again, it is not brought back by what it has said.
    for _ in 0..2 {
        assert!(round_waits(&mut run, &[0, 1, 2]));
    }
    assert_eq!(rejoin(&mut run, 3, 3).reason, Reason::WrongStep);
    assert!(!round_waits(&mut run, &[0, 1, 2]));
}

#[test]
fn a_word_that_changes_nothing_in_the_contract_changes_nothing_for_who_follows_signatures() {
    let mut run = run(2);
    assert!(run.open().is_accepted());
    for place in 0..3 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
    run.time_ms += TIMEOUT_MS;
    assert!(run.close_collection().is_accepted());
    assert_eq!(rejoin(&mut run, 3, 0).reason, Reason::Duplicate);
    let mut view = View::new(run.parameters().clone().into());
    for op in &run.log {
        let Op::Apply(transaction, _) = op else { continue };
        let _ = view.read(transaction, false, 1);
    }
    let missed = |roster: &Roster| roster.get(&run.name(3)).unwrap().missed;
    assert_eq!((missed(run.contract.roster()), missed(view.roster())), (1, 1));
}

#[test]
fn with_too_few_updates_the_suspended_are_waited_for_and_no_attempt_is_given_up_without_them() {
    let mut run = run(1);
    assert!(round_waits(&mut run, &[0, 1, 2]));
    assert!(run.open().is_accepted());
    for place in 0..2 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
    assert!(run.apply(&run.submission(2, vec![1])).culprit.is_some());
    run.time_ms += TIMEOUT_MS;
    assert_eq!(due_now(&run), None, "two are not enough, and the third may still come");
    assert_eq!(awaited(&run.contract).unwrap().absent, [run.name(3)]);
    assert!(run.submit(3, &[1; DIMENSION]).is_accepted());
    assert!(matches!(due_now(&run), Some(Due::CloseCollection { .. })));
}

#[test]
fn who_follows_signatures_alone_sees_the_same_suspensions() {
    let mut run = run(1);
    assert!(run.open().is_accepted());
    for place in 0..3 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
    run.time_ms += TIMEOUT_MS;
    assert!(run.close_collection().is_accepted());
    let sees = |run: &Run| {
        let mut view = View::new(run.parameters().clone().into());
        for op in &run.log {
            let Op::Apply(transaction, _) = op else { continue };
            assert!(view.read(transaction, false, 1).is_ok());
        }
        view.roster().get(&run.name(3)).unwrap().is_suspended(1)
    };
    assert!(sees(&run));
    assert!(rejoin(&mut run, 3, 0).is_accepted());
    assert!(!sees(&run));
}
