//! The program says whether a site's file fits the dictionary, by its exit code, in words and as JSON.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;
use std::process::{Command, Output};

const DICTIONARY: &str = "format = 1\nname = 'visits'\n[target]\ncolumn = 'ill'\npositive = ['1']\nnegative = ['0']\n\
    [[columns]]\nname = 'glucose'\nkind = 'number'\nunit = 'mg/dL'\nminimum = 20\nmaximum = 1000\n";

/// What `check-data` says of a site with these files.
fn checked(dictionary: &str, csv: &str, more: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("d.toml"), dictionary).unwrap();
    fs::write(path("t.csv"), csv).unwrap();
    fs::write(path("t.toml"), "name='t'\nfile='t.csv'\ntarget={column='ill', positive=1}\n")
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
    command.arg("check-data").arg("--data").arg(path("t.toml"));
    command.arg("--dictionary").arg(path("d.toml")).args(more).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_file_that_fits_exits_with_0_and_its_classes() {
    let Output { status, stdout, .. } = checked(DICTIONARY, "ill,glucose\n1,90\n0,80\n", &[]);
    assert_eq!(status.code(), Some(0));
    let report = text(stdout);
    assert!(report.contains("1: 1 rows") && report.contains("the file fits"), "{report}");
}

#[test]
fn a_file_that_does_not_fit_exits_with_2_and_the_whole_report() {
    let csv = "ill,glucose,age\n1,5.43,61\n0,80,62\n";
    let Output { status, stdout, stderr } = checked(DICTIONARY, csv, &[]);
    assert_eq!(status.code(), Some(2));
    let report = text(stdout);
    assert!(report.contains("column `age` is not in the dictionary"), "{report}");
    assert!(report.contains("1 rows are below 20") && !report.contains("5.43"), "{report}");
    assert!(text(stderr).trim_end().ends_with("does not fit the dictionary: 2 faults"));

    let Output { status, stdout, .. } = checked(DICTIONARY, csv, &["--json"]);
    assert_eq!(status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(report["findings"][0]["fault"], "unknown_column");
    assert_eq!(report["findings"][1]["below"], 1);
    assert_eq!(report["classes"][0]["value"], "1");
    assert_eq!(report["dictionary"].as_str().unwrap().len(), 64);
}

#[test]
fn what_cannot_be_read_exits_with_2_and_one_line() {
    for (dictionary, csv, part) in [
        (DICTIONARY, "ill;glucose\n1;90\n", "separator = \";\""),
        (DICTIONARY, "ill,glucose,ill\n1,90,1\n", "column `ill` occurs twice"),
        ("format = 2", "ill,glucose\n1,90\n", "dictionary of format 2"),
    ] {
        let Output { status, stdout, stderr } = checked(dictionary, csv, &[]);
        let message = text(stderr);
        assert_eq!(status.code(), Some(2), "{message}");
        assert!(stdout.is_empty() && message.contains(part), "{message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    }
}
