//! What a restart goes on from, over real processes that are killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::fs::{self, File};

use common::{Follower, Institution, Node, World, found, open, submit_all};
use consilium_contract::Phase;
use consilium_ledger::Store;
use consilium_proto::v1::{NodeSnapshot, Reason};
use prost::Message as _;

/// Starts the program; what it says about where it goes on from.
async fn start(world: &World, arguments: &[&str]) -> (Node, String) {
    let path = world.root.path().join("log");
    let log = File::create(&path).unwrap();
    let arguments = [&["--hearing", "0"], arguments].concat();
    let node = Node::start_logging(world, &arguments, log).await;
    (node, fs::read_to_string(path).unwrap())
}

/// The height from which blocks were applied again.
fn applied_from(log: &str) -> u64 {
    let line = log.lines().find(|line| line.contains("blocks applied again from=")).expect(log);
    let from = line.split("from=").nth(1).unwrap();
    from.split_whitespace().next().unwrap().parse().unwrap()
}

fn kill(mut node: Node) {
    node.child.kill().unwrap();
    node.child.wait().unwrap();
}

/// The next round, to its end.
async fn round(node: &Node, follower: &mut Follower, institutions: &[Institution]) {
    let step = follower.contract.step();
    let round = follower.collecting(&node.peer, step, 0).await;
    submit_all(&node.peer, institutions, &round).await;
    open(&node.peer, follower, institutions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_of_a_collection_applies_what_came_since_the_run_rested_and_loses_nothing()
 {
    let world = World::new(|spec| spec.steps = 4);
    let institutions = world.institutions();
    let mut follower = world.follower();
    let (node, log) = start(&world, &[]).await;
    assert_eq!(applied_from(&log), 0);
    found(&node.peer, &mut follower, &institutions).await;
    round(&node, &mut follower, &institutions).await;
    round(&node, &mut follower, &institutions).await;
    let context = follower.collecting(&node.peer, 2, 0).await;
    let opened = follower.chain.len() - 1;
    let updates: Vec<_> =
        institutions.iter().map(|institution| institution.update(&context)).collect();
    let accepted = node.peer.submit(&updates[0]).await.unwrap();
    assert_eq!(accepted.reason(), Reason::Accepted);
    let last = node.peer.aggregate(1).await.unwrap();
    kill(node);

    // Between the end of the last round and the opening of this one lie a few late words, if anything.
    let (node, log) = start(&world, &[]).await;
    let from = applied_from(&log);
    assert!(from <= opened && from + 4 > opened, "{from} where {opened} opened the round: {log}");
    assert_eq!(node.peer.submit(&updates[0]).await.unwrap(), accepted);
    assert_eq!(node.peer.aggregate(1).await.unwrap(), last);
    for institution in &institutions {
        assert_eq!(
            node.peer.enrol(institution.enrolment()).await.unwrap().reason(),
            Reason::Accepted,
            "the answer of the first enrolment"
        );
    }
    for update in &updates[1..] {
        assert_eq!(node.peer.submit(update).await.unwrap().reason(), Reason::Accepted);
    }
    // The follower applies every block and compares every state root.
    open(&node.peer, &mut follower, &institutions).await;
    follower.collecting(&node.peer, 3, 0).await;
    kill(node);

    let (node, log) = start(&world, &["--verify-all"]).await;
    assert_eq!(applied_from(&log), 0, "{log}");
    round(&node, &mut follower, &institutions).await;
    assert!(matches!(follower.contract.phase(), Phase::Finished));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_the_chain_does_not_vouch_for_is_not_used() {
    let world = World::new(|spec| spec.steps = 3);
    let institutions = world.institutions();
    let mut follower = world.follower();
    let (node, _) = start(&world, &[]).await;
    found(&node.peer, &mut follower, &institutions).await;
    round(&node, &mut follower, &institutions).await;
    follower.collecting(&node.peer, 1, 0).await;
    kill(node);

    let whole = {
        let store = Store::open(&world.ledger()).unwrap();
        let bytes = store.get_snapshot().unwrap().unwrap();
        store.close().unwrap();
        NodeSnapshot::decode(bytes.as_slice()).unwrap()
    };
    let changes: [fn(&mut NodeSnapshot); 7] = [
        |snapshot| snapshot.height -= 1,
        |snapshot| snapshot.height += 1,
        |snapshot| snapshot.height = u64::MAX,
        |snapshot| snapshot.peaks[0][0] ^= 1,
        |snapshot| snapshot.peaks.clear(),
        |snapshot| snapshot.state.as_mut().unwrap().step += 1,
        |snapshot| snapshot.state = None,
    ];
    for change in changes {
        let mut snapshot = whole.clone();
        change(&mut snapshot);
        let store = Store::open(&world.ledger()).unwrap();
        store.put_snapshot(&snapshot.encode_to_vec()).unwrap();
        store.close().unwrap();
        let (node, log) = start(&world, &[]).await;
        assert!(log.contains("snapshot is not used"), "{log}");
        assert_eq!(applied_from(&log), 0, "{log}");
        kill(node);
    }
    // A file that is not what was written is as good as none.
    let path = world.ledger().join("SNAPSHOT");
    let bytes = fs::read(&path).unwrap();
    let places = [0, 40, 100, bytes.len() - 1];
    for bytes in places.map(|place| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        bytes
    }) {
        fs::write(&path, bytes).unwrap();
        let (node, log) = start(&world, &[]).await;
        assert_eq!(applied_from(&log), 0, "{log}");
        kill(node);
    }

    // What comes of the run is the same.
    let (node, _) = start(&world, &[]).await;
    round(&node, &mut follower, &institutions).await;
    round(&node, &mut follower, &institutions).await;
    assert!(matches!(follower.contract.phase(), Phase::Finished));
}
