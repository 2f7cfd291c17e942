//! Mistakes of an honest operator, none of which may have the coordinator sign a height twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{fs, path::Path, process::Output, time::Duration};

use common::{Institution, Node, Peer, World, blocks, command, copy_folder, enrol_all};
use consilium_coordinator::{CoordinatorError, Running};
use consilium_proto::v1::{BlockMessage, GetHeadRequest, Reason, SubscribeRequest};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(600);

/// How long nothing must happen before a test believes that nothing does.
const A_WHILE: Duration = Duration::from_millis(500);

/// Runs the program on this world's ledger until it ends.
fn run(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["--plain", "--listen", "127.0.0.1:0", "--linger", "0"], arguments].concat();
    let Output { status, stderr, .. } = command(world).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn put_back(copy: &Path, folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    copy_folder(copy, folder);
}

async fn head(peer: &Peer) -> Vec<u8> {
    let head = peer.ledger.clone().get_head(GetHeadRequest { size: 0 }).await.unwrap();
    head.into_inner().sealed_header
}

/// Connects as an institution does: with the last block that it holds.
async fn connect(
    peer: &Peer,
    institution: &Institution,
    head: Vec<u8>,
) -> Result<Streaming<BlockMessage>, Status> {
    let institution = institution.pseudonym().to_vec();
    let request = SubscribeRequest { head, institution, ..Default::default() };
    peer.federation.clone().subscribe(request).await.map(|response| response.into_inner())
}

/// A ledger in which the first of these institutions have enrolled.
async fn enrolled(world: &World, institutions: &[Institution]) -> Vec<u8> {
    let (running, peer) = world.start(|config| config.hearing = Duration::ZERO).await;
    enrol_all(&peer, institutions).await;
    let head = head(&peer).await;
    running.stop().await.unwrap();
    head
}

/// A machine that was set up again from one snapshot of ledger and keys, taken before the second institution enrolled;
/// with the head that was served since.
async fn from_snapshot(world: &World) -> Vec<u8> {
    let institutions = world.institutions();
    enrolled(world, &institutions[..1]).await;
    let ledger = world.root.path().join("snapshot/ledger");
    let keys = world.root.path().join("snapshot/keys");
    copy_folder(&world.ledger(), &ledger);
    copy_folder(&world.coordinator_folder(), &keys);
    let head = enrolled(world, &institutions[1..2]).await;
    put_back(&ledger, &world.ledger());
    put_back(&keys, &world.coordinator_folder());
    head
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_ledger_founds_no_second_history() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    enrolled(&world, &institutions[..1]).await;
    let meant = world.ledger();
    let mistyped = world.root.path().join("legder");
    fs::rename(&meant, &mistyped).unwrap();
    for arguments in [&[][..], &["--new"]] {
        let (code, message) = run(&world, arguments);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains("up to height 1") && message.contains("restore"), "{message}");
        assert!(!meant.exists(), "nothing was created");
    }
    // An empty folder is no ledger either.
    fs::create_dir(&meant).unwrap();
    let (code, message) = run(&world, &[]);
    assert_eq!(code, Some(2), "{message}");
    assert_eq!(fs::read_dir(&meant).unwrap().count(), 0);
    fs::remove_dir(&meant).unwrap();
    fs::rename(&mistyped, &meant).unwrap();
    let node = Node::start(&world).await;
    assert_eq!(
        node.peer.enrol(institutions[1].enrolment()).await.unwrap().reason(),
        Reason::Accepted
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn new_founds_a_ledger_once() {
    let world = World::new(|_| {});
    let node = Node::start_with(&world, &["--new", "--hearing", "600"]).await;
    // Nobody is waited for.
    enrol_all(&node.peer, &world.institutions()[..1]).await;
    drop(node);
    let before = blocks(&world.ledger());
    let (code, message) = run(&world, &["--new"]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("holds a ledger already; leave out --new"), "{message}");
    assert_eq!(blocks(&world.ledger()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_founded_again_begins_with_the_same_block() {
    let world = World::new(|_| {});
    enrolled(&world, &[]).await;
    let first = blocks(&world.ledger());
    fs::remove_dir_all(world.ledger()).unwrap();
    fs::remove_file(world.coordinator_folder().join("last-sealed")).unwrap();
    enrolled(&world, &[]).await;
    assert_eq!((blocks(&world.ledger()), first.len()), (first.clone(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_ledger_is_not_gone_on_from() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    enrolled(&world, &institutions[..1]).await;
    let copy = world.root.path().join("backup");
    copy_folder(&world.ledger(), &copy);
    enrolled(&world, &institutions[1..2]).await;
    let whole = world.root.path().join("whole");
    fs::rename(world.ledger(), &whole).unwrap();
    copy_folder(&copy, &world.ledger());
    let (code, message) = run(&world, &[]);
    assert_eq!(code, Some(3), "{message}");
    let says = ["has signed block 2", "the ledger ends at block 1", "coordinator restore"];
    assert!(says.iter().all(|says| message.contains(says)), "{message}");
    assert_eq!(blocks(&world.ledger()).len(), 2, "nothing was sealed");
    // The ledger that is whole is gone on from.
    put_back(&whole, &world.ledger());
    enrolled(&world, &institutions[2..3]).await;
    assert_eq!(blocks(&world.ledger()).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hears_of_a_block_which_its_ledger_lacks_stops_before_it_signs_anything() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    let head = from_snapshot(&world).await;
    let mut node = Node::start_with(&world, &["--hearing", "600"]).await;
    // The third institution comes first, and has no block yet: what it sends is held back.
    let peer = node.peer.clone();
    let enrolment = institutions[2].enrolment();
    let mut held_back = tokio::spawn(async move { peer.enrol(enrolment).await });
    connect(&node.peer, &institutions[2], Vec::new()).await.unwrap();
    assert!(timeout(A_WHILE, &mut held_back).await.is_err(), "held back");
    let refused = connect(&node.peer, &institutions[1], head).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("lacks block 2"), "{refused}");
    assert_eq!(held_back.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(node.child.wait().unwrap().code(), Some(3));
    assert_eq!(blocks(&world.ledger()).len(), 2, "nothing was sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_learns_it_late_stops_then() {
    let world = World::new(|_| {});
    let head = from_snapshot(&world).await;
    let (running, peer) = world.start(|config| config.hearing = Duration::ZERO).await;
    let institution = world.institution(1);
    let refused = connect(&peer, &institution, head).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let error = timeout(LONG, running.finished()).await.unwrap().unwrap_err();
    let CoordinatorError::LacksBlocks { height: 2, ledger: Some(1), .. } = error else {
        panic!("{error}")
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_coordinator_has_not_signed_stops_nobody() {
    let world = World::new(|_| {});
    let institution = world.institution(0);
    let (running, peer) = world.start(|_| {}).await;
    let genuine = head(&peer).await;
    let mut higher = genuine.clone();
    higher[11] = 7; // The last byte of the height.
    let mut cut_off = genuine.clone();
    cut_off.pop();
    for wrong in [higher, cut_off, vec![0; 1000]] {
        let refused = connect(&peer, &institution, wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    let nameless =
        SubscribeRequest { head: genuine.clone(), institution: vec![1; 31], ..Default::default() };
    let refused = peer.federation.clone().subscribe(nameless).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    connect(&peer, &institution, genuine).await.unwrap();
    enrol_all(&peer, &[institution]).await;
    running.stop().await.unwrap();
}

/// Starts a node on a ledger with three enrolled institutions and checks that it seals once a quorum has been heard, and
/// no sooner.
async fn waits_for_a_quorum(world: &World, running: Running, peer: Peer, head: Vec<u8>) {
    let institutions = world.institutions();
    let enrolling = peer.clone();
    let enrolment = institutions[3].enrolment();
    let mut held_back = tokio::spawn(async move { enrolling.enrol(enrolment).await });
    // The same one twice, and one that is not enrolled, are no quorum.
    for place in [0, 0, 1, 3] {
        connect(&peer, &institutions[place], head.clone()).await.unwrap();
    }
    assert!(timeout(A_WHILE, &mut held_back).await.is_err(), "held back");
    connect(&peer, &institutions[2], head).await.unwrap();
    let receipt = timeout(LONG, held_back).await.unwrap().unwrap().unwrap();
    assert_eq!(receipt.reason(), Reason::Accepted);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_started_again_goes_on_once_a_quorum_has_shown_that_it_lacks_nothing() {
    let world = World::new(|_| {});
    let head = enrolled(&world, &world.institutions()[..3]).await;
    let (running, peer) = world.start(|config| config.hearing = LONG).await;
    waits_for_a_quorum(&world, running, peer, head).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_vouches_for_a_ledger_a_quorum_is_waited_for_without_end() {
    let world = World::new(|_| {});
    let head = enrolled(&world, &world.institutions()[..3]).await;
    fs::remove_file(world.coordinator_folder().join("last-sealed")).unwrap();
    let (running, peer) = world.start(|config| config.hearing = Duration::ZERO).await;
    waits_for_a_quorum(&world, running, peer, head).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hears_nobody_goes_on_after_a_while_with_a_ledger_that_its_key_vouches_for() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    enrolled(&world, &institutions[..3]).await;
    let (running, peer) = world.start(|config| config.hearing = Duration::from_secs(1)).await;
    assert_eq!(peer.enrol(institutions[3].enrolment()).await.unwrap().reason(), Reason::Accepted);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_do_not_run_with_one_key() {
    let world = World::new(|_| {});
    let (running, _peer) = world.start(|_| {}).await;
    let (code, message) = run(&world, &[]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("another coordinator runs with this ceremony"), "{message}");
    running.stop().await.unwrap();
}
