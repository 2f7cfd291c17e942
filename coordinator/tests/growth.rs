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
use consilium_ledger::Store;
use consilium_proto::v1::SubscribeRequest;

/// Memory of a process that is not on disk, in bytes.
fn memory(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// The most that a round may leave in the memory of the process once its caches are full: sled keeps the places of its pages.
const A_ROUND: u64 = 8 << 10;

/// What a round leaves in memory, in the second half of so many.
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

/// The ledger's cache is full after some 700 rounds of this size. With `--ignored --nocapture` it says what each hundred adds.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "1,500 rounds take five minutes"]
async fn many_rounds_leave_next_to_nothing_in_memory() {
    let left = growth(1_500).await;
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
        run.log.clear();
    }
    store.close().unwrap();
    world
}

/// Kills a node on the ledger of so many rounds, and starts one again: how long that takes until it listens, from a first
/// start that has no snapshot on.
async fn restarts_after(rounds: u64) -> [Duration; 3] {
    let world = ledger_of(rounds);
    let mut took = [Duration::ZERO; 3];
    for took in &mut took {
        let start = Instant::now();
        let node = Node::start(&world).await;
        *took = start.elapsed();
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
        let blocks = fs::metadata(world.ledger().join("SNAPSHOT")).map_or(0, |file| file.len());
        eprintln!(
            "{rounds} rounds: listens after {took:?}; snapshot of {blocks} bytes; {} kB",
            memory(&node) >> 10
        );
    }
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_takes_no_longer_for_the_rounds_before_it() {
    let [first, again, once_more] = restarts_after(200).await;
    assert!(again.max(once_more) < first / 3, "{first:?}, then {again:?} and {once_more:?}");
}

/// Minutes: with `--ignored --nocapture` it says what 10,000 rounds cost.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes a ledger of 10,000 rounds"]
async fn a_restart_after_ten_thousand_rounds_takes_less_than_two_seconds() {
    let [_, again, once_more] = restarts_after(10_000).await;
    assert!(again.max(once_more) < Duration::from_secs(2), "{again:?} and {once_more:?}");
}
