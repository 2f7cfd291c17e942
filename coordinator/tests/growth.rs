//! What a long run costs: neither a restart nor memory grows with the number of rounds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{
    fs,
    time::{Duration, Instant},
};

use common::{Node, World, ceremony, found, open, submit_all};
use consilium_ledger::{Block, Store, sha256};
use consilium_proto::v1::{NodeSnapshot, SubscribeRequest};
use prost::Message as _;

/// Memory of a process that is not on disk, in bytes.
fn memory(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Processor time of a process so far, user's and system's.
fn processor_time(node: &Node) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", node.child.id())).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// The most that a round may leave in the memory of the process, once its caches are full.
const A_ROUND: u64 = 4 << 10;

async fn growth(rounds: u64) -> u64 {
    let world = World::new(|spec| spec.steps = rounds + 1);
    let institutions = world.institutions();
    let mut follower = world.follower();
    let node = Node::start(&world).await;
    found(&node.peer, &mut follower, &institutions).await;
    let mut at_half = 0;
    for step in 0..rounds {
        if step % 100 == 0 || step == rounds / 2 {
            eprintln!("{step} rounds: {} kB", memory(&node) >> 10);
        }
        if step == rounds / 2 {
            at_half = memory(&node);
        }
        let round = follower.collecting(&node.peer, step, 0).await;
        submit_all(&node.peer, &institutions, &round).await;
        open(&node.peer, &mut follower, &institutions).await;
        // Of no use here, and not what is measured.
        follower.entries.clear();
    }
    eprintln!("{rounds} rounds: {} kB", memory(&node) >> 10);
    memory(&node).saturating_sub(at_half) / (rounds - rounds / 2)
}

/// The ledger's cache fills within some 2,000 rounds of this size, to about 70 MB: what grows after that is a leak.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half an hour"]
async fn thousands_of_rounds_leave_nothing_in_memory() {
    let left = growth(6_000).await;
    assert!(left < A_ROUND, "{left} bytes a round");
}

/// Makes the ledger of a run with so many closed rounds.
fn ledger_of(rounds: u64) -> World {
    let made = || ceremony(7, |spec| spec.steps = rounds + 10);
    let world = World::holding(made());
    let store = Store::open(&world.ledger()).unwrap();
    let mut run = consilium_testkit::World::of(made());
    for _ in 0..=rounds {
        for (block, blobs) in run.blocks.drain(..).zip(std::mem::take(&mut run.blobs)) {
            let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
            store.append_block(&block, &blobs).unwrap();
        }
        if run.contract.step() < rounds {
            run.full_round();
        }
        run.bodies.clear();
    }
    store.close().unwrap();
    world
}

/// Makes the ledger of a node that was killed in a round after so many others, and has a snapshot of the moment before it. Two
/// rounds are a run's; the others are as long, and nobody is to look at them.
fn ledger_after(rounds: u64) -> World {
    let made = || ceremony(7, |spec| spec.steps = 10);
    let world = World::holding(made());
    let store = Store::open(&world.ledger()).unwrap();
    let keep = |block: &Block, blobs: &[Vec<u8>]| {
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        for entry in &block.entries {
            let id = sha256(&[entry.as_slice(), &block.height().to_be_bytes()].concat());
            store.put_note(&id, &[0; 4]).unwrap();
        }
        store.append_block(block, &blobs).unwrap();
    };
    let mut run = consilium_testkit::World::of(made());
    run.full_round();
    let before = run.blocks.len();
    run.full_round();
    run.blocks.iter().zip(&run.blobs).for_each(|(block, blobs)| keep(block, blobs));
    run.lengthen(run.blocks.len() - before, rounds, keep);
    let snapshot = NodeSnapshot {
        height: run.chain.len(),
        peaks: run.chain.peaks().iter().map(|peak| peak.to_vec()).collect(),
        state: run.contract.snapshot(),
        ..NodeSnapshot::default()
    };
    run.open();
    keep(run.blocks.last().unwrap(), &[]);
    store.put_snapshot(&snapshot.encode_to_vec()).unwrap();
    store.close().unwrap();
    world
}

/// Kills a node on this ledger and starts one again, from a ledger that was closed on: what processor time each takes. By the
/// clock it is no more on a machine with nothing else to do.
async fn restarts_on(world: World) -> [Duration; 3] {
    let mut took = [Duration::ZERO; 3];
    for took in &mut took {
        let start = Instant::now();
        let node = Node::start(&world).await;
        let listens = start.elapsed();
        *took = processor_time(&node);
        // Once a quorum has been heard the next round opens, whose block names the state before it.
        let mut heard = Vec::new();
        for institution in world.institutions() {
            let institution = institution.pseudonym().to_vec();
            let from_height = 0;
            let (head, process) = Default::default();
            let request = SubscribeRequest { from_height, head, institution, process };
            heard.push(node.peer.federation.clone().subscribe(request).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let bytes = fs::metadata(world.ledger().join("SNAPSHOT")).map_or(0, |file| file.len());
        let memory = memory(&node) >> 10;
        eprintln!(
            "listens after {listens:?}, {took:?} of processor time; snapshot of {bytes} bytes; {memory} kB"
        );
    }
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_takes_no_longer_for_the_rounds_before_it() {
    let [first, again, once_more] = restarts_on(ledger_of(200)).await;
    assert!(again.max(once_more) < first / 3, "{first:?}, then {again:?} and {once_more:?}");
}

/// With `--ignored --nocapture` it says what 10,000 rounds cost.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: makes a ledger as long as that of 10,000 rounds"]
async fn a_restart_after_ten_thousand_rounds_takes_less_than_two_seconds() {
    let took = restarts_on(ledger_after(10_000)).await;
    assert!(took.iter().max() < Some(&Duration::from_secs(2)), "{took:?}");
}
