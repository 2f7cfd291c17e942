//! What the program says to bad values: one line, and exit code 2.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::{Command, Output};

use consilium_authority::CeremonySpec;
use consilium_proto::training::Layers;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-client")).args(arguments).output().unwrap()
}

/// Exit code 2 and one line that says `what`.
fn refused(arguments: &[&str], what: &str) {
    let Output { status, stdout, stderr } = run(arguments);
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{arguments:?}: {message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    assert!(message.contains(what), "{message} should say {what}");
    assert!(stdout.is_empty());
}

#[test]
fn help_names_every_exit_code() {
    let Output { status, stdout, .. } = run(&["--help"]);
    let text = String::from_utf8(stdout).unwrap();
    assert!(status.success());
    assert!((0..5).all(|code| text.contains(&format!("\n  {code}  "))), "{text}");
}

#[test]
fn bad_values_and_files_are_named_on_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let ceremony = consilium_testkit::ceremony(1, |usual| {
        let layers = Layers::dense(8, vec![4]);
        *usual = CeremonySpec::new(layers, vec![0.0; 41], vec![768, 10, 10, 10]);
    });
    ceremony.write(&dir.path().join("ceremony")).unwrap();
    let first = path("ceremony/institution-01");
    let second = path("ceremony/institution-02");
    let state = path("state");
    let with = |ceremony: &str, coordinator: &str, data: &str, what: &str| {
        let arguments = [
            "run",
            "--ceremony",
            ceremony,
            "--state",
            &state,
            "--plain",
            "--coordinator",
            coordinator,
            "--data",
            data,
        ];
        refused(&arguments, what);
    };
    let node = "http://127.0.0.1:1";
    refused(&["rum"], "rum");
    refused(&["run", "--state", &state], "--ceremony");
    with(&path("nowhere"), node, "pima", "genesis.bin");
    with(&first, "127.0.0.1:1", "pima", "https://HOST:PORT");
    with(&first, node, &path("missing.toml"), "missing.toml");
    with(&second, node, "pima", "768 rows, the certificate says 10");
    with(&first, node, "wdbc", "569 rows");
    assert!(!dir.path().join("state").exists());
    let foreign = path("wdbc.toml");
    std::fs::write(&foreign, run(&["statistics", "--data", "wdbc"]).stdout).unwrap();
    let run_with = |statistics: &str, what: &str| {
        let arguments = [
            "run",
            "--ceremony",
            &first,
            "--state",
            &state,
            "--plain",
            "--coordinator",
            node,
            "--data",
            "pima",
        ];
        refused(&[&arguments[..], &["--statistics", statistics]].concat(), what);
    };
    run_with(&path("absent.toml"), "absent.toml");
    run_with(&foreign, "mean");
    for verify in ["none", "0", "-1", ""] {
        refused(&["run", &format!("--verify={verify}")], "--verify");
    }
    refused(&["status", "--ceremony", &first, "--state", &state], "no such directory");
    let nowhere =
        ["--state", "/dev/null/state", "--plain", "--coordinator", node, "--data", "pima"];
    refused(&[&["run", "--ceremony", &first][..], &nowhere].concat(), "/dev/null/state");
    with(&first, node, "pimo", "choose pima, wdbc or digits");
    refused(&["model", "--ceremony", &first, "--state", &state], "no round has been closed");
    refused(&["audit", "--ledger", "x", "--ceremony", &path("nowhere")], "genesis.bin");
    refused(&["audit"], "--ledger");
    refused(&["audit", "--ledger", "x", "--since", "3"], "--state");
    refused(
        &["audit", "--ledger", "x", "--since", "3", "--state", &path("empty")],
        "no audit was kept there",
    );
    refused(&["audit", "--mine", "--ceremony", &first], "--state");
    refused(&["audit", "--mine", "--ceremony", &first, "--state", &state], "no such directory");
    refused(&["head", "compare", "--ceremony", &first, "--state", &state], "<FILE>");
    refused(
        &["head", "compare", "--ceremony", &first, "--state", &state, "x"],
        "no such directory",
    );
    refused(&["head", "export", "--ceremony", &first, "--state", &state], "no such directory");
}

#[test]
fn a_stdout_or_stderr_that_takes_nothing_is_no_panic() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let program = || Command::new(env!("CARGO_BIN_EXE_consilium-client"));
    let lost = program().args(["statistics", "--data", "pima"]).stdout(full()).output().unwrap();
    assert_eq!(lost.status.code(), Some(1), "a result that is not complete is no success");
    let unheard = program().args(["statistics", "--data", "pimo"]).stderr(full()).output().unwrap();
    assert_eq!(unheard.status.code(), Some(2));

    let mut deserted =
        program().arg("--help").stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(deserted.stdout.take());
    assert!(deserted.wait().unwrap().success(), "a reader that has gone away is no failure");
}

#[test]
fn a_ledger_that_is_none_fails_the_audit_with_exit_code_1() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("nothing").display().to_string();
    let Output { status, stderr, .. } = run(&["audit", "--ledger", &ledger]);
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(message.contains("nothing"), "{message}");
}
