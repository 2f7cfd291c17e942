//! A process for each cell: its peak memory is the cell's, and it has no more threads than the cell says.
//!
//! The parent starts this program again with a hidden subcommand and a job as JSON; the child answers with one line of
//! JSON on stdout, or with an exit code and a line on stderr.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::job::Job;
use super::measuring::Measured;
use crate::ExperimentError;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "bench-cell";
/// How often a parent looks whether its child is done or the run was interrupted.
const POLL: Duration = Duration::from_millis(20);

/// What became of a child that measured nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The run was interrupted; the child is gone.
    #[error("interrupted")]
    Interrupted,
    /// Why it failed, in one line.
    #[error("{0}")]
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
        let text = line(job).map_err(|e| failed(e.to_string()))?;
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

/// A job as the hidden subcommand takes it.
pub(crate) fn line(job: &Job) -> Result<String, ExperimentError> {
    serde_json::to_string(job).map_err(ExperimentError::bench("a job"))
}

/// How a process failed, in one line with the last one that it said.
pub(crate) fn failure(status: ExitStatus, stderr: &str) -> String {
    let said = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    format!("{status}: {}", said.trim())
}

/// What a child that has ended has measured.
pub(crate) fn outcome(status: ExitStatus, stdout: &str, stderr: &str) -> Result<Measured, Failure> {
    if !status.success() {
        return Err(Failure::Failed(failure(status, stderr)));
    }
    serde_json::from_str(stdout.trim())
        .map_err(|e| Failure::Failed(format!("it answered what is no measurement: {e}")))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::super::job::Task;
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    fn failed(status: i32, stdout: &str, stderr: &str) -> Option<String> {
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
            let reason = failed(status, stdout, stderr).unwrap();
            assert_eq!(reason.lines().count(), 1, "{reason}");
        }
        assert!(failed(1 << 8, "", "first\nthe last line\n\n").unwrap().contains("the last line"));
        assert!(failed(9, "", "").unwrap().contains("signal: 9"));
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
