//! Rounds with an honest coordinator, and what interrupts them.

use std::time::Duration;

use consilium_crypto::signature::SigningKey;
use consilium_proto::v1::Reason;
use consilium_testkit::{DIMENSION, World};
use rand_core::OsRng;
use tokio::{net::TcpListener, time::timeout};

use super::stage::*;
use crate::{ClientError, Institution, Unobserved};

#[tokio::test]
async fn an_institution_takes_part_until_the_run_is_over() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    for _ in 0..2 {
        stage.seal(&[1, 2, 3]).await;
        stage.unseal().await;
        stage.close();
    }
    let outcome = end(run).await.unwrap();
    assert_eq!(outcome.steps, 2);
    assert_eq!(outcome.model, stage.world.contract.model().parameters());
    assert_eq!(outcome.height + 1, stage.world.chain.len());
    // The sealed block of the last round, cosigned by the three that countersigned it.
    let note = crate::head::export(&stage.files(), state.path()).unwrap();
    assert_eq!(note.signatures().len(), 1 + 3);
}

/// The model is taken by its check then, because the chain could not be executed; after that it can be.
#[tokio::test]
async fn a_connection_that_breaks_while_a_round_is_settled_is_no_fault_of_the_round() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    for _ in 0..2 {
        stage.seal(&[1, 2, 3]).await;
        stage.unseal().await;
        stage.shown.lock().unwrap().lost_blobs = 1;
        stage.close();
    }
    let outcome = end(run).await.unwrap();
    assert_eq!(outcome.steps, 2);
    assert_eq!(outcome.model, stage.world.contract.model().parameters());
}

#[tokio::test]
async fn after_a_lost_answer_the_stored_bytes_come_again() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    let first = stage.call().await;
    first.answer.send(None).unwrap();
    let second = stage.call().await;
    assert_eq!((first.signed, first.body), (second.signed.clone(), second.body.clone()));
    // And after a restart.
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let run = stage.start(state.path());
    let third = stage.call().await;
    assert_eq!((second.signed, second.body), (third.signed, third.body));
    run.abort();
}

#[tokio::test]
async fn a_restarted_trustee_answers_nothing_until_it_has_caught_up() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    stage.world.open();
    let headers = stage.world.submit(&[1, 2, 3]);
    stage.world.time_passes();
    let evaluation = stage.world.evaluation(&stage.world.round(), &headers);
    let close = stage.world.close_collection(evaluation);
    stage.world.commit(vec![close]);
    // The sealed block is in the stream, the head is beyond it.
    let step = 0;
    let block = stage.world.blocks.last().unwrap().hash();
    let answers = vec![stage.world.countersignature(1, step, &block)];
    stage.world.commit(answers);
    stage.shown.lock().unwrap().held_back = 1;
    stage.show();
    let run = stage.start(state.path());
    stage.silence().await;
    stage.shown.lock().unwrap().held_back = 0;
    stage.show();
    let Call { signed, answer, .. } = stage.call().await;
    assert_eq!(signed, stage.world.countersignature(0, step, &block));
    answer.send(Some(Reason::Accepted)).unwrap();
    run.abort();
}

#[tokio::test]
async fn an_answer_that_the_coordinator_has_not_signed_is_none() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::signing_with(world, SigningKey::generate(&mut OsRng)).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    for _ in 0..2 {
        // Connected anew, it asks again.
        let (signed, _) = stage.take_update().await;
        assert_eq!(signed.signature.len(), 64);
    }
    run.abort();
}

#[tokio::test]
async fn two_processes_do_not_share_a_state_directory() {
    let world = World::new();
    let state = state(&world);
    let stage = Stage::new(world).await;
    let run = stage.start(state.path());
    let second = Institution::new(
        stage.files(),
        state.path(),
        &stage.address,
        stage.participant(),
        Box::new(Unobserved),
    )
    .err();
    assert!(matches!(second, Some(ClientError::Locked { .. })));
    run.abort();
}

#[tokio::test]
async fn a_coordinator_that_stays_away_is_given_up_on_where_that_was_asked_for() {
    let world = World::new();
    let state = state(&world);
    let stage = Stage::new(world).await;
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let institution = Institution::new(
        stage.files(),
        state.path(),
        &format!("http://{nowhere}"),
        stage.participant(),
        Box::new(Unobserved),
    );
    let run = institution.unwrap().give_up_after(Duration::from_millis(200)).run();
    let error = timeout(DEADLINE, run).await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::GaveUp { .. }), "{error}");
    assert_eq!(DIMENSION, stage.world.contract.model().parameters().len());
}

#[tokio::test]
async fn a_coordinator_that_lacks_blocks_it_has_shown_is_waited_for_until_it_has_them_again() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    let (signed, _) = stage.take_update().await;
    let last = stage.world.blocks.pop().unwrap();
    stage.shown.lock().unwrap().connection += 1;
    stage.show();
    stage.silence().await;
    assert!(!run.is_finished(), "nothing convicts anybody, and nothing is over");
    stage.world.blocks.push(last);
    stage.show();
    let (again, _) = stage.take_update().await;
    assert_eq!(again, signed);
    run.abort();
}
