//! A bench from beginning to end.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::cells::Party;
use super::child::{Children, Failure};
use super::comparison::{Peer, Sizes};
use super::job::{Job, Task};
use super::machine::Machine;
use super::plan::{Extent, Plan};
use super::results::Results;
use super::scheme::Scheme;
use super::table::markdown;
use super::{files, plot, primitives, written};
use crate::ExperimentError;
use crate::output::{OutputDirectory, Producer};
use crate::progress::Progress;

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Everything, or the bars alone.
    pub extent: Extent,
    /// Only a part of the cells; of the bars all, at small sizes that decide nothing.
    pub quick: bool,
    /// Programs that take turns with the replay.
    pub peers: Vec<Peer>,
    /// Where the files go.
    pub directory: PathBuf,
}

/// Measures every cell of the plan, each in a process of its own started from this program.
///
/// Ctrl-C ends it early; what was measured until then is in the files and in the result.
///
/// # Errors
/// [`ExperimentError::File`] where nothing can be written, [`ExperimentError::Bench`] where nothing can be started. A cell
/// that fails is a row that says so, and no error.
pub fn run(options: &Options, progress: &Progress) -> Result<Results, ExperimentError> {
    let output = OutputDirectory::claim(&options.directory, Producer::Bench)?;
    let scratch = tempfile::tempdir().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    let interrupted = on_interrupt()?;
    let program = std::env::current_exe().map_err(ExperimentError::bench("this program"))?;
    let children = Children { program, interrupted: &interrupted };

    let machine = Machine::current();
    let Options { extent, quick, ref peers, .. } = *options;
    let plan = Plan::new(extent, quick, peers, machine.cores, scratch.path());
    // A quick table measures no bar, so that it names those that there are.
    let is_small = quick && extent == Extent::Bars;
    let sizes = if is_small { Sizes::quick() } else { Sizes::asked() };
    let mut results = Results::new(machine, sizes, &plan.left_out);
    let start = Instant::now();
    let all = plan.jobs.iter().map(effort).sum::<f64>();
    let mut done = 0.0;
    let mut rounds = BTreeSet::new();
    progress.phase("bench", plan.jobs.len());
    for (number, job) in plan.jobs.iter().enumerate() {
        let left = (done > 0.0).then(|| start.elapsed().as_secs_f64() * (all - done) / done);
        progress.detail(&format!(
            "{job}{}",
            left.map(|left| format!("; {} left", about(left))).unwrap_or_default()
        ));
        forget_rounds(&mut rounds, job);
        if let Err(Failure::Interrupted) = step(job, &children, &mut results) {
            results.interrupted = true;
            for job in plan.jobs.iter().skip(number) {
                if let Task::Cell { cell, .. } = job.task {
                    results.leave_out(cell, "the run was interrupted before");
                }
            }
            break;
        }
        done += effort(job);
        write(&results, &output)?;
        progress.advance(number + 1);
    }
    write(&results, &output)?;
    Ok(results)
}

/// Does one job and notes what came of it.
fn step(job: &Job, children: &Children<'_>, results: &mut Results) -> Result<(), Failure> {
    let outcome = children.run(job);
    if let Err(Failure::Interrupted) = outcome {
        return Err(Failure::Interrupted);
    }
    match (&job.task, outcome) {
        (Task::Cell { cell, .. }, Ok(measured)) => results.add(*cell, measured),
        (Task::Cell { cell, .. }, Err(Failure::Failed(reason))) => results.fail(*cell, reason),
        (Task::Limits, Ok(measured)) => results.limits = primitives::costs(&measured),
        (Task::Compare(comparison), Ok(measured)) => results.compare(comparison.name(), measured),
        (Task::Prepare { .. } | Task::Part(_), Ok(_)) => {}
        (_, Err(Failure::Failed(reason))) => results.failures.push(format!("{job}: {reason}")),
        (_, Err(Failure::Interrupted)) => {}
    }
    Ok(())
}

/// Deletes the round before when the next one is begun: fifty updates of 100,000 parameters are 160 MB.
fn forget_rounds(rounds: &mut BTreeSet<PathBuf>, job: &Job) {
    if let Task::Prepare { folder, .. } = &job.task {
        for old in std::mem::take(rounds) {
            // What cannot be deleted goes with the scratch directory.
            let _ = fs::remove_dir_all(old);
        }
        rounds.insert(folder.clone());
    }
}

/// Roughly how long a job takes, in seconds of some machine: only proportions count.
fn effort(job: &Job) -> f64 {
    let budget = job.budget_s;
    match &job.task {
        Task::Limits => 1.0,
        Task::Compare(comparison) => comparison.effort_s(),
        Task::Part(_) => 0.0,
        Task::Prepare { scheme, dimension, institutions, .. } => {
            f64::from(*institutions) * once(*scheme, Party::Client, *dimension, 1)
                / job.threads as f64
        }
        Task::Cell { cell, .. } => {
            let once = once(cell.scheme, cell.party, cell.dimension, cell.institutions)
                / cell.threads as f64;
            (3.0 * once).max(budget + once)
        }
    }
}

fn once(scheme: Scheme, party: Party, dimension: u32, institutions: u32) -> f64 {
    let d = f64::from(dimension);
    let n = f64::from(institutions);
    match (scheme, party) {
        (Scheme::Norm, Party::Client) => 0.02 + 30e-6 * d,
        (Scheme::Lattice, Party::Client) => 0.1 + 0.4e-6 * d,
        (Scheme::Lattice, Party::Trustee) => 0.03 * n,
        (Scheme::Lattice, Party::Opening | Party::Check) => 0.05 + 0.1e-6 * n * d,
        (Scheme::Lattice, _) => n * (0.03 + 0.3e-6 * d),
        (_, Party::Client) => 0.05 + 250e-6 * d,
        (_, Party::Trustee) => 0.005,
        (_, Party::Opening) => 20e-6 * d,
        (_, Party::Check) => n * 3e-6 * d,
        _ => n * (0.005 + 7e-6 * d),
    }
}

/// A duration for a progress bar.
fn about(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

/// A flag that Ctrl-C sets, for as long as the process lives.
fn on_interrupt() -> Result<Arc<AtomicBool>, ExperimentError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ExperimentError::bench("the runtime"))?;
    thread::spawn(move || {
        // Where there is no signal to wait for, Ctrl-C ends the process as ever.
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok(interrupted)
}

fn write(results: &Results, output: &OutputDirectory) -> Result<(), ExperimentError> {
    // Each whole or not at all, whenever the run is stopped.
    let json = format!("{:#}\n", written::json(results));
    let contents = [
        (files::JSON, json),
        (files::TABLE, markdown(results)),
        (files::BARS, written::bars_csv(results)),
    ];
    let mut contents = contents.to_vec();
    // Bars alone have no cells: a figure of them would be empty axes.
    if results.has_cells() {
        contents.push((files::CSV, written::csv(results)));
        contents.push((files::FIGURE, plot::figure(results)?));
    }
    for (name, text) in contents {
        output.write(name, text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::example::example;
    use crate::bench::row::Kind;
    use crate::output::MARKER;
    use crate::output::tests::{contents, site};
    use std::path::Path;

    #[test]
    fn all_files_are_written_whole_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let output = OutputDirectory::claim(directory.path(), Producer::Bench).unwrap();
        write(&example(), &output).unwrap();
        write(&example(), &output).unwrap();
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [files::BARS, files::CSV, files::JSON, files::TABLE, files::FIGURE, MARKER]
        );
        let json = fs::read_to_string(directory.path().join(files::JSON)).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["rows"].is_array());
    }

    #[test]
    fn a_directory_with_somebody_elses_files_is_left_alone() {
        let (site, before) = site();
        let directory = site.path().to_owned();
        let options = Options { extent: Extent::Bars, quick: true, peers: Vec::new(), directory };
        let error = run(&options, &Progress::silent()).unwrap_err();
        assert!(matches!(error, ExperimentError::Occupied { .. }), "{error}");
        assert_eq!(contents(site.path()), before);
    }

    #[test]
    fn a_job_that_fails_is_a_row_or_a_failure_and_an_interrupted_one_is_neither() {
        let interrupted = AtomicBool::new(false);
        let children =
            Children { program: "/nonexistent/consilium".into(), interrupted: &interrupted };
        let mut results = Results::new(Machine::example(), Sizes::quick(), &[]);
        let scratch = Path::new("scratch");
        let plan = Plan::new(Extent::All, true, &[], 1, scratch);
        for job in plan.jobs.iter().chain(&Plan::new(Extent::Bars, true, &[], 1, scratch).jobs) {
            step(job, &children, &mut results).unwrap();
        }
        assert!(
            results
                .rows()
                .iter()
                .all(|row| row.kind == Kind::Failed && row.note.contains("does not start"))
        );
        assert!(!results.rows().is_empty() && results.failures.len() > 3, "{:?}", results.failures);
    }
}
