//! The program drafts a dictionary, and shows of a site's file no more than it says.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::{Command, Output};

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-authority")).args(arguments).output().unwrap()
}

#[test]
fn a_draft_is_printed_without_numbers_and_rare_categories() {
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("t.toml");
    let rows: String = (0..12).map(|row| format!("{}.5,A,{}\n", 70 + row, row % 2)).collect();
    fs::write(dir.path().join("t.csv"), format!("age,ward,ill\n{rows}99.5,Jane,1\n")).unwrap();
    fs::write(
        &schema,
        "name='t'\nfile='t.csv'\ncategorical=['ward']\ntarget={column='ill', positive=1}",
    )
    .unwrap();
    let schema = schema.display().to_string();
    let drafted = program(&["dictionary", "--data", &schema]);
    assert!(drafted.status.success());
    let text = String::from_utf8(drafted.stdout).unwrap();
    assert!(text.contains("name = \"age\"\nkind = \"number\"\n#? unit"), "{text}");
    assert!(text.contains("categories = [\"A\"]\n#? other"), "{text}");
    assert!(!text.contains("Jane") && !text.contains(".5"), "{text}");
    let all = program(&["dictionary", "--data", &schema, "--least-rows", "1"]);
    assert!(String::from_utf8(all.stdout).unwrap().contains("categories = [\"A\", \"Jane\"]"));
}

#[test]
fn a_file_that_cannot_be_read_is_refused_on_one_line_and_help_says_what_a_draft_shows() {
    let refused = program(&["dictionary", "--data", "/nowhere/t.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("/nowhere/t.toml: cannot be read"), "{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    let help = String::from_utf8(program(&["dictionary", "--help"]).stdout).unwrap();
    assert!(help.contains("What a draft shows of the data"), "{help}");
}
