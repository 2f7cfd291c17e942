//! What `consilium-coordinator preflight` finds, and what it says to do: with the program itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{fs, net::TcpListener, path::Path, process::Command};

use common::{Node, PROGRAM, World, enrol_all};

/// A port of this machine that was free just now.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Exit code and report, for this folder and ledger.
fn preflight(ceremony: &Path, ledger: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("preflight").arg("--ceremony").arg(ceremony).arg("--ledger").arg(ledger);
    if !more.contains(&"--listen") {
        command.args(["--listen", &free()]);
    }
    let output = command.args(more).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The line about one thing.
fn line<'a>(report: &'a str, what: &str) -> &'a str {
    let is_it = |line: &&str| line.get(8..).is_some_and(|rest| rest.starts_with(what));
    report.lines().find(is_it).unwrap_or_else(|| panic!("{what} in {report}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_run_and_one_that_has_begun_are_ready_and_nothing_is_made() {
    let world = World::new(|_| {});
    let (folder, ledger) = (world.coordinator_folder(), world.ledger());
    let backup = world.root.path().join("backup");
    let metrics = free();
    let more = ["--metrics", &metrics, "--backup", backup.to_str().unwrap()];
    let (code, report) = preflight(&folder, &ledger, &more);
    assert_eq!(code, Some(0), "{report}");
    for what in ["folder", "certificate", "ledger", "port", "metrics", "clock"] {
        assert!(line(&report, what).starts_with("ok "), "{report}");
    }
    assert!(line(&report, "ledger").contains("the first start founds it"), "{report}");
    // Everything of a test is on one disk.
    for what in ["disk", "backup"] {
        assert!(line(&report, what).starts_with("look "), "{report}");
    }
    let there: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!ledger.exists() && !backup.exists());
    assert!(!there.iter().any(|path| path.ends_with("last-sealed")), "{there:?}");

    let node = Node::start(&world).await;
    enrol_all(&node.peer, &world.institutions()[..1]).await;
    let (code, report) = preflight(&folder, &ledger, &[]);
    assert_eq!(code, Some(1), "{report}");
    assert!(line(&report, "ledger").starts_with("NOT OK "), "{report}");
    assert!(line(&report, "ledger").contains("is in use: another coordinator runs"), "{report}");
    drop(node);
    let (code, report) = preflight(&folder, &ledger, &["--json"]);
    assert_eq!(code, Some(0), "{report}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["ready"], true);
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["what"] == "ledger").unwrap();
    assert!(found["found"].as_str().unwrap().ends_with(": 2 blocks of this run"), "{found}");
    // And the node goes on from it.
    let node = Node::start(&world).await;
    enrol_all(&node.peer, &world.institutions()[1..2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_taken_lost_or_of_another_run_is_said_with_what_to_do() {
    let world = World::new(|_| {});
    let (folder, ledger) = (world.coordinator_folder(), world.ledger());
    let bad = |folder: &Path, ledger: &Path, more: &[&str], what: &str, says: &str| {
        let (code, report) = preflight(folder, ledger, more);
        assert_eq!(code, Some(1), "{report}");
        assert!(line(&report, what).starts_with("NOT OK "), "{report}");
        assert!(report.contains(says), "{report} should say {says}");
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    bad(&folder, &ledger, &["--listen", &address], "port", "another program listens there");
    bad(&folder, &ledger, &["--metrics", &address], "metrics", "give another --metrics");
    let both = free();
    bad(&folder, &ledger, &["--listen", &both, "--metrics", &both], "metrics", "another --metrics");
    bad(&folder, &ledger, &["--listen", "192.0.2.1:7420"], "port", "no such address");
    bad(&world.root.path().join("nowhere"), &ledger, &[], "folder", "`install`");

    // A key that is another's.
    let copy = world.root.path().join("copy");
    common::copy_folder(&folder, &copy);
    let other = World::new(|_| {});
    let key = copy.join("evaluation.key");
    fs::copy(other.coordinator_folder().join("evaluation.key"), &key).unwrap();
    bad(&copy, &ledger, &[], "folder", "is not the key that the genesis names");

    // The ledger of another run, as ledger and as backup; and one that is lost.
    let node = Node::start(&other).await;
    drop(node);
    let others = other.ledger();
    bad(&folder, &others, &[], "ledger", "belongs to another run");
    let backup = ["--backup", others.to_str().unwrap()];
    bad(&folder, &ledger, &backup, "backup", "give each run a folder of its own");
    let mistyped = world.root.path().join("legder");
    bad(&other.coordinator_folder(), &mistyped, &[], "ledger", "sealed blocks up to height 0");
    assert!(!mistyped.exists() && !ledger.exists());

    // So few descriptors that not every institution finds a place.
    let mut command = Command::new("sh");
    let script =
        "ulimit -n 32; exec \"$0\" preflight --ceremony \"$1\" --ledger \"$2\" --listen \"$3\"";
    command.args(["-c", script, PROGRAM]).arg(&folder).arg(&ledger).arg(free());
    let output = command.output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(line(&report, "descriptors").contains("and 20 are needed"), "{report}");
}
