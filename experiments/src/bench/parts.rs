//! The processes of a federation: what a coordinator and an institution do, and what they say of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use consilium_client::{
    Institution, RoundReport,
    prepare::{Participant, Quantisation},
};
use consilium_coordinator::{Config, Coordinator, Event, Linger};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, institution_folder};
use consilium_learning::{LocalTrainer, TrainError, Trainer};
use tokio::net::TcpListener;

use super::federation::federation;
use super::job::Seat;
use super::measuring::{Measured, peak_memory_kb, processor_seconds};
use crate::ExperimentError;

/// How long the coordinator waits for those who have not come, or have not followed the run to its end.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long an institution tries without anything new.
const GIVE_UP: Duration = Duration::from_secs(120);

/// Seconds, round by round.
type Rounds = Arc<Mutex<Vec<f64>>>;

fn taken(rounds: &Rounds) -> Vec<f64> {
    std::mem::take(&mut *rounds.lock().unwrap_or_else(PoisonError::into_inner))
}

fn note(rounds: &Rounds, seconds: f64) {
    rounds.lock().unwrap_or_else(PoisonError::into_inner).push(seconds);
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> ExperimentError {
    ExperimentError::bench(what)
}

fn runtime() -> Result<tokio::runtime::Runtime, ExperimentError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(ExperimentError::bench("the runtime"))
}

/// Ends this process where the one that started it is gone: its end of our stdin is closed then.
fn leave_with_parent() {
    thread::spawn(|| {
        let mut rest = Vec::new();
        // Whether it ends or fails, nobody is there any more.
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(1);
    });
}

/// Serves a run to its end; its address is the first line on stdout. Seconds are the wall time of each round.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn coordinator(seat: &Seat) -> Result<Measured, ExperimentError> {
    leave_with_parent();
    let ceremony = seat.ceremony().join("coordinator");
    let files = CoordinatorFiles::load(&ceremony).map_err(failed("the coordinator"))?;
    let rounds = Rounds::default();
    let closed = Arc::clone(&rounds);
    let mut last = Instant::now();
    let observer = move |event: Event| match event {
        // Making the key is no part of a round.
        Event::Committee { .. } => last = Instant::now(),
        Event::RoundClosed(_) | Event::Abandoned(_) => {
            let took = std::mem::replace(&mut last, Instant::now()).elapsed();
            note(&closed, took.as_secs_f64());
        }
        _ => {}
    };
    let config = Config {
        memory: Some(ceremony),
        new: true,
        enrolment_timeout: PATIENCE,
        linger: Linger::AtMost(PATIENCE),
        observer: Some(Box::new(observer)),
        ..Config::new(files, seat.ledger())
    };
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("the coordinator"))?;
        let node = Coordinator::start(config, listener).await.map_err(failed("the coordinator"))?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", node.address())
            .and_then(|()| stdout.flush())
            .map_err(failed("the coordinator"))?;
        node.finished().await.map_err(failed("the coordinator"))
    })?;
    Ok(Measured { seconds: taken(&rounds), peak_kb: peak_memory_kb(), ..Measured::default() })
}

/// Takes part to the end of the run and verifies every update of every sum, as `consilium-client run` does. Seconds are the
/// processor time of training, round by round.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn institution(
    seat: &Seat,
    index: usize,
    address: &str,
) -> Result<Measured, ExperimentError> {
    leave_with_parent();
    let number = u32::try_from(index + 1).map_err(failed("its number"))?;
    let files = InstitutionFiles::load(&seat.ceremony().join(institution_folder(number)));
    let files = files.map_err(failed("an institution"))?;
    let trainer = trainer(seat, index)?;
    let trained = Rounds::default();
    let trainer = Timed { trainer, trained: Arc::clone(&trained) };
    let preparation = Quantisation::of(&files, index as u64).map_err(failed("an institution"))?;
    let participant = Participant::new(trainer, preparation);
    let state = seat.state(index);
    fs::create_dir_all(&state).map_err(ExperimentError::file(&state))?;
    let traffic = Arc::new(Mutex::new((0, 0)));
    let counted = Arc::clone(&traffic);
    let observer = move |report: RoundReport| {
        let mut traffic = counted.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.0 += report.bytes_up;
        traffic.1 += report.bytes_down;
    };
    let institution = Institution::new(files, &state, address, participant, Box::new(observer))
        .map_err(failed("an institution"))?;
    let institution = institution.give_up_after(GIVE_UP);
    runtime()?.block_on(institution.run()).map_err(failed("an institution"))?;
    let (bytes_up, bytes_down) = *traffic.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Measured {
        seconds: taken(&trained),
        cpu_s: processor_seconds(),
        peak_kb: peak_memory_kb(),
        bytes_up,
        bytes_down,
        ..Measured::default()
    })
}

/// The trainer of one institution; the rows of the others are forgotten.
fn trainer(seat: &Seat, index: usize) -> Result<LocalTrainer, ExperimentError> {
    let federation = federation(seat)?;
    let table = federation.tables.into_iter().nth(index);
    let table = table.ok_or_else(|| ExperimentError::bench("training")("no such institution"))?;
    let config = federation.config;
    let trainer =
        LocalTrainer::new(federation.architecture, table, config.local, config.seed, index as u64);
    Ok(trainer?)
}

/// Notes the processor time of training: the process does nothing else meanwhile that counts.
struct Timed {
    trainer: LocalTrainer,
    trained: Rounds,
}

impl Trainer for Timed {
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        let before = processor_seconds();
        let local = self.trainer.train(step, global);
        if let Some((after, before)) = processor_seconds().zip(before) {
            // A thread that ends meanwhile takes its time with it: then less counts as training, never more.
            note(&self.trained, (after - before).max(0.0));
        }
        local
    }
}
