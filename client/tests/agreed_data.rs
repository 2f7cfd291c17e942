//! What the program does with an institution's rows before it sends anything, with a data dictionary and without.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use consilium_authority::{AgreedDictionary, CeremonySpec, initial_model};
use consilium_proto::training::Layers;
use consilium_testkit::ceremony;
use rand_core::OsRng;

const DICTIONARY: &str = "\
format = 1
name = 'visits'
[target]
column = 'ill'
positive = ['1']
negative = ['0']
[[columns]]
name = 'glucose'
kind = 'number'
unit = 'mg/dL'
minimum = 20
maximum = 1000
[[columns]]
name = 'age'
kind = 'number'
unit = 'years'
minimum = 18
maximum = 110
[[columns]]
name = 'ward'
kind = 'category'
categories = ['north', 'east']
other = 'another'
";

const SCHEMA: &str =
    "name='t'\nfile='t.csv'\ncategorical=['ward']\ntarget={column='ill', positive=1, negative=0}\n";
const ROWS: &str =
    "ward,ill,age,glucose\nnorth,1,61,97\nseventh,0,47,101\n,0,55,88\nnorth,1,70,140\n";

/// A folder with a site's schema and rows, and a ceremony in which each institution has four rows.
struct Site(tempfile::TempDir);

impl Site {
    fn new(dictionary: Option<&str>, inputs: u32) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.write("t.toml", SCHEMA);
        site.write("t.csv", ROWS);
        let agreed =
            dictionary.map(|text| AgreedDictionary::load(&site.write("agreed.toml", text)));
        let agreed = agreed.map(|agreed| agreed.unwrap());
        let layers =
            Layers::dense(agreed.as_ref().map_or(inputs, AgreedDictionary::inputs), vec![]);
        let model = initial_model(&layers, &mut OsRng).unwrap();
        let ceremony = ceremony(1, |usual| {
            *usual =
                CeremonySpec { dictionary: agreed, ..CeremonySpec::new(layers, model, vec![4; 4]) };
        });
        ceremony.write(&site.path("ceremony")).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn program(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        command.args(arguments).env("RUST_LOG", "info").current_dir(self.0.path()).output().unwrap()
    }

    /// Runs the first institution against a coordinator that is not there: exit code 1 means that its rows were accepted.
    fn run(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let usual = [
            "run",
            "--ceremony",
            "ceremony/institution-01",
            "--state",
            "state",
            "--data",
            "t.toml",
            "--plain",
            "--coordinator",
            "http://127.0.0.1:1",
            "--give-up-after",
            "1",
        ];
        let Output { status, stdout, stderr } = self.program(&[&usual[..], more].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }
}

fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{text}\nshould say\n{part}");
}

fn is_unmade(state: &Path) {
    assert!(!state.exists(), "a refusal leaves no state directory behind");
}

#[test]
fn rows_that_fit_are_taken_whatever_the_order_of_their_columns_and_classes_are_counted() {
    let site = Site::new(Some(DICTIONARY), 0);
    let (code, _, log) = site.run(&[]);
    assert_eq!(code, Some(1), "{log}");
    has(&log, "the rows fit the data dictionary visits");
    has(&log, "classes: 1: 2 rows, 0: 2 rows");
    has(&log, "column ward: 1 rows of an unknown category count as other");
    has(&log, "no --statistics");
    assert!(!log.contains("seventh"), "{log}");
}

#[test]
fn a_site_without_a_value_or_with_one_class_only_is_no_fault() {
    let site = Site::new(Some(DICTIONARY), 0);
    site.write("t.csv", "ward,ill,age,glucose\n,1,61,\n,1,61,\n,1,61,\n,1,61,\n");
    let (code, _, log) = site.run(&[]);
    assert_eq!(code, Some(1), "{log}");
    has(&log, "classes: 1: 4 rows, 0: 0 rows");
}

#[test]
fn rows_that_do_not_fit_are_refused_with_the_report_before_anything_is_made_or_sent() {
    let site = Site::new(Some(DICTIONARY), 0);
    site.write("t.csv", "ward,ill,age,sugar,glucose\nnorth,1,61,1,5.4321\nnorth,0,47,2,101\n");
    let (code, report, message) = site.run(&[]);
    assert_eq!(code, Some(2), "{message}");
    has(&report, "does not fit: column `sugar` is not in the dictionary");
    has(&report, "1 rows are below 20 and 0 above 1000 mg/dL");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    has(&message, "does not fit the dictionary");
    assert!(!report.contains("5.4321") && !message.contains("5.4321"));
    is_unmade(&site.path("state"));
}

#[test]
fn a_dictionary_of_another_version_is_refused_by_both_hashes_and_comments_make_no_other() {
    let site = Site::new(Some(DICTIONARY), 0);
    let hash = |text| consilium_datasets::dictionary::Dictionary::parse(text).unwrap().hash();
    let other = DICTIONARY.replace("maximum = 110", "maximum = 120");
    site.write("ceremony/institution-01/dictionary.toml", &other);
    let (code, _, message) = site.run(&[]);
    assert_eq!(code, Some(2), "{message}");
    has(&message, &format!("it is the data dictionary {}", hash(&other)));
    has(&message, &format!("the genesis names {}", hash(DICTIONARY)));
    is_unmade(&site.path("state"));

    site.write(
        "ceremony/institution-01/dictionary.toml",
        &DICTIONARY.replace("format = 1", "format = 2"),
    );
    let (code, _, message) = site.run(&[]);
    assert_eq!(code, Some(2), "{message}");
    has(&message, "dictionary of format 2");

    site.write(
        "ceremony/institution-01/dictionary.toml",
        &format!("# as agreed in May\n{DICTIONARY}"),
    );
    assert_eq!(site.run(&[]).0, Some(1));
}

#[test]
fn a_dictionary_that_is_missing_or_that_the_genesis_does_not_name_is_refused() {
    let site = Site::new(Some(DICTIONARY), 0);
    fs::remove_file(site.path("ceremony/institution-01/dictionary.toml")).unwrap();
    let (code, _, message) = site.run(&[]);
    assert_eq!(code, Some(2), "{message}");
    has(&message, "is missing, and the genesis names the data dictionary");

    let site = Site::new(None, 5);
    site.write("ceremony/institution-01/dictionary.toml", DICTIONARY);
    let (code, _, message) = site.run(&[]);
    assert_eq!(code, Some(2), "{message}");
    has(&message, "is there, and the genesis names no data dictionary");
}

#[test]
fn agreed_statistics_have_the_dictionarys_form_or_are_refused() {
    let site = Site::new(Some(DICTIONARY), 0);
    let made = |more: &[&str]| {
        let arguments = [&["statistics", "--data", "t.toml"][..], more].concat();
        String::from_utf8(site.program(&arguments).stdout).unwrap()
    };
    site.write("agreed-statistics.toml", &made(&["--dictionary", "agreed.toml"]));
    let (code, _, log) = site.run(&["--statistics", "agreed-statistics.toml"]);
    assert_eq!(code, Some(1), "{log}");
    assert!(!log.contains("no --statistics"), "{log}");

    site.write("others.toml", &made(&[]));
    let (code, _, message) = site.run(&["--statistics", "others.toml"]);
    assert_eq!(code, Some(2), "{message}");
    has(&message, "others.toml");
    has(&message, "are not those of the dictionary");
}

#[test]
fn without_a_dictionary_columns_in_an_order_that_nothing_says_are_refused_with_what_to_do() {
    let site = Site::new(None, 5);
    let (code, _, message) = site.run(&[]);
    assert_eq!(code, Some(2), "{message}");
    has(&message, "agree on a data dictionary");
    has(&message, "name `features` in the schema");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");

    // ward: two categories and one for missing; age and glucose.
    site.write("t.toml", &format!("features=['ward','age','glucose']\n{SCHEMA}"));
    let (code, _, log) = site.run(&[]);
    assert_eq!(code, Some(1), "{log}");

    site.write("t.toml", SCHEMA);
    site.write(
        "t.csv",
        "age,glucose,ward,ill\n61,97,north,1\n47,101,seventh,0\n55,88,,0\n70,140,north,1\n",
    );
    let (code, _, log) = site.run(&[]);
    assert_eq!(code, Some(1), "an order that follows from the names: {log}");
}

#[test]
fn without_a_dictionary_the_log_says_what_nobody_checks_and_names_categories_that_are_not_rare() {
    let site = Site::new(None, 4);
    let rows: String =
        (0..24).map(|row| format!("{},{},{}\n", row, ["n", "e"][row % 2], row % 3 / 2)).collect();
    site.write("t.csv", &format!("age,ward,ill\n{rows}40,rare,1\n"));
    let rows = CeremonySpec::new(Layers::dense(4, vec![]), vec![0.0; 5], vec![25; 4]);
    fs::remove_dir_all(site.path("ceremony")).unwrap();
    ceremony(1, |usual| *usual = rows).write(&site.path("ceremony")).unwrap();
    let (code, _, log) = site.run(&[]);
    assert_eq!(code, Some(1), "{log}");
    has(&log, "this run has agreed on no data dictionary");
    has(&log, "column ward has the categories e, n and 1 that are not shown here");
    assert!(!log.contains("rare"), "{log}");
}

#[test]
fn rows_that_agreed_statistics_have_no_place_for_are_counted() {
    let site = Site::new(None, 4);
    let csv = "ward,ill,age,glucose\nnorth,1,61,97\neast,0,47,101\neast,0,55,88\nnorth,1,70,140\n";
    site.write("t.csv", csv);
    let statistics = site.program(&["statistics", "--data", "t.toml"]).stdout;
    site.write("statistics.toml", &String::from_utf8(statistics).unwrap());
    site.write("t.csv", ROWS);
    let (code, _, log) = site.run(&["--statistics", "statistics.toml"]);
    assert_eq!(code, Some(1), "{log}");
    has(&log, "column ward: 1 rows have a category unknown to the statistics, 1 none");
    assert!(!log.contains("seventh"), "{log}");
}
