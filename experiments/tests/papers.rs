//! docs/papers.md names, for everything numbered in the two papers, files and tests: all of them are there.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands between backticks.
fn named(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn is_path(name: &str) -> bool {
    name.contains('/') || [".md", ".rs", ".svg"].iter().any(|end| name.ends_with(end))
}

/// Sentences with underscores between their words.
fn is_test(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    name.split('_').count() > 3 && name.split('_').all(is_word)
}

/// Whether a file defines a test of this name.
fn defines(file: &str, test: &str) -> bool {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let Some((before, _)) = text.split_once(&format!("fn {test}()")) else { return false };
    let line = before.rsplit("\n\n").next().unwrap();
    line.contains("#[test]") || line.contains("#[tokio::test") || line.contains("test]")
}

/// What is wrong with a table of the page, row by row.
fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for row in page.lines().filter(|line| line.starts_with('|')) {
        let names = named(row);
        let files: Vec<&str> = names.iter().copied().filter(|name| is_path(name)).collect();
        for file in &files {
            if !root().join(file).exists() {
                faults.push(format!("there is no {file}"));
            }
        }
        let is_source = |file: &&&str| file.ends_with(".rs") && root().join(file).exists();
        for test in names.iter().copied().filter(|name| is_test(name)) {
            if !files.iter().filter(is_source).any(|file| defines(file, test)) {
                faults.push(format!("{test} is in none of the files of its row: {files:?}"));
            }
        }
    }
    faults
}

#[test]
fn every_file_and_test_that_the_page_on_the_papers_names_is_there() {
    let page = fs::read_to_string(root().join("docs/papers.md")).unwrap();
    let faults = faults(&page);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let tests = named(&page).into_iter().filter(|name| is_test(name)).count();
    assert!(tests > 80, "{tests} tests are named: has the page another form?");
}

#[test]
fn everything_numbered_in_both_papers_has_a_row() {
    let page = fs::read_to_string(root().join("docs/papers.md")).unwrap();
    let (of_mo, of_liu) = page.split_once("## liu2021").unwrap();
    let first_cells = |text: &str| {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
        rows.filter_map(|row| row.split(" | ").next()).collect::<Vec<_>>().join("; ")
    };
    let mo = first_cells(of_mo);
    let liu = first_cells(of_liu);
    let numbered = |what: &str, numbers: std::ops::RangeInclusive<u32>| {
        numbers.map(|number| format!("{what} ({number})")).collect::<Vec<_>>()
    };
    let equations = numbered("eq.", 1..=32);
    let others = ["Fig. 1", "Fig. 2", "Fig. 3", "Fig. 4", "Fig. 5", "Fig. 6", "Table 1"];
    let stated = ["Def. 1", "Def. 2", "Def. 3", "Lemma 1", "Theorem 1", "Algorithm B"];
    let clauses =
        ["clause (A)", "clause (B)", "clause (C)", "clause (D)", "clause (E)", "clause (F)"];
    let sections =
        ["2.1 requirement 1", "2.1 requirement 2", "2.1 requirement 3", "2.1 requirement 4"];
    let all = equations.iter().map(String::as_str).chain(others).chain(stated).chain(clauses);
    for what in all.chain(sections) {
        assert!(mo.split("; ").any(|cell| cell.split(", ").any(|it| it == what)), "mo2023: {what}");
    }
    let figures = (1..=7).map(|number| format!("Fig. {number}"));
    let tables = (1..=3).map(|number| format!("Table {number}"));
    let requirements = (1..=4).map(|number| format!("2.3 requirement {number}"));
    let claims = ["i", "ii", "iii", "iv", "v", "vi"].map(|number| format!("4 ({number})"));
    let steps = (1..=6).map(|number| format!("3.6 ({number})"));
    let joins = (1..=6).map(|number| format!("3.4 ({number})"));
    let re_encryption = (1..=6).map(|number| format!("2.6 ({number})"));
    let single = ["Algorithm 1", "2.5 bilinear map"].map(str::to_owned);
    let all = figures.chain(tables).chain(requirements).chain(claims).chain(steps).chain(joins);
    for what in all.chain(re_encryption).chain(single) {
        assert!(
            liu.split("; ").any(|cell| cell.split(", ").any(|it| it == what)),
            "liu2021: {what}"
        );
    }
}

#[test]
fn a_file_or_a_test_that_is_not_there_is_found_and_so_is_a_test_in_another_file() {
    let this = "experiments/tests/papers.rs";
    let test = "a_file_or_a_test_that_is_not_there_is_found_and_so_is_a_test_in_another_file";
    assert_eq!(faults(&format!("| x | `{this}`: `{test}` |")), Vec::<String>::new());
    for row in [
        "| x | `experiments/tests/nothing.rs` |".to_owned(),
        format!("| x | `{this}`: `no_test_has_such_a_name` |"),
        format!("| x | `experiments/tests/attack.rs`: `{test}` |"),
        format!("| x | `{test}` |"),
    ] {
        assert_eq!(faults(&row).len(), 1, "{row}");
    }
}
