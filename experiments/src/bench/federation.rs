//! A federation of one process each: a coordinator and ten institutions with a large model under a lattice mask, over
//! sockets, and the audit of their ledger.
//!
//! Every process is this program with a [`Part`]; it says at its end what its memory was at its peak, and leaves at once
//! where the process that started it is gone.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use consilium_audit::audit;
use consilium_authority::{BoundChoice, Ceremony, MaskChoice};
use rand_core::OsRng;

use super::child::{self, SUBCOMMAND};
use super::job::{Job, Part, Seat, Task};
use super::measuring::Measured;
use crate::ExperimentError;
use crate::replay::{Choice, Federation, ReplayConfig, load_dataset, verified};

/// Wall time of the longest round, in seconds.
pub(crate) const LONGEST: &str = "longest round";
/// The same of the round with the most time besides what its training takes at the least: its processor time over the cores.
pub(crate) const BESIDES: &str = "besides training";
/// Peak memory of the coordinator, in bytes.
pub(crate) const COORDINATOR: &str = "coordinator's memory";
/// Peak memory of the institution that needed most, in bytes.
pub(crate) const INSTITUTION: &str = "institution's memory";
/// Wall time of the audit, in seconds. It is there only where the audit passed.
pub(crate) const AUDIT: &str = "audit";
/// Rounds that were closed.
pub(crate) const ROUNDS: &str = "rounds";
/// Parameters of the model.
pub(crate) const PARAMETERS: &str = "parameters";

/// Institutions.
const INSTITUTIONS: usize = 10;
/// How often it is looked whether a process has ended.
const POLL: Duration = Duration::from_millis(20);

/// The replay's data, dealt to ten, and a model with layers of the caller's choice.
///
/// # Errors
/// [`ExperimentError`] where layers and mask do not fit.
pub(crate) fn federation(seat: &Seat) -> Result<Federation, ExperimentError> {
    let choice = Choice {
        institutions: INSTITUTIONS,
        epochs: seat.rounds,
        malicious: 0,
        hidden: seat.hidden.clone(),
        bound: BoundChoice { mask: MaskChoice::small_lattice(1), ..BoundChoice::default() },
        ..Choice::default()
    };
    let dataset = load_dataset(&choice.dataset)?;
    Federation::new(&ReplayConfig::resolve(choice, &dataset)?, &dataset)
}

impl Seat {
    pub(crate) fn ceremony(&self) -> PathBuf {
        self.folder.join("ceremony")
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }

    pub(crate) fn state(&self, index: usize) -> PathBuf {
        self.folder.join(format!("state-{index}"))
    }
}

/// Founds the federation, runs it to its end and audits its ledger.
///
/// # Errors
/// [`ExperimentError::Bench`] with the first process that failed; [`ExperimentError::Audit`].
pub(crate) fn measure(
    hidden: &[usize],
    rounds: usize,
    folder: &Path,
) -> Result<Measured, ExperimentError> {
    let seat = Seat { hidden: hidden.to_vec(), rounds, folder: folder.to_owned() };
    fs::create_dir_all(folder).map_err(ExperimentError::file(folder))?;
    let dimension = found(&seat)?;
    let [coordinator, institutions] = run(&seat)?;
    let start = Instant::now();
    audit(&seat.ledger(), folder, None)?;
    let audited = start.elapsed().as_secs_f64();

    let walls: Vec<f64> =
        coordinator.iter().flat_map(|measured| measured.seconds.clone()).collect();
    let cores = thread::available_parallelism().map_or(1, usize::from) as f64;
    // Training keeps all cores busy for this long at the least; while some train, others already do something else.
    let training = |round: usize| -> f64 {
        institutions.iter().filter_map(|measured| measured.seconds.get(round)).sum::<f64>() / cores
    };
    let besides = walls.iter().enumerate().map(|(round, wall)| (wall - training(round)).max(0.0));
    let peak = |of: &[Measured]| {
        let most = of.iter().map(|measured| measured.peak_kb).collect::<Option<Vec<_>>>();
        most?.into_iter().max().map(|kb| kb as f64 * 1024.0)
    };
    let parts = [
        (LONGEST, walls.iter().copied().reduce(f64::max)),
        (BESIDES, besides.reduce(f64::max)),
        (COORDINATOR, peak(&coordinator)),
        (INSTITUTION, peak(&institutions)),
        (AUDIT, Some(audited)),
        (ROUNDS, Some(walls.len() as f64)),
        (PARAMETERS, Some(f64::from(dimension))),
    ];
    let parts = parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Measured { seconds: walls, parts: parts.collect(), ..Measured::default() })
}

/// Holds the ceremony, and says how many parameters the model has.
fn found(seat: &Seat) -> Result<u32, ExperimentError> {
    let federation = federation(seat)?;
    let specification = verified::specification(&federation);
    let ceremony = Ceremony::hold(&specification, &mut OsRng)
        .map_err(ExperimentError::bench("the ceremony"))?;
    ceremony.write(&seat.ceremony()).map_err(ExperimentError::bench("the ceremony"))?;
    Ok(federation.config.dimension)
}

/// Everything that was started; whatever still runs when this goes is ended.
#[derive(Default)]
struct Processes(Vec<(String, Child, BufReader<ChildStdout>)>);

impl Drop for Processes {
    fn drop(&mut self) {
        for (_, child, _) in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Processes {
    fn start(&mut self, who: String, part: Part) -> Result<(), ExperimentError> {
        let failed = || ExperimentError::bench(who.clone());
        let program = std::env::current_exe().map_err(failed())?;
        let job = Job { task: Task::Part(part), threads: 0, budget_s: 0.0 };
        let mut child = Command::new(program)
            .args([SUBCOMMAND, &child::line(&job)?])
            // As many threads as each would take by itself, whatever this process was told.
            .env_remove("RAYON_NUM_THREADS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed())?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| ExperimentError::bench(who.clone())("it has no stdout"))?;
        self.0.push((who, child, BufReader::new(stdout)));
        Ok(())
    }

    /// The next line of the process that was started last.
    fn line(&mut self) -> Result<String, ExperimentError> {
        let mut line = String::new();
        if let Some((who, _, stdout)) = self.0.last_mut() {
            stdout.read_line(&mut line).map_err(ExperimentError::bench(who.clone()))?;
        }
        Ok(line.trim().to_owned())
    }

    /// Waits for all of them: what they measured, in the order in which they were started.
    fn finish(mut self) -> Result<Vec<Measured>, ExperimentError> {
        while self.0.iter_mut().any(|(_, child, _)| matches!(child.try_wait(), Ok(None))) {
            for (who, child, _) in &mut self.0 {
                if let Ok(Some(status)) = child.try_wait()
                    && !status.success()
                {
                    return Err(ExperimentError::bench(who.clone())(child::failure(
                        status,
                        &said(child),
                    )));
                }
            }
            thread::sleep(POLL);
        }
        let mut all = Vec::new();
        for (who, child, stdout) in &mut self.0 {
            let failed = || ExperimentError::bench(who.clone());
            let status = child.wait().map_err(failed())?;
            let mut answer = String::new();
            stdout.read_to_string(&mut answer).map_err(failed())?;
            let measured = child::outcome(status, &answer, &said(child));
            all.push(measured.map_err(ExperimentError::bench(who.clone()))?);
        }
        Ok(all)
    }
}

/// What a process that has ended has written to its stderr.
fn said(child: &mut Child) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = child.stderr.take() {
        // What can be read is what there is to say.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the coordinator measured, and what the institutions did.
fn run(seat: &Seat) -> Result<[Vec<Measured>; 2], ExperimentError> {
    let mut processes = Processes::default();
    processes.start("the coordinator".to_owned(), Part::Coordinator(seat.clone()))?;
    let address = processes.line()?;
    for index in 0..INSTITUTIONS {
        let part =
            Part::Institution { seat: seat.clone(), index, address: format!("http://{address}") };
        processes.start(format!("institution {}", index + 1), part)?;
    }
    let mut coordinator = processes.finish()?;
    let institutions = coordinator.split_off(1);
    Ok([coordinator, institutions])
}
