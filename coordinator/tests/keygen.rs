//! Making the key, and passing it on, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{Institution, World, enrol_all, expected_model, found, is_update, open, submit_all};
use consilium_authority::{AuthorityFiles, send};
use consilium_contract::{CandidateTransaction, Phase, keygen::StageName, roster::INITIAL_CREDIT};
use consilium_coordinator::{Config, Coordinator, CoordinatorError, Event};
use consilium_proto::{
    GENESIS_BYTES,
    v1::{
        ChangeCommittee, Complaints, Contribute, Reason, Revoke, SignedTransaction,
        contribute::Part, transaction::Action,
    },
};
use rand_core::OsRng;
use tokio::net::TcpListener;
use tonic::Code;

/// As an operator runs it: receipts come when a block is full or a stage ends.
fn unhurried(config: &mut Config) {
    config.block_age = Duration::from_secs(60);
}

/// What the observer is told.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    fn of(&self, config: &mut Config) {
        let seen = Arc::clone(&self.0);
        config.observer = Some(Box::new(move |event| seen.lock().unwrap().push(event)));
    }

    /// What `pick` makes of each of them.
    fn map<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.0.lock().unwrap().iter().filter_map(pick).collect()
    }
}

/// A contribution of this institution's in the present stage, whatever it says.
fn says(institution: &Institution, follower: &common::Follower, part: Part) -> SignedTransaction {
    let keygen = follower.keygen().expect("a ceremony");
    institution.sign(Action::Contribute(Contribute {
        committee: keygen.number(),
        attempt: keygen.attempt(),
        basis: keygen.basis().to_vec(),
        part: Some(part),
    }))
}

/// A key is made by `n` institutions over the loopback, and opens a sum; returns how long making it took.
async fn key_of(n: usize, most: Duration) -> Duration {
    let world = World::of(n, |_| {});
    let events = Events::default();
    let (running, peer) = world
        .start(|config| {
            unhurried(config);
            events.of(config);
        })
        .await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    let mut enrolments = tokio::task::JoinSet::new();
    for signed in institutions.iter().map(Institution::enrolment) {
        let peer = peer.clone();
        enrolments.spawn(async move { peer.enrol(signed).await.unwrap().reason() });
    }
    follower
        .until(&peer, "the ceremony", |contract| matches!(contract.phase(), Phase::Keygen(_)))
        .await;
    assert!(enrolments.join_all().await.iter().all(|reason| *reason == Reason::Accepted));
    let took = follower.share(&peer, &institutions, 0).await;
    println!("{n} institutions made the key in {:.2} s", took.as_secs_f64());
    assert!(took < most, "{n} institutions took {took:?}");
    let t = world.ceremony.parameters.threshold;
    let told = events.map(|event| match event {
        Event::Committee { number, attempt, members, threshold, took } => {
            Some((*number, *attempt, *members, *threshold, *took))
        }
        _ => None,
    });
    let [(0, 0, members, threshold, measured)] = told[..] else { panic!("{told:?}") };
    assert_eq!((members, threshold), (n, t));
    assert!(measured <= took + Duration::from_millis(100), "{measured:?}, {took:?}");

    let committee = follower.contract.committee().unwrap();
    for institution in &institutions {
        assert_eq!(
            committee.place_of(&institution.pseudonym()),
            Some(institution.files().identity.trustee_index)
        );
    }
    running.stop().await.unwrap();
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn four_and_ten_institutions_make_the_key_within_three_seconds() {
    key_of(4, Duration::from_secs(3)).await;
    key_of(10, Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_institutions_make_the_key_within_a_minute() {
    key_of(50, Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_less_than_the_threshold_stay_silent_in_every_stage_and_the_key_opens_a_sum() {
    let world = World::of(7, |spec| spec.collection_timeout_ms = 700);
    let (running, peer) = world.start(unhurried).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    let present = &institutions[..5];
    let mut enrolments = tokio::task::JoinSet::new();
    for signed in institutions.iter().map(Institution::enrolment) {
        let peer = peer.clone();
        enrolments.spawn(async move { peer.enrol(signed).await.unwrap() });
    }
    follower.share(&peer, present, 0).await;
    // Nobody is expected in vain in a later round.
    let round = follower.collecting(&peer, 0, 0).await;
    assert_eq!(submit_all(&peer, present, &round).await, [Reason::Accepted; 5]);
    open(&peer, &mut follower, present).await;
    assert_eq!(follower.contract.model().hash(), expected_model(&world, present));
    assert!(
        follower
            .contract
            .roster()
            .iter()
            .all(|(_, institution)| institution.credit == INITIAL_CREDIT)
    );
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_in_time_begin_again_and_after_the_last_attempt_the_node_says_that_there_is_no_key()
{
    let world = World::new(|spec| {
        spec.collection_timeout_ms = 400;
        spec.max_attempts = 2;
    });
    let events = Events::default();
    let (running, peer) = world.start(|config| events.of(config)).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    enrol_all(&peer, &institutions).await;
    follower
        .until(&peer, "the ceremony", |contract| matches!(contract.phase(), Phase::Keygen(_)))
        .await;
    // The first attempt comes as far as the dealings, of which there are too few.
    follower.stage(&peer, &institutions).await;
    assert_eq!(follower.keygen().unwrap().stage().name(), StageName::Dealing);
    let late = institutions[2].contribution(follower.keygen().unwrap()).unwrap();
    follower.stage(&peer, &institutions[..2]).await;
    let keygen = follower.keygen().unwrap();
    assert_eq!((keygen.attempt(), keygen.stage().name()), (1, StageName::Offering));
    // What answers the attempt before costs nothing, and is told so at once.
    assert_eq!(peer.contribute(late).await.unwrap().reason(), Reason::WrongStep);
    let error = running.finished().await.unwrap_err();
    assert!(matches!(error, CoordinatorError::NoKey { attempts: 2 }), "{error}");
    let given_up = events.map(|event| match event {
        Event::KeygenAbandoned { number, attempt } => Some((*number, *attempt)),
        _ => None,
    });
    assert_eq!(given_up, [(0, 0), (0, 1)]);

    // So it is after a restart.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Coordinator::start(world.config(), listener).await.unwrap();
    assert!(matches!(
        running.finished().await.unwrap_err(),
        CoordinatorError::NoKey { attempts: 2 }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_that_is_not_confirmed_ends_the_node_which_names_the_absent_and_goes_on_after_a_restart()
 {
    let world = World::new(|spec| spec.collection_timeout_ms = 300);
    let (running, peer) = world.start(|config| config.max_retries = 2).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    enrol_all(&peer, &institutions).await;
    follower
        .until(&peer, "the ceremony", |contract| matches!(contract.phase(), Phase::Keygen(_)))
        .await;
    while follower.keygen().unwrap().stage().name() != StageName::Confirming {
        follower.stage(&peer, &institutions).await;
    }
    let first = institutions[0].contribution(follower.keygen().unwrap()).unwrap();
    assert_eq!(peer.contribute(first).await.unwrap().reason(), Reason::Accepted);
    let error = running.finished().await.unwrap_err();
    let CoordinatorError::TrusteesAbsent {
        phase: "confirming", present: 1, needed: 3, absent, ..
    } = &error
    else {
        panic!("{error}")
    };
    let expected: BTreeSet<_> = institutions[1..].iter().map(Institution::pseudonym).collect();
    assert_eq!(absent.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert!(error.to_string().contains(&hex::encode(&institutions[1].pseudonym()[..8])), "{error}");

    let (running, peer) = world.start(|_| {}).await;
    follower.share(&peer, &institutions, 0).await;
    let round = follower.collecting(&peer, 0, 0).await;
    assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
    open(&peer, &mut follower, &institutions).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dealing_of_the_greatest_length_that_is_none_is_its_authors_fault_and_ends_no_node() {
    let world = World::new(|spec| spec.collection_timeout_ms = 2_000);
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    enrol_all(&peer, &institutions).await;
    follower
        .until(&peer, "the ceremony", |contract| matches!(contract.phase(), Phase::Keygen(_)))
        .await;
    follower.stage(&peer, &institutions).await;
    let cheat = &institutions[3];
    let of_length = |length: usize| says(cheat, &follower, Part::Dealing(vec![7; length]));
    // As many bytes as a transaction may have, and one more.
    let around = of_length(60_000).transaction.len() - 60_000;
    let longest = of_length(GENESIS_BYTES - around);
    assert_eq!(longest.transaction.len(), GENESIS_BYTES);
    let longer = peer.contribute(of_length(GENESIS_BYTES - around + 1)).await.unwrap_err();
    assert_eq!(longer.code(), Code::InvalidArgument, "{longer}");
    let receipt = peer.contribute(longest).await.unwrap();
    assert_eq!(
        (receipt.reason(), receipt.culprit),
        (Reason::MalformedEncoding, cheat.pseudonym().to_vec())
    );
    // Nothing else is taken by its way, nor it by another's.
    let offer = says(cheat, &follower, Part::Offer(vec![1; 32]));
    assert_eq!(peer.share(offer.clone()).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(peer.contribute(cheat.enrolment()).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(peer.contribute(offer).await.unwrap().reason(), Reason::TooLate);

    // The three others make the key.
    follower.share(&peer, &institutions[..3], 0).await;
    let credit = |place: usize| {
        follower.contract.roster().get(&institutions[place].pseudonym()).unwrap().credit
    };
    assert_eq!([0, 1, 2, 3].map(credit), [3, 3, 3, 2]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_has_the_key_passed_on_while_the_run_goes_on() {
    let world = World::new(|spec| spec.steps = 3);
    let events = Events::default();
    let (running, peer) = world.start(|config| events.of(config)).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let key = follower.contract.committee().unwrap().public_key.clone();

    // One is revoked and another joins in its place, while updates are taken.
    let gone = &institutions[3];
    let mut authority =
        AuthorityFiles::load(&world.root.path().join("ceremony/authority")).unwrap();
    let joined = Institution::new(authority.admit("clinic", 5, &mut OsRng).unwrap(), 4);
    assert_eq!(peer.enrol(joined.enrolment()).await.unwrap().reason(), Reason::NoPlace);
    let next = [&institutions[0], &joined, &institutions[1], &institutions[2]];
    let names = ["institution-01", "clinic", "institution-02", "institution-03"].map(str::to_owned);
    let change = authority.change_committee(1, &names, 2).unwrap();
    let revoke = authority.revoke("institution-04").unwrap();
    let address = format!("http://{}", running.address());
    let sends = async |signed: &SignedTransaction| {
        send(&address, signed.clone()).await.map_err(|error| error.to_string())
    };
    assert!(sends(&change).await.unwrap_err().contains("a member has not enrolled yet"));
    // The authority's words have a way of their own.
    assert_eq!(peer.enrol(revoke.clone()).await.unwrap_err().code(), Code::InvalidArgument);
    sends(&revoke).await.unwrap();
    let again = world.decree(Action::Revoke(Revoke { pseudonym: gone.pseudonym().to_vec() }));
    assert_eq!(again, revoke, "one and the same transaction");
    sends(&again).await.unwrap();
    assert_eq!(peer.enrol(joined.enrolment()).await.unwrap().reason(), Reason::Accepted);
    let wrong = authority.change_committee(2, &names, 2).unwrap();
    assert!(sends(&wrong).await.unwrap_err().contains("not one more than the present one's"));
    sends(&change).await.unwrap();
    let forged = gone.sign(Action::ChangeCommittee(ChangeCommittee::default()));
    assert_eq!(peer.administer(forged).await.unwrap().reason(), Reason::UnknownInstitution);

    // The step that is being made is still the old committee's.
    joined.learn(follower.contract.committee().unwrap());
    let present = [&institutions[..3], std::slice::from_ref(&joined)].concat();
    assert_eq!(submit_all(&peer, &present, &round).await, [Reason::Accepted; 4]);
    open(&peer, &mut follower, &institutions).await;

    // Then the key is passed on: those who leave deal too.
    let everyone = [institutions.as_slice(), std::slice::from_ref(&joined)].concat();
    follower.share(&peer, &everyone, 1).await;
    let committee = Arc::clone(follower.contract.committee().unwrap());
    assert_eq!((committee.number, committee.size(), committee.threshold()), (1, 4, 2));
    assert_eq!(committee.public_key, key);
    assert_eq!(
        committee.members().values().copied().collect::<Vec<_>>(),
        next.map(|member| member.pseudonym())
    );

    let round = follower.collecting(&peer, 1, 0).await;
    assert_eq!(submit_all(&peer, &present, &round).await, [Reason::Accepted; 4]);
    let aggregate = follower.sealed(&peer, 1).await;
    let old =
        peer.countersign(gone.countersignature(1, &follower.block(&aggregate))).await.unwrap();
    assert_eq!((old.reason(), old.culprit.len()), (Reason::NotAMember, 0));
    open(&peer, &mut follower, &present).await;

    // With nothing to do, the next round opens at once.
    follower.collecting(&peer, 2, 0).await;
    let committees = events.map(|event| match event {
        Event::Committee { number, members, threshold, .. } => {
            Some((*number, *members, *threshold))
        }
        _ => None,
    });
    assert_eq!(committees, [(0, 4, 2), (1, 4, 2)]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_refreshed_as_the_genesis_says_and_a_refresh_that_too_few_take_part_in_stops_nothing()
 {
    let world = World::new(|spec| {
        (spec.steps, spec.refresh_steps) = (3, 1);
        (spec.collection_timeout_ms, spec.max_attempts) = (1_000, 1);
    });
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    for (step, committee) in [(0, 0), (1, 1), (2, 1)] {
        match step {
            0 => {}
            1 => _ = follower.share(&peer, &institutions, 1).await,
            // Nobody offers a key: the committee that holds it goes on.
            _ => {
                follower
                    .until(&peer, "the refresh", |contract| {
                        matches!(contract.phase(), Phase::Keygen(_))
                    })
                    .await;
                follower.stage(&peer, &[]).await;
            }
        }
        let round = follower.collecting(&peer, step, 0).await;
        assert_eq!(follower.contract.committee().unwrap().number, committee);
        assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
        open(&peer, &mut follower, &institutions).await;
    }
    assert!(matches!(follower.contract.phase(), Phase::Finished));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_of_which_too_few_were_heard_is_told_of_before_the_step_stalls() {
    let world = World::new(|spec| {
        spec.steps = 3;
        spec.collection_timeout_ms = 1_500;
    });
    let events = Events::default();
    let (running, peer) = world.start(|config| events.of(config)).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let silences = || {
        events.map(|event| match event {
            Event::FewTrustees { heard, needed, silent } => Some((*heard, *needed, silent.clone())),
            _ => None,
        })
    };
    // Three of four are a quorum.
    let present = &institutions[..3];
    for (step, submitting) in [(0, institutions.as_slice()), (1, present)] {
        let round = follower.collecting(&peer, step, 0).await;
        submit_all(&peer, submitting, &round).await;
        open(&peer, &mut follower, present).await;
    }
    // An institution that is no member submits in the place of one: the sum is enough, the committee is not.
    let mut authority =
        AuthorityFiles::load(&world.root.path().join("ceremony/authority")).unwrap();
    let revoke = Revoke { pseudonym: institutions[3].pseudonym().to_vec() };
    assert_eq!(
        peer.administer(world.decree(Action::Revoke(revoke))).await.unwrap().reason(),
        Reason::Accepted
    );
    let joined = Institution::new(authority.admit("clinic", 5, &mut OsRng).unwrap(), 4);
    assert_eq!(peer.enrol(joined.enrolment()).await.unwrap().reason(), Reason::Accepted);
    joined.learn(follower.contract.committee().unwrap());
    let round = follower.collecting(&peer, 2, 0).await;
    let submitting = [&institutions[..2], &[joined]].concat();
    assert!(silences().is_empty(), "{:?}", silences());
    assert_eq!(submit_all(&peer, &submitting, &round).await, [Reason::Accepted; 3]);
    follower.sealed(&peer, 2).await;
    let silent: BTreeSet<_> = institutions[2..].iter().map(Institution::pseudonym).collect();
    assert_eq!(silences(), [(2, 3, silent.into_iter().collect::<Vec<_>>())]);
    assert_eq!(follower.reasons(&institutions[2], is_update), [Reason::Accepted; 2]);
    running.stop().await.unwrap();
}

/// Every place where one of a ceremony's stages can be interrupted.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_in_the_middle_of_every_stage_loses_nothing_it_acknowledged() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    let mut follower = world.follower();
    let mut node = common::Node::start(&world).await;
    enrol_all(&node.peer, &institutions).await;
    follower
        .until(&node.peer, "the ceremony", |contract| matches!(contract.phase(), Phase::Keygen(_)))
        .await;
    let mut stages = Vec::new();
    let start = Instant::now();
    while let Some(keygen) = follower.keygen() {
        let stage = keygen.stage().name();
        stages.push(stage);
        node = node.kill_and_restart(&world).await;
        // One complains of a dealing that holds, so that there is something to answer.
        let accuser = &institutions[2];
        let complaint =
            || says(accuser, &follower, Part::Complaints(Complaints { dealers: vec![1] }));
        let mut said: Vec<_> =
            institutions.iter().filter_map(|member| member.contribution(keygen)).collect();
        if stage == StageName::Checking {
            said[2] = complaint();
        }
        assert!(!said.is_empty(), "{stage:?}");
        let first = node.peer.contribute(said[0].clone()).await.unwrap();
        assert_eq!(first.reason(), Reason::Accepted, "{stage:?}");
        node = node.kill_and_restart(&world).await;
        assert_eq!(
            node.peer.contribute(said[0].clone()).await.unwrap(),
            first,
            "{stage:?}, sent again"
        );
        for signed in &said[1..] {
            let reason = node.peer.contribute(signed.clone()).await.unwrap().reason();
            assert!(matches!(reason, Reason::Accepted | Reason::TooLate), "{stage:?}: {reason:?}");
        }
        let moved = |contract: &consilium_contract::Contract| match contract.phase() {
            Phase::Keygen(keygen) => keygen.stage().name() != stage,
            _ => true,
        };
        follower.until(&node.peer, "the next stage", moved).await;
    }
    println!("{} stages with two kills each in {:?}", stages.len(), start.elapsed());
    let all = [
        StageName::Offering,
        StageName::Dealing,
        StageName::Checking,
        StageName::Answering,
        StageName::Agreeing,
        StageName::Products,
        StageName::ShareKeys,
        StageName::Confirming,
    ];
    assert_eq!(stages, all);
    institutions.iter().for_each(|member| member.learn(follower.contract.committee().unwrap()));
    let round = follower.collecting(&node.peer, 0, 0).await;
    assert_eq!(submit_all(&node.peer, &institutions, &round).await, [Reason::Accepted; 4]);
    open(&node.peer, &mut follower, &institutions).await;
    assert_eq!(follower.contract.model().hash(), expected_model(&world, &institutions));
    // A void complaint is nobody's fault.
    assert!(
        follower
            .contract
            .roster()
            .iter()
            .all(|(_, institution)| institution.credit == INITIAL_CREDIT)
    );
    let of_one = |transaction: &CandidateTransaction| {
        transaction.author() == Some(institutions[0].pseudonym())
    };
    let is_part = |action: &Action| matches!(action, Action::Contribute(_));
    let parts = follower
        .entries
        .iter()
        .filter(|(transaction, _)| of_one(transaction) && is_part(transaction.action()));
    assert_eq!(parts.count(), all.len(), "each part of an institution's is on the chain once");
}
