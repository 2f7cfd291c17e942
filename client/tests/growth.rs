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
use consilium_ledger::{Block, Store};
use consilium_proto::v1::{FollowerSnapshot, NodeSnapshot};
use consilium_testkit::{World, ceremony};
use prost::Message as _;

const ROWS: u64 = 40;

/// A run in a round after so many others: the coordinator's ledger, and the first institution's state. Two rounds are a run's;
/// the others are as long, and nobody is to look at them.
fn run_after(rounds: u64, root: &Path) {
    let made = || {
        ceremony(7, |spec| {
            spec.steps = 10;
            spec.rows = vec![ROWS; spec.rows.len()];
        })
    };
    let ceremony = made();
    ceremony.write(&root.join("ceremony")).unwrap();
    let state = root.join("state");
    consilium_audit::files::create_folder(&state).unwrap();
    let store = Store::open(&root.join("ledger")).unwrap();
    let mut history = History::open(&state, &ceremony.parameters).unwrap();
    let mut keep = |block: &Block, blobs: &[Vec<u8>]| {
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        store.append_block(block, &blobs).unwrap();
        history.record(block).unwrap();
    };
    let mut world = World::of(made());
    world.full_round();
    let before = world.blocks.len();
    world.full_round();
    world.blocks.iter().zip(&world.blobs).for_each(|(block, blobs)| keep(block, blobs));
    world.lengthen(world.blocks.len() - before, rounds, &mut keep);
    let height = world.chain.len();
    let resting = world.contract.snapshot();
    let node = NodeSnapshot {
        height,
        peaks: world.chain.peaks().iter().map(|peak| peak.to_vec()).collect(),
        state: resting.clone(),
        ..NodeSnapshot::default()
    };
    let (records, records_hash) = (0, Checksum::default().to_vec());
    let kept = FollowerSnapshot { height, state: resting, records, records_hash };
    world.open();
    keep(world.blocks.last().unwrap(), &[]);
    history.flush().wait().unwrap();
    snapshot::store(&kept, &state).unwrap();
    store.put_snapshot(&node.encode_to_vec()).unwrap();
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
    run_after(rounds, root.path());
    let (runtime, running) = coordinator::start(root.path());
    let address = format!("http://{}", running.address());
    let began = Instant::now();
    let mut child = start(root.path(), &address);
    let caught_up = || {
        let log = fs::read_to_string(root.path().join("log")).unwrap();
        assert!(!log.contains("is not used"), "{log}");
        log.contains("caught up with the chain")
    };
    while !caught_up() {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed().as_secs() < 300);
        thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    let memory = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10;
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    eprintln!(
        "{rounds} rounds: caught up after {took:?}, {} ms of processor time, {} kB",
        ticks * 10,
        memory >> 10
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let _ = runtime.block_on(running.stop());
    (took, memory)
}

#[test]
fn an_institution_that_is_started_again_goes_on_from_the_state_that_it_has_kept() {
    restart_after(20);
}

/// With `--ignored --nocapture` it says what 10,000 rounds cost.
#[test]
#[ignore = "minutes: makes a chain as long as that of 10,000 rounds"]
fn an_institution_is_there_again_within_seconds_after_ten_thousand_rounds() {
    let (took, _) = restart_after(10_000);
    assert!(took < Duration::from_secs(3), "{took:?}");
}
