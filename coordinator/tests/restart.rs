//! The program itself, killed with SIGKILL between any two phases and started again.

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
    process::{Command, Output},
};

use common::{Node, PROGRAM, World, enrol_all, expected_model};
use consilium_contract::Phase;
use consilium_coordinator::CoordinatorError;
use consilium_ledger::{ManifestState, verify_manifest};
use consilium_proto::v1::{Reason, Receipt};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_between_any_two_phases_loses_nothing_it_acknowledged() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    let mut follower = world.follower();
    let mut node = Node::start(&world).await;
    // What was acknowledged, to be sent again at the end and after each kill.
    let mut enrolled: Vec<Receipt> = Vec::new();

    // Before anybody has enrolled, and in the middle of enrolment.
    node = node.kill_and_restart(&world).await;
    for institution in &institutions[..2] {
        enrolled.push(node.peer.enrol(institution.enrolment()).await.unwrap());
    }
    follower.sync(&node.peer).await;
    node = node.kill_and_restart(&world).await;
    assert_eq!(node.peer.enrol(institutions[0].enrolment()).await.unwrap(), enrolled[0]);
    for institution in &institutions[2..] {
        enrolled.push(node.peer.enrol(institution.enrolment()).await.unwrap());
    }
    follower.share(&node.peer, &institutions, 0).await;
    let round = follower.collecting(&node.peer, 0, 0).await;

    // Collecting, before and between updates.
    node = node.kill_and_restart(&world).await;
    let updates: Vec<_> =
        institutions.iter().map(|institution| institution.update(&round)).collect();
    let first = node.peer.submit(&updates[0]).await.unwrap();
    assert_eq!(first.reason(), Reason::Accepted);
    let cut = common::Update { body: Vec::new(), ..updates[1].clone() };
    assert_eq!(node.peer.submit(&cut).await.unwrap().reason(), Reason::IncompleteBody);
    node = node.kill_and_restart(&world).await;
    assert_eq!(
        node.peer.submit(&updates[0]).await.unwrap(),
        first,
        "sent again after a lost answer"
    );
    assert_eq!(node.peer.submit(&cut).await.unwrap().reason(), Reason::IncompleteBody);
    for update in &updates[1..] {
        assert_eq!(node.peer.submit(update).await.unwrap().reason(), Reason::Accepted);
    }
    let aggregate = follower.sealed(&node.peer, 0).await;

    // Sealed, before and between countersignatures.
    node = node.kill_and_restart(&world).await;
    assert_eq!(node.peer.aggregate(0).await.unwrap(), aggregate);
    let sealed = follower.block(&aggregate);
    let countersignatures = institutions.iter().map(|trustee| trustee.countersignature(0, &sealed));
    let countersignatures: Vec<_> = countersignatures.collect();
    let countersigned = node.peer.countersign(countersignatures[0].clone()).await.unwrap();
    node = node.kill_and_restart(&world).await;
    assert_eq!(node.peer.countersign(countersignatures[0].clone()).await.unwrap(), countersigned);
    assert_eq!(node.peer.aggregate(0).await.unwrap().countersignatures, countersignatures[..1]);
    for signed in &countersignatures[1..3] {
        assert_eq!(node.peer.countersign(signed.clone()).await.unwrap().reason(), Reason::Accepted);
    }
    follower.opening(&node.peer, 0).await;

    // Opening, before and between shares.
    node = node.kill_and_restart(&world).await;
    let share = institutions[2].share(&round, &aggregate);
    let shared = node.peer.share(share.clone()).await.unwrap();
    assert_eq!(shared.reason(), Reason::Accepted);
    node = node.kill_and_restart(&world).await;
    assert_eq!(node.peer.share(share.clone()).await.unwrap(), shared);
    node.peer.share(institutions[0].share(&round, &aggregate)).await.unwrap();
    follower.closed(&node.peer, 0).await;

    // Finished: every receipt of the past round is still the answer, and the model is that of an undisturbed run.
    node = node.kill_and_restart(&world).await;
    for (institution, receipt) in institutions.iter().zip(&enrolled) {
        assert_eq!(node.peer.enrol(institution.enrolment()).await.unwrap(), *receipt);
    }
    assert_eq!(node.peer.submit(&updates[0]).await.unwrap(), first);
    assert_eq!(node.peer.countersign(countersignatures[0].clone()).await.unwrap(), countersigned);
    assert_eq!(node.peer.share(share).await.unwrap(), shared);
    assert!(matches!(follower.contract.phase(), Phase::Finished));
    assert_eq!(follower.contract.model().hash(), expected_model(&world, &institutions));
    assert_eq!(verify_manifest(&world.ledger()).unwrap(), ManifestState::Missing);

    // The follower has kept its headers all the way: the node never signed a second history.
    follower.sync(&node.peer).await;
    assert_eq!(node.child.wait().unwrap().code(), Some(0), "it goes when nobody follows any more");
    assert_eq!(verify_manifest(&world.ledger()).unwrap(), ManifestState::Intact);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_seals_the_ledger_and_ends_with_code_0() {
    let world = World::new(|_| {});
    let mut node = Node::start(&world).await;
    enrol_all(&node.peer, &world.institutions()).await;
    let pid = node.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(node.child.wait().unwrap().code(), Some(0));
    assert_eq!(verify_manifest(&world.ledger()).unwrap(), ManifestState::Intact);
}

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

#[test]
fn bad_values_and_files_end_with_code_2_and_one_line() {
    let ours = World::new(|_| {});
    let theirs = World::new(|_| {});
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let ceremony = text(&ours.coordinator_folder());
    let ledger = text(&ours.ledger());
    let refused = |arguments: &[&str], says: &str| {
        let output = run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        // Beside the complaint stands only that the suite's build has features for tests.
        let complaints = message.lines().filter(|line| !line.contains("was built with features"));
        assert_eq!(complaints.count(), 1, "{message}");
        assert!(message.contains(says), "{message} should say {says}");
    };
    refused(&["--ceremony", "/nonexistent", "--ledger", &ledger], "/nonexistent/genesis.bin");
    refused(&["--ceremony", &ceremony, "--ledger", &ledger, "--block-entries", "64"], "1 to 63");
    refused(&["--ceremony", &ceremony, "--ledger", &ledger, "--listen", "nowhere"], "--listen");
    refused(&["--ceremony", &ceremony, "--ledger", "/dev/null/ledger"], "/dev/null/ledger");
    refused(&["--ledger", &ledger], "--ceremony");
    refused(&["--ceremony", &ceremony, "--ledger", &ledger, "--listen", "192.0.2.1:1"], "address");

    // The ledger of one run under the ceremony of another.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (running, _) = ours.start(|_| {}).await;
        running.stop().await.unwrap();
    });
    refused(
        &["--ceremony", &text(&theirs.coordinator_folder()), "--ledger", &ledger],
        "another run",
    );
}

#[test]
fn a_ledger_with_a_changed_byte_is_not_served() {
    let world = World::new(|_| {});
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (running, peer) = world.start(|_| {}).await;
        enrol_all(&peer, &world.institutions()).await;
        running.stop().await.unwrap();
    });
    let head = world.ledger().join("HEAD");
    let mut bytes = fs::read(&head).unwrap();
    bytes[3] ^= 1;
    fs::write(&head, bytes).unwrap();
    let ceremony = world.coordinator_folder();
    let output = run(&[
        "--ceremony",
        ceremony.to_str().unwrap(),
        "--ledger",
        world.ledger().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_ends_the_node_without_an_answer_and_a_restart_gives_it() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    let (running, peer) = world.start(|_| {}).await;
    peer.enrol(institutions[0].enrolment()).await.unwrap();
    // The file that every block's write ends with cannot be replaced any more.
    let head = world.ledger().join("HEAD");
    let saved = world.root.path().join("HEAD");
    fs::rename(&head, &saved).unwrap();
    fs::create_dir(&head).unwrap();
    let status = peer.enrol(institutions[1].enrolment()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
    let error = running.finished().await.unwrap_err();
    assert!(matches!(error, CoordinatorError::Ledger(_)), "{error}");

    fs::remove_dir(&head).unwrap();
    fs::rename(&saved, &head).unwrap();
    let (running, peer) = world.start(|_| {}).await;
    for institution in &institutions[..2] {
        assert_eq!(peer.enrol(institution.enrolment()).await.unwrap().reason(), Reason::Accepted);
    }
    let mut follower = world.follower();
    follower.sync(&peer).await;
    assert_eq!(follower.contract.roster().len(), 2);
    running.stop().await.unwrap();
}
