//! Institutions that go on from a kept state.

use std::{fs, path::Path};

use consilium_ledger::snapshot_file;
use consilium_proto::{decode, v1::FollowerSnapshot};
use consilium_testkit::{World, ceremony};
use prost::Message as _;
use tokio::task::JoinHandle;

use super::stage::*;
use crate::{ClientError, Outcome, fixture::Kept as _};

const STEPS: u64 = 3;

fn file(state: &Path) -> std::path::PathBuf {
    state.join("snapshot.bin")
}

async fn stop(run: JoinHandle<Result<Outcome, ClientError>>) {
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
}

/// A stage whose institution has made a round, and stopped after the next one was opened and its update taken.
async fn stopped_in_the_second_round(state: &mut Option<tempfile::TempDir>) -> Stage {
    let world = World::of(ceremony(7, |spec| spec.steps = STEPS));
    let directory = state.insert(super::stage::state(&world)).path().to_owned();
    let mut stage = Stage::new(world).await;
    let run = stage.start(&directory);
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    stage.close();
    assert!(!file(&directory).exists(), "no header names the state yet");
    stage.world.open();
    stage.show();
    stage.take_update().await;
    assert!(file(&directory).exists());
    stop(run).await;
    stage
}

/// The rest of the run, the institution's stored update first.
async fn finish(stage: &mut Stage) {
    stage.seal_open(&[1, 2, 3]).await;
    stage.show();
    stage.unseal().await;
    stage.close();
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    stage.close();
}

#[tokio::test]
async fn a_restart_asks_for_nothing_of_the_rounds_before() {
    let mut state = None;
    let mut stage = stopped_in_the_second_round(&mut state).await;
    let state = state.unwrap();
    // Neither the disk nor the coordinator has a body of the first round.
    fs::remove_file(state.path().join("bodies.bin")).unwrap();
    stage.world.bodies.clear();
    stage.shown.lock().unwrap().blobs.clear();
    let run = stage.start(state.path());
    finish(&mut stage).await;
    let outcome = end(run).await.unwrap();
    assert_eq!(outcome.steps, STEPS);
    assert_eq!(outcome.model, stage.world.contract.model().parameters());
}

#[tokio::test]
async fn a_restart_with_a_damaged_state_executes_everything_again() {
    let mut state = None;
    let mut stage = stopped_in_the_second_round(&mut state).await;
    let state = state.unwrap();
    let mut bytes = fs::read(file(state.path())).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file(state.path()), bytes).unwrap();
    let run = stage.start(state.path());
    finish(&mut stage).await;
    assert_eq!(end(run).await.unwrap().model, stage.world.contract.model().parameters());
}

#[tokio::test]
async fn nobody_is_accused_on_the_strength_of_a_kept_state() {
    let mut state = None;
    let mut stage = stopped_in_the_second_round(&mut state).await;
    let state = state.unwrap();
    let run = stage.start(state.path());
    let (signed, own) = stage.take_update().await;
    stop(run).await;
    stage.world.commit(vec![signed]);
    let headers = [vec![own], stage.world.submit(&[1, 2, 3])].concat();
    // As if the second institution's update of this round had been paid for before: the state root does not say that it has
    // not, and the update is refused by who goes on from there.
    let paid = stage.world.submission(1, &headers[1]);
    let paid = consilium_contract::CandidateTransaction::parse(paid).unwrap().id();
    let bytes = fs::read(file(state.path())).unwrap();
    let bytes = snapshot_file::decode(&bytes).unwrap();
    let mut kept: FollowerSnapshot = decode("snapshot", bytes, bytes.len()).unwrap();
    let second = stage.world.name(1).to_vec();
    let institutions = &mut kept.state.as_mut().unwrap().institutions;
    let second = institutions.iter_mut().find(|it| it.pseudonym == second).unwrap();
    second.faults.push(paid.to_vec());
    fs::write(file(state.path()), snapshot_file::encode(&kept.encode_to_vec())).unwrap();

    stage.world.time_passes();
    let evaluation = stage.world.evaluation(&stage.world.round(), &headers);
    let close = stage.world.close_collection(evaluation);
    stage.world.commit(vec![close]);
    stage.show();
    let run = stage.start(state.path());
    stage.unseal().await;
    stage.close();
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    stage.close();
    assert_eq!(end(run).await.unwrap().model, stage.world.contract.model().parameters());
}

/// The blocks before the state are not compared with the memory again, so an older memory has to be found out otherwise.
#[tokio::test]
async fn a_trustee_whose_memory_is_older_than_its_state_is_silent() {
    let mut state = None;
    let mut stage = stopped_in_the_second_round(&mut state).await;
    let state = state.unwrap();
    let before = tempfile::tempdir().unwrap();
    drop(stage.world.memory(before.path()));
    for file in ["countersigned", "countersigned.mark"] {
        fs::copy(before.path().join(file), state.path().join(file)).unwrap();
    }
    let run = stage.start(state.path());
    stage.seal_open(&[1, 2, 3]).await;
    stage.show();
    stage.silence().await;
    stop(run).await;
    let memory = stage.world.memory(state.path());
    assert!(memory.has_lost(0) && memory.countersigned(0).is_some());
    assert_eq!(memory.countersigned(1), None);
}
