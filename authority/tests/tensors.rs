//! Founding a run whose institutions train with programs of their own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use consilium_contract::Parameters;
use consilium_proto::training::{Head, Program};

const TENSORS: &str = "options = \"alpha=1\"\n\
                       [[tensors]]\nname = \"coef\"\nshape = [1, 8]\n\
                       [[tensors]]\nname = \"intercept\"\nshape = []\n";

fn init(folder: &Path, more: &[&str]) -> Output {
    let path = |name: &str| folder.join(name).display().to_string();
    let tensors = path("tensors.toml");
    let out = path("ceremony");
    let fixed = [
        "init",
        "--make-keys-here",
        "--institutions",
        "4",
        "--rows",
        "40",
        "--tensors",
        &tensors,
        "--out",
        &out,
    ];
    let program = env!("CARGO_BIN_EXE_consilium-authority");
    Command::new(program).args(fixed).args(more).output().unwrap()
}

/// What was founded, and its initial model.
fn founded(folder: &Path, more: &[&str]) -> (Parameters, Vec<u8>, String) {
    fs::write(folder.join("tensors.toml"), TENSORS).unwrap();
    let output = init(folder, more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ceremony = folder.join("ceremony");
    let entry = fs::read(ceremony.join("genesis.bin")).unwrap();
    let model = fs::read(ceremony.join("initial-model.bin")).unwrap();
    let parameters = Parameters::from_genesis_entry(&entry).unwrap();
    (parameters, model, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_run_of_named_tensors_starts_from_zeros_and_its_genesis_says_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (parameters, model, says) = founded(folder.path(), &[]);
    assert_eq!(parameters.dimension, 9);
    assert_eq!(model, [0; 36]);
    let program = Program::decode(&parameters.training).unwrap();
    assert_eq!(program.options(), "alpha=1");
    assert_eq!(program.tensors().shapes()[0], ("coef".to_owned(), vec![1, 8]));
    assert!(says.contains("coef [1, 8], intercept []") && says.contains("alpha=1"), "{says}");
}

#[test]
fn a_run_of_named_tensors_starts_from_a_safetensors_file_that_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let header = r#"{"intercept":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"coef":{"dtype":"F32","shape":[1,8],"data_offsets":[4,36]}}"#;
    let values: Vec<u8> = (0..9u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let length = (header.len() as u64).to_le_bytes();
    let file = [&length[..], header.as_bytes(), &values].concat();
    let start = folder.path().join("start.safetensors");
    fs::write(&start, &file).unwrap();
    let start = start.display().to_string();
    let (_, model, _) = founded(folder.path(), &["--initial", &start]);
    // The file's order is its own; the model's is that of the plan.
    let (intercept, coef) = values.split_at(4);
    assert_eq!(model, [coef, intercept].concat());

    fs::write(&start, &file[..file.len() - 4]).unwrap();
    fs::remove_dir_all(folder.path().join("ceremony")).unwrap();
    let output = init(folder.path(), &["--initial-model", &start]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("ceremony").exists());
}

/// Two inputs, and three classes.
const DICTIONARY: &str = "format = 1\nname = 'visits'\n\
    [target]\ncolumn = 'kind'\nclasses = ['a', 'b', 'c']\n\
    [[columns]]\nname = 'x'\nkind = 'number'\nunit = 'g'\nminimum = 0\nmaximum = 9\n";

#[test]
fn a_programs_run_agrees_on_a_dictionary_counts_by_it_and_measures_what_it_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let dictionary = folder.path().join("d.toml");
    fs::write(&dictionary, DICTIONARY).unwrap();
    let dictionary = dictionary.display().to_string();
    let (parameters, _, says) = founded(
        folder.path(),
        &["--dictionary", &dictionary, "--count-statistics", "--evaluate-every", "5"],
    );
    let program = Program::decode(&parameters.training).unwrap();
    assert_eq!(program.head(), Head::Classes(3));
    assert!(says.contains(&program.dictionary().unwrap().to_string()), "{says}");
    assert!(says.contains("one of 3 classes"), "{says}");
    let agenda = parameters.agenda();
    assert!(agenda.statistics().is_some());
    assert_eq!(agenda.evaluation().unwrap().counted.tally.counts(), 1 + 9 + 64 + 192);
    let kept = fs::read_to_string(folder.path().join("ceremony/institution-01/dictionary.toml"));
    assert_eq!(kept.unwrap(), DICTIONARY);
}

#[test]
fn a_network_and_tensors_are_not_founded_together() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tensors.toml"), TENSORS).unwrap();
    for flag in ["--inputs", "--hidden", "--learning-rate", "--batch-size", "--local-epochs"] {
        let output = init(folder.path(), &[flag, "3"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(flag) && message.lines().count() == 1, "{message}");
    }
    let program = env!("CARGO_BIN_EXE_consilium-authority");
    let neither = ["init", "--make-keys-here", "--institutions", "4", "--rows", "40", "--out", "x"];
    let output = Command::new(program).args(neither).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--inputs"));
}
