//! Making the key without a dealer, and passing it on: who can stop it, who is blamed, and what nobody can do.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod fixture;

use std::convert::Infallible;

use consilium_contract::{
    Phase, Receipt,
    keygen::{
        Stage,
        member::{Member, Oath, Secrets},
    },
    transaction::CandidateTransaction,
};
use consilium_crypto::{Hash, KeyShare};
use consilium_proto::v1::{
    Agreement, Answers, BeginKeygen, ChangeCommittee, Complaints, Confirmation, Contribute,
    EndStage, Reason, Stage as Name, contribute::Part, transaction::Action,
};
use fixture::{D, Run, TIMEOUT_MS};
use rand_core::OsRng;

/// The members of a ceremony, each with its secrets, as honest as the test lets them be.
struct Cast {
    members: Vec<Option<Member>>,
    shares: Vec<Option<KeyShare>>,
    /// Transactions that cost somebody credit, with the one who lost it.
    blamed: Vec<(Reason, Hash)>,
}

impl Cast {
    fn new(run: &Run) -> Self {
        let members = run.members.iter().map(|_| None).collect();
        let share = |share: &Option<KeyShare>| {
            share.as_ref().map(|share| KeyShare::from_bytes(&share.to_bytes()).unwrap())
        };
        Self {
            members,
            shares: run.members.iter().map(|member| share(&member.share)).collect(),
            blamed: Vec::new(),
        }
    }

    /// What an honest member would say now.
    fn honest(&mut self, run: &Run, i: usize) -> Option<Contribute> {
        let Phase::Keygen(keygen) = run.contract.phase() else { return None };
        let kept = self.members[i].take().filter(|member| member.secrets().belong_to(keygen));
        let fresh = || {
            let secrets = Secrets::generate(keygen.number(), keygen.attempt(), &mut OsRng);
            Member::new(run.members[i].name, secrets)
        };
        let member = self.members[i].insert(kept.unwrap_or_else(fresh));
        let old = self.shares[i].as_ref();
        let mut next = None;
        let said = member.next(keygen, old, &mut OsRng, |oath| {
            if let Oath::Committee { share: Some(share), .. } = oath {
                next = Some(KeyShare::from_bytes(&share.to_bytes()).unwrap());
            }
            Ok::<_, Infallible>(())
        });
        let said = said.unwrap();
        if next.is_some() {
            self.shares[i] = next;
        }
        said
    }

    fn say(&mut self, run: &mut Run, i: usize, contribution: Contribute) -> Receipt {
        let receipt = run.apply(&run.by_member(i, Action::Contribute(contribution)));
        self.blamed.extend(receipt.culprit.map(|culprit| (receipt.reason, culprit)));
        receipt
    }

    /// Everybody speaks in the present stage, or what the test makes of it; the receipts.
    fn speak(
        &mut self,
        run: &mut Run,
        twist: &mut dyn FnMut(usize, Contribute) -> Option<Contribute>,
    ) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        for i in 0..run.members.len() {
            let Some(contribution) = self.honest(run, i).and_then(|said| twist(i, said)) else {
                continue;
            };
            receipts.push(self.say(run, i, contribution));
        }
        receipts
    }

    /// Plays until the ceremony is over or one attempt of it has failed; how often its time had to run out.
    fn play(
        &mut self,
        run: &mut Run,
        mut twist: impl FnMut(usize, Contribute) -> Option<Contribute>,
    ) -> usize {
        let mut timeouts = 0;
        let attempt = attempt(run);
        while matches!(run.contract.phase(), Phase::Keygen(keygen) if keygen.attempt() == attempt) {
            self.speak(run, &mut twist);
            if !end_stage(run).is_accepted() {
                timeouts += 1;
                run.time_ms += TIMEOUT_MS;
                let receipt = end_stage(run);
                assert!(receipt.is_accepted(), "{receipt:?} in {}", run.contract.phase().name());
            }
        }
        timeouts
    }

    /// Speaks honestly up to a stage.
    fn until(&mut self, run: &mut Run, name: Name) {
        while stage(run) != Some(name) {
            self.speak(run, &mut |_, said| Some(said));
            let receipt = end_stage(run);
            assert!(receipt.is_accepted(), "{receipt:?} in {}", run.contract.phase().name());
        }
    }

    /// The shares go to the fixture, which opens sums with them.
    fn hand_over(self, run: &mut Run) {
        run.members.iter_mut().zip(self.shares).for_each(|(member, share)| member.share = share);
    }
}

fn attempt(run: &Run) -> u32 {
    match run.contract.phase() {
        Phase::Keygen(keygen) => keygen.attempt(),
        other => panic!("no ceremony in {}", other.name()),
    }
}

fn stage(run: &Run) -> Option<Name> {
    match run.contract.phase() {
        Phase::Keygen(keygen) => Some(keygen.stage().name()),
        _ => None,
    }
}

fn begin(run: &mut Run) -> Receipt {
    let committee = run.contract.succession().next_number();
    let time_ms = run.time_ms;
    run.apply(&run.by_coordinator(Action::BeginKeygen(BeginKeygen { committee, time_ms })))
}

fn end_stage(run: &mut Run) -> Receipt {
    let Phase::Keygen(keygen) = run.contract.phase() else { panic!("no ceremony") };
    let committee = keygen.number();
    let attempt = keygen.attempt();
    let stage = keygen.stage().name().into();
    let end = EndStage { committee, attempt, stage, time_ms: run.time_ms };
    run.apply(&run.by_coordinator(Action::EndStage(end)))
}

/// Everyone enrolled, the ceremony begun.
fn begun() -> (Run, Cast) {
    let mut run = Run::founded(2).with_everyone();
    assert!(begin(&mut run).is_accepted());
    let cast = Cast::new(&run);
    (run, cast)
}

/// A whole round with the committee that stands.
fn round(run: &mut Run) {
    assert!(run.open().is_accepted());
    for i in 0..run.members.len() {
        assert!(run.submit(i, &[i as i64; D]).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    let block = run.sealed_block();
    for i in 0..run.members.len() {
        run.countersign(i, block);
    }
    let holders: Vec<usize> =
        (0..run.members.len()).filter(|i| run.members[*i].share.is_some()).collect();
    for i in holders {
        if matches!(run.contract.phase(), Phase::Opening(opening) if opening.outcome().is_none()) {
            let receipt = run.submit_share(i, run.share(i));
            assert!(receipt.is_accepted(), "{receipt:?}");
        }
    }
    assert!(run.close_round().is_accepted());
}

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
        assert_eq!(
            run.committee().place_of(&run.members[2].name).is_some(),
            stage != Name::Offering
        );
        cast.hand_over(&mut run);
        round(&mut run);
    }
}

#[test]
fn two_silent_members_of_four_are_too_many_and_the_run_stops_after_its_attempts() {
    let (mut run, mut cast) = begun();
    for attempt in 0..2 {
        assert_eq!(self::attempt(&run), attempt);
        cast.play(&mut run, |i, said| (i < 2).then_some(said));
    }
    assert!(matches!(run.contract.phase(), Phase::Stopped));
    assert!(run.contract.committee().is_none());
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
fn a_dealing_that_does_not_decode_is_its_authors_fault_and_is_left_out() {
    let (mut run, mut cast) = begun();
    cast.play(&mut run, |i, mut said| {
        if let (1, Some(Part::Dealing(bytes))) = (i, &mut said.part) {
            bytes.pop();
        }
        Some(said)
    });
    let name = run.members[1].name;
    assert_eq!(cast.blamed, [(Reason::MalformedEncoding, name)]);
    assert!(run.contract.committee().is_some());
    assert_eq!(run.contract.roster().get(&name).unwrap().credit, 2);
}

/// The share that dealer 1 has sealed for one of the others does not open.
fn spoiled(said: &mut Contribute) {
    if let Some(Part::Dealing(bytes)) = &mut said.part {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    }
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
        assert_eq!(cast.blamed, [(reason, run.members[1].name)]);
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
    let name = run.members[3].name;
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
        let said = cast.members[0].as_mut().unwrap().next(keygen, None, &mut OsRng, |oath| {
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
    assert!(receipt.is_accepted() || receipt.culprit == Some(run.members[1].name));
    let forged = run.by(&run.members[1].key, Some(run.members[0].name), copied.action().clone());
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

/// A committee that stands, after one round, and the change that the authority asks for.
fn changed(members: &[usize], threshold: u32) -> (Run, Receipt) {
    let mut run = Run::enrolled(9);
    round(&mut run);
    let receipt = ask(&mut run, members, threshold);
    (run, receipt)
}

fn ask(run: &mut Run, members: &[usize], threshold: u32) -> Receipt {
    let committee = run.contract.succession().next_number();
    let members = members.iter().map(|i| run.members[*i].name.to_vec()).collect();
    run.apply(&run.by_authority(Action::ChangeCommittee(ChangeCommittee {
        committee,
        members,
        threshold,
    })))
}

#[test]
fn the_key_passes_to_a_new_committee_and_old_shares_open_nothing_more() {
    let (mut run, receipt) = changed(&[3, 1, 2], 1);
    assert!(receipt.is_accepted(), "{receipt:?}");
    assert_eq!(run.open().reason, Reason::TooEarly, "a change that is asked for comes first");
    let key = run.committee().public_key.clone();
    let old = run.committee().clone();
    let old_shares: Vec<_> = run.members.iter_mut().map(|member| member.share.take()).collect();
    for (member, share) in run.members.iter_mut().zip(&old_shares) {
        member.share = share.as_ref().map(|share| KeyShare::from_bytes(&share.to_bytes()).unwrap());
    }
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    assert_eq!(cast.play(&mut run, |_, said| Some(said)), 0);
    let committee = run.committee();
    assert_eq!((committee.number, committee.threshold(), committee.size()), (1, 1, 3));
    assert_eq!(committee.public_key, key);
    assert_ne!(committee.dealing, old.dealing);
    assert_eq!(committee.place_of(&run.members[3].name), Some(1));
    assert_eq!(committee.place_of(&run.members[0].name), None);
    for share in old_shares.iter().flatten() {
        assert!(share.verify(&committee.public_key, &committee.dealing).is_err());
    }
    cast.shares[0] = None;
    cast.hand_over(&mut run);

    // The old share of a member, and a share of one who is no member any more.
    assert!(run.open().is_accepted());
    for i in 0..4 {
        assert!(run.submit(i, &[1; D]).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    let block = run.sealed_block();
    assert_eq!(run.countersign(0, block).reason, Reason::NotAMember);
    for i in 1..4 {
        run.countersign(i, block);
    }
    let new = run.members[1].share.take();
    run.members[1].share = KeyShare::from_bytes(&old_shares[1].as_ref().unwrap().to_bytes()).ok();
    assert_eq!(run.submit_share(1, run.share(1)).reason, Reason::BadShareProof);
    run.members[0].share = KeyShare::from_bytes(&old_shares[0].as_ref().unwrap().to_bytes()).ok();
    assert_eq!(run.submit_share(0, run.share(0)).reason, Reason::NotAMember);
    run.members[1].share = new;
    assert!(run.submit_share(2, run.share(2)).is_accepted());
    assert!(run.close_round().is_accepted());
    run.again();
}

#[test]
fn an_institution_leaves_and_another_one_joins_and_holds_the_key() {
    let mut run = Run::enrolled(9);
    let newcomer = run.newcomer(5);
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
    assert_eq!(run.committee().place_of(&run.members[newcomer].name), Some(4));
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
    let unknown = ChangeCommittee { committee: 1, members: vec![vec![9; 32]], threshold: 1 };
    assert_eq!(
        run.apply(&run.by_authority(Action::ChangeCommittee(unknown.clone()))).reason,
        Reason::UnknownInstitution
    );
    let skipped = ChangeCommittee { committee: 2, ..unknown.clone() };
    assert_eq!(
        run.apply(&run.by_authority(Action::ChangeCommittee(skipped))).reason,
        Reason::WrongStep
    );
    assert!(ask(&mut run, &[0, 1, 2, 3], 2).is_accepted());
    assert_eq!(
        ask(&mut run, &[0], 1).reason,
        Reason::Duplicate,
        "the first request stands until it is met or given up"
    );
    let mut run = Run::enrolled(2);
    // Nobody but the authority asks.
    let by_coordinator = run.by_coordinator(Action::ChangeCommittee(unknown));
    assert!(run.apply(&by_coordinator).is_dropped());
    assert_eq!(begin(&mut run).reason, Reason::TooEarly, "nothing is due");
}

#[test]
fn the_authority_cannot_have_the_key_passed_on_to_fewer_than_the_genesis_allows() {
    let mut run =
        Run::founded_with(2, |genesis| genesis.min_threshold = 2).with_everyone().with_key();
    assert_eq!(ask(&mut run, &[3], 1).reason, Reason::WrongCommittee);
    assert_eq!(ask(&mut run, &[0, 1, 2, 3], 1).reason, Reason::WrongCommittee);
    assert_eq!(begin(&mut run).reason, Reason::TooEarly);
    assert!(ask(&mut run, &[3, 2, 1, 0], 2).is_accepted());
}

#[test]
fn shares_are_refreshed_when_the_genesis_says_so() {
    let mut run =
        Run::founded_with(3, |genesis| genesis.refresh_steps = 1).with_everyone().with_key();
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
fn a_resharing_that_too_few_take_part_in_is_given_up_and_the_old_committee_goes_on() {
    let (mut run, receipt) = changed(&[0, 1, 2, 3], 2);
    assert!(receipt.is_accepted());
    let old = run.committee().clone();
    assert!(begin(&mut run).is_accepted());
    let mut cast = Cast::new(&run);
    cast.play(&mut run, |i, said| (i < 2).then_some(said));
    cast.play(&mut run, |i, said| (i < 2).then_some(said));
    assert!(matches!(run.contract.phase(), Phase::Idle));
    assert_eq!(*run.committee(), old);
    round(&mut run);
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
    assert!(run.apply(&forged).is_dropped());
    assert!(
        matches!(run.contract.phase(), Phase::Keygen(keygen) if matches!(keygen.stage(), Stage::Offering { .. }))
    );
}
