//! The replay's verified rounds, and programs that do the like, in turns: each a command of its own on all cores, from its
//! start to its end.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::child::{self, SUBCOMMAND};
use super::comparison::{OURS, Peer};
use super::job::{Job, Part, Task};
use super::measuring::{Measured, medians};
use super::spent;
use crate::ExperimentError;

/// Institutions of the replay.
const INSTITUTIONS: usize = 10;

/// Runs ours and every peer, one after the other, as often as there are turns. A peer that fails is noted with its last words,
/// takes no further turn and has no figure; the others go on.
///
/// # Errors
/// [`ExperimentError::Bench`] where ours fails, with its last words.
pub(crate) fn measure(
    rounds: usize,
    turns: usize,
    peers: &[Peer],
    ledger: &Path,
) -> Result<Measured, ExperimentError> {
    let program = std::env::current_exe().map_err(ExperimentError::bench("this program"))?;
    let ours = || ours(&program, rounds, ledger);
    take_turns(turns, peers, ours)
}

/// Ours, over the ledger of the turn before.
fn ours(program: &Path, rounds: usize, ledger: &Path) -> Result<Command, ExperimentError> {
    if ledger.exists() {
        fs::remove_dir_all(ledger).map_err(ExperimentError::file(ledger))?;
    }
    let part = Part::Replay { institutions: INSTITUTIONS, rounds, ledger: ledger.to_owned() };
    let job = Job { task: Task::Part(part), threads: 0, budget_s: 0.0 };
    let mut command = Command::new(program);
    command.args([SUBCOMMAND, &child::line(&job)?]);
    Ok(command)
}

fn take_turns(
    turns: usize,
    peers: &[Peer],
    mut ours: impl FnMut() -> Result<Command, ExperimentError>,
) -> Result<Measured, ExperimentError> {
    let mut walls = BTreeMap::<&str, Vec<f64>>::new();
    let mut cpus = BTreeMap::<&str, Vec<f64>>::new();
    let mut note = |name, spent: spent::Spent| {
        walls.entry(name).or_default().push(spent.wall_s);
        if let Some(cpu_s) = spent.cpu_s {
            cpus.entry(name).or_default().push(cpu_s);
        }
    };
    let mut failed = BTreeMap::<&str, String>::new();
    for _ in 0..turns {
        note(OURS, timed(OURS, ours()?)?);
        for peer in peers {
            if failed.contains_key(peer.name.as_str()) {
                continue;
            }
            let mut shell = Command::new("sh");
            shell.args(["-c", &peer.command]);
            match timed(&peer.name, shell) {
                Ok(spent) => note(&peer.name, spent),
                Err(error) => _ = failed.insert(&peer.name, error.to_string()),
            }
        }
    }
    walls.retain(|name, _| !failed.contains_key(name));
    cpus.retain(|name, _| !failed.contains_key(name));
    let seconds = walls.get(OURS).cloned().unwrap_or_default();
    Ok(Measured {
        seconds,
        parts: medians(walls),
        cpu_parts: medians(cpus),
        notes: failed.into_values().collect(),
        ..Measured::default()
    })
}

fn timed(name: &str, mut command: Command) -> Result<spent::Spent, ExperimentError> {
    let failed = || ExperimentError::bench(format!("the run of {name}"));
    // Into files: a pipe that nobody reads would stop it.
    let stdout = tempfile::tempfile().map_err(failed())?;
    let mut stderr = tempfile::NamedTempFile::new().map_err(failed())?;
    let into = stderr.reopen().map_err(failed())?;
    // Ours takes as many threads as there are cores, whatever this process was told.
    command.env_remove("RAYON_NUM_THREADS");
    command.stdin(Stdio::null()).stdout(stdout).stderr(into);
    let (status, spent) = spent::run(&mut command).map_err(failed())?;
    if status.success() {
        return Ok(spent);
    }
    let mut said = Vec::new();
    // What can be read is what there is to say.
    let _ = stderr.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said).into_owned();
    Err(ExperimentError::bench(format!("the run of {name}"))(child::failure(status, &said)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn idle(seconds: &str) -> impl FnMut() -> Result<Command, ExperimentError> {
        let seconds = seconds.to_owned();
        move || {
            let mut command = Command::new("sleep");
            command.arg(&seconds);
            Ok(command)
        }
    }

    #[test]
    fn a_peers_command_is_timed_in_turns_with_ours() {
        let peers = ["slow=sleep 0.2; echo done".parse().unwrap()];
        let measured = take_turns(2, &peers, idle("0.1")).unwrap();
        assert_eq!(measured.seconds.len(), 2);
        let [ours, slow] = [OURS, "slow"].map(|name| measured.parts[name]);
        assert!(ours >= 0.1 && slow >= 0.2, "{measured:?}");
        #[cfg(target_os = "linux")]
        assert!(measured.cpu_parts["slow"] < 0.15, "{measured:?}");
    }

    #[test]
    fn a_peer_that_talks_much_does_not_stop_and_one_that_fails_is_named_with_its_last_words() {
        let peers = ["loud=yes | head -c 300000; yes | head -c 300000 >&2".parse().unwrap()];
        assert!(take_turns(1, &peers, idle("0")).is_ok());
        let wrong = "wrong=echo no such data >&2; exit 3".parse().unwrap();
        let measured = take_turns(2, &[wrong, "right=true".parse().unwrap()], idle("0")).unwrap();
        let [note] = measured.notes.as_slice() else { panic!("{measured:?}") };
        assert!(note.contains("wrong") && note.contains("no such data"), "{note}");
        assert!(measured.parts.contains_key("right") && !measured.parts.contains_key("wrong"));
        let fails = || {
            let mut command = Command::new("sh");
            command.args(["-c", "echo ours is broken >&2; exit 1"]);
            Ok(command)
        };
        let error = take_turns(1, &[], fails).unwrap_err().to_string();
        assert!(error.contains("ours is broken"), "{error}");
    }
}
