//! What many rounds cost an institution that is started again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is how a test fails"
)]

#[path = "common/coordinator.rs"]
mod coordinator;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use consilium_client::state::{history::History, snapshot};
use consilium_hash::Checksum;
use consilium_ledger::Store;
use consilium_proto::v1::FollowerSnapshot;
use consilium_testkit::{World, ceremony};

const ROWS: u64 = 40;

/// A run with so many closed rounds and one that is open: the coordinator's ledger, and the first institution's state.
fn run_of(rounds: u64, root: &Path) {
    let made = || {
        ceremony(7, |spec| {
            spec.steps = rounds + 10;
            spec.rows = vec![ROWS; spec.rows.len()];
        })
    };
    let ceremony = made();
    ceremony.write(&root.join("ceremony")).unwrap();
    let state = root.join("state");
    consilium_audit::files::create_folder(&state).unwrap();
    let store = Store::open(&root.join("ledger")).unwrap();
    let mut history = History::open(&state, &ceremony.parameters).unwrap();
    let mut world = World::of(made());
    let mut keep = |world: &mut World| {
        for (block, blobs) in world.blocks.drain(..).zip(std::mem::take(&mut world.blobs)) {
            let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
            store.append_block(&block, &blobs).unwrap();
            history.record(&block).unwrap();
        }
        world.bodies.clear();
        world.log.clear();
    };
    keep(&mut world);
    for _ in 0..rounds {
        world.full_round();
        keep(&mut world);
    }
    let kept = FollowerSnapshot {
        height: world.chain.len(),
        state: world.contract.snapshot(),
        records: 0,
        records_hash: Checksum::default().to_vec(),
    };
    world.open();
    keep(&mut world);
    drop(keep);
    history.flush().wait().unwrap();
    snapshot::store(&kept, &state).unwrap();
    store.close().unwrap();
    let rows: String = (0..ROWS).map(|i| format!("{},{},{}\n", i % 7, i % 5, i % 2)).collect();
    fs::write(root.join("rows.csv"), format!("a,b,ill\n{rows}")).unwrap();
    let schema = "name='t'\nfile='rows.csv'\ntarget={column='ill', positive=1, negative=0}\n";
    fs::write(root.join("rows.toml"), schema).unwrap();
}

fn start(root: &Path, address: &str) -> Child {
    let log = fs::File::create(root.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
    command.args(["run", "--coordinator", address]);
    command.arg("--ceremony").arg(root.join("ceremony/institution-01"));
    command.arg("--state").arg(root.join("state")).arg("--data").arg(root.join("rows.toml"));
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// How long it takes until the institution has caught up with the chain, and what it has in memory then, in bytes.
fn restart_after(rounds: u64) -> (Duration, u64) {
    let root = tempfile::tempdir().unwrap();
    run_of(rounds, root.path());
    let (runtime, running) = coordinator::start(root.path());
    let address = format!("http://{}", running.address());
    let start_of_it = Instant::now();
    let mut child = start(root.path(), &address);
    let caught_up = || {
        let log = fs::read_to_string(root.path().join("log")).unwrap();
        assert!(!log.contains("is not used"), "{log}");
        log.contains("caught up with the chain")
    };
    while !caught_up() {
        assert!(child.try_wait().unwrap().is_none() && start_of_it.elapsed().as_secs() < 300);
        thread::sleep(Duration::from_millis(5));
    }
    let took = start_of_it.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    let memory = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10;
    child.kill().unwrap();
    child.wait().unwrap();
    let _ = runtime.block_on(running.stop());
    eprintln!("{rounds} rounds: caught up after {took:?}, {} kB", memory >> 10);
    (took, memory)
}

#[test]
fn an_institution_that_is_started_again_goes_on_from_the_state_that_it_has_kept() {
    restart_after(20);
}

/// With `--ignored --nocapture` it says what 10,000 rounds cost.
#[test]
#[ignore = "makes a run of 10,000 rounds, which takes a quarter of an hour"]
fn an_institution_is_there_again_within_seconds_after_ten_thousand_rounds() {
    let (took, _) = restart_after(10_000);
    assert!(took < Duration::from_secs(3), "{took:?}");
}
