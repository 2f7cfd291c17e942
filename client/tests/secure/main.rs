//! A run from requests to its end: every party makes its keys itself, and everything goes over mutual TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod backup;
mod held;
mod several_runs;
mod world;

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use consilium_coordinator::{Config, Coordinator, Guests, Linger, Transport};
use consilium_identity::{CoordinatorFiles, request_as_institution};
use rand_core::OsRng;
use tokio::net::TcpListener;

use world::{NAMES, STEPS, World, text, wait_for, world};

#[test]
fn a_run_whose_parties_made_their_keys_themselves_ends_over_mutual_tls() {
    let world = world();
    let children: Vec<Child> = NAMES.iter().map(|name| world.start(name)).collect();
    for (name, mut child) in NAMES.iter().zip(children) {
        let status = child.wait().unwrap();
        let log = fs::read_to_string(world.at(&format!("{name}.log"))).unwrap();
        assert!(status.success(), "{name}: {log}");
    }
    let World { runtime, running, .. } = world;
    let ended = runtime.block_on(running.stop()).unwrap();
    assert!(ended.finished);
    assert_eq!(ended.steps, STEPS);
}

#[test]
fn the_program_refuses_to_speak_in_the_plain_unasked_and_says_why_it_is_not_let_in() {
    let world = world();
    let refused = |command: &mut Command, says: &str| {
        let output = command.env("RUST_LOG", "error").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said} should say {says}");
    };
    let north = world.at("north");
    let plain = world.address().replace("https", "http");
    refused(&mut world.run(&north, "state", &plain), "only with --plain");
    let elsewhere = "http://192.0.2.1:7420";
    refused(world.run(&north, "state", elsewhere).arg("--plain"), "http://127.0.0.1:PORT");
    refused(world.run(&north, "state", &world.address()).arg("--plain"), "leave out --plain");

    // Asked for, and never approved.
    request_as_institution(&world.at("stranger"), "stranger", &mut OsRng).unwrap();
    refused(&mut world.run(&world.at("stranger"), "state", &world.address()), "genesis.bin");
    // Its certificate is another's, which is public.
    for file in ["genesis.bin", "initial-model.bin", "certificate.bin"] {
        fs::copy(north.join(file), world.at("stranger").join(file)).unwrap();
    }
    let stranger = world.at("stranger");
    refused(&mut world.run(&stranger, "state", &world.address()), "is not the key that");
}

#[test]
fn a_client_of_a_finished_run_says_so_without_a_coordinator_and_a_coordinator_of_one_waits_for_nobody()
 {
    let world = world();
    let children: Vec<Child> = NAMES.iter().map(|name| world.start(name)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let north = world.at("north");
    let address = world.address();
    let World { root, runtime, running, .. } = world;
    assert!(runtime.block_on(running.stop()).unwrap().finished);
    let files = CoordinatorFiles::load(&root.path().join("hub")).unwrap();
    let config = Config {
        transport: Transport::Tls { guests: Guests::Refused },
        hearing: Duration::ZERO,
        linger: Linger::AtMost(Duration::from_secs(600)),
        ..Config::new(files, root.path().join("ledger"))
    };
    let start = Instant::now();
    let running = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Coordinator::start(config, listener).await.unwrap()
    });
    assert!(runtime.block_on(running.finished()).unwrap().finished);
    assert!(start.elapsed() < Duration::from_secs(60), "it lingers for nobody");

    let start = Instant::now();
    let mut again = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
    again.args(["run", "--coordinator", &address, "--ceremony"]).arg(&north);
    again.arg("--state").arg(root.path().join("state-north"));
    again.arg("--data").arg(root.path().join("rows.toml"));
    let output = again.output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(start.elapsed() < Duration::from_secs(30), "it asks nobody");
    assert!(log.contains("the run has finished"), "{log}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("2 rounds closed and checked"));
}

#[test]
fn one_identity_that_runs_twice_is_refused_on_its_machine_and_by_the_coordinator_on_another() {
    let world = world();
    let mut first = world.start("north");
    wait_for(&world.at("north.log"), "caught up with the chain");
    let second = world.run(&world.at("north"), "other", &world.address()).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(7), "{said}");
    assert!(said.contains("one identity runs once"), "{said}");

    // A copy of the folder, as on another machine.
    let copy = world.at("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(world.at("north")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let log = fs::File::create(world.at("copy.log")).unwrap();
    let mut elsewhere = world.run(&copy, "other", &world.address()).stderr(log).spawn().unwrap();
    wait_for(&world.at("copy.log"), "another process of institution");
    // The first one goes on, and when it ends, the other one may take its place.
    assert!(first.try_wait().unwrap().is_none());
    first.kill().unwrap();
    first.wait().unwrap();
    wait_for(&world.at("copy.log"), "caught up with the chain");
    elsewhere.kill().unwrap();
    elsewhere.wait().unwrap();
}

#[test]
fn a_client_that_is_revoked_or_has_given_up_ends_with_its_own_code() {
    let world = world();
    let mut first = world.start("north");
    wait_for(&world.at("north.log"), "caught up with the chain");
    let start = Instant::now();
    let east = world.at("east");
    let output = world.run_for(&east, "state-east", &world.address(), "2").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("brought nothing new"), "{said}");
    assert!(start.elapsed() < Duration::from_secs(30));

    world.decree(world.authority.revoke("north").unwrap());
    let status = first.wait().unwrap();
    let log = fs::read_to_string(world.at("north.log")).unwrap();
    assert_eq!(status.code(), Some(5), "{log}");
    assert!(log.contains("has revoked this institution"), "{log}");
}

#[test]
fn preflight_says_what_is_there_and_what_to_do_about_what_is_not() {
    let world = world();
    let preflight = |folder: &Path, address: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        command.args(["preflight", "--coordinator", address]);
        command.arg("--ceremony").arg(folder).arg("--state").arg(world.at("new/state"));
        command.arg("--data").arg(world.at("rows.toml")).args(more);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let north = world.at("north");
    let (code, said) = preflight(&north, &world.address(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let good = ["folder", "rows", "disk", "name", "port", "certificate", "run", "clock"];
    for what in good {
        let line = format!("ok      {what:<12}");
        assert!(said.lines().any(|said| said.starts_with(&line)), "{what} in {said}");
    }
    assert!(said.contains("40 rows, 20 of them positive"), "{said}");
    assert!(!world.at("new").exists(), "nothing is made");

    // Nobody listens; the rest is looked at all the same, and what follows is not.
    let (code, said) = preflight(&north, "https://127.0.0.1:1", &["--json"]);
    assert_eq!(code, Some(1), "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let standing = |what: &str| {
        let findings = said["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["what"] == what).unwrap()["standing"].clone()
    };
    assert_eq!(said["ready"], false);
    let standings = ["rows", "port", "certificate", "clock"].map(standing);
    assert_eq!(standings, ["good", "bad", "skipped", "skipped"]);

    // A policy that does not take the run, and a certificate that is not this key's.
    let policy = world.at("policy.toml");
    fs::write(&policy, "least-rows = 1000\nnever-submit = ['b']\n").unwrap();
    let (code, said) = preflight(&north, &world.address(), &["--policy", text(&policy)]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("NOT OK  policy       least-rows is 1000")
            && said.contains("never-submit is b"),
        "{said}"
    );
    let (code, said) = preflight(&world.at("nowhere"), &world.address(), &[]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("NOT OK  folder") && said.contains("`install`"), "{said}");
}
