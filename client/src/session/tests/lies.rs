//! A coordinator that breaks a rule: the institution stops, with evidence wherever others can be convinced.

use consilium_audit::{
    Evidence,
    evidence::{Culprit, Kept},
    judge::TrusteeError,
    model_check::ModelError,
};
use consilium_hash::{HeaderHash, MerkleRoot, StateRoot};
use consilium_ledger::{Block, blob_hash, sha256};
use consilium_proto::v1::{Abandon, Charge, Reason, transaction::Action};
use consilium_testkit::{World, ceremony};

use super::stage::*;
use crate::{ClientError, Verification, fixture::Kept as _};

#[tokio::test]
async fn a_signed_head_of_another_history_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let stage = Stage::new(world).await;
    let forged = consilium_ledger::Checkpoint {
        root: MerkleRoot([9; 32]),
        ..stage.world.chain.head_checkpoint()
    };
    let signing = (&stage.world.ceremony.coordinator.signing).into();
    *stage.shown.lock().unwrap().heads.last_mut().unwrap() = forged.sign(&signing);
    let error = end(stage.start(state.path())).await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let ClientError::ForkedHistory { evidence, .. } = error else { panic!("{error}") };
    let evidence = Evidence::decode(&std::fs::read(evidence).unwrap()).unwrap();
    let verdict = evidence.verify(&stage.world.ceremony.genesis_entry).unwrap();
    assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, Charge::Fork));
}

#[tokio::test]
async fn another_history_after_a_reconnection_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    stage.take_update().await;
    let mut other = World::of(ceremony(1, |_| {}));
    other.time_passes();
    other.open();
    stage.world = other;
    stage.shown.lock().unwrap().connection += 1;
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::ForkedHistory { height: 2, evidence } = &error else { panic!("{error}") };
    convicts(&stage.world, &Kept(Some(evidence.clone())), Charge::Fork);
    assert_eq!(error.exit_code(), 3);
}

#[tokio::test]
async fn a_sum_without_the_own_accepted_update_is_not_countersigned_and_stops_the_institution_with_evidence()
 {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    let (signed, own) = stage.take_update().await;
    stage.world.commit(vec![signed]);
    let headers = stage.world.submit(&[1, 2, 3]);
    let evaluation = stage.world.evaluation(&stage.world.round(), &headers);
    let close = stage.world.close_collection(evaluation);
    stage.world.forge(vec![close]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Aggregate {
        source: TrusteeError::OwnUpdateMissing(missing),
        evidence,
        height,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((*missing, *height), (HeaderHash(sha256(&own)), stage.world.chain.len() - 1));
    convicts(&stage.world, evidence, Charge::Omission);
    assert_eq!(error.exit_code(), 4);
    assert_eq!(stage.world.memory(state.path()).countersigned(0), None);
}

#[tokio::test]
async fn a_model_that_does_not_follow_is_never_trained_on() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    let (mut close, _) = stage.world.result();
    close.model.as_mut().unwrap().sha256 = vec![7; 32];
    let close = stage.world.orders(Action::CloseRound(close));
    stage.world.forge(vec![close]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Model { source, evidence, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, ModelError::WrongModel(_)), "{error}");
    convicts(&stage.world, evidence, Charge::BadModel);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn sums_that_do_not_follow_convict_the_coordinator_although_only_the_institution_has_seen_the_masked_updates()
 {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    let (mut close, mut sums) = stage.world.result();
    sums[0] ^= 1;
    close.sums.as_mut().unwrap().sha256 = sha256(&sums).to_vec();
    stage.world.bodies.insert(blob_hash(&sums), sums);
    let close = stage.world.orders(Action::CloseRound(close));
    stage.world.forge(vec![close]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Model { source, evidence, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, ModelError::WrongSums(_)), "{error}");
    convicts(&stage.world, evidence, Charge::BadModel);
}

#[tokio::test]
async fn an_attempt_that_is_abandoned_after_its_sum_was_sealed_stops_the_institution_with_evidence()
{
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::Accepted)).unwrap();
    // The shares, or enough of them, are kept off the chain.
    let abandon =
        stage.world.orders(Action::Abandon(Abandon { step: 0, attempt: 0, time_ms: 1 << 40 }));
    stage.world.forge(vec![abandon]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Entry { evidence, detail, .. } = &error else { panic!("{error}") };
    assert!(detail.contains("abandons an attempt out of turn"), "{detail}");
    convicts(&stage.world, evidence, Charge::BadEntry);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn an_accepted_countersignature_that_is_left_out_of_its_step_stops_the_institution_with_evidence()
 {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::Accepted)).unwrap();
    let block = stage.world.sealed_hash();
    let others = [1, 2, 3].map(|i| stage.world.countersignature(i, 0, &block));
    stage.world.commit(others.to_vec());
    stage.show();
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::TooLate)).unwrap();
    let shares = vec![stage.world.share(2), stage.world.share(3)];
    stage.world.commit(shares);
    stage.close();
    let error = end(run).await.unwrap_err();
    let ClientError::Omitted { what: "countersignature", step: 0, evidence } = &error else {
        panic!("{error}")
    };
    convicts(&stage.world, evidence, Charge::Omission);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn an_update_that_is_accepted_and_then_called_a_fault_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    stage.take_update().await;
    stage.silence().await;
    // A new connection: what the chain does not show is sent again.
    stage.shown.lock().unwrap().connection += 1;
    stage.show();
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::BadLinkProof)).unwrap();
    let error = end(run).await.unwrap_err();
    let ClientError::TwoReceipts { step: 0, evidence } = &error else { panic!("{error}") };
    convicts(&stage.world, evidence, Charge::TwoReceipts);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn a_signed_header_that_does_not_follow_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    let bad = {
        let open = stage.world.open_round();
        let block = stage.world.sealed_block(
            vec![consilium_contract::transaction::entry(open, false)],
            StateRoot([0; 32]),
        );
        let header =
            consilium_ledger::Header { history_root: MerkleRoot([7; 32]), ..*block.header() };
        Block { sealed: stage.world.seal_header(header), entries: block.entries }
    };
    stage.world.blocks.push(bad);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::BadHeader { evidence, .. } = &error else { panic!("{error}") };
    convicts(&stage.world, evidence, Charge::BadHeader);
    assert_eq!(error.exit_code(), 3);
}

#[tokio::test]
async fn a_masked_update_that_is_not_the_signed_headers_stops_the_institution() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    // Of what it has verified, it has the bodies; the rest is served.
    let run = stage.start_verifying(state.path(), Verification::Sample(1));
    stage.seal(&[1, 2, 3]).await;
    for masked in stage.shown.lock().unwrap().masked.values_mut() {
        masked[7] ^= 1;
    }
    stage.unseal().await;
    stage.close();
    let error = end(run).await.unwrap_err();
    let ClientError::Model { source, evidence, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, ModelError::WrongMaskedUpdate { .. }), "{error}");
    assert_eq!(evidence, &Kept(None), "nobody has signed what was served");
}
