//! The programs that hospitals run, as processes of their own.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::ExperimentError;

/// Where the programs lie: next to this one.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    directory: PathBuf,
}

const NAMES: [&str; 3] = ["consilium-authority", "consilium-coordinator", "consilium-client"];

impl Programs {
    /// Finds them. Where cargo runs this program from a checkout and they are not built yet, it is asked to build them.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] naming what is missing and how to get it.
    pub(super) fn find() -> Result<Self, ExperimentError> {
        let own = env::current_exe().map_err(ExperimentError::file(Path::new("this program")))?;
        let mut directory = own.parent().unwrap_or(Path::new("")).to_owned();
        // Tests lie a folder deeper.
        if directory.ends_with("deps") {
            directory.pop();
        }
        let programs = Self { directory };
        if programs.missing().is_some()
            && let Some(cargo) = env::var_os("CARGO")
        {
            // What it says goes where progress goes; that it failed shows in what is missing still.
            let _ = Command::new(cargo).arg("programs").status();
        }
        match programs.missing() {
            None => Ok(programs),
            Some(name) => Err(ExperimentError::Invalid(format!(
                "there is no {name} in {}: build it with `cargo programs`",
                programs.directory.display()
            ))),
        }
    }

    fn missing(&self) -> Option<&'static str> {
        NAMES.into_iter().find(|name| !self.directory.join(name).is_file())
    }

    pub(super) fn authority(&self) -> Command {
        Command::new(self.directory.join("consilium-authority"))
    }

    pub(super) fn coordinator(&self) -> Command {
        Command::new(self.directory.join("consilium-coordinator"))
    }

    pub(super) fn client(&self) -> Command {
        Command::new(self.directory.join("consilium-client"))
    }
}

/// What Linux counts processor time in for whoever asks, whatever its own clock.
const MS_OF_A_TICK: u64 = 10;

/// Runs a command to its end; what it printed.
///
/// # Errors
/// [`ExperimentError::Federated`] with the last line that it said.
pub(super) fn finish(who: &str, command: &mut Command) -> Result<String, ExperimentError> {
    let output = command.stdin(Stdio::null()).output().map_err(failed(who))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().last().unwrap_or("it failed without a word").to_owned();
    Err(ExperimentError::Federated { who: who.to_owned(), reason })
}

/// A process that is killed with whoever holds it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Starts a command that appends what it logs to `log`.
    ///
    /// # Errors
    /// [`ExperimentError`] where it cannot be started.
    pub(super) fn start(
        who: &str,
        command: &mut Command,
        log: &Path,
    ) -> Result<Self, ExperimentError> {
        let logged = append(log).map_err(ExperimentError::file(log))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(logged)
            .spawn()
            .map_err(failed(who))?;
        Ok(Self { child })
    }

    /// What it prints, once.
    pub(super) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether it has ended, and well.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn ended(&mut self) -> io::Result<Option<bool>> {
        Ok(self.child.try_wait()?.map(|status| status.success()))
    }

    /// The memory that it has, in bytes, where the system says so.
    pub(super) fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
    }

    /// The processor time that it has taken, in milliseconds, where the system says so.
    pub(super) fn processor_ms(&self) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name, which may hold anything, ends with the last parenthesis; user and system time are the 12th and 13th after it.
        let mut numbers = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let ticks = numbers.next()?.parse::<u64>().ok()? + numbers.next()?.parse::<u64>().ok()?;
        Some(ticks * MS_OF_A_TICK)
    }

    /// Kills it, as a power cut would.
    pub(super) fn kill(&mut self) {
        // What has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn failed(who: &str) -> impl FnOnce(io::Error) -> ExperimentError + '_ {
    move |error| ExperimentError::Federated { who: who.to_owned(), reason: error.to_string() }
}
