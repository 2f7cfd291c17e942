//! A key that is passed on and refreshed while a run goes on, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{collections::BTreeSet, sync::Arc};

use common::{Events, Institution, World, found, is_update, open, submit_all};
use consilium_authority::{AuthorityFiles, send};
use consilium_contract::Phase;
use consilium_coordinator::Event;
use consilium_proto::v1::{
    ChangeCommittee, Reason, Revoke, SignedTransaction, transaction::Action,
};
use consilium_testkit::Parties as _;
use rand_core::OsRng;
use tonic::Code;

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
    let change = authority.change_committee(1, &names, 2, 1).unwrap();
    let revoke = authority.revoke("institution-04").unwrap();
    let address = format!("http://{}", running.address());
    let sends = async |signed: &SignedTransaction| {
        send(&address, signed.clone()).await.map_err(|error| error.to_string())
    };
    let refused = sends(&change).await.unwrap_err();
    assert!(refused.contains("not enrolled yet: start the institution's `run` first"), "{refused}");
    assert!(refused.contains(&joined.pseudonym().to_string()), "{refused}");
    // The authority's words have a way of their own.
    assert_eq!(peer.enrol(revoke.clone()).await.unwrap_err().code(), Code::InvalidArgument);
    sends(&revoke).await.unwrap();
    let again =
        world.ceremony.decrees(Action::Revoke(Revoke { pseudonym: gone.pseudonym().to_vec() }));
    assert_eq!(again, revoke, "one and the same transaction");
    sends(&again).await.unwrap();
    assert_eq!(peer.enrol(joined.enrolment()).await.unwrap().reason(), Reason::Accepted);
    let wrong = authority.change_committee(2, &names, 2, 2).unwrap();
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
        peer.administer(world.ceremony.decrees(Action::Revoke(revoke))).await.unwrap().reason(),
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
