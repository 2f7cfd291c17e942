//! Two runs of one set of identities at the same time, and what happens where somebody confuses them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::SystemTime,
};

use consilium_coordinator::{Config, Coordinator, Transport};
use consilium_identity::CoordinatorFiles;
use tokio::net::TcpListener;

use crate::world::{NAMES, STEPS, any, program, serve, text, wait_for, world};

/// Names and times of everything in a folder.
fn contents(folder: &Path) -> Vec<(String, SystemTime, u64)> {
    let mut contents: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            (entry.file_name().into_string().unwrap(), about.modified().unwrap(), about.len())
        })
        .collect();
    contents.sort();
    contents
}

fn refused(command: &mut Command, code: i32, says: &str) {
    let Output { status, stdout, stderr } = command.env("RUST_LOG", "error").output().unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert_eq!(status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said} should say {says}");
}

#[test]
fn two_runs_of_the_same_identities_go_on_at_the_same_time_and_their_states_are_not_confused() {
    let first = world();
    let second = first.next();
    let (in_first, in_second) = (first.start_all(), second.start_all());
    first.all_end(in_first);
    second.all_end(in_second);
    for world in [&first, &second] {
        for name in NAMES {
            let log = fs::read_to_string(world.log(name)).unwrap();
            assert!(!log.contains("another process"), "{name}: {log}");
        }
    }

    // The state of the first run, in the second: for whatever reads it, and nothing in it is touched.
    let (state, folder) = (first.state("north"), second.folder("north"));
    let before = contents(&state);
    let other = first.authority.parameters.chain_id.short().to_string();
    let says = format!("holds what belongs to another run, chain {other}");
    refused(&mut second.run(&folder, text(&state), &second.address()), 2, &says);
    for command in [&["status"][..], &["model"], &["head", "export"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        program.args(command).arg("--ceremony").arg(&folder).arg("--state").arg(&state);
        program.current_dir(first.root.path());
        refused(&mut program, 2, &says);
    }
    let preflight = ["preflight", "--ceremony", text(&folder), "--state", text(&state)];
    let said = String::from_utf8(program(&preflight).stdout).unwrap();
    assert!(said.contains("NOT OK  state ") && said.contains(&says), "{said}");
    assert_eq!(contents(&state), before);

    let files = CoordinatorFiles::load(&second.at("hub-next")).unwrap();
    let ledger = first.at("ledger");
    assert_eq!(first.stop().steps, STEPS);
    // The ledger of the first run, under the coordinator of the second.
    let started = second.runtime.block_on(async {
        let listener = TcpListener::bind(any()).await.unwrap();
        Coordinator::start(Config::new(files, ledger), listener).await
    });
    assert_eq!(second.stop().steps, STEPS);
    let error = started.unwrap_err().to_string();
    assert!(error.contains("belongs to another run"), "{error}");
}

#[test]
fn a_client_that_meets_its_coordinator_in_another_run_ends_and_says_which_it_serves() {
    let first = world();
    let second = first.next();
    let other = first.authority.parameters.chain_id.short().to_string();
    let says = format!("serves another one there, chain {other}");
    let folder = second.folder("north");
    refused(&mut second.run(&folder, "state", &first.address()), 6, &says);
    let preflight = ["preflight", "--ceremony", text(&folder), "--coordinator", &first.address()];
    let said = String::from_utf8(program(&preflight).stdout).unwrap();
    assert!(said.contains("NOT OK  certificate") && said.contains(&says), "{said}");

    // In the plain, on one machine, the head that it shows says so.
    let files = CoordinatorFiles::load(&first.at("hub")).unwrap();
    let ledger = first.at("ledger");
    first.stop();
    let plain = serve(&second.runtime, files, ledger, any(), Transport::Plain);
    let address = format!("http://{}", plain.address());
    refused(second.run(&folder, "state", &address).arg("--plain"), 6, "serves another run");
}

#[test]
fn a_run_that_has_begun_outlasts_an_operator_who_serves_another_one_at_its_address() {
    let first = world();
    let mut second = first.next();
    first.stop();
    let mut north = second.start("north");
    let mut east = second.start_for("east", "15");
    for name in ["north", "east"] {
        wait_for(&second.log(name), "caught up with the chain");
    }
    second.serve_instead("hub", "ledger");
    wait_for(&second.log("north"), "serves another one there");
    let status = east.wait().unwrap();
    assert_eq!(status.code(), Some(6), "with patience that has an end");
    assert!(north.try_wait().unwrap().is_none(), "without: it goes on trying");
    second.serve_instead("hub-next", "ledger-next");
    let others = ["east", "south", "west"].map(|name| second.start(name));
    second.all_end([north].into_iter().chain(others).collect());
}
