//! A run from requests to its end: every party makes its keys itself, and everything goes over mutual TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use consilium_authority::{Asked, AuthorityFiles, CeremonySpec, Founding, Route, send_by};
use consilium_coordinator::{Config, Coordinator, Guests, Linger, Running, Transport};
use consilium_identity::{
    CoordinatorFiles, PartyRequest, install_coordinator, request_as_coordinator,
    request_as_institution,
};
use consilium_proto::{training::Layers, v1::PartyRole};
use consilium_transport::Presented;
use rand_core::OsRng;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

const NAMES: [&str; 4] = ["north", "east", "south", "west"];
const ROWS: u64 = 40;
const STEPS: u64 = 2;

struct World {
    root: TempDir,
    authority: AuthorityFiles,
    runtime: Runtime,
    running: Running,
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-client")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn world() -> World {
    world_of(STEPS)
}

/// Asks and installs with the program itself, and founds a run of so many steps in between.
fn world_of(steps: u64) -> World {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let mut institutions = Vec::new();
    for name in NAMES {
        let folder = at(name);
        let asked = program(&["request", "--name", name, "--out", text(&folder)]);
        assert!(asked.status.success());
        let path = folder.join("request.bin");
        let request = PartyRequest::load(&path, PartyRole::Institution).unwrap();
        let said = String::from_utf8(asked.stdout).unwrap();
        let read_out = said.lines().find(|line| request.fingerprint().is(line));
        let fingerprint = read_out.expect("the fingerprint is a line of its own").to_owned();
        institutions.push(Asked { request, fingerprint });
    }
    let request = request_as_coordinator(&at("hub"), "hub", &mut OsRng).unwrap();
    let coordinator = Asked { fingerprint: request.fingerprint().to_string(), request };
    let layers = Layers::dense(2, vec![]);
    let spec = CeremonySpec {
        steps,
        collection_timeout_ms: 10_000,
        ..CeremonySpec::new(layers, vec![0.0; 3], vec![ROWS; NAMES.len()])
    };
    let founding = Founding::hold(&spec, &coordinator, &institutions, &mut OsRng).unwrap();
    founding.write(&at("run")).unwrap();
    for name in NAMES {
        let from = at("run/institutions").join(name);
        let arguments =
            ["install", "--ceremony", text(&at(name)), "--from", text(&from)].map(String::from);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let installed = program(&arguments);
        let said = String::from_utf8(installed.stdout).unwrap();
        let chain = founding.authority.parameters.chain_id.to_string();
        assert!(said.contains(&chain), "{said}");
    }
    let files = install_coordinator(&at("hub"), &at("run/coordinator")).unwrap();
    let runtime = Runtime::new().unwrap();
    let config = Config {
        transport: Transport::Tls { guests: Guests::Refused },
        hearing: Duration::ZERO,
        block_age: Duration::ZERO,
        linger: Linger::Forever,
        ..Config::new(files, at("ledger"))
    };
    let running = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Coordinator::start(config, listener).await.unwrap()
    });
    let rows: String = (0..ROWS).map(|i| format!("{},{},{}\n", i % 7, i % 5, i % 2)).collect();
    fs::write(at("rows.csv"), format!("a,b,ill\n{rows}")).unwrap();
    let schema = "name='t'\nfile='rows.csv'\ntarget={column='ill', positive=1, negative=0}\n";
    fs::write(at("rows.toml"), schema).unwrap();
    World { root, authority: founding.authority, runtime, running }
}

impl World {
    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn run(&self, folder: &Path, state: &str, address: &str) -> Command {
        self.run_for(folder, state, address, "60")
    }

    /// With so many seconds of patience.
    fn run_for(&self, folder: &Path, state: &str, address: &str, patience: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        command.args(["run", "--seed", "1", "--give-up-after", patience, "--coordinator", address]);
        command.arg("--ceremony").arg(folder).arg("--state").arg(self.at(state));
        command.arg("--data").arg(self.at("rows.toml"));
        command
    }

    fn address(&self) -> String {
        format!("https://{}", self.running.address())
    }

    fn start(&self, name: &str) -> Child {
        let log = fs::File::create(self.at(&format!("{name}.log"))).unwrap();
        let mut command = self.run(&self.at(name), &format!("state-{name}"), &self.address());
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }
}

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

/// Waits until a file holds a text.
fn wait_for(path: &Path, says: &str) {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.contains(says) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{text} should say {says}");
        thread::sleep(Duration::from_millis(50));
    }
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

    let authority = &world.authority;
    let revocation = authority.revoke("north").unwrap();
    let parameters = &authority.parameters;
    let presented = Presented::authority(&authority.signing, &authority.tls, &parameters.chain_id);
    let route = Route::secure(&world.address(), parameters, &presented).unwrap();
    world.runtime.block_on(send_by(&route, revocation)).unwrap();
    let status = first.wait().unwrap();
    let log = fs::read_to_string(world.at("north.log")).unwrap();
    assert_eq!(status.code(), Some(5), "{log}");
    assert!(log.contains("has revoked this institution"), "{log}");
}

/// Whether a file or folder of this name lies in a folder.
fn holds(folder: &Path, name: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| entry.unwrap().file_name() == name)
}

#[test]
fn an_institution_that_runs_is_backed_up_and_one_that_is_restored_trains_and_is_silent_as_a_trustee()
 {
    let world = world_of(10_000);
    let mut children: Vec<Child> = NAMES.iter().map(|name| world.start(name)).collect();
    let (state, copy) = (world.at("state-north"), world.at("backup"));
    let backup = |name: &str| {
        let (folder, state) = (world.at(name), world.at(&format!("state-{name}")));
        let output = program(&[
            "backup",
            "--ceremony",
            text(&folder),
            "--state",
            text(&state),
            "--to",
            text(&copy),
        ]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let restore = |from: &Path| {
        let north = world.at("north");
        let output = program(&[
            "restore",
            "--ceremony",
            text(&north),
            "--from",
            text(from),
            "--state",
            text(&state),
        ]);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    wait_for(&world.at("north.log"), "round closed step=1");
    assert_eq!(backup("north"), (Some(0), String::new()));
    let early = fs::metadata(copy.join("blocks.bin")).unwrap().len();
    // While rounds go on, into the same folder; and no other institution's over it.
    wait_for(&world.at("north.log"), "round closed step=4");
    assert_eq!(backup("north"), (Some(0), String::new()));
    assert!(fs::metadata(copy.join("blocks.bin")).unwrap().len() > early);
    let (code, said) = backup("east");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("give another folder"), "{said}");
    for (name, is_there) in [
        ("BACKUP", true),
        ("countersigned", true),
        ("model.bin", true),
        ("snapshot.bin", true),
        ("countersigned.mark", false),
        ("share-0.key", false),
        ("bodies.bin", false),
        ("lock", false),
    ] {
        assert_eq!(holds(&copy, name), is_there, "{name}");
    }
    assert!(holds(&state, "share-0.key"));

    // Nothing is written over, and nothing else is taken for a backup.
    let (code, said) = restore(&copy);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("move it away first"), "{said}");
    children[0].kill().unwrap();
    children[0].wait().unwrap();
    fs::rename(&state, world.at("lost")).unwrap();
    let (code, said) = restore(&world.at("lost"));
    assert_eq!(code, Some(2), "{said}");
    assert!(!state.exists());
    let (code, said) = restore(&copy);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("silent as a trustee"), "{said}");

    children[0] = world.start("north");
    wait_for(&world.at("north.log"), "goes on from a kept state");
    wait_for(&world.at("north.log"), "what this institution has said as a trustee is not known");
    wait_for(&world.at("north.log"), "round closed");
    children.iter_mut().for_each(|child| {
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let files = consilium_identity::InstitutionFiles::load(&world.at("north")).unwrap();
    let chain = files.parameters.chain_id;
    let memory = consilium_client::state::memory::Memory::open(&state, chain).unwrap();
    assert!(memory.is_certain() && memory.has_lost(0) && !memory.answers_for(0));
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
