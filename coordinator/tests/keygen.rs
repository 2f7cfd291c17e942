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
    time::{Duration, Instant},
};

use common::{
    Events, Institution, World, enrol_all, expected_model, open, says, submit_all, unhurried,
};
use consilium_contract::{
    CandidateTransaction, Phase, keygen::StageName, roster::INITIAL_CREDIT, schedule::Wait,
};
use consilium_coordinator::Event;
use consilium_proto::{
    GENESIS_BYTES,
    v1::{Complaints, Reason, contribute::Part, transaction::Action},
};
use tokio::time::sleep;
use tonic::Code;

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
async fn too_few_in_time_begin_again_and_are_waited_for_until_a_quorum_is_there() {
    let world = World::new(|spec| {
        spec.collection_timeout_ms = 400;
        spec.max_attempts = 1;
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
    // Now nobody is there. The node waits, without spending attempts, and says for whom.
    let waiting = |event: &Event| match event {
        Event::Waiting(awaited) => Some(awaited.clone()),
        _ => None,
    };
    let awaited = events.until(waiting).await;
    let everyone: BTreeSet<_> = institutions.iter().map(Institution::pseudonym).collect();
    assert_eq!((awaited.wait, awaited.present, awaited.needed), (Wait::Members, 0, 3));
    assert_eq!(awaited.absent, everyone.into_iter().collect::<Vec<_>>());
    running.stop().await.unwrap();
    // So it does after a restart, and goes on when they are back.
    let (running, peer) = world.start(|config| events.of(config)).await;
    sleep(Duration::from_millis(900)).await;
    follower.sync(&peer).await;
    let keygen = follower.keygen().unwrap();
    assert_eq!((keygen.attempt(), keygen.stage().name()), (1, StageName::Offering));
    let given_up = events.map(|event| match event {
        Event::KeygenAbandoned { number, attempt } => Some((*number, *attempt)),
        _ => None,
    });
    assert_eq!(given_up, [(0, 0)]);
    follower.share(&peer, &institutions, 0).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_that_is_not_confirmed_is_waited_for_and_goes_on_after_a_restart() {
    let world = World::new(|spec| spec.collection_timeout_ms = 300);
    let events = Events::default();
    let (running, peer) = world.start(|config| events.of(config)).await;
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
    let awaited = events
        .until(|event| match event {
            Event::Waiting(awaited) if awaited.present == 1 => Some(awaited.clone()),
            _ => None,
        })
        .await;
    assert_eq!((awaited.wait, awaited.needed), (Wait::Confirmations, 3));
    let expected: BTreeSet<_> = institutions[1..].iter().map(Institution::pseudonym).collect();
    assert_eq!(awaited.absent, expected.into_iter().collect::<Vec<_>>());
    running.stop().await.unwrap();

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
