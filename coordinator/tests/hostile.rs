//! What hostile and unlucky institutions send, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Update, World, expected_model, found, is_update, no_block, open, submit_all};
use consilium_contract::Phase;
use consilium_coordinator::Limits;
use consilium_hash::BlockHash;
use consilium_proto::{
    CHUNK_BYTES,
    v1::{
        Certificate, Enrol, Genesis, Reason, SubmitShare, UpdatePart, transaction::Action,
        update_part::Part,
    },
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_signature_is_dropped_and_held_against_nobody() {
    let world = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;

    // Another's name under one's own signature, and one flipped bit in an own signature.
    let mut forged = institutions[0].update(&round);
    let mut chunked = forged.clone();
    chunked.signed.signature[7] ^= 1;
    let last = forged.signed.transaction.len() - 1;
    forged.signed.transaction[last] ^= 1;
    for update in [&forged, &chunked] {
        let receipt = peer.submit(update).await.unwrap();
        assert_eq!((receipt.reason(), receipt.culprit.len()), (Reason::BadSignature, 0));
    }
    let mut noise = institutions[1].countersignature(0, &no_block(BlockHash([0; 32])));
    noise.signature[0] ^= 1;
    assert_eq!(peer.countersign(noise).await.unwrap().reason(), Reason::BadSignature);

    follower.sync(&peer).await;
    let noise = follower.entries.iter().find(|(_, reason)| *reason == Reason::BadSignature);
    assert!(noise.is_none(), "nothing of it is on the chain: {noise:?}");
    assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_misdirected_transactions_reach_nothing() {
    let world = World::new(|_| {});
    let stranger = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let ours = world.institution(0);
    let theirs = stranger.institution(0);
    let reason = peer.enrol(theirs.enrolment()).await.unwrap().reason();
    assert_eq!(reason, Reason::BadCertificate);
    let another_name = ours.sign(Action::Enrol(Enrol {
        certificate: Some(world.institution(1).files().certificate.clone()),
    }));
    assert_eq!(peer.enrol(another_name).await.unwrap().reason(), Reason::BadCertificate);
    let none = ours.sign(Action::Enrol(Enrol { certificate: Some(Certificate::default()) }));
    assert_eq!(peer.enrol(none).await.unwrap().reason(), Reason::BadCertificate);

    let before =
        peer.countersign(ours.countersignature(0, &no_block(BlockHash([0; 32])))).await.unwrap();
    assert_eq!(before.reason(), Reason::UnknownInstitution);

    let genesis = ours.sign(Action::Genesis(Genesis::default()));
    assert_eq!(peer.enrol(genesis).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(peer.share(ours.enrolment()).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(
        peer.send(vec![Part::Header(ours.enrolment())]).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    assert_eq!(
        peer.send(vec![Part::Chunk(vec![1])]).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    assert_eq!(peer.send(vec![]).await.unwrap_err().code(), Code::InvalidArgument);
    let mut padded = ours.enrolment();
    padded.transaction.extend([0x78, 1]);
    assert_eq!(peer.enrol(padded).await.unwrap_err().code(), Code::InvalidArgument);
    let huge = ours.sign(Action::SubmitShare(SubmitShare {
        share: vec![0; 100_000],
        ..SubmitShare::default()
    }));
    assert_eq!(peer.share(huge).await.unwrap_err().code(), Code::InvalidArgument);

    let mut follower = world.follower();
    follower.sync(&peer).await;
    assert_eq!(follower.chain.len(), 1, "only the genesis is on the chain");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_truncated_oversized_or_changed_is_recorded_once_and_may_be_sent_again() {
    let world = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let update = institutions[0].update(&round);
    let with = |body: Vec<u8>| Update { body, ..update.clone() };
    let mut changed = update.body.clone();
    changed[100] ^= 1;
    let truncated = update.body[..update.body.len() - 1].to_vec();
    let oversized = [update.body.as_slice(), &[0]].concat();
    for body in [truncated, oversized, changed, Vec::new()] {
        let receipt = peer.submit(&with(body)).await.unwrap();
        assert_eq!((receipt.reason(), receipt.culprit.len()), (Reason::IncompleteBody, 0));
    }
    // A gigabyte in chunks of the largest size: refused with the first, not gathered.
    let header = Part::Header(update.signed.clone());
    let flood = std::iter::repeat_n(Part::Chunk(vec![0; CHUNK_BYTES - 16]), 8);
    let flood = peer.send(std::iter::once(header.clone()).chain(flood).collect()).await;
    assert!(flood.is_ok_and(|receipt| receipt.reason() == Reason::IncompleteBody));
    // A header where the body belongs.
    let again = peer.send(vec![header.clone(), header]).await.unwrap();
    assert_eq!(again.reason(), Reason::IncompleteBody);

    assert_eq!(peer.submit(&update).await.unwrap().reason(), Reason::Accepted);
    follower.sync(&peer).await;
    assert_eq!(
        follower.reasons(&institutions[0], is_update),
        [Reason::IncompleteBody, Reason::Accepted]
    );
    let credit = follower.contract.roster().get(&institutions[0].pseudonym()).unwrap().credit;
    assert_eq!(credit, 3, "a body that is cut off is no fault");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_in_the_middle_of_a_body_leaves_word_of_it() {
    let world = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let update = institutions[0].update(&round);
    let cut = common::Peer::connect(&running.address().to_string()).await;
    let (parts, stream) = mpsc::channel(4);
    parts.send(UpdatePart { part: Some(Part::Header(update.signed.clone())) }).await.unwrap();
    parts.send(UpdatePart { part: Some(Part::Chunk(update.body[..50].to_vec())) }).await.unwrap();
    let call = tokio::spawn(async move {
        cut.federation.clone().submit_update(ReceiverStream::new(stream)).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    call.abort();
    drop(parts);

    let institution = &institutions[0];
    for _ in 0..500 {
        follower.sync(&peer).await;
        if !follower.reasons(institution, is_update).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(follower.reasons(institution, is_update), [Reason::IncompleteBody]);
    assert_eq!(peer.submit(&update).await.unwrap().reason(), Reason::Accepted);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_late_and_misplaced_updates_each_get_their_own_reason_and_cost_nothing() {
    let world = World::new(|spec| spec.steps = 2);
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    let first = &institutions[0];
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let reason = async |update: &Update| peer.submit(update).await.unwrap().reason();

    let mut ahead = round.clone();
    ahead.step = 1;
    assert_eq!(reason(&first.update(&ahead)).await, Reason::WrongStep);
    let mut other_model = round.clone();
    other_model.model_hash.0[0] ^= 1;
    assert_eq!(reason(&first.update(&other_model)).await, Reason::WrongModel);
    assert_eq!(reason(&first.update(&round)).await, Reason::Accepted);
    assert_eq!(
        reason(&first.update(&round)).await,
        Reason::Duplicate,
        "a fresh encryption of the same update"
    );
    assert_eq!(submit_all(&peer, &institutions[1..], &round).await, [Reason::Accepted; 3]);
    follower.sealed(&peer, 0).await;
    assert_eq!(reason(&first.update(&round)).await, Reason::TooLate);

    let early = institutions[1]
        .sign(Action::SubmitShare(SubmitShare { step: 0, ..SubmitShare::default() }));
    assert_eq!(peer.share(early).await.unwrap().reason(), Reason::TooEarly);
    let elsewhere = institutions[1].countersignature(0, &no_block(BlockHash([5; 32])));
    assert_eq!(peer.countersign(elsewhere).await.unwrap().reason(), Reason::WrongAggregate);

    open(&peer, &mut follower, &institutions).await;
    let second = follower.collecting(&peer, 1, 0).await;
    assert_eq!(reason(&first.update(&round)).await, Reason::WrongStep);
    assert_eq!(reason(&first.update(&second)).await, Reason::Accepted);
    follower.sync(&peer).await;
    assert!(follower.contract.roster().iter().all(|(_, institution)| institution.credit == 3));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_proof_costs_credit_and_three_expel_while_the_rounds_go_on() {
    let world = World::new(|spec| spec.steps = 4);
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    let cheat = &institutions[3];
    let honest = &institutions[..3];
    found(&peer, &mut follower, &institutions).await;
    for step in 0..4 {
        let round = follower.collecting(&peer, step, 0).await;
        let lie = cheat.unprovable(&round);
        let receipt = peer.submit(&lie).await.unwrap();
        if step < 3 {
            assert_eq!(receipt.reason(), Reason::BadRangeProof);
            assert_eq!(receipt.culprit, cheat.pseudonym().as_slice());
            let again = peer.submit(&lie).await.unwrap();
            assert_eq!(again, receipt, "the same fault is one fault");
        } else {
            assert_eq!(receipt.reason(), Reason::Expelled);
        }
        assert_eq!(submit_all(&peer, honest, &round).await, [Reason::Accepted; 3]);
        if step == 0 {
            // Each trustee of the run still gives its share, expelled or not.
            let aggregate = follower.sealed(&peer, 0).await;
            assert_eq!(aggregate.updates.len(), 3);
        }
        open(&peer, &mut follower, &institutions).await;
        if step == 0 {
            assert_eq!(follower.contract.model().hash(), expected_model(&world, honest));
        }
        let credit = follower.contract.roster().get(&cheat.pseudonym()).unwrap().credit;
        assert_eq!(u64::from(credit), 3_u64.saturating_sub(step + 1));
    }
    assert!(matches!(follower.contract.phase(), Phase::Finished));
    let honest_credit =
        honest.iter().map(|i| follower.contract.roster().get(&i.pseudonym()).unwrap().credit);
    assert!(honest_credit.into_iter().all(|credit| credit == 3));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_share_is_its_senders_fault_and_the_step_opens_with_the_others() {
    let world = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    submit_all(&peer, &institutions, &round).await;
    let aggregate = follower.sealed(&peer, 0).await;
    for trustee in &institutions[..3] {
        peer.countersign(trustee.countersignature(0, &follower.block(&aggregate))).await.unwrap();
    }
    follower.opening(&peer, 0).await;

    let honest = institutions[1].share(&round, &aggregate);
    let transaction = consilium_contract::CandidateTransaction::parse(honest.clone()).unwrap();
    let Action::SubmitShare(share) = transaction.action() else { panic!("not a share") };
    // Another's share in one's own name.
    let stolen = institutions[0].sign(Action::SubmitShare(share.clone()));
    let receipt = peer.share(stolen).await.unwrap();
    assert_eq!(
        (receipt.reason(), receipt.culprit),
        (Reason::BadShareProof, institutions[0].pseudonym().to_vec())
    );
    // A share for another block.
    let mut elsewhere = share.clone();
    elsewhere.sealed_block = vec![1; 32];
    let receipt = peer.share(institutions[1].sign(Action::SubmitShare(elsewhere))).await.unwrap();
    assert_eq!((receipt.reason(), receipt.culprit.len()), (Reason::WrongAggregate, 0));

    for trustee in &institutions[1..3] {
        assert_eq!(
            peer.share(trustee.share(&round, &aggregate)).await.unwrap().reason(),
            Reason::Accepted
        );
    }
    follower.closed(&peer, 0).await;
    assert_eq!(follower.contract.model().hash(), expected_model(&world, &institutions));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_blocks_nobody_and_its_institution_may_connect_again() {
    let world = World::new(|spec| spec.collection_timeout_ms = 15_000);
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let start = Instant::now();

    // One says nothing at all, one stops after its header, one in the middle of its body.
    let updates: Vec<Update> =
        institutions.iter().map(|institution| institution.update(&round)).collect();
    let mut held = Vec::new();
    for (parts_sent, update) in updates.iter().enumerate().take(3) {
        let (parts, stream) = mpsc::channel(4);
        let half = update.body[..update.body.len() / 2].to_vec();
        let all = [Part::Header(update.signed.clone()), Part::Chunk(half)];
        for part in all.into_iter().take(parts_sent) {
            parts.send(UpdatePart { part: Some(part) }).await.unwrap();
        }
        let mut client = peer.federation.clone();
        let call = tokio::spawn(async move {
            client.submit_update(Request::new(ReceiverStream::new(stream))).await
        });
        held.push((parts, call));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(peer.submit(&updates[3]).await.unwrap().reason(), Reason::Accepted);
    for update in &updates[..3] {
        assert_eq!(peer.submit(update).await.unwrap().reason(), Reason::Accepted);
    }
    open(&peer, &mut follower, &institutions).await;
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "the deadline of the collection was not needed"
    );

    for (parts, call) in held.into_iter().skip(1) {
        let status = call.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Aborted, "{status}");
        drop(parts);
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_body_is_incomplete_when_its_deadline_passes() {
    let world = World::new(|_| {});
    let limits = Limits {
        body_deadline: Duration::from_millis(300),
        header_deadline: Duration::from_millis(200),
        ..Limits::default()
    };
    let (running, peer) = world.start(|config| config.limits = limits).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let update = institutions[0].update(&round);

    let (parts, stream) = mpsc::channel(4);
    parts.send(UpdatePart { part: Some(Part::Header(update.signed.clone())) }).await.unwrap();
    let call = peer.federation.clone().submit_update(ReceiverStream::new(stream)).await;
    assert_eq!(call.unwrap().into_inner().reason(), Reason::IncompleteBody);
    drop(parts);

    let (silent, stream) = mpsc::channel::<UpdatePart>(1);
    let status =
        peer.federation.clone().submit_update(ReceiverStream::new(stream)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    drop(silent);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_of_one_institution_are_recorded_up_to_the_limit_and_others_are_not_held_to_it()
{
    let world = World::new(|_| {});
    let limits = Limits { rejections_per_attempt: 3, ..Limits::default() };
    let (running, peer) = world.start(|config| config.limits = limits).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    follower.sync(&peer).await;
    // A quorum confirms a key. Who confirmed it after them may have been told so when the attempt had begun.
    let spent = follower.rejected_in_this_attempt(&institutions[0]);
    assert!(spent <= 1, "{spent} were rejected before the first countersignature");
    for number in 0..6_u8 {
        let outcome = peer
            .countersign(institutions[0].countersignature(0, &no_block(BlockHash([number; 32]))))
            .await;
        if usize::from(number) + spent < 3 {
            assert_eq!(outcome.unwrap().reason(), Reason::TooEarly);
        } else {
            assert_eq!(outcome.unwrap_err().code(), Code::ResourceExhausted);
        }
    }
    assert_eq!(submit_all(&peer, &institutions[1..], &round).await, [Reason::Accepted; 3]);
    follower.sync(&peer).await;
    let countersignatures = |action: &Action| matches!(action, Action::Countersign(_));
    let recorded = follower.reasons(&institutions[0], countersignatures);
    assert_eq!(recorded, vec![Reason::TooEarly; 3 - spent]);
    assert_eq!(follower.rejected_in_this_attempt(&institutions[0]), 3);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_calls_too_often_is_told_to_wait() {
    let world = World::new(|_| {});
    let limits = Limits { calls_per_second: 1, burst: 5, ..Limits::default() };
    let (running, peer) = world.start(|config| config.limits = limits).await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(peer.aggregate(0).await.unwrap_err().code());
    }
    assert_eq!(codes[..5], [Code::NotFound; 5]);
    assert_eq!(codes[5], Code::ResourceExhausted);
    timeout(Duration::from_secs(5), running.stop()).await.unwrap().unwrap();
}
