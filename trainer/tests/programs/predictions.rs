//! What a program says of rows that it does not train on, and what becomes of it.

use std::fs;

use consilium_datasets::{
    Table,
    scorecard::{Form, Scores},
};
use consilium_learning::Trainer as _;
use consilium_proto::training::{Tensor, Tensors};
use consilium_trainer::{ProgramTrainer, Rows, to_safetensors};

use crate::bench::{Bench, GLOBAL};

/// Four rows that are held out, two of them positive.
fn held_out() -> Table {
    Table {
        features: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        labels: vec![0.0, 1.0, 0.0, 1.0],
        rows: 4,
        width: 2,
    }
}

fn trainer(bench: &Bench) -> ProgramTrainer {
    bench.trainer().holding_out(Form::Binary, held_out())
}

/// A file of predictions.
fn predictions(name: &str, shape: &[u32], values: &[f32]) -> Vec<u8> {
    let tensor = Tensor { name: name.to_owned(), shape: shape.to_vec() };
    to_safetensors(&Tensors::new(vec![tensor]).unwrap(), values).unwrap()
}

#[test]
fn predictions_are_counted_here_and_the_program_is_not_shown_what_is_right() {
    let bench = Bench::of("predicts-given");
    let given = predictions("outputs", &[4, 1], &[-2.0, -1.0, -0.5, 3.0]);
    fs::write(bench.path("predictions"), given).unwrap();
    let mut trainer = trainer(&bench);
    let counted = trainer.evaluate(&GLOBAL).unwrap();
    let Some(Scores::Binary(scores)) = Form::Binary.read(&counted) else { panic!() };
    // Of the four pairs of a positive and a negative row, one is in the wrong order.
    assert_eq!((scores.rows, scores.auc), (4, Some(0.75)));
    let shown = fs::read(bench.path("held-out")).unwrap();
    let text = String::from_utf8_lossy(&shown).into_owned();
    assert!(text.contains(r#""features":{"dtype":"F32","shape":[4,2]"#), "{text}");
    assert!(!text.contains("labels"), "{text}");
    // The next step trains in the same child.
    assert_eq!(trainer.train(1, &GLOBAL).unwrap(), GLOBAL);
    assert_eq!(trainer.evaluate(&GLOBAL).unwrap(), counted);
    drop(trainer);
    assert_eq!(bench.read("starts"), "started\n");
    bench.is_clean();
}

#[test]
fn predictions_that_are_not_of_these_rows_cost_the_step() {
    for (given, says) in [
        (
            predictions("outputs", &[3, 1], &[0.0; 3]),
            "\"outputs\" is F32 [3, 1]; expected F32 [4, 1]",
        ),
        (predictions("outputs", &[4], &[0.0; 4]), "expected F32 [4, 1]"),
        (predictions("scores", &[4, 1], &[0.0; 4]), "tensor \"outputs\" is missing"),
        (predictions("outputs", &[4, 1], &[0.0, f32::NAN, 0.0, 0.0]), "\"outputs\" holds NaN"),
        (b"half".to_vec(), "not the predictions that were asked for"),
        (vec![0; 300_000], "300000 bytes; expected at most"),
    ] {
        let bench = Bench::of("predicts-given");
        fs::write(bench.path("predictions"), given).unwrap();
        let mut trainer = trainer(&bench);
        let error = trainer.evaluate(&GLOBAL).unwrap_err().to_string();
        assert!(error.contains(says), "{error} should say {says}");
        bench.is_clean();
        // What is held out is there again for the next child.
        fs::write(bench.path("predictions"), predictions("outputs", &[4, 1], &[0.0; 4])).unwrap();
        assert!(trainer.evaluate(&GLOBAL).is_ok());
    }
    let bench = Bench::of("predicts-nothing");
    let error = trainer(&bench).evaluate(&GLOBAL).unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
    bench.is_clean();
}

#[test]
fn a_program_that_cannot_predict_is_refused_before_it_trains_where_the_run_measures() {
    let bench = Bench::of("good");
    let error = trainer(&bench).start().unwrap_err().to_string();
    assert!(error.contains("does not answer `predict`"), "{error}");
    assert_eq!(bench.read("trained"), "");
    bench.is_clean();
    // One that says nothing of it, and need not.
    bench.trainer().start().unwrap();
}

#[test]
fn a_site_that_holds_no_row_out_counts_none_and_asks_nothing() {
    let bench = Bench::of("predicts");
    let nothing = Table { features: vec![], labels: vec![], rows: 0, width: 2 };
    let mut trainer = bench.trainer().holding_out(Form::Binary, nothing);
    assert_eq!(trainer.evaluate(&GLOBAL).unwrap().counts[0], 0);
    assert_eq!(bench.read("predicted"), "");
    let bench = Bench::of("predicts");
    assert!(bench.trainer().evaluate(&GLOBAL).is_err(), "no rows were said to be held out");
}

#[test]
fn a_program_is_compared_with_the_run_before_there_are_rows() {
    let bench = Bench::of("good");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/script.sh");
    let command = format!("/bin/sh '{script}' good '{}'", bench.path("").display());
    bench.trainer_of(&command, Rows::Later).start().unwrap();
    assert!(bench.read("describe").contains(r#""table":null,"data":null"#));
    assert_eq!(bench.read("stopped"), "stopped\n");
}
