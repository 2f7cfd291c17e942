//! What a program that keeps to the protocol is given, and what becomes of its answers.

use std::{collections::BTreeMap, fs};

use consilium_learning::Trainer as _;
use consilium_trainer::{Metrics, Rows};

use crate::bench::{Bench, GLOBAL};

#[test]
fn one_child_trains_every_step_and_is_asked_to_stop() {
    let bench = Bench::of("good");
    let mut trainer = bench.trainer();
    for step in [1, 2, 3, 2] {
        assert_eq!(trainer.train(step, &GLOBAL).unwrap(), GLOBAL);
    }
    drop(trainer);
    assert_eq!(bench.read("starts"), "started\n");
    assert_eq!(bench.read("stopped"), "stopped\n");
    bench.is_clean();
    let seed = |line: usize| {
        let trained = bench.read("trained");
        let line = trained.lines().nth(line).unwrap();
        line.split("\"seed\":").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    assert_eq!(seed(1), seed(3), "a step that is trained again has its seed again");
    assert_ne!(seed(0), seed(1));
    assert!(
        bench.read("trained").lines().all(|line| line.contains(r#""options":"rate=\"0.1\"\n""#))
    );
}

#[test]
fn the_child_is_given_its_rows_a_folder_of_its_own_and_little_else() {
    let bench = Bench::of("good");
    let mut trainer = bench.trainer();
    trainer.start().unwrap();
    let directory = bench.read("directory").trim().to_owned();
    assert!(directory.starts_with(&bench.scratch().display().to_string()), "{directory}");
    let environment = bench.read("environment");
    let variables: BTreeMap<&str, &str> =
        environment.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(variables["HOME"], directory);
    assert_eq!(variables["TMPDIR"], directory);
    // What a shell sets by itself, and what is let through.
    let known = ["PWD", "OLDPWD", "SHLVL", "_", "HOME", "TMPDIR", "PATH", "LANG", "LC_ALL"];
    let allowed =
        |name: &str| known.contains(&name) || name == "VIRTUAL_ENV" || name.contains("DEVICE");
    assert!(variables.keys().all(|name| allowed(name)), "{variables:?}");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there is something to leave out");
    // `ls` has the folder that it reads open besides.
    assert_eq!(bench.read("descriptors"), "0\n1\n2\n3\n");

    let rows = fs::read(bench.path("rows")).unwrap();
    let text = String::from_utf8_lossy(&rows).into_owned();
    assert!(text.contains(r#""features":{"dtype":"F32","shape":[3,2]"#), "{text}");
    assert!(text.contains(r#""labels":{"dtype":"F32","shape":[3]"#), "{text}");
    let values = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].map(f32::to_le_bytes).concat();
    assert!(rows.windows(values.len()).any(|window| window == values));
}

#[test]
fn a_program_that_reads_its_own_rows_is_given_the_path_and_no_table() {
    let bench = Bench::of("good");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/script.sh");
    let command = format!("/bin/sh '{script}' good '{}'", bench.path("").display());
    let mut trainer = bench.trainer_of(&command, Rows::Own("/site/rows.toml".into()));
    assert_eq!(trainer.train(1, &GLOBAL).unwrap(), GLOBAL);
    let describe = bench.read("describe");
    assert!(describe.contains(r#""table":null,"data":"/site/rows.toml""#), "{describe}");
    assert!(!bench.path("rows").exists());
}

#[test]
fn a_program_that_measures_is_asked_to_and_another_is_not() {
    let bench = Bench::of("evaluates");
    let mut trainer = bench.trainer();
    let metrics = trainer.measure(&GLOBAL).unwrap().unwrap();
    let expected = [("accuracy".to_owned(), Some(0.75)), ("auc".to_owned(), None)];
    assert_eq!(metrics, Metrics::from(expected));
    assert_eq!(trainer.train(1, &GLOBAL).unwrap(), GLOBAL);
    assert_eq!(Bench::of("good").trainer().measure(&GLOBAL).unwrap(), None);
}

#[test]
fn a_program_that_floods_standard_error_is_not_kept_waiting() {
    assert_eq!(Bench::of("loud").trainer().train(1, &GLOBAL).unwrap(), GLOBAL);
}
