//! Making the first key: with everyone, with enough, and with too few.

use consilium_contract::{Phase, keygen::Stage, transaction::CandidateTransaction};
use consilium_proto::v1::{EndStage, Reason, Stage as Name, transaction::Action};
use consilium_testkit::{Run, TIMEOUT_MS};

use crate::cast::*;

#[test]
fn honest_members_make_the_key_without_waiting_and_a_round_opens_under_it() {
    let (mut run, mut cast) = begun();
    assert_eq!(cast.play(&mut run, |_, said| Some(said)), 0);
    assert!(cast.blamed.is_empty());
    let committee = run.committee();
    assert_eq!(
        (committee.number, committee.threshold(), committee.quorum(), committee.members().len()),
        (0, 2, 3, 4)
    );
    cast.hand_over(&mut run);
    round(&mut run);
    // Anyone who replays the chain derives the same committee: the roots are compared after every transaction.
    run.again();
}

#[test]
fn no_round_opens_before_the_key_is_made() {
    let mut run = Run::founded(2).with_everyone();
    assert_eq!(run.open().reason, Reason::TooEarly);
    assert!(begin(&mut run).is_accepted());
    assert_eq!(run.open().reason, Reason::TooEarly);
    assert_eq!(begin(&mut run).reason, Reason::TooEarly);
}

#[test]
fn a_member_that_falls_silent_at_any_stage_stops_nothing() {
    for stage in [
        Name::Offering,
        Name::Dealing,
        Name::Checking,
        Name::Agreeing,
        Name::Products,
        Name::Confirming,
    ] {
        let (mut run, mut cast) = begun();
        let mut is_silent = false;
        while let Phase::Keygen(keygen) = run.contract.phase() {
            is_silent |= keygen.stage().name() == stage;
            cast.speak(&mut run, &mut |i, said| (!is_silent || i != 2).then_some(said));
            if !end_stage(&mut run).is_accepted() {
                run.time_ms += TIMEOUT_MS;
                assert!(end_stage(&mut run).is_accepted(), "{stage:?}");
            }
        }
        assert!(run.contract.committee().is_some(), "{stage:?}");
        assert!(cast.blamed.is_empty(), "silence is nobody's proven fault");
        assert_eq!(run.committee().place_of(&run.name(2)).is_some(), stage != Name::Offering);
        cast.hand_over(&mut run);
        round(&mut run);
    }
}

#[test]
fn two_silent_members_of_four_are_too_many_and_are_waited_for_without_spending_attempts() {
    let (mut run, mut cast) = begun();
    cast.speak(&mut run, &mut |i, said| (i < 2).then_some(said));
    for _ in 0..5 {
        run.time_ms += TIMEOUT_MS;
        assert_eq!(end_stage(&mut run).reason, Reason::TooEarly, "two offers of three");
    }
    assert_eq!((attempt(&run), stage(&run)), (0, Some(Name::Offering)));
    // They are back.
    while run.contract.committee().is_none() {
        cast.speak(&mut run, &mut |_, said| Some(said));
        assert!(end_stage(&mut run).is_accepted());
    }
    assert!(cast.blamed.is_empty());
    cast.hand_over(&mut run);
    round(&mut run);
}

#[test]
fn a_key_is_made_however_often_members_fall_silent_half_way() {
    let (mut run, mut cast) = begun();
    for attempt in 0..4 {
        assert_eq!(self::attempt(&run), attempt, "more than the genesis allows for passing it on");
        cast.until(&mut run, Name::Dealing);
        cast.speak(&mut run, &mut |i, said| (i < 2).then_some(said));
        assert_eq!(end_stage(&mut run).reason, Reason::TooEarly);
        run.time_ms += TIMEOUT_MS;
        assert!(end_stage(&mut run).is_accepted());
        assert_eq!(stage(&run), Some(Name::Offering), "from the beginning, with whoever comes");
    }
    cast.play(&mut run, |_, said| Some(said));
    assert_eq!(run.committee().members().len(), 4);
}

#[test]
fn who_enrols_while_too_few_offer_keys_takes_part_in_the_next_attempt() {
    let mut run = Run::founded(2);
    for i in 0..3 {
        assert!(run.enrol(i).is_accepted());
    }
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    // One of the three is gone for good; the fourth comes.
    cast.speak(&mut run, &mut |i, said| (i < 2).then_some(said));
    run.time_ms += TIMEOUT_MS;
    assert_eq!(
        end_stage(&mut run).reason,
        Reason::TooEarly,
        "beginning again would change nothing"
    );
    assert!(run.enrol(3).is_accepted());
    assert!(end_stage(&mut run).is_accepted());
    assert_eq!((attempt(&run), stage(&run)), (1, Some(Name::Offering)));
    cast.play(&mut run, |i, said| (i != 2).then_some(said));
    let places: Vec<u32> = run.committee().members().keys().copied().collect();
    assert_eq!(places, [1, 2, 4]);
}

#[test]
fn a_second_attempt_begins_with_nothing_of_the_first() {
    let (mut run, mut cast) = begun();
    cast.until(&mut run, Name::Checking);
    let late = cast.honest(&run, 0).unwrap();
    cast.play(&mut run, |i, said| (i < 2).then_some(said));
    assert_eq!(attempt(&run), 1);
    assert_eq!(cast.say(&mut run, 0, late).reason, Reason::WrongStep);
    cast.play(&mut run, |_, said| Some(said));
    assert!(run.contract.committee().is_some());
    assert!(cast.blamed.is_empty());
}

#[test]
fn a_stage_ends_by_the_coordinators_word_alone_and_not_before_its_time() {
    let (mut run, mut cast) = begun();
    let said = cast.honest(&run, 0).unwrap();
    assert!(cast.say(&mut run, 0, said).is_accepted());
    assert_eq!(end_stage(&mut run).reason, Reason::TooEarly);
    let end = EndStage {
        committee: 0,
        attempt: 0,
        stage: Name::Dealing.into(),
        time_ms: run.time_ms + TIMEOUT_MS,
    };
    assert_eq!(run.apply(&run.by_coordinator(Action::EndStage(end))).reason, Reason::WrongContext);
    let early = EndStage { committee: 0, attempt: 0, stage: Name::Offering.into(), time_ms: 1 };
    assert_eq!(run.apply(&run.by_coordinator(Action::EndStage(early))).reason, Reason::TooEarly);
    let end = EndStage {
        committee: 0,
        attempt: 0,
        stage: Name::Offering.into(),
        time_ms: run.time_ms + TIMEOUT_MS,
    };
    let forged: CandidateTransaction = run.by_member(0, Action::EndStage(end));
    assert!(!run.apply(&forged).may_stand(&forged));
    assert!(
        matches!(run.contract.phase(), Phase::Keygen(keygen) if matches!(keygen.stage(), Stage::Offering { .. }))
    );
}
