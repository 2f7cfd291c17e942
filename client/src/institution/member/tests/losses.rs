//! Members that have lost secrets or memory, were away, or were killed.

use super::*;
use consilium_hash::ConfirmationHash;

#[test]
fn a_dealer_that_has_lost_its_secrets_does_not_answer_for_a_dealing_with_other_polynomials() {
    for is_resharing in [false, true] {
        let mut members = Members::new();
        members.begin(0);
        if is_resharing {
            members.play();
            members.settle();
            members.ask_for(&[0, 1, 2, 3], 2);
            members.begin(1);
        }
        members.play_until(StageName::Checking);
        // Institution 3 complains of a dealing that is right.
        let mut complaint = members.ask(3).unwrap().unwrap();
        complaint.part = Some(Part::Complaints(Complaints { dealers: vec![1] }));
        let signed = members.world.says(3, Action::Contribute(complaint));
        members.world.commit(vec![signed]);
        members.play_stage(&[3]);
        assert_eq!(members.keygen().unwrap().stage().name(), StageName::Answering);
        let kept = members.ask(0).unwrap();
        assert!(
            matches!(&kept.unwrap().part, Some(Part::Answers(_))),
            "it answers as it has dealt"
        );

        // Its secrets alone are gone, or all that it knew but its share of the key.
        for lost in
            [&["ceremony.key"][..], &["ceremony.key", "countersigned", "countersigned.mark"]]
        {
            for file in lost {
                fs::remove_file(members.directory(0).join(file)).unwrap();
            }
            assert_eq!(members.ask(0).unwrap(), None, "{lost:?}");
            assert!(!members.directory(0).join(SECRETS).exists(), "{lost:?}");
            fs::write(
                members.directory(0).join(SECRETS),
                Secrets::generate(u32::from(is_resharing), 0, &mut members.rng).to_bytes(),
            )
            .unwrap();
            // Nor for one that it would deal today.
            assert_eq!(members.ask(0).unwrap(), None, "{lost:?}");
        }
        let faults = members.world.contract.roster().standings();
        members.play_stage(&[0]);
        assert_eq!(members.world.contract.roster().standings(), faults, "and nobody is blamed");
    }
}

#[test]
fn no_fresh_secrets_are_made_for_an_attempt_in_which_a_member_has_spoken() {
    for stage in [StageName::Offering, StageName::Dealing, StageName::Checking, StageName::Agreeing]
    {
        let mut members = Members::new();
        members.begin(0);
        members.play_until(stage);
        assert!(members.ask(0).unwrap().is_some());
        fs::remove_file(members.directory(0).join(SECRETS)).unwrap();
        for _ in 0..2 {
            assert_eq!(members.ask(0).unwrap(), None, "{stage:?}");
            assert!(!members.directory(0).join(SECRETS).exists(), "{stage:?}");
        }
    }
}

#[test]
fn a_member_that_has_lost_its_secrets_takes_part_in_the_next_attempt_and_hands_over_all_the_same() {
    let mut members = Members::new();
    members.begin(0);
    members.play();
    members.settle();
    members.ask_for(&[0, 1, 2, 3], 2);
    members.begin(1);
    members.play_until(StageName::Dealing);
    fs::remove_file(members.directory(0).join(SECRETS)).unwrap();
    assert_eq!(members.ask(0).unwrap(), None);
    while members.keygen().unwrap().stage().name() != StageName::Confirming {
        members.play_stage(&[]);
    }
    let said = members.ask(0).unwrap().unwrap();
    let handed_over = Confirmation { hands_over: true, holds_share: false };
    assert_eq!(said.part, Some(Part::Confirmation(handed_over)));
}

#[test]
fn a_member_that_was_away_while_a_committee_was_confirmed_holds_its_share_once_it_is_back() {
    for number in 0..2 {
        let mut members = Members::new();
        members.begin(0);
        if number == 1 {
            members.play();
            members.settle();
            members.ask_for(&[0, 1, 2, 3], 2);
            members.begin(1);
        }
        members.play_until(StageName::Confirming);
        let committee = members.play_without(&[0]);
        assert!(!share_file(members.directory(0), number).exists());
        let membership = members.read(0);
        assert!(membership.share(&committee).is_some(), "committee {number}");
        assert_eq!(members.secrets(0), [format!("share-{number}.key")], "and no secrets");
        // It answers for the committee, and for no other one of that number.
        let mut memory = members.memory(0);
        assert!(memory.answers_for(number));
        let place = Place { number, attempt: 0 };
        assert!(memory.swear_committee(place, 0, &ConfirmationHash([9; 32])).is_err());
        // Who was there, and who reads the chain again, holds the same as before.
        assert!(members.read(1).share(&committee).is_some());
        assert!(members.read(0).share(&committee).is_some());
    }
}

#[test]
fn a_member_that_has_lost_its_memory_gets_no_share_of_a_committee_that_was_made_before() {
    let mut members = Members::new();
    members.begin(0);
    members.play_until(StageName::Confirming);
    let committee = members.play_without(&[0]);
    for file in ["countersigned", "countersigned.mark"] {
        fs::remove_file(members.directory(0).join(file)).unwrap();
    }
    Memory::open(members.directory(0), members.world.chain_id())
        .unwrap()
        .lose(Place::standing(0))
        .unwrap();
    assert!(members.read(0).share(&committee).is_none());
    assert!(members.secrets(0).is_empty());
}

#[test]
fn a_program_that_is_started_again_keeps_the_share_of_a_later_committee_and_the_secrets_of_the_next()
 {
    let mut members = Members::new();
    members.begin(0);
    members.play();
    members.settle();
    members.ask_for(&[0, 1, 2, 3], 2);
    members.begin(1);
    members.play_stage(&[]);
    // It reads of committee 0 again while committee 1 is being made.
    members.settle();
    for i in 0..INSTITUTIONS {
        assert_eq!(members.secrets(i), ["ceremony.key", "share-0.key"], "institution {i}");
    }
    let second = members.play();
    members.settle();
    for i in 0..INSTITUTIONS {
        assert!(members.read(i).share(&second).is_some(), "institution {i}");
        assert_eq!(members.secrets(i), ["share-1.key"], "institution {i}");
    }
}

#[test]
fn a_ceremony_that_was_given_up_leaves_nothing_that_a_later_one_of_the_same_committee_takes_for_its_own()
 {
    let mut members = Members::new();
    members.begin(0);
    members.play();
    members.settle();
    members.ask_for(&[0, 1, 2, 3], 2);
    let mut secrets = Vec::new();
    let mut attempts = Vec::new();
    for _ in 0..2 {
        members.begin(1);
        while members.keygen().is_some() {
            attempts.push(members.keygen().unwrap().attempt());
            members.ask(0).unwrap().unwrap();
            let kept = fs::read(members.directory(0).join(SECRETS)).unwrap();
            assert!(!secrets.contains(&kept), "attempt {:?}", attempts.last());
            secrets.push(kept);
            members.end_stage();
        }
        members.ask_for(&[0, 1, 2, 3], 2);
    }
    assert!(attempts.is_sorted_by(|one, other| one < other), "{attempts:?}");
    members.begin(1);
    let committee = members.play();
    members.settle();
    assert!((0..INSTITUTIONS).all(|i| members.open(i).share(&committee).is_some()));
}

#[test]
fn what_a_crash_has_left_of_a_secret_file_is_removed() {
    let mut members = Members::new();
    members.begin(0);
    members.ask(0).unwrap();
    for name in ["ceremony.incomplete", "share-3.incomplete"] {
        let path = members.directory(0).join(name);
        fs::write(&path, [7; 72]).unwrap();
        drop(members.open(0));
        assert!(!path.exists(), "{name}");
    }
    assert!(members.directory(0).join(SECRETS).exists());
}

#[test]
fn a_wiped_file_holds_nothing_even_under_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("share-0.key");
    fs::write(&path, [7; 72]).unwrap();
    let other = dir.path().join("other");
    fs::hard_link(&path, &other).unwrap();
    wipe(&path).unwrap();
    assert!(!path.exists());
    assert_eq!(fs::read(other).unwrap(), [0; 72]);
}
