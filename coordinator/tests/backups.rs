//! Backups of a ledger, by the program, while it runs and while it does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use common::{Node, PROGRAM, World, blocks, enrol_all, found, open, submit_all};
use consilium_contract::Phase;
use consilium_ledger::{ManifestState, verify_manifest};
use consilium_proto::v1::Reason;

fn backup(ledger: &Path, to: &Path) -> Output {
    Command::new(PROGRAM)
        .arg("backup")
        .arg("--ledger")
        .arg(ledger)
        .arg("--to")
        .arg(to)
        .output()
        .unwrap()
}

fn backed_up(ledger: &Path, to: &Path) {
    let output = backup(ledger, to);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(verify_manifest(to).unwrap(), ManifestState::Intact);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_runs_is_backed_up_and_its_lost_ledger_restored_from_that() {
    let world = World::new(|spec| spec.steps = 2);
    let institutions = world.institutions();
    let copy = world.root.path().join("backup");
    let mut follower = world.follower();
    let mut node = Node::start(&world).await;
    found(&node.peer, &mut follower, &institutions).await;
    backed_up(&world.ledger(), &copy);
    let early = blocks(&copy).len();

    // A round later it is added to.
    let round = follower.collecting(&node.peer, 0, 0).await;
    submit_all(&node.peer, &institutions, &round).await;
    open(&node.peer, &mut follower, &institutions).await;
    let round = follower.collecting(&node.peer, 1, 0).await;
    let updates: Vec<_> =
        institutions.iter().map(|institution| institution.update(&round)).collect();
    let accepted = node.peer.submit(&updates[0]).await.unwrap();
    assert_eq!(accepted.reason(), Reason::Accepted);
    backed_up(&world.ledger(), &copy);
    node.child.kill().unwrap();
    node.child.wait().unwrap();
    assert!(blocks(&copy).len() > early + 4);
    assert_eq!(blocks(&copy), blocks(&world.ledger()));

    fs::remove_dir_all(world.ledger()).unwrap();
    let mut restore = Command::new(PROGRAM);
    restore.arg("restore").arg("--ceremony").arg(world.coordinator_folder());
    let restore = restore.arg("--ledger").arg(world.ledger()).arg("--from").arg(&copy).output();
    let restore = restore.unwrap();
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    let node = Node::start(&world).await;
    assert_eq!(node.peer.submit(&updates[0]).await.unwrap(), accepted);
    for update in &updates[1..] {
        assert_eq!(node.peer.submit(update).await.unwrap().reason(), Reason::Accepted);
    }
    open(&node.peer, &mut follower, &institutions).await;
    assert!(matches!(follower.contract.phase(), Phase::Finished));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_nobody_has_open_is_backed_up_and_no_other_is_written_over() {
    let (ours, theirs) = (World::new(|_| {}), World::new(|_| {}));
    for world in [&ours, &theirs] {
        let (running, peer) = world.start(|_| {}).await;
        enrol_all(&peer, &world.institutions()).await;
        running.stop().await.unwrap();
    }
    let copy = ours.root.path().join("backup");
    backed_up(&ours.ledger(), &copy);
    backed_up(&ours.ledger(), &copy);
    assert_eq!(blocks(&copy), blocks(&ours.ledger()));

    let refused = backup(&theirs.ledger(), &copy);
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(blocks(&copy), blocks(&ours.ledger()));
    let refused = backup(&ours.root.path().join("nothing"), &copy);
    assert_eq!(refused.status.code(), Some(2));
}
