//! A threshold of 1, which protects nobody: the program founds and asks for none unless it is told to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::process::{Command, Output};

use consilium_identity::InstitutionFiles;

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-authority")).args(arguments).output().unwrap()
}

#[test]
fn a_threshold_of_1_founds_nothing_unless_it_is_asked_for_by_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    let out = dir.to_str().unwrap();
    let init = |institutions: &str, more: &[&str]| {
        let fixed = [
            "init",
            "--make-keys-here",
            "--inputs",
            "2",
            "--rows",
            "40",
            "--out",
            out,
            "--institutions",
        ];
        program(&[fixed.as_slice(), &[institutions], more].concat())
    };
    for (institutions, more, says) in [
        ("2", &[][..], "--threshold is 1: each member of the committee could open"),
        ("3", &[], "have four or more"),
        ("10", &["--threshold", "1"], "--threshold is 1"),
        ("10", &["--min-threshold", "1"], "--min-threshold is 1"),
    ] {
        let output = init(institutions, more);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{institutions} {more:?}: {message}");
        assert!(message.contains(says) && message.contains("--allow-threshold-one"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(!dir.exists());
    }
    let output = init("3", &["--allow-threshold-one"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = InstitutionFiles::load(&dir.join("institution-03")).unwrap();
    assert_eq!(folder.parameters.threshold, 1);

    // A later committee needs it as well.
    let authority = dir.join("authority");
    let file = root.path().join("change.bin");
    let change = |more: &[&str]| {
        let fixed = [
            "change-committee",
            "--authority",
            authority.to_str().unwrap(),
            "--number",
            "1",
            "--members",
            "institution-01,institution-02",
            "--out",
            file.to_str().unwrap(),
        ];
        program(&[fixed.as_slice(), more].concat())
    };
    let output = change(&[]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && message.contains("name four or more"), "{message}");
    assert!(!file.exists());
    assert!(change(&["--allow-threshold-one"]).status.success());
}
