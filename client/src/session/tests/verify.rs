//! A coordinator that records what the contract refuses, against an institution that has the bodies.

use consilium_contract::execute::ExecuteError;
use consilium_crypto::UpdateError;
use consilium_ledger::blob_hash;
use consilium_proto::v1::Charge;
use consilium_testkit::{UpdateKind, World};

use super::stage::*;
use crate::{ClientError, Verification};

/// A round until a false sum is sealed; the institution has submitted.
async fn attack(stage: &mut Stage, reason: UpdateError) {
    stage.world.open();
    stage.show();
    let (signed, own) = stage.take_update().await;
    stage.world.commit(vec![signed]);
    let honest = [vec![own], stage.world.submit(&[1, 2])].concat();
    stage.world.seal_unproven(&honest, &reason);
    stage.show();
}

#[tokio::test]
async fn a_sum_over_an_update_without_a_bound_or_link_proof_is_not_countersigned_and_convicts_the_coordinator()
 {
    for kind in UpdateKind::all() {
        for reason in kind.reasons() {
            for verification in [Verification::All, Verification::Sample(4)] {
                let world = World::under(kind);
                let state = state(&world);
                let mut stage = Stage::new(world).await;
                let run = stage.start_verifying(state.path(), verification);
                attack(&mut stage, reason.clone()).await;
                let error = end(run).await.unwrap_err();
                let ClientError::Unproven { height, evidence, .. } = &error else {
                    panic!("{kind:?}, {reason}, {verification:?}: {error}")
                };
                assert_eq!(error.exit_code(), 4);
                assert_eq!(height + 1, stage.world.chain.len());
                convicts(&stage.world, evidence, Charge::UnprovenUpdate);
                stage.said_nothing();
            }
        }
    }
}

#[tokio::test]
async fn an_institution_that_is_no_trustee_does_not_train_on_the_model_of_such_a_sum() {
    let world = World::new();
    // A directory without a memory: the step is left to the others.
    let state = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(world).await;
    stage.world.open();
    let honest = stage.world.submit(&[0, 1, 2]);
    stage.world.seal_unproven(&honest, &UpdateError::BadRangeProof);
    stage.show();
    let error = end(stage.start(state.path())).await.unwrap_err();
    let ClientError::Unproven { evidence, .. } = &error else { panic!("{error}") };
    convicts(&stage.world, evidence, Charge::UnprovenUpdate);
    stage.said_nothing();
}

#[tokio::test]
async fn an_honest_update_that_is_recorded_as_a_fault_is_found_by_everyone_who_executes_the_chain()
{
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    let (signed, own) = stage.take_update().await;
    stage.world.commit(vec![signed]);
    let honest = [vec![own], stage.world.submit(&[1, 2])].concat();
    // Institution 3's update proves what it must; the state root says that it was refused.
    let update = stage.world.update(3, &stage.world.round(), 4);
    stage.world.bodies.insert(blob_hash(&update.body), update.body.clone());
    let submission = stage.world.submission(3, &update.header);
    stage.world.forge(vec![submission]);
    let evaluation = stage.world.evaluation(&stage.world.round(), &honest);
    let close = stage.world.close_collection(evaluation);
    stage.world.forge(vec![close]);
    // The state after a block stands in the header of the next one.
    let height = stage.world.chain.len() - 1;
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Execution { source, evidence } = &error else { panic!("{error}") };
    assert!(matches!(source.source, ExecuteError::StateRoot { .. }), "{error}");
    assert_eq!((source.height, error.exit_code()), (height, 4));
    convicts(&stage.world, evidence, Charge::BadState);
    stage.said_nothing();
}

#[tokio::test]
async fn nothing_is_said_of_a_sum_while_the_body_of_an_update_in_it_is_held_back() {
    for verification in [Verification::All, Verification::Sample(4)] {
        let world = World::new();
        let state = state(&world);
        let mut stage = Stage::new(world).await;
        let run = stage.start_verifying(state.path(), verification);
        stage.seal_without_the_last_body(&[1, 2, 3]).await;
        stage.silence().await;
        assert!(!run.is_finished(), "bytes that are held back convict nobody");
        stage.show();
        // Once the body is served, the institution answers for the sum.
        let Call { signed, .. } = stage.call().await;
        let block = stage.world.sealed_hash();
        assert_eq!(signed, stage.world.countersignature(0, 0, &block));
        run.abort();
    }
}

#[tokio::test]
async fn a_body_served_in_the_place_of_another_breaks_the_connection_and_convicts_nobody() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage
        .seal_with(&[1, 2, 3], |blobs| {
            blobs.values_mut().for_each(|blob| *blob.last_mut().unwrap() ^= 1);
        })
        .await;
    stage.silence().await;
    assert!(!run.is_finished());
    assert!(!state.path().join("evidence-4.bin").exists());
    run.abort();
}
