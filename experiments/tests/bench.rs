//! The processes of a bench, with the real program.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use consilium_experiments::bench::{Cell, Children, Failure, Job, Party, SUBCOMMAND, Scheme, Task};

const PROGRAM: &str = env!("CARGO_BIN_EXE_consilium");

fn job(scheme: Scheme, party: Party, folder: Option<PathBuf>) -> Job {
    let institutions = if party == Party::Client { 1 } else { 10 };
    let cell = Cell { scheme, party, dimension: 8, institutions, threads: 1 };
    Job { task: Task::Cell { cell, folder }, threads: 1, budget_s: 0.0 }
}

#[test]
fn a_cell_is_measured_in_a_process_of_its_own() {
    let interrupted = AtomicBool::new(false);
    let children = Children { program: PROGRAM.into(), interrupted: &interrupted };
    for scheme in [Scheme::FedAvg, Scheme::Norm] {
        let measured = children.run(&job(scheme, Party::Client, None)).unwrap();
        assert!(measured.seconds.len() >= 2 && measured.bytes_up > 0, "{measured:?}");
        if cfg!(target_os = "linux") {
            assert!(measured.peak_kb.unwrap() > 0);
        }
    }
}

#[test]
fn a_child_that_fails_is_reported_in_one_line_that_says_why() {
    let interrupted = AtomicBool::new(false);
    let children = Children { program: PROGRAM.into(), interrupted: &interrupted };
    for (job, says) in [
        (job(Scheme::Norm, Party::Trustee, Some("no such round".into())), "no such round"),
        (job(Scheme::FedAvg, Party::Trustee, None), "no such party"),
    ] {
        let Err(Failure::Failed(reason)) = children.run(&job) else { panic!("it did not fail") };
        assert!(reason.contains(says) && reason.lines().count() == 1, "{reason}");
    }
    let output = Command::new(PROGRAM).args([SUBCOMMAND, "not a job"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    assert!(output.stdout.is_empty());
}

#[test]
fn an_interrupted_run_measures_no_further_cell() {
    let interrupted = AtomicBool::new(true);
    let children = Children { program: PROGRAM.into(), interrupted: &interrupted };
    assert_eq!(children.run(&job(Scheme::FedAvg, Party::Client, None)), Err(Failure::Interrupted));
}
