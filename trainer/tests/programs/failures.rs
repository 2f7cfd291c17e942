//! What a program does wrong costs the step, and nothing more.

use std::{
    fs,
    time::{Duration, Instant},
};

use consilium_learning::Trainer as _;
use consilium_trainer::Rows;

use crate::bench::{Bench, GLOBAL, is_there};

/// The first step is sat out, the message says why; the next one works, in another child.
fn sat_out(bench: &Bench, says: &str) {
    let behaviour = bench.behaviour;
    let mut trainer = bench.trainer();
    let error = trainer.train(1, &GLOBAL).unwrap_err().to_string();
    assert!(error.contains(says), "{behaviour}: {error} should say {says}");
    assert_eq!(error.lines().count(), 1, "{behaviour}: {error}");
    let first = bench.read("child").trim().parse().unwrap();
    assert!(!is_there(first), "{behaviour}: a zombie");
    bench.is_clean();
    assert_eq!(trainer.train(2, &GLOBAL).unwrap(), GLOBAL, "{behaviour}");
    assert_eq!(bench.read("starts").lines().count(), 2, "{behaviour}");
    drop(trainer);
    bench.is_clean();
}

#[test]
fn lines_that_are_no_reply_cost_the_step() {
    for (behaviour, says) in [
        ("junk", "\"loss 0.3\", which is no reply"),
        ("json-junk", "which is no reply"),
        ("bytes", "which is no reply"),
        ("other-id", "it is for request 99, not 2"),
        ("long-line", "a line of more than 262144 bytes"),
        ("endless", "a line of more than 262144 bytes"),
        ("refuses", "could not train: \"no rows\\nat all\""),
    ] {
        sat_out(&Bench::of(behaviour), says);
    }
}

#[test]
fn a_second_reply_to_one_request_costs_the_next_step() {
    let bench = Bench::of("twice");
    let mut trainer = bench.trainer();
    assert_eq!(trainer.train(1, &GLOBAL).unwrap(), GLOBAL);
    let error = trainer.train(2, &GLOBAL).unwrap_err().to_string();
    assert!(error.contains("it is for request 2, not 3"), "{error}");
    assert_eq!(trainer.train(3, &GLOBAL).unwrap(), GLOBAL);
}

#[test]
fn a_program_that_hangs_is_killed_when_its_deadline_has_passed() {
    for behaviour in ["hangs", "hangs-deaf"] {
        let mut bench = Bench::of(behaviour);
        bench.deadline = Duration::from_secs(2);
        let start = Instant::now();
        sat_out(&bench, "has not answered train within 2 s (--trainer-deadline)");
        assert!(start.elapsed() < Duration::from_secs(15), "{behaviour}");
    }
}

#[test]
fn a_program_that_dies_or_closes_its_output_costs_the_step() {
    sat_out(&Bench::of("dies-in-the-middle"), "ended while it was asked to train (signal: 9");
    sat_out(&Bench::of("closes-stdout"), "ended while it was asked to train (signal: 9");
    let bench = Bench::of("dies-at-once");
    let mut trainer = bench.trainer();
    for step in [1, 2] {
        let error = trainer.train(step, &GLOBAL).unwrap_err().to_string();
        assert!(error.contains("asked to describe (exit status: 7)"), "{error}");
        bench.is_clean();
    }
}

#[test]
fn a_file_that_is_not_the_model_costs_the_step_and_is_not_read_where_it_is_too_long() {
    for (behaviour, says) in [
        ("no-file", "No such file"),
        ("fifo", "is no file"),
        ("link", "symbolic links"),
        ("large", "400000 bytes; expected at most 262172"),
    ] {
        sat_out(&Bench::of(behaviour), says);
    }
}

/// A safetensors file with this header.
fn file(header: &str, values: &[f32]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [&length[..], header.as_bytes(), &values].concat()
}

#[test]
fn a_model_with_a_nan_another_shape_type_or_name_costs_the_step() {
    let entry = |name: &str, dtype: &str, shape: &str, from: usize, to: usize| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let a = entry("a", "F32", "[2,3]", 0, 24);
    let b = entry("b", "F32", "[]", 24, 28);
    let mut nan = GLOBAL;
    nan[4] = f32::NAN;
    let mut infinite = GLOBAL;
    infinite[6] = f32::NEG_INFINITY;
    let more = entry("c", "F32", "[0]", 28, 28);
    for (header, values, says) in [
        (format!("{{{a},{b}}}"), nan, "\"a\" holds NaN"),
        (format!("{{{a},{b}}}"), infinite, "\"b\" holds -inf"),
        (format!("{{{},{b}}}", entry("a", "F32", "[3,2]", 0, 24)), GLOBAL, "\"a\" is F32 [3, 2]"),
        (format!("{{{},{b}}}", entry("a", "I32", "[2,3]", 0, 24)), GLOBAL, "\"a\" is I32 [2, 3]"),
        (format!("{{{a},{}}}", entry("c", "F32", "[]", 24, 28)), GLOBAL, "\"b\" is missing"),
        (format!("{{{a},{b},{more}}}"), GLOBAL, "3 tensors; expected 2"),
        ("{".to_owned(), GLOBAL, "not the model of this run"),
    ] {
        let bench = Bench::of("given");
        fs::write(bench.path("given"), file(&header, &values)).unwrap();
        sat_out(&bench, says);
    }
}

#[test]
fn metrics_that_cannot_be_cost_the_step() {
    for (behaviour, says) in [
        ("evaluates-nan", "which is no reply"),
        ("evaluates-much", "100 values; expected at most 64"),
    ] {
        let bench = Bench::of(behaviour);
        let error = bench.trainer().train(1, &GLOBAL).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        bench.is_clean();
    }
}

#[test]
fn a_program_of_another_model_or_protocol_or_none_at_all_is_refused_before_it_trains() {
    for (behaviour, says) in [
        ("describes-other-shapes", "\"a\" is [3, 2], not [2, 3]"),
        ("other-version", "version 2 of the protocol, this client 1"),
    ] {
        let bench = Bench::of(behaviour);
        let error = bench.trainer().start().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(bench.read("trained"), "");
        bench.is_clean();
    }
    let bench = Bench::of("absent");
    let mut trainer = bench.trainer_of("/nonexistent/python", Rows::Own("/rows.toml".into()));
    let error = trainer.start().unwrap_err().to_string();
    assert!(error.contains("cannot start \"/nonexistent/python\""), "{error}");
    bench.is_clean();
}
