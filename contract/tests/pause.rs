//! The authority holds a run, and lets it go on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use consilium_contract::{
    CandidateTransaction, Phase,
    light::View,
    schedule::{Due, Situation, Wait, awaited, due},
};
use consilium_proto::v1::{Pause, Reason, Resume, transaction::Action};
use consilium_testkit::{DIMENSION, Op, Run};

fn due_now(run: &Run) -> Option<Due> {
    let now_ms = run.time_ms;
    due(&run.contract, &Situation { now_ms, since_ms: 0, enrolment_over: true, verifying: false })
}

fn pause(run: &Run, request: u64) -> CandidateTransaction {
    run.by_authority(Action::Pause(Pause { request }))
}

fn resume(run: &Run, request: u64) -> CandidateTransaction {
    run.by_authority(Action::Resume(Resume { request }))
}

/// What somebody sees who reads the signatures of the chain alone.
fn view(run: &Run) -> View {
    let mut view = View::new(run.parameters().clone().into());
    for op in &run.log {
        let Op::Apply(transaction, _) = op else { continue };
        assert!(view.read(transaction, false, 1).is_ok());
    }
    view
}

#[test]
fn a_round_that_is_open_ends_and_the_next_opens_once_the_run_is_resumed() {
    let mut run = Run::enrolled(3);
    assert!(run.open().is_accepted());
    let said = pause(&run, 10);
    assert!(run.apply(&said).is_accepted());
    for place in 0..4 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
    assert!(matches!(due_now(&run), Some(Due::CloseCollection { .. })), "what is begun goes on");
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
    assert_eq!(due_now(&run), None);
    assert_eq!(run.open().reason, Reason::TooEarly);
    let waiting = awaited(&run.contract).unwrap();
    assert_eq!((waiting.wait, waiting.present, waiting.needed), (Wait::Resumption, 0, 1));
    let said = resume(&run, 11);
    assert!(run.apply(&said).is_accepted());
    assert!(matches!(due_now(&run), Some(Due::Order(Action::OpenRound(_)))));
    assert!(run.open().is_accepted());
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
}

#[test]
fn no_word_of_the_authority_counts_twice_or_after_a_later_one() {
    let mut run = Run::enrolled(3);
    let (first, second) = (pause(&run, 10), resume(&run, 20));
    let root = run.contract.state_root();
    assert_eq!(run.apply(&resume(&run, 5)).reason, Reason::Duplicate, "nothing is paused");
    assert_eq!(run.contract.state_root(), root);
    assert!(run.apply(&first).is_accepted());
    assert_ne!(run.contract.state_root(), root);
    assert_eq!(run.apply(&first).reason, Reason::Duplicate);
    assert_eq!(run.apply(&pause(&run, 11)).reason, Reason::Duplicate, "it is paused already");
    assert!(run.apply(&second).is_accepted());
    for old in [first, second, pause(&run, 15), pause(&run, 20)] {
        assert_eq!(run.apply(&old).reason, Reason::Duplicate);
        assert!(!run.contract.pausing().is_paused());
    }
    assert!(run.apply(&pause(&run, 21)).is_accepted());
}

#[test]
fn nobody_but_the_authority_pauses_a_run() {
    let mut run = Run::enrolled(3);
    let action = Action::Pause(Pause { request: 10 });
    assert_eq!(run.apply(&run.by_coordinator(action.clone())).reason, Reason::BadSignature);
    assert_eq!(run.apply(&run.by_member(0, action)).reason, Reason::UnknownInstitution);
    assert!(matches!(run.contract.phase(), Phase::Idle));
    assert!(!run.contract.pausing().is_paused());
}

#[test]
fn who_follows_signatures_alone_sees_the_pause_and_a_round_that_opens_in_it_convicts() {
    let mut run = Run::enrolled(3);
    assert!(!view(&run).is_paused());
    let opening = run.by_coordinator(run.open_action());
    let said = pause(&run, 10);
    assert!(run.apply(&said).is_accepted());
    let mut view = view(&run);
    assert!(view.is_paused());
    assert!(view.read(&opening, false, 1).unwrap_err().convicts_the_coordinator());
    assert!(view.read(&pause(&run, 9), false, 1).unwrap_err().convicts_the_coordinator());
    view.read(&resume(&run, 11), false, 1).unwrap();
    assert!(!view.is_paused());
    view.read(&opening, false, 1).unwrap();
}
