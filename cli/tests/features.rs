//! Programs of a federation are built without what is for tests alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{fs, path::PathBuf, process::Command};

const FOR_TESTS_ALONE: [&str; 4] = ["adversary", "dealer", "faults", "simulation"];

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The packages that `cargo programs` builds, as its definition names them.
fn programs() -> Vec<String> {
    let config = fs::read_to_string(workspace().join(".cargo/config.toml")).unwrap();
    let alias = config.lines().find_map(|line| line.strip_prefix("programs = \"build --release "));
    let alias = alias.expect("the alias `programs`").trim_end_matches('"');
    let mut words = alias.split_whitespace();
    let mut packages = Vec::new();
    while let Some(flag) = words.next() {
        assert_eq!(flag, "-p", "{alias}");
        packages.push(words.next().unwrap().to_owned());
    }
    packages
}

/// Features of the project's own crates in a build of these packages, without a network.
fn features_of_own_crates(packages: &[String]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace()).args(["tree", "--locked", "--offline"]);
    cargo.args(["--edges", "no-dev", "--prefix", "none", "--format", "{p}|{f}"]);
    packages.iter().for_each(|package| _ = cargo.args(["--package", package]));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let own: Vec<&str> = text.lines().filter(|line| line.starts_with("consilium-")).collect();
    for crate_ in ["consilium-coordinator ", "consilium-crypto ", "consilium-disk "] {
        assert!(own.iter().any(|line| line.starts_with(crate_)), "{text}");
    }
    let features = own.iter().filter_map(|line| line.split('|').nth(1));
    features
        .flat_map(|features| features.split(','))
        .map(|feature| feature.trim_end_matches(" (*)").trim().to_owned())
        .collect()
}

fn for_tests_alone(features: &[String]) -> Vec<&str> {
    let found = FOR_TESTS_ALONE.into_iter();
    found.filter(|name| features.iter().any(|feature| feature == name)).collect()
}

#[test]
fn the_documented_build_of_the_programs_has_no_feature_that_is_for_tests_alone() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    assert!(readme.contains("cargo programs"), "the README says how programs are built");
    let programs = programs();
    for program in ["authority", "coordinator", "client", "audit"] {
        assert!(programs.contains(&format!("consilium-{program}")), "{programs:?}");
    }
    assert_eq!(for_tests_alone(&features_of_own_crates(&programs)), [""; 0]);
}

#[test]
fn a_build_with_the_experiments_has_all_of_them_so_that_this_test_can_see_them() {
    let all = [programs(), vec!["consilium-experiments".to_owned()]].concat();
    assert_eq!(for_tests_alone(&features_of_own_crates(&all)), FOR_TESTS_ALONE);
}
