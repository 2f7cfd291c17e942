//! One run of a simulated federation, from the first process to the last.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use consilium_audit::audit;
use consilium_client::state::model;
use consilium_identity::InstitutionFiles;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::{
    faults::{Faults, Victim},
    flood::{Flood, Rounds, Strangers, turn},
    programs::Process,
    wire::Wire,
    world::Founded,
};
use crate::{ExperimentError, progress::Progress};

/// How often processes and the log are looked at.
const TICK: Duration = Duration::from_millis(10);
/// A run in which nothing happens for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(300);
/// What the coordinator logs when a step is over.
const CLOSED: &str = "round closed";

/// What a run came to.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Closed steps.
    pub steps: u64,
    /// From the first process to the last, in milliseconds.
    pub wall_ms: u64,
    /// What was killed, in order.
    pub kills: Vec<Kill>,
    /// Rounds in peace and under each flood; nothing where there was none.
    pub rounds: Vec<Rounds>,
    /// Blocks of the ledger, which an audit has verified with everything in them.
    pub blocks: u64,
    /// SHA-256 of the last model, which all institutions have.
    pub model: String,
    /// That model, `[d]`.
    #[serde(skip)]
    pub parameters: Vec<f32>,
}

/// A process that was killed.
#[derive(Debug, Clone, Serialize)]
pub struct Kill {
    /// Whose.
    pub victim: String,
    /// Closed steps at that moment.
    pub step: u64,
    /// From then until the next step was closed, in milliseconds.
    pub lost_ms: u64,
}

/// The processes of a run.
struct Course<'a> {
    founded: &'a Founded<'a>,
    address: SocketAddr,
    guests: bool,
    coordinator: Process,
    institutions: Vec<Institution>,
}

struct Institution {
    number: u32,
    /// Where it reaches the coordinator.
    address: SocketAddr,
    process: Process,
    has_ended: bool,
}

/// Runs it to its end, doing to it what is asked.
///
/// # Errors
/// [`ExperimentError::Federated`] naming the party that could not go on, [`ExperimentError::Audit`].
pub(super) fn run(
    founded: &Founded<'_>,
    faults: &Faults,
    runtime: &Runtime,
    progress: &Progress,
) -> Result<Outcome, ExperimentError> {
    let start = Instant::now();
    let mut course = Course::start(founded, faults, runtime)?;
    let mut kills: Vec<Kill> = Vec::new();
    let mut pending = faults.kills().into_iter().peekable();
    let mut closed = 0;
    let mut since = Instant::now();
    let mut flooding = Flooding::of(&faults.floods);
    // Kills of which no step has been closed yet, and when they were.
    let mut open_kills: Vec<(usize, Instant)> = Vec::new();
    loop {
        let now_closed = course.closed()?;
        if now_closed > closed {
            for (kill, at) in open_kills.drain(..) {
                if let Some(kill) = kills.get_mut(kill) {
                    kill.lost_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
                }
            }
            flooding.closed(now_closed - closed, since.elapsed(), &course.coordinator);
            closed = now_closed;
            since = Instant::now();
            flooding.turn(closed, &course, runtime)?;
            progress.advance(usize::try_from(closed).unwrap_or(usize::MAX));
        }
        while let Some((_, victim)) = pending.next_if(|(step, _)| *step <= closed) {
            course.kill(victim)?;
            open_kills.push((kills.len(), Instant::now()));
            kills.push(Kill { victim: victim.to_string(), step: closed, lost_ms: 0 });
        }
        flooding.watch(&course.coordinator);
        if course.is_over()? {
            break;
        }
        if since.elapsed() > PATIENCE {
            let reason = format!("no step was closed for {} s", PATIENCE.as_secs());
            return Err(ExperimentError::Federated { who: "the run".to_owned(), reason });
        }
        thread::sleep(TICK);
    }
    let rounds = flooding.end();
    drop(course);
    let wall_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (parameters, model) = agreed_model(founded)?;
    let ledger = founded.path("ledger");
    let report = audit(&ledger, &std::env::temp_dir(), None)?;
    Ok(Outcome { steps: closed, wall_ms, kills, rounds, blocks: report.blocks, model, parameters })
}

/// The floods of a run, in turns.
struct Flooding<'a> {
    floods: &'a [Flood],
    /// In peace first, then one for each flood.
    rounds: Vec<Rounds>,
    strangers: Option<Strangers>,
    /// Whether strangers have come or left since the last round was closed.
    has_turned: bool,
    /// What the coordinator had taken of the processor when the last round was closed.
    processor_ms: u64,
}

impl<'a> Flooding<'a> {
    fn of(floods: &'a [Flood]) -> Self {
        let kinds = std::iter::once(None).chain(floods.iter().copied().map(Some));
        let rounds = kinds.map(Rounds::under).collect();
        Self { floods, rounds, strangers: None, has_turned: true, processor_ms: 0 }
    }

    fn current(&mut self) -> Option<&mut Rounds> {
        let flood = self.strangers.as_ref().map(|strangers| strangers.flood);
        self.rounds.iter_mut().find(|rounds| rounds.flood == flood)
    }

    /// So many rounds were closed, after so long.
    fn closed(&mut self, count: u64, took: Duration, coordinator: &Process) {
        let counts = count == 1 && !self.has_turned;
        self.has_turned = false;
        let processor_ms = coordinator.processor_ms().unwrap_or(0);
        let since = std::mem::replace(&mut self.processor_ms, processor_ms);
        if counts && let Some(rounds) = self.current() {
            rounds.ms.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            rounds.processor_ms += processor_ms.saturating_sub(since);
        }
    }

    /// Lets strangers in, or sees them off, where it is their turn.
    fn turn(
        &mut self,
        closed: u64,
        course: &Course<'_>,
        runtime: &Runtime,
    ) -> Result<(), ExperimentError> {
        let flood = turn(self.floods, closed);
        if flood == self.strangers.as_ref().map(|strangers| strangers.flood) {
            return Ok(());
        }
        self.see_off();
        if let Some(flood) = flood {
            let parameters = &institution(course.founded, 1)?.parameters;
            self.strangers = Some(Strangers::come(flood, course.address, parameters, runtime)?);
        }
        self.has_turned = true;
        Ok(())
    }

    fn see_off(&mut self) {
        let attempts = self.strangers.as_ref().map_or(0, Strangers::attempts);
        if let Some(rounds) = self.current() {
            rounds.attempts += attempts;
        }
        self.strangers = None;
    }

    /// Notes how much memory the coordinator has.
    fn watch(&mut self, coordinator: &Process) {
        if !self.floods.is_empty()
            && let Some(rounds) = self.current()
        {
            rounds.most_bytes = rounds.most_bytes.max(coordinator.memory().unwrap_or(0));
        }
    }

    fn end(mut self) -> Vec<Rounds> {
        self.see_off();
        if self.floods.is_empty() { Vec::new() } else { self.rounds }
    }
}

/// The files of an institution.
fn institution(founded: &Founded<'_>, number: u32) -> Result<InstitutionFiles, ExperimentError> {
    InstitutionFiles::load(&founded.ceremony(number)).map_err(|error| {
        let who = format!("institution {number}");
        ExperimentError::Federated { who, reason: error.to_string() }
    })
}

/// The last model, if all institutions have the same.
fn agreed_model(founded: &Founded<'_>) -> Result<(Vec<f32>, String), ExperimentError> {
    let mut agreed: Option<(Vec<f32>, String)> = None;
    for number in 1..=founded.world.config.institutions {
        let who = format!("institution {number}");
        let stopped = |reason: String| ExperimentError::Federated { who: who.clone(), reason };
        let files = institution(founded, number)?;
        let checked = model::load(&founded.state(number), &files.parameters)
            .map_err(|error| stopped(error.to_string()))?
            .ok_or_else(|| stopped("it has no model".to_owned()))?;
        let own = (checked.model().parameters().to_vec(), checked.model().hash().to_string());
        if agreed.as_ref().is_some_and(|agreed| *agreed != own) {
            return Err(stopped("its model is not that of the others".to_owned()));
        }
        agreed = Some(own);
    }
    agreed.ok_or_else(|| ExperimentError::Invalid("there are no institutions".to_owned()))
}

impl<'a> Course<'a> {
    fn start(
        founded: &'a Founded<'a>,
        faults: &Faults,
        runtime: &Runtime,
    ) -> Result<Self, ExperimentError> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let guests = !faults.floods.is_empty();
        let (coordinator, address) = start_coordinator(founded, any, guests)?;
        let mut course = Self { founded, address, guests, coordinator, institutions: Vec::new() };
        for number in 1..=founded.world.config.institutions {
            let wire = Wire::new(faults);
            let address = match faults.disturb_the_wire() {
                true => runtime.block_on(wire.to(address)).map_err(stopped("the wire"))?,
                false => address,
            };
            let process = course.start_institution(number, address)?;
            course.institutions.push(Institution { number, address, process, has_ended: false });
        }
        Ok(course)
    }

    fn start_institution(
        &self,
        number: u32,
        address: SocketAddr,
    ) -> Result<Process, ExperimentError> {
        let log = self.founded.path(&format!("institution-{number:02}.log"));
        let mut command = self.founded.institution(number, address);
        Process::start(&format!("institution {number}"), &mut command, &log)
    }

    /// Kills a process and starts it again.
    fn kill(&mut self, victim: Victim) -> Result<(), ExperimentError> {
        match victim {
            Victim::Coordinator => {
                self.coordinator.kill();
                (self.coordinator, _) = start_coordinator(self.founded, self.address, self.guests)?;
            }
            Victim::Institution(number) => {
                let place = self.institutions.iter().position(|one| one.number == number);
                let Some((place, one)) =
                    place.and_then(|place| Some((place, self.institutions.get_mut(place)?)))
                else {
                    return Ok(());
                };
                one.process.kill();
                let address = one.address;
                let process = self.start_institution(number, address)?;
                if let Some(one) = self.institutions.get_mut(place) {
                    one.process = process;
                }
            }
        }
        Ok(())
    }

    /// Steps that the coordinator has closed: what its log says, which a restart goes on with.
    fn closed(&self) -> Result<u64, ExperimentError> {
        let log = self.founded.path(COORDINATOR_LOG);
        let text = fs::read_to_string(&log).map_err(ExperimentError::file(&log))?;
        Ok(text.lines().filter(|line| line.contains(CLOSED)).count() as u64)
    }

    /// Whether everyone has ended, and well.
    fn is_over(&mut self) -> Result<bool, ExperimentError> {
        for Institution { number, process, has_ended, .. } in &mut self.institutions {
            let log = self.founded.path(&format!("institution-{number:02}.log"));
            *has_ended |= ended(&format!("institution {number}"), process, &log)?;
        }
        let log = self.founded.path(COORDINATOR_LOG);
        let coordinator = ended("the coordinator", &mut self.coordinator, &log)?;
        Ok(coordinator && self.institutions.iter().all(|one| one.has_ended))
    }
}

const COORDINATOR_LOG: &str = "coordinator.log";

/// Starts the coordinator and waits until it says where it listens.
///
/// Strangers that flood it may read the ledger, which is the more that they can ask for.
fn start_coordinator(
    founded: &Founded<'_>,
    listen: SocketAddr,
    guests: bool,
) -> Result<(Process, SocketAddr), ExperimentError> {
    let who = "the coordinator";
    let log = founded.path(COORDINATOR_LOG);
    let mut process = Process::start(who, &mut founded.coordinator(listen, guests), &log)?;
    let mut line = String::new();
    if let Some(stdout) = process.stdout() {
        BufReader::new(stdout).read_line(&mut line).map_err(stopped(who))?;
    }
    match line.trim().parse() {
        Ok(address) => Ok((process, address)),
        Err(_) => Err(last_word(who, &log)),
    }
}

/// Whether a process has ended; an error where it has failed.
fn ended(who: &str, process: &mut Process, log: &Path) -> Result<bool, ExperimentError> {
    match process.ended().map_err(stopped(who))? {
        Some(false) => Err(last_word(who, log)),
        Some(true) => Ok(true),
        None => Ok(false),
    }
}

fn last_word(who: &str, log: &Path) -> ExperimentError {
    let text = fs::read_to_string(log).unwrap_or_default();
    let said = text.lines().last().unwrap_or("it ended without a word");
    let reason = format!("{said} (all of it: {})", log.display());
    ExperimentError::Federated { who: who.to_owned(), reason }
}

fn stopped(who: &str) -> impl FnOnce(std::io::Error) -> ExperimentError + '_ {
    move |error| ExperimentError::Federated { who: who.to_owned(), reason: error.to_string() }
}
