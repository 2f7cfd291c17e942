//! Nothing of a program outlives its client, and no program keeps its client waiting.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use consilium_learning::Trainer as _;

use crate::bench::{Bench, GLOBAL, is_alive, is_there};

#[test]
fn a_program_that_does_not_stop_is_killed_with_all_that_it_has_started() {
    for behaviour in ["never-stops", "forks"] {
        let bench = Bench::of(behaviour);
        let mut trainer = bench.trainer();
        trainer.train(1, &GLOBAL).unwrap();
        let child = bench.read("child").trim().parse().unwrap();
        assert!(is_alive(child));
        let start = Instant::now();
        drop(trainer);
        assert!(start.elapsed() < Duration::from_secs(8), "{behaviour}");
        assert!(!is_there(child), "{behaviour}: a zombie");
        bench.is_clean();
    }
}

#[test]
fn a_stopper_ends_a_step_at_once_and_no_other_child_is_started() {
    let bench = Bench::of("hangs");
    let mut trainer = bench.trainer();
    trainer.start().unwrap();
    let stopper = trainer.stopper();
    let waiting = thread::spawn(move || {
        let errors = [1, 2].map(|step| trainer.train(step, &GLOBAL).unwrap_err().to_string());
        drop(trainer);
        errors
    });
    while bench.read("trained").is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    stopper.stop();
    let errors = waiting.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(errors.iter().all(|error| error.contains("being stopped")), "{errors:?}");
    assert_eq!(bench.read("starts"), "started\n");
    bench.is_clean();
}

#[test]
fn the_rows_that_a_killed_client_has_left_are_gone_when_the_next_one_starts() {
    let bench = Bench::of("good");
    let left = bench.scratch().join("consilium-trainer-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    fs::write(left.join("rows.safetensors"), "an institution's rows").unwrap();
    let trainer = bench.trainer();
    assert!(!left.exists());
    drop(trainer);
}
