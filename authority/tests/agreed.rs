//! A ceremony under a data dictionary.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::{Command, Output};

use consilium_contract::Parameters;
use consilium_datasets::dictionary::Dictionary;
use consilium_proto::training::{Head, Plan};

const DICTIONARY: &str = "\
# Agreed in May.
format = 1
name = 'visits'
[target]
column = 'ill'
positive = ['1']
negative = ['0']
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

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(dictionary: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.0.path().join("d.toml"), dictionary).unwrap();
        folder
    }

    fn program(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-authority"));
        command.args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn init(&self, more: &[&str]) -> Output {
        let usual = [
            "init",
            "--make-keys-here",
            "--institutions",
            "4",
            "--rows",
            "20",
            "--out",
            "ceremony",
        ];
        self.program(&[&usual[..], more].concat())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

fn refused(output: &Output, what: &str) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(what), "{message} should say {what}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
}

#[test]
fn the_genesis_names_the_dictionary_and_every_institution_gets_it_as_it_was_written() {
    let folder = Folder::new(DICTIONARY);
    let made = folder.init(&["--dictionary", "d.toml"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let hash = Dictionary::parse(DICTIONARY).unwrap().hash().to_string();
    let shown = folder.program(&["show", "ceremony/institution-01", "--format", "json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["data_dictionary"], hash.as_str());
    // Age; north, east, another and missing.
    assert_eq!(shown["inputs"], 5);
    for place in ["", "authority/", "institution-01/", "institution-04/"] {
        assert_eq!(folder.read(&format!("ceremony/{place}dictionary.toml")), DICTIONARY);
    }

    let joins = [
        "admit",
        "--make-keys-here",
        "--authority",
        "ceremony/authority",
        "--rows",
        "9",
        "--out",
        "fifth",
    ];
    assert!(folder.program(&joins).status.success());
    assert_eq!(folder.read("fifth/dictionary.toml"), DICTIONARY);
}

#[test]
fn inputs_follow_from_the_dictionary_and_may_be_said_but_not_otherwise() {
    let folder = Folder::new(DICTIONARY);
    refused(
        &folder.init(&["--dictionary", "d.toml", "--inputs", "2"]),
        "--inputs is 2, and 5 follow from d.toml: leave --inputs out",
    );
    assert!(folder.init(&["--dictionary", "d.toml", "--inputs", "5"]).status.success());
    let neither = folder.init(&[]);
    refused(&neither, "--inputs");
}

fn with_target(target: &str) -> String {
    DICTIONARY.replace("positive = ['1']\nnegative = ['0']", target)
}

#[test]
fn what_a_model_predicts_follows_from_the_dictionarys_target() {
    for (target, head, counts) in [
        ("positive = ['1']\nnegative = ['0']", Head::Binary, 65),
        ("classes = ['a', 'b', 'c']", Head::Classes(3), 1 + 9 + 64 + 192),
        ("unit = 'd'\nminimum = 0\nmaximum = 90", Head::Regression, 1),
    ] {
        let folder = Folder::new(&with_target(target));
        let said = folder.init(&["--dictionary", "d.toml", "--evaluate-every", "10"]);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let genesis = fs::read(folder.0.path().join("ceremony/genesis.bin")).unwrap();
        let parameters = Parameters::from_genesis_entry(&genesis).unwrap();
        let plan = Plan::decode(&parameters.training).unwrap();
        assert_eq!(plan.layers.head, head);
        let evaluation = parameters.agenda().evaluation().unwrap();
        assert_eq!(evaluation.counted.tally.counts(), counts);
    }
}

#[test]
fn weights_of_other_classes_than_there_are_or_too_many_to_count_are_refused_by_name() {
    let folder = Folder::new(&with_target("classes = ['a', 'b', 'c']"));
    let weighted = folder.init(&["--dictionary", "d.toml", "--class-weights", "1,2"]);
    refused(&weighted, "class weights is 2 numbers; expected 3, one for each class, or none");
    let fit = folder.init(&["--dictionary", "d.toml", "--class-weights", "1,2,0.5"]);
    assert!(String::from_utf8_lossy(&fit.stdout).contains("class weights          [1.0,2.0,0.5]"));
    let classes = |number: usize| {
        let many: Vec<String> = (0..number).map(|class| format!("'{class}'")).collect();
        Folder::new(&with_target(&format!("classes = [{}]", many.join(","))))
    };
    let measured = ["--dictionary", "d.toml", "--evaluate-every", "10"];
    let folder = classes(33);
    let many = folder.init(&measured);
    refused(&many, "the target has 33 classes, and an evaluation counts at most 32");
    assert!(folder.init(&measured[..2]).status.success());
    assert!(classes(32).init(&measured).status.success());
}

#[test]
fn a_file_that_is_no_dictionary_for_a_run_is_refused_and_nothing_is_written() {
    for (text, says) in [
        ("format = 2\n", "d.toml: dictionary of format 2"),
        ("format = 1\nname = 'x'\n", "d.toml: dictionary: "),
    ] {
        let folder = Folder::new(text);
        refused(&folder.init(&["--dictionary", "d.toml"]), says);
        assert!(!folder.0.path().join("ceremony").exists());
    }
    refused(&Folder::new("").init(&["--dictionary", "gone.toml"]), "gone.toml: cannot be read");
}
