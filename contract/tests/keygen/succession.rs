//! Passing the key on: who may ask for it, who holds it then, and what comes of too few.

use consilium_contract::Phase;
use consilium_crypto::KeyShare;
use consilium_proto::v1::{
    ChangeCommittee, Confirmation, Reason, Stage as Name, contribute::Part, transaction::Action,
};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS};

use crate::cast::*;

#[test]
fn the_key_passes_to_a_new_committee_and_old_shares_open_nothing_more() {
    let (mut run, receipt) = changed(&[3, 1, 2], 1);
    assert!(receipt.is_accepted(), "{receipt:?}");
    assert_eq!(run.open().reason, Reason::TooEarly, "a change that is asked for comes first");
    let key = run.committee().public_key.clone();
    let old = run.committee().clone();
    let old_shares: Vec<_> = run.shares.iter_mut().map(Option::take).collect();
    for (kept, share) in run.shares.iter_mut().zip(&old_shares) {
        *kept = share.as_ref().map(|share| KeyShare::from_bytes(&share.to_bytes()).unwrap());
    }
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    assert_eq!(cast.play(&mut run, |_, said| Some(said)), 0);
    let committee = run.committee();
    assert_eq!((committee.number, committee.threshold(), committee.size()), (1, 1, 3));
    assert_eq!(committee.public_key, key);
    assert_ne!(committee.dealing, old.dealing);
    assert_eq!(committee.place_of(&run.name(3)), Some(1));
    assert_eq!(committee.place_of(&run.name(0)), None);
    for share in old_shares.iter().flatten() {
        assert!(share.verify(&committee.public_key, &committee.dealing).is_err());
    }
    cast.shares[0] = None;
    cast.hand_over(&mut run);

    // The old share of a member, and a share of one who is no member any more.
    assert!(run.open().is_accepted());
    for i in 0..4 {
        assert!(run.submit(i, &[1; DIMENSION]).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    let block = run.sealed_hash();
    assert_eq!(run.countersign(0, block).reason, Reason::NotAMember);
    for i in 1..4 {
        run.countersign(i, block);
    }
    let new = run.shares[1].take();
    run.shares[1] = KeyShare::from_bytes(&old_shares[1].as_ref().unwrap().to_bytes()).ok();
    assert_eq!(run.submit_share(1, run.share(1)).reason, Reason::BadShareProof);
    run.shares[0] = KeyShare::from_bytes(&old_shares[0].as_ref().unwrap().to_bytes()).ok();
    assert_eq!(run.submit_share(0, run.share(0)).reason, Reason::NotAMember);
    run.shares[1] = new;
    assert!(run.submit_share(2, run.share(2)).is_accepted());
    assert!(run.close_round().is_accepted());
    run.again();
}

#[test]
fn an_institution_leaves_and_another_one_joins_and_holds_the_key() {
    let mut run = Run::enrolled(9);
    let newcomer = run.newcomer("newcomer");
    assert_eq!(
        run.enrol(newcomer).reason,
        Reason::NoPlace,
        "as many as the genesis allows take part"
    );
    assert!(run.revoke(0).is_accepted());
    assert!(run.enrol(newcomer).is_accepted());
    assert_eq!(ask(&mut run, &[0, 1, 2, 3], 2).reason, Reason::Revoked);
    assert!(ask(&mut run, &[1, 2, 3, newcomer], 2).is_accepted());
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    cast.play(&mut run, |_, said| Some(said));
    assert_eq!(run.committee().place_of(&run.name(newcomer)), Some(4));
    assert!(cast.shares[newcomer].is_some());
    assert!(cast.blamed.is_empty());
}

#[test]
fn a_change_that_no_committee_can_be_is_refused() {
    for (members, threshold, reason) in [
        (&[0, 1, 2][..], 2, Reason::WrongCommittee),
        (&[0, 1, 2, 3], 0, Reason::WrongCommittee),
        (&[0, 1, 1, 3], 2, Reason::Duplicate),
        (&[], 1, Reason::WrongCommittee),
    ] {
        let (_, receipt) = changed(members, threshold);
        assert_eq!(receipt.reason, reason, "{members:?} with {threshold}");
    }
    let mut run = Run::enrolled(2);
    let unknown =
        ChangeCommittee { committee: 1, members: vec![vec![9; 32]], threshold: 1, request: 1 };
    assert_eq!(
        run.apply(&run.by_authority(Action::ChangeCommittee(unknown.clone()))).reason,
        Reason::UnknownInstitution
    );
    let skipped = ChangeCommittee { committee: 2, ..unknown.clone() };
    assert_eq!(
        run.apply(&run.by_authority(Action::ChangeCommittee(skipped))).reason,
        Reason::WrongStep
    );
    let mut run = Run::enrolled(2);
    // Nobody but the authority asks.
    let by_coordinator = run.by_coordinator(Action::ChangeCommittee(unknown));
    assert!(!run.apply(&by_coordinator).may_stand(&by_coordinator));
    assert_eq!(begin(&mut run).reason, Reason::TooEarly, "nothing is due");
}

#[test]
fn the_latest_request_counts_and_an_earlier_one_cannot_be_put_on_the_chain_after_it() {
    let mut run = Run::enrolled(3);
    // Signed first and held back by whoever has seen it; refused where its member had not enrolled, or accepted.
    assert!(ask_again(&mut run, 1, &[0, 1, 2, 3], 2, 5).is_accepted());
    assert!(
        ask_again(&mut run, 1, &[3, 2, 1], 1, 7).is_accepted(),
        "it takes the place of the first"
    );
    for (members, threshold, request) in
        [(&[0, 1, 2, 3][..], 2, 5), (&[3, 2, 1], 1, 7), (&[0], 1, 6), (&[0], 1, 0)]
    {
        let receipt = ask_again(&mut run, 1, members, threshold, request);
        assert_eq!(receipt.reason, Reason::Duplicate, "{request}");
    }
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    cast.play(&mut run, |_, said| Some(said));
    assert_eq!(run.committee().size(), 3);
    assert_eq!(ask_again(&mut run, 2, &[0], 1, 6).reason, Reason::Duplicate, "nor later");
    assert!(ask_again(&mut run, 2, &[0], 1, 8).is_accepted());
}

#[test]
fn a_refused_request_takes_no_number() {
    let mut run = Run::enrolled(2);
    let joins = run.newcomer("newcomer");
    assert!(run.revoke(3).is_accepted());
    let members = [0, 1, 2, joins];
    assert_eq!(ask_again(&mut run, 1, &members, 2, 1).reason, Reason::UnknownInstitution);
    assert!(run.enrol(joins).is_accepted());
    assert!(ask_again(&mut run, 1, &members, 2, 1).is_accepted(), "the same words, in time");
}

#[test]
fn the_authority_cannot_have_the_key_passed_on_to_fewer_than_the_genesis_allows() {
    let mut run = Run::founded_with(|spec| spec.min_threshold = 2).with_everyone().with_key();
    assert_eq!(ask(&mut run, &[3], 1).reason, Reason::WrongCommittee);
    assert_eq!(ask(&mut run, &[0, 1, 2, 3], 1).reason, Reason::WrongCommittee);
    assert_eq!(begin(&mut run).reason, Reason::TooEarly);
    assert!(ask(&mut run, &[3, 2, 1, 0], 2).is_accepted());
}

#[test]
fn shares_are_refreshed_when_the_genesis_says_so() {
    let run = Run::founded_with(|spec| {
        spec.steps = 3;
        spec.refresh_steps = 1;
    });
    let mut run = run.with_everyone().with_key();
    let old = run.committee().clone();
    round(&mut run);
    assert_eq!(run.open().reason, Reason::TooEarly);
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    assert_eq!(cast.play(&mut run, |_, said| Some(said)), 0);
    cast.hand_over(&mut run);
    let new = run.committee();
    assert_eq!((new.number, new.threshold(), &new.public_key), (1, 2, &old.public_key));
    assert_eq!(new.members(), old.members());
    assert_ne!(new.dealing, old.dealing);
    round(&mut run);
}

#[test]
fn a_resharing_that_too_few_take_part_in_is_given_up_and_tried_again_after_the_next_round() {
    let (mut run, receipt) = changed(&[0, 1, 2, 3], 2);
    assert!(receipt.is_accepted());
    let old = run.committee().clone();
    for step in 0..2 {
        assert!(begin(&mut run).is_accepted());
        let mut cast = Cast::new(&run);
        // What members swear in an attempt they swear once: no number comes again.
        for attempt in [2 * step, 2 * step + 1] {
            assert_eq!(self::attempt(&run), attempt);
            cast.play(&mut run, |i, said| (i < 2).then_some(said));
        }
        assert!(matches!(run.contract.phase(), Phase::Idle));
        assert_eq!(*run.committee(), old, "the committee that holds the key goes on");
        assert_eq!(begin(&mut run).reason, Reason::TooEarly, "not in this step again");
        round(&mut run);
    }
    assert_eq!(run.open().reason, Reason::TooEarly, "the key is to be passed on first");
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    assert_eq!(attempt(&run), 4);
    cast.play(&mut run, |_, said| Some(said));
    assert_eq!(run.committee().number, 1);
    cast.hand_over(&mut run);
    round(&mut run);
    // The next committee's attempts are its own.
    assert!(ask(&mut run, &[0, 1, 2, 3], 2).is_accepted());
    assert!(begin(&mut run).is_accepted());
    assert_eq!(attempt(&run), 0);
}

#[test]
fn a_committee_that_members_have_begun_to_confirm_is_never_abandoned() {
    let (mut run, receipt) = changed(&[0, 1, 2, 3], 2);
    assert!(receipt.is_accepted());
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    cast.until(&mut run, Name::Confirming);
    for i in 0..2 {
        let said = cast.honest(&run, i).unwrap();
        assert!(cast.say(&mut run, i, said).is_accepted());
    }
    for _ in 0..5 {
        run.time_ms += TIMEOUT_MS;
        assert_eq!(end_stage(&mut run).reason, Reason::TooEarly);
    }
    let said = cast.honest(&run, 2).unwrap();
    assert!(cast.say(&mut run, 2, said).is_accepted());
    assert!(end_stage(&mut run).is_accepted());
    assert_eq!(run.committee().number, 1);
}

#[test]
fn a_quorum_of_both_committees_confirms_and_nobody_counts_for_one_that_it_is_not_in() {
    let (mut run, receipt) = changed(&[3], 1);
    assert!(receipt.is_accepted());
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    cast.until(&mut run, Name::Confirming);
    let mut said = cast.honest(&run, 0).unwrap();
    assert_eq!(
        said.part,
        Some(Part::Confirmation(Confirmation { hands_over: true, holds_share: false }))
    );
    said.part = Some(Part::Confirmation(Confirmation { hands_over: false, holds_share: true }));
    assert_eq!(cast.say(&mut run, 0, said).reason, Reason::NotAMember);
    let said = cast.honest(&run, 3).unwrap();
    assert_eq!(
        said.part,
        Some(Part::Confirmation(Confirmation { hands_over: true, holds_share: true }))
    );
    assert!(cast.say(&mut run, 3, said).is_accepted());
    for i in 0..2 {
        assert_eq!(
            end_stage(&mut run).reason,
            Reason::TooEarly,
            "{} of four have handed over",
            i + 1
        );
        let said = cast.honest(&run, i).unwrap();
        assert!(cast.say(&mut run, i, said).is_accepted());
    }
    assert!(end_stage(&mut run).is_accepted());
    assert_eq!(run.committee().size(), 1);
}
