//! A process for each cell: its peak memory is the cell's, and it has no more threads than the cell says.
//!
//! The parent starts this program again with a hidden subcommand and a job as JSON; the child answers with one line of
//! JSON on stdout, or with an exit code and a line on stderr.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::cells::{Job, Task};
use super::measuring::Measured;
use super::{baselines, duel, limits, parties, round, verified_run};
use crate::ExperimentError;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "bench-cell";
/// How often a parent looks whether its child is done or the run was interrupted.
const POLL: Duration = Duration::from_millis(20);

/// What became of a child that measured nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The run was interrupted; the child is gone.
    Interrupted,
    /// Why it failed, in one line.
    Failed(String),
}

/// Starts children and waits for them.
pub struct Children<'a> {
    /// The program to start.
    pub program: PathBuf,
    /// Set when the run is to stop.
    pub interrupted: &'a AtomicBool,
}

impl Children<'_> {
    /// Does a job in a process of its own.
    ///
    /// # Errors
    /// [`Failure`]: the child could not be started, failed, was killed or answered with something else.
    pub fn run(&self, job: &Job) -> Result<Measured, Failure> {
        let failed = |reason: String| Failure::Failed(reason);
        let text = serde_json::to_string(job).map_err(|e| failed(e.to_string()))?;
        let mut child = Command::new(&self.program)
            .args([SUBCOMMAND, &text])
            .env("RAYON_NUM_THREADS", job.threads.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| failed(format!("{} does not start: {e}", self.program.display())))?;
        let status = loop {
            match child.try_wait().map_err(|e| failed(e.to_string()))? {
                Some(status) => break status,
                None if self.interrupted.load(Ordering::Relaxed) => return Err(stop(&mut child)),
                None => thread::sleep(POLL),
            }
        };
        // A child that is killed by the same Ctrl-C has not failed.
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
        outcome(status, &read(child.stdout.take()), &read(child.stderr.take()))
    }
}

fn stop(child: &mut Child) -> Failure {
    // It may have ended by itself meanwhile.
    let _ = child.kill();
    let _ = child.wait();
    Failure::Interrupted
}

fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What can be read is what there is to say.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn outcome(status: ExitStatus, stdout: &str, stderr: &str) -> Result<Measured, Failure> {
    if !status.success() {
        let said =
            stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        return Err(Failure::Failed(format!("{status}: {}", said.trim())));
    }
    serde_json::from_str(stdout.trim())
        .map_err(|e| Failure::Failed(format!("it answered what is no measurement: {e}")))
}

/// The child's side: does the job, and returns the line for stdout.
///
/// # Errors
/// [`ExperimentError::Bench`] with what did not work.
pub fn execute(job: &str) -> Result<String, ExperimentError> {
    let job: Job = serde_json::from_str(job).map_err(|e| {
        ExperimentError::Invalid(format!("{SUBCOMMAND} is for `consilium bench` alone: {e}"))
    })?;
    let measured = match &job.task {
        Task::Prepare { scheme, dimension, institutions, folder } => {
            round::make(*scheme, *dimension, *institutions, folder)?;
            Measured::default()
        }
        Task::Cell { cell, folder } => match (cell.scheme.bound(), folder) {
            (Some(bound), folder) => parties::measure(
                cell,
                bound,
                folder.as_deref().unwrap_or(Path::new("")),
                job.budget_s,
            )?,
            (None, _) => baselines::measure(cell, job.budget_s)?,
        },
        Task::Limits => limits::measure()?,
        Task::ProveDuel => duel::prove(job.budget_s)?,
        Task::VerifyDuel => duel::verify(job.budget_s)?,
        Task::VerifiedRun => verified_run::measure()?,
    };
    serde_json::to_string(&measured)
        .map(|line| line + "\n")
        .map_err(|e| ExperimentError::bench("the answer")(e))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    fn failure(status: i32, stdout: &str, stderr: &str) -> Option<String> {
        match outcome(ExitStatus::from_raw(status), stdout, stderr) {
            Err(Failure::Failed(reason)) => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn an_answer_is_read_and_anything_else_is_a_failure_in_one_line() {
        let measured = Measured { seconds: vec![0.5, 0.25], bytes_up: 7, ..Measured::default() };
        let line = serde_json::to_string(&measured).unwrap() + "\n";
        assert_eq!(outcome(ExitStatus::from_raw(0), &line, ""), Ok(measured));
        for (status, stdout, stderr) in [
            (0, "", ""),
            (0, "{}", ""),
            (1 << 8, &*line, "consilium: no such round\n"),
            (9, "", ""),
        ] {
            let reason = failure(status, stdout, stderr).unwrap();
            assert_eq!(reason.lines().count(), 1, "{reason}");
        }
        assert!(failure(1 << 8, "", "first\nthe last line\n\n").unwrap().contains("the last line"));
        assert!(failure(9, "", "").unwrap().contains("signal: 9"));
    }

    #[test]
    fn a_program_that_does_not_start_is_a_failure() {
        let interrupted = AtomicBool::new(false);
        let job = Job { task: Task::Limits, threads: 1, budget_s: 0.1 };
        let children =
            Children { program: "/nonexistent/consilium".into(), interrupted: &interrupted };
        assert!(
            matches!(children.run(&job), Err(Failure::Failed(reason)) if reason.contains("does not start"))
        );
    }
}
