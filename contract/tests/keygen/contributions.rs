//! What members say in a ceremony: what counts, what is a fault, and what costs nothing.

use consilium_contract::{Phase, keygen::member::Oath};
use consilium_proto::v1::{
    Agreement, Answers, Complaints, Contribute, Reason, Stage as Name, contribute::Part,
    transaction::Action,
};
use rand_core::OsRng;

use crate::cast::*;

#[test]
fn a_dealing_that_does_not_decode_is_its_authors_fault_and_is_left_out() {
    let (mut run, mut cast) = begun();
    cast.play(&mut run, |i, mut said| {
        if let (1, Some(Part::Dealing(bytes))) = (i, &mut said.part) {
            bytes.pop();
        }
        Some(said)
    });
    let name = run.name(1);
    assert_eq!(cast.blamed, [(Reason::MalformedEncoding, name)]);
    assert!(run.contract.committee().is_some());
    assert_eq!(run.contract.roster().get(&name).unwrap().credit, 2);
}

#[test]
fn a_share_that_does_not_open_is_complained_of_and_revealed_and_everybody_holds_the_key() {
    let (mut run, mut cast) = begun();
    let mut complaints = Vec::new();
    cast.play(&mut run, |i, mut said| {
        if i == 1 {
            spoiled(&mut said);
        }
        if let Some(Part::Complaints(Complaints { dealers })) = &said.part {
            complaints.push((i, dealers.clone()));
        }
        Some(said)
    });
    assert_eq!(complaints, [(0, vec![]), (1, vec![]), (2, vec![]), (3, vec![2])]);
    assert!(cast.blamed.is_empty(), "a share that is revealed and holds voids the complaint");
    assert!(cast.shares.iter().all(Option::is_some));
    cast.hand_over(&mut run);
    round(&mut run);
}

#[test]
fn a_dealer_that_does_not_answer_is_left_out_and_not_blamed() {
    let (mut run, mut cast) = begun();
    cast.play(&mut run, |i, mut said| {
        if i == 1 {
            spoiled(&mut said);
        }
        (!matches!(said.part, Some(Part::Answers(_)))).then_some(said)
    });
    assert!(run.contract.committee().is_some());
    assert!(cast.blamed.is_empty());
    cast.hand_over(&mut run);
    round(&mut run);
}

#[test]
fn an_answer_that_contradicts_the_dealing_is_its_authors_fault() {
    for half in [false, true] {
        let (mut run, mut cast) = begun();
        cast.play(&mut run, |i, mut said| {
            if i == 1 {
                spoiled(&mut said);
            }
            if let Some(Part::Answers(Answers { shares })) = &mut said.part {
                match half {
                    true => shares.clear(),
                    false => shares[0].share[0] ^= 1,
                }
            }
            Some(said)
        });
        let reason = if half { Reason::MalformedEncoding } else { Reason::BadKeygenProof };
        assert_eq!(cast.blamed, [(reason, run.name(1))]);
        assert!(run.contract.committee().is_some());
    }
}

#[test]
fn a_false_complaint_is_void_names_nobody_and_changes_nothing() {
    let (mut run, mut cast) = begun();
    cast.play(&mut run, |i, mut said| {
        if let (2, Some(Part::Complaints(complaints))) = (i, &mut said.part) {
            complaints.dealers = vec![1, 2, 4];
        }
        Some(said)
    });
    assert!(cast.blamed.is_empty());
    assert!(run.contract.committee().is_some());
    assert!(cast.shares.iter().all(Option::is_some));
}

#[test]
fn complaints_of_nobody_or_out_of_order_are_malformed() {
    for dealers in [vec![5], vec![0], vec![2, 1], vec![1, 1]] {
        let (mut run, mut cast) = begun();
        cast.until(&mut run, Name::Checking);
        let mut said = cast.honest(&run, 0).unwrap();
        said.part = Some(Part::Complaints(Complaints { dealers }));
        assert_eq!(cast.say(&mut run, 0, said).reason, Reason::MalformedEncoding);
    }
}

#[test]
fn wrong_products_and_share_keys_are_their_authors_fault_and_the_others_finish() {
    let (mut run, mut cast) = begun();
    cast.play(&mut run, |i, mut said| {
        if let (3, Some(Part::Product(bytes) | Part::ShareKey(bytes))) = (i, &mut said.part) {
            let last = bytes.len() - 32;
            bytes[last] ^= 1;
        }
        Some(said)
    });
    let name = run.name(3);
    assert_eq!(cast.blamed, [(Reason::BadKeygenProof, name), (Reason::BadKeygenProof, name)]);
    assert!(run.contract.committee().is_some());
}

#[test]
fn no_product_is_taken_before_a_quorum_has_agreed_on_the_dealings() {
    let (mut run, mut cast) = begun();
    cast.until(&mut run, Name::Agreeing);
    let mut early = cast.honest(&run, 0).unwrap();
    early.part = Some(Part::Product(vec![0; 640]));
    assert_eq!(cast.say(&mut run, 0, early).reason, Reason::TooEarly);
    for i in 0..2 {
        let said = cast.honest(&run, i).unwrap();
        assert!(matches!(said.part, Some(Part::Agreement(Agreement {}))));
        assert!(cast.say(&mut run, i, said).is_accepted());
    }
    assert_eq!(end_stage(&mut run).reason, Reason::TooEarly, "two of four are no quorum");
    let said = cast.honest(&run, 2).unwrap();
    assert!(cast.say(&mut run, 2, said).is_accepted());
    assert!(end_stage(&mut run).is_accepted());
    assert_eq!(stage(&run), Some(Name::Products));
}

#[test]
fn a_member_swears_to_the_dealings_before_it_says_a_word_of_them() {
    let (mut run, mut cast) = begun();
    for name in [Name::Agreeing, Name::Products] {
        cast.until(&mut run, name);
        let Phase::Keygen(keygen) = run.contract.phase() else { panic!() };
        let expected = *keygen.stage().settled().unwrap().qualified.hash();
        let mut sworn = Vec::new();
        let said = cast.members[0].as_mut().unwrap().next(keygen, None, true, &mut OsRng, |oath| {
            let Oath::Dealings { number: 0, attempt: 0, qualified } = oath else {
                panic!("{oath:?}")
            };
            sworn.push(qualified);
            Err("refused")
        });
        assert!(said.is_err(), "nothing is said that is not sworn");
        assert_eq!(sworn, [expected]);
    }
}

#[test]
fn what_answers_another_history_costs_nothing() {
    for name in [
        Name::Offering,
        Name::Dealing,
        Name::Checking,
        Name::Agreeing,
        Name::Products,
        Name::ShareKeys,
        Name::Confirming,
    ] {
        let (mut run, mut cast) = begun();
        cast.until(&mut run, name);
        let said = cast.honest(&run, 0).unwrap();
        let mut elsewhere = said.clone();
        elsewhere.basis[3] ^= 1;
        assert_eq!(cast.say(&mut run, 0, elsewhere).reason, Reason::WrongContext, "{name:?}");
        let other_committee = Contribute { committee: 1, ..said.clone() };
        assert_eq!(cast.say(&mut run, 0, other_committee).reason, Reason::WrongStep);
        assert!(cast.say(&mut run, 0, said.clone()).is_accepted(), "{name:?}");
        assert_eq!(cast.say(&mut run, 0, said).reason, Reason::Duplicate);
        assert!(cast.blamed.is_empty());
    }
}

#[test]
fn a_contribution_of_another_institution_is_of_no_use() {
    let (mut run, mut cast) = begun();
    cast.until(&mut run, Name::Dealing);
    let dealing = cast.honest(&run, 0).unwrap();
    let copied = run.by_member(1, Action::Contribute(dealing));
    // It decodes under no other dealer's context, and whoever signs it answers for it.
    let receipt = run.apply(&copied);
    assert!(receipt.is_accepted() || receipt.culprit == Some(run.name(1)));
    let forged = run.by(run.key(1), Some(run.name(0)), copied.action().clone());
    assert_eq!(run.apply(&forged).reason, Reason::BadSignature);
}

#[test]
fn who_has_lost_its_secrets_does_not_complain_and_lays_no_share_open() {
    let (mut run, mut cast) = begun();
    cast.until(&mut run, Name::Checking);
    cast.members[0] = None;
    assert_eq!(cast.honest(&run, 0), None);
    cast.play(&mut run, |_, said| Some(said));
    assert!(run.contract.committee().is_some());
    assert!(cast.shares[0].is_none());
}
