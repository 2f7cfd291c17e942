//! Whole rounds over real sockets, with four institutions.

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
    time::Duration,
};

use common::{
    Events, Institution, Peer, World, enrol_all, expected_model, found, is_update, open, submit_all,
};
use consilium_contract::{Phase, schedule::Wait};
use consilium_coordinator::{Event, Linger};
use consilium_ledger::{
    Block, ManifestState, Note, SealedHeader, SignedCheckpoint, merkle, verify_manifest,
};
use consilium_proto::v1::{
    self, BlockMessage, GetConsistencyProofRequest, GetHeadRequest, GetInclusionProofRequest,
    GetMaskedUpdateRequest, GetModelRequest, Reason, SubscribeRequest, transaction::Action,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn two_rounds_of_four_close_with_the_models_that_the_sums_make() {
    let world = World::new(|spec| spec.steps = 2);
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let (running, peer) = world
        .start(|config| {
            config.linger = Linger::AtMost(Duration::from_secs(5));
            // As in production: receipts come when a phase ends.
            config.block_age = Duration::from_secs(60);
            config.observer = Some(Box::new(move |event| seen.lock().unwrap().push(event)));
        })
        .await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    let mut enrolments = JoinSet::new();
    for institution in institutions.clone() {
        let peer = peer.clone();
        enrolments
            .spawn(async move { peer.enrol(institution.enrolment()).await.unwrap().reason() });
    }
    assert_eq!(enrolments.join_all().await, [Reason::Accepted; 4]);
    follower.share(&peer, &institutions, 0).await;
    for step in 0..2 {
        let round = follower.collecting(&peer, step, 0).await;
        assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
        open(&peer, &mut follower, &institutions).await;
        if step == 0 {
            assert_eq!(follower.contract.model().hash(), expected_model(&world, &institutions));
        }
    }
    assert!(matches!(follower.contract.phase(), Phase::Finished));

    let ended = running.finished().await.unwrap();
    assert!(ended.finished);
    assert_eq!((ended.steps, ended.model), (2, follower.contract.model().hash()));
    assert_eq!(verify_manifest(&world.ledger()).unwrap(), ManifestState::Intact);

    let events = events.lock().unwrap();
    let rounds: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::RoundClosed(metrics) => Some(metrics),
            _ => None,
        })
        .collect();
    assert_eq!(rounds.len(), 2);
    for (step, round) in (0..).zip(rounds) {
        assert_eq!((round.step, round.attempt, round.accepted), (step, 0, 4));
        assert!(round.rejected.is_empty());
        assert!((1..=4).contains(&round.verify_batches) && round.verify > Duration::ZERO);
        assert!(
            round.decrypt > Duration::ZERO
                && round.ledger > Duration::ZERO
                && round.aggregate > Duration::ZERO
        );
        let body = world.ceremony.parameters.update_parameters().body_length() as u64;
        assert!(round.bytes_up > 4 * (body + 2_000) && round.bytes_down > 0);
    }
    let heights: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Block { height, .. } => Some(*height),
            _ => None,
        })
        .collect();
    assert!(
        heights.iter().copied().eq(1..=heights.len() as u64),
        "each block is told of once: {heights:?}"
    );
    assert!(heights.len() as u64 >= follower.chain.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_goes_on_without_an_institution_that_never_submits() {
    let world = World::new(|spec| spec.collection_timeout_ms = 800);
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let present = &institutions[..3];
    assert_eq!(submit_all(&peer, present, &round).await, [Reason::Accepted; 3]);
    open(&peer, &mut follower, present).await;
    assert_eq!(follower.contract.model().hash(), expected_model(&world, present));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_updates_are_waited_for_also_over_a_restart_and_spend_no_attempt() {
    let world = World::new(|spec| {
        spec.collection_timeout_ms = 400;
        spec.max_attempts = 1;
    });
    let events = Events::default();
    let (running, peer) = world.start(|config| events.of(config)).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    assert_eq!(submit_all(&peer, &institutions[..2], &round).await, [Reason::Accepted; 2]);
    let awaited = events
        .until(|event| match event {
            Event::Waiting(awaited) if awaited.wait == Wait::Updates => Some(awaited.clone()),
            _ => None,
        })
        .await;
    assert_eq!((awaited.present, awaited.needed), (2, 3));
    let silent: BTreeSet<_> = institutions[2..].iter().map(Institution::pseudonym).collect();
    assert_eq!(awaited.absent, silent.into_iter().collect::<Vec<_>>());
    running.stop().await.unwrap();
    assert_eq!(verify_manifest(&world.ledger()).unwrap(), ManifestState::Intact);

    let (running, peer) = world.start(|_| {}).await;
    sleep(Duration::from_millis(900)).await;
    let same = follower.collecting(&peer, 0, 0).await;
    assert_eq!(same, round, "the attempt goes on");
    assert_eq!(submit_all(&peer, &institutions[2..3], &round).await, [Reason::Accepted]);
    open(&peer, &mut follower, &institutions).await;
    assert_eq!(follower.contract.model().hash(), expected_model(&world, &institutions[..3]));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_has_its_whole_time_again_after_a_restart() {
    let world = World::new(|spec| spec.collection_timeout_ms = 1_500);
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    assert_eq!(submit_all(&peer, &institutions[..3], &round).await, [Reason::Accepted; 3]);
    running.stop().await.unwrap();
    // Longer away than a collection lasts: the fourth would be too late without a word of its own.
    sleep(Duration::from_millis(1_600)).await;
    let (running, peer) = world.start(|_| {}).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(submit_all(&peer, &institutions[3..], &round).await, [Reason::Accepted]);
    open(&peer, &mut follower, &institutions).await;
    assert_eq!(follower.contract.model().hash(), expected_model(&world, &institutions));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_step_is_never_abandoned_and_goes_on_after_a_restart_where_it_stands() {
    let world = World::new(|spec| spec.collection_timeout_ms = 600);
    let events = Events::default();
    let (running, peer) = world.start(|config| events.of(config)).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    submit_all(&peer, &institutions, &round).await;
    let aggregate = follower.sealed(&peer, 0).await;
    let first = institutions[0].countersignature(0, &follower.block(&aggregate));
    peer.countersign(first).await.unwrap();
    let awaited = events
        .until(|event| match event {
            Event::Waiting(awaited) if awaited.present == 1 => Some(awaited.clone()),
            _ => None,
        })
        .await;
    assert_eq!((awaited.wait, awaited.needed), (Wait::Countersignatures, 3));
    assert_eq!(awaited.absent.len(), 3);
    running.stop().await.unwrap();

    let (running, peer) = world.start(|_| {}).await;
    let same = follower.sealed(&peer, 0).await;
    assert_eq!(same.sealed_block, aggregate.sealed_block);
    assert_eq!(same.countersignatures.len(), 1);
    open(&peer, &mut follower, &institutions).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_made_by_everyone_and_after_the_timeout_by_enough() {
    let world = World::new(|_| {});
    let (running, peer) =
        world.start(|config| config.enrolment_timeout = Duration::from_millis(700)).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    enrol_all(&peer, &institutions[..2]).await;
    sleep(Duration::from_millis(900)).await;
    follower.sync(&peer).await;
    assert!(matches!(follower.contract.phase(), Phase::Idle), "two are fewer than q = 3");
    let present = &institutions[..3];
    enrol_all(&peer, &present[2..]).await;
    follower.share(&peer, present, 0).await;
    let round = follower.collecting(&peer, 0, 0).await;
    // The fourth comes too late for a share of the key, and not too late to submit.
    enrol_all(&peer, &institutions[3..]).await;
    institutions[3].learn(follower.contract.committee().unwrap());
    assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
    open(&peer, &mut follower, present).await;
    assert_eq!(follower.contract.model().hash(), expected_model(&world, &institutions));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_get_every_block_from_any_height_and_an_end_when_the_node_stops() {
    let world = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let subscribe = async |from_height: u64| {
        peer.federation
            .clone()
            .subscribe(SubscribeRequest { from_height, ..Default::default() })
            .await
            .map(tonic::Response::into_inner)
    };
    let mut from_the_start = subscribe(0).await.unwrap();
    // A follower that never reads: it must not hold the others up.
    let _idle = subscribe(0).await.unwrap();
    enrol_all(&peer, &institutions).await;
    let mut heights = Vec::new();
    for _ in 0..6 {
        let BlockMessage { block } = from_the_start.message().await.unwrap().unwrap();
        heights.push(Block::decode(&block).unwrap().height());
    }
    assert_eq!(heights, [0, 1, 2, 3, 4, 5], "genesis, four enrolments, BeginKeygen");
    let mut from_the_middle = subscribe(4).await.unwrap();
    let BlockMessage { block } = from_the_middle.message().await.unwrap().unwrap();
    assert_eq!(Block::decode(&block).unwrap().height(), 4);
    assert_eq!(subscribe(7).await.unwrap_err().code(), Code::OutOfRange);

    running.stop().await.unwrap();
    assert!(from_the_start.message().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_node_goes_when_everyone_has_followed_it_to_the_end_and_hung_up() {
    let world = World::new(|_| {});
    let (running, peer) =
        world.start(|config| config.linger = Linger::AtMost(Duration::from_secs(60))).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    let subscribe = async || {
        peer.federation.clone().subscribe(SubscribeRequest::default()).await.unwrap().into_inner()
    };
    let mut streams = vec![subscribe().await, subscribe().await, subscribe().await];
    let cut_off = subscribe().await;
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    submit_all(&peer, &institutions, &round).await;
    // Three of four see the end and hang up; the fourth is cut off before it, and comes back.
    drop(cut_off);
    open(&peer, &mut follower, &institutions).await;
    for stream in &mut streams {
        for _ in 0..follower.chain.len() {
            stream.message().await.unwrap().unwrap();
        }
    }
    drop(streams);
    sleep(Duration::from_millis(1_500)).await;
    follower.sync(&peer).await;
    let mut fourth = subscribe().await;
    for _ in 0..follower.chain.len() {
        fourth.message().await.unwrap().unwrap();
    }
    drop(fourth);
    let ended = timeout(Duration::from_secs(10), running.finished())
        .await
        .expect("it went long before 60 s");
    assert!(ended.unwrap().finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_masked_updates_and_proofs_of_the_history_are_served() {
    let world = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let update = institutions[0].update(&round);
    peer.submit(&update).await.unwrap();
    submit_all(&peer, &institutions[1..], &round).await;
    open(&peer, &mut follower, &institutions).await;

    let model = collect(&peer, follower.contract.model().hash().to_vec()).await.unwrap();
    assert_eq!(model, follower.contract.model().to_bytes());
    let missing = collect(&peer, vec![9; 32]).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(collect(&peer, vec![9; 31]).await.unwrap_err().code(), Code::InvalidArgument);

    let accepted =
        follower.entries.iter().find_map(|(transaction, _)| match transaction.action() {
            Action::SubmitUpdate(update)
                if transaction.author() == Some(institutions[0].pseudonym()) =>
            {
                Some(update.header.clone())
            }
            _ => None,
        });
    let header_sha256 = consilium_ledger::sha256(&accepted.unwrap()).to_vec();
    let request = GetMaskedUpdateRequest { header_sha256 };
    let mut masked = peer.federation.clone().get_masked_update(request).await.unwrap().into_inner();
    let masked = masked.message().await.unwrap().unwrap().data;
    assert_eq!(masked, update.body[..32 * common::DIMENSION]);

    let mut ledger = peer.ledger.clone();
    // Shares that came too late may make another block at any time: the head is of the chain that is read after it.
    let followed = follower.chain.len() - 1;
    let v1::Head { sealed_header: head, checkpoint, .. } =
        ledger.get_head(GetHeadRequest { size: 0 }).await.unwrap().into_inner();
    let height = SealedHeader::decode(&head).unwrap().header.height;
    assert!(
        height >= followed,
        "the head is at {height}, the blocks up to {followed} were served before"
    );
    follower.sync(&peer).await;
    assert_eq!(head, follower.chain.get(height).unwrap().sealed().encode());
    let note = Note::parse(&checkpoint).unwrap();
    let chain = &follower.chain;
    let signed = SignedCheckpoint::verify(note, chain.validators(), &[]).unwrap();
    assert_eq!(signed.checkpoint(), chain.get(height).unwrap().checkpoint());
    let earlier = ledger.get_head(GetHeadRequest { size: 3 }).await.unwrap().into_inner();
    assert_eq!(earlier.sealed_header, chain.get(2).unwrap().sealed().encode());
    let signed = SignedCheckpoint::verify(
        Note::parse(&earlier.checkpoint).unwrap(),
        chain.validators(),
        &[],
    );
    assert_eq!(*signed.unwrap().checkpoint(), chain.checkpoint(3).unwrap());
    let beyond = ledger.get_head(GetHeadRequest { size: 600 }).await.unwrap_err();
    assert_eq!(beyond.code(), Code::NotFound);

    let request = GetInclusionProofRequest { height: 2, index: 0 };
    let proof = ledger.get_inclusion_proof(request).await.unwrap().into_inner();
    let header = follower.chain.get(2).unwrap();
    assert_eq!(proof.sealed_header, header.sealed().encode());
    let path = proof.path.iter().map(|hash| hash.as_slice().try_into().unwrap()).collect();
    let proof_of = merkle::InclusionProof { index: 0, size: header.count.into(), path };
    proof_of.verify(&merkle::leaf_hash(&proof.entry), &header.entries_root).unwrap();
    let beyond = GetInclusionProofRequest { height: 2, index: 9 };
    assert_eq!(ledger.get_inclusion_proof(beyond).await.unwrap_err().code(), Code::OutOfRange);

    let request = GetConsistencyProofRequest { from_size: 2, to_size: 6 };
    let proof = ledger.get_consistency_proof(request).await.unwrap().into_inner();
    let path = proof.path.iter().map(|hash| hash.as_slice().try_into().unwrap()).collect();
    let old = follower.chain.checkpoint(2).unwrap();
    let new = follower.chain.checkpoint(6).unwrap();
    let proof = merkle::ConsistencyProof { old_size: 2, new_size: 6, path };
    proof.verify(&old.root, &new.root).unwrap();
    let beyond = GetConsistencyProofRequest { from_size: 2, to_size: 600 };
    assert_eq!(ledger.get_consistency_proof(beyond).await.unwrap_err().code(), Code::OutOfRange);

    // The rejected among them included: every update's verdict follows from what is served.
    assert_eq!(follower.reasons(&institutions[1], is_update), [Reason::Accepted]);
    running.stop().await.unwrap();
}

async fn collect(peer: &Peer, sha256: Vec<u8>) -> Result<Vec<u8>, tonic::Status> {
    let mut stream =
        peer.federation.clone().get_model(GetModelRequest { sha256 }).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.message().await? {
        bytes.extend(chunk.data);
    }
    Ok(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    let world = World::new(|_| {});
    let (running, _) = world.start(|_| {}).await;
    let endpoint = format!("http://{}", running.address());
    let channel =
        tonic::transport::Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap();
    for service in ["consilium.v1.Federation", "consilium.v1.Ledger"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let response =
            HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(response.status(), ServingStatus::Serving);
    }
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel.clone())
        .server_reflection_info(tokio_stream::iter([list]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else {
        panic!("no list")
    };
    assert!(services.service.iter().any(|service| service.name == "consilium.v1.Federation"));
    running.stop().await.unwrap();
}
