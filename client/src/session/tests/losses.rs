//! Institutions that have lost what they knew.

use super::stage::{Stage, end, state};
use crate::fixture::Kept as _;
use consilium_hash::BlockHash;
use consilium_testkit::World;

#[tokio::test]
async fn a_trustee_that_lost_its_memory_trains_and_countersigns_nothing_whatever_restarts_lie_between()
 {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(World::new()).await;
    let mut run = stage.start(dir.path());
    for step in 0..2 {
        stage.seal(&[1, 2, 3]).await;
        stage.silence().await;
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());
        run = stage.start(dir.path());
        let block = stage.world.sealed_hash();
        let answers = (1..4).map(|i| stage.world.countersignature(i, step, &block)).collect();
        stage.world.commit(answers);
        stage.show();
        // Its key share is on disk: all the same it shares no sum that it may have shared another one of.
        stage.silence().await;
        let shares = vec![stage.world.share(1), stage.world.share(2)];
        stage.world.commit(shares);
        stage.close();
    }
    assert_eq!(end(run).await.unwrap().steps, 2);
}

#[tokio::test]
async fn a_trustee_without_its_share_of_the_key_countersigns_nothing() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start_without_share(state.path());
    stage.seal(&[1, 2, 3]).await;
    stage.silence().await;
    run.abort();
}

#[tokio::test]
async fn a_trustee_restored_from_before_its_own_update_is_silent_in_every_later_step() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    stage.world.seal();
    stage.show();
    let written = || std::fs::metadata(state.path().join("countersigned")).unwrap().len();
    let before = written();
    let run = stage.start(state.path());
    while written() == before {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stage.silence().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let mut memory = stage.world.memory(state.path());
    assert!(memory.has_lost(0) && !memory.answers_for(0));
    assert!(memory.remember(0, 1, &BlockHash([2; 32])).is_err());
}

#[tokio::test]
async fn a_trustee_restored_from_before_its_own_countersignature_is_silent_in_every_later_step() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    stage.close();
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    // The files of the memory as they were before the step; blocks, model and update are those of today.
    let before = tempfile::tempdir().unwrap();
    drop(stage.world.memory(before.path()));
    for file in ["countersigned", "countersigned.mark"] {
        std::fs::copy(before.path().join(file), state.path().join(file)).unwrap();
    }
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    stage.silence().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let memory = stage.world.memory(state.path());
    assert!(memory.has_lost(0));
    // What the chain holds of it, it knows again.
    assert!(memory.countersigned(0).is_some());
    assert_eq!(memory.countersigned(1), None);
}
