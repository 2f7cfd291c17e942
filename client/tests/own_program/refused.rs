//! What is refused before anything is sent: one line, exit code 2, no child and no folder.

use std::process::Output;

use crate::world::World;

fn refused(world: &World, arguments: &[&str], says: &str) {
    let Output { status, stderr, .. } = world.run(0).args(arguments).output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{arguments:?}: {message}");
    let last = message.trim_end().lines().last().unwrap();
    assert!(last.contains(says), "{message} should say {says}");
    assert_eq!(world.left(0), 0, "{arguments:?}");
}

#[test]
fn a_run_of_named_tensors_needs_a_program_that_describes_itself_as_the_genesis_does() {
    let world = World::of(1);
    refused(&world, &[], "programs of their own: give one with --trainer");
    let with = |behaviour: &str, says: &str| {
        refused(&world, &["--trainer", &world.trainer(0, behaviour)], says);
    };
    with("describes-other-shapes", "--trainer: the program trains another model");
    with("other-version", "version 2 of the protocol");
    with("dies-at-once", "asked to describe (exit status: 7)");
    refused(&world, &["--trainer", "/nonexistent/python"], "cannot start");
    refused(&world, &["--trainer", "python 'train.py"], "quoted as in a shell");
    let good = world.trainer(0, "good");
    let raw = ["--trainer", &good, "--raw-data"];
    refused(&world, &raw, "pima: No such file");
    for seconds in ["0", "-1", "nan", "1e9", "soon"] {
        let deadline = format!("--trainer-deadline={seconds}");
        refused(&world, &["--trainer", &good, &deadline], "--trainer-deadline");
    }
    refused(&world, &["--trainer-deadline", "3"], "--trainer");
    refused(&world, &["--trainer", &good, "--data", "wdbc"], "--data");
}

#[test]
fn rows_that_are_not_the_certified_ones_are_refused_before_the_program_starts() {
    let world = World::of(1);
    let trainer = world.trainer(0, "good");
    let mut command = world.command(0, "run");
    command.args([
        "--plain",
        "--coordinator",
        "http://127.0.0.1:1",
        "--data",
        "wdbc",
        "--trainer",
        &trainer,
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("569 rows"));
    assert_eq!(world.read(0, "starts"), "");
}

#[test]
fn a_run_of_the_projects_own_network_takes_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let ceremony = consilium_testkit::ceremony(3, |usual| {
        *usual = consilium_authority::CeremonySpec::new(
            consilium_proto::training::Layers::dense(8, vec![4]),
            vec![0.0; 41],
            vec![768; 4],
        );
    });
    ceremony.write(&folder.path().join("ceremony")).unwrap();
    let output = std::process::Command::new(crate::world::PROGRAM)
        .args([
            "run",
            "--plain",
            "--coordinator",
            "http://127.0.0.1:1",
            "--data",
            "pima",
            "--trainer",
            "x",
        ])
        .arg("--ceremony")
        .arg(folder.path().join("ceremony/institution-01"))
        .arg("--state")
        .arg(folder.path().join("state"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("leave out --trainer"), "{message}");
}

#[test]
fn a_run_that_the_sites_policy_does_not_take_is_refused_before_anything_is_started() {
    let world = World::of(1);
    let policy = world.own(0).join("policy.toml");
    std::fs::write(&policy, "least-updates = 99\nnever-submit = ['Glucose', 'Name']\n").unwrap();
    let policy = policy.display().to_string();
    let good = world.trainer(0, "good");
    let says = "does not take part in such a run: least-updates is 99, and the run has 3; never-submit is Glucose";
    refused(&world, &["--trainer", &good, "--policy", &policy], says);
    std::fs::write(&policy, "least-update = 99\n").unwrap();
    refused(&world, &["--trainer", &good, "--policy", &policy], "unknown field `least-update`");
    std::fs::write(&policy, "never-submit = ['Name']\n").unwrap();
    let rows = world.own(0).join("rows.toml");
    let csv = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/data/pima/pima.csv");
    let schema = format!(
        "name = 'pima'\nfile = '{csv}'\nfeatures = ['Age', 'BMI']\n[target]\ncolumn = 'Outcome'\npositive = 1\n"
    );
    std::fs::write(&rows, schema).unwrap();
    let rows = rows.display().to_string();
    let raw = ["--trainer", &good, "--policy", &policy, "--raw-data"];
    let Output { status, stderr, .. } = world
        .command(0, "run")
        .args(raw)
        .args(["--plain", "--coordinator", "http://127.0.0.1:1", "--data", &rows])
        .output()
        .unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{message}");
    assert!(message.contains("a program that reads the rows itself"), "{message}");
    assert_eq!(world.read(0, "starts"), "");
}
