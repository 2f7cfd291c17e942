//! The verified federation: a coordinator and all institutions over gRPC on loopback, with encryption, proofs,
//! countersignatures, threshold decryption and the ledger; nothing of it is simulated but that they share a machine.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use consilium_authority::{Ceremony, CeremonySpec, Protection};
use consilium_client::{
    Institution, RoundReport,
    prepare::{Participant, Preparation, PrepareError, Prepared},
};
use consilium_coordinator::{Config, Coordinator, Event, Linger, RoundMetrics};
use consilium_learning::{TrainError, Trainer};
use consilium_proto::v1::Reason;
use rand_core::OsRng;
use tokio::{net::TcpListener, runtime, sync::mpsc, task::JoinSet};

use super::{
    adversary::Poisoner,
    config::Privacy,
    federation::Federation,
    record::{AccuracyRow, Experiment, RoundRow},
    recorder::Recorder,
};
use crate::{ExperimentError, progress::Progress};

/// No round of a replay is closed without everybody's verdict, and the coordinator stays until everybody has followed the
/// run to its end: what a replay comes to must not depend on how fast the machine is.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What a verified federation came to.
#[derive(Debug)]
pub struct Verified {
    /// What each round cost.
    pub rounds: Vec<RoundRow>,
    /// The last global model, flat.
    pub model: Vec<f32>,
    /// Wall time of all rounds, from the first connection to the last checked model.
    pub elapsed: Duration,
}

/// What institutions and coordinator reported while the rounds ran.
#[derive(Debug, Default)]
struct Record {
    /// Reports of institution i, by step.
    reports: Vec<Vec<RoundReport>>,
    /// The global model that the first observed institution was given, by step.
    globals: Vec<Vec<f32>>,
    /// The coordinator's numbers, with the time from the round before.
    metrics: Vec<(RoundMetrics, Duration)>,
}

type Shared = Arc<Mutex<Record>>;

fn locked(record: &Shared) -> std::sync::MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Trains together with everything verified. The coordinator's ledger goes to `ledger`; the institutions keep their
/// state below `scratch`. Records the local models of the observed institutions and the global model as soon as they are
/// known, epoch by epoch.
///
/// # Errors
/// [`ExperimentError::Federated`] with the first party that could not go on; those of [`Recorder::record`].
pub fn run(
    federation: &Federation,
    ledger: &Path,
    scratch: &Path,
    recorder: &mut Recorder,
    progress: &Progress,
) -> Result<Verified, ExperimentError> {
    run_with(federation, participants(federation)?, ledger, scratch, recorder, progress)
}

/// All institutions in order, those that are malicious as poisoners.
///
/// # Errors
/// [`ExperimentError::Quantise`] without headroom for n updates.
pub fn participants(federation: &Federation) -> Result<Vec<Participant>, ExperimentError> {
    let honest = federation.participants()?.into_iter().enumerate();
    let participants = honest.map(|(institution, participant)| {
        if !federation.malicious.contains(&institution) {
            return participant;
        }
        let Participant { trainer, preparation, .. } = participant;
        Participant::new(trainer, Poisoner::new(preparation))
    });
    Ok(participants.collect())
}

/// [`run`] with participants of the caller's choice, in order. Their steps count from 1.
///
/// # Errors
/// Those of [`run`].
pub fn run_with(
    federation: &Federation,
    participants: Vec<Participant>,
    ledger: &Path,
    scratch: &Path,
    recorder: &mut Recorder,
    progress: &Progress,
) -> Result<Verified, ExperimentError> {
    let record = Shared::default();
    locked(&record).reports = vec![Vec::new(); federation.tables.len()];
    let start = Instant::now();
    let runtime =
        runtime::Builder::new_multi_thread().enable_all().build().map_err(failed("the runtime"))?;
    let mut evaluation = Evaluation { federation, recorder, done: 0 };
    let served =
        serve(federation, participants, ledger, scratch, &record, &mut evaluation, progress);
    let model = runtime.block_on(served)?;
    let elapsed = start.elapsed();
    let record = std::mem::take(&mut *locked(&record));
    evaluation.rest(&record, &model)?;
    Ok(Verified { rounds: round_rows(&record), model, elapsed })
}

fn failed<E: std::fmt::Display>(who: impl Into<String>) -> impl FnOnce(E) -> ExperimentError {
    let who = who.into();
    move |error| ExperimentError::Federated { who, reason: error.to_string() }
}

/// The genesis of a replay.
pub(crate) fn specification(federation: &Federation) -> CeremonySpec {
    let config = &federation.config;
    let layers = federation.architecture.layers().clone();
    let rows = federation.tables.iter().map(|table| table.rows as u64).collect();
    CeremonySpec {
        threshold: config.threshold,
        min_updates: config.min_updates,
        min_rows: config.min_rows,
        bound: config.bound,
        mask: config.mask.kind(),
        privacy: config.privacy.as_ref().map(Privacy::terms),
        clip: config.clip,
        steps: config.epochs as u64,
        collection_timeout_ms: PATIENCE.as_millis() as u64,
        max_attempts: 1,
        training: config.local.to_plan(),
        // A threshold of 1 that nobody asked for has been refused with the configuration.
        protection: Protection { allow_threshold_one: true },
        ..CeremonySpec::new(layers, federation.initial.clone(), rows)
    }
}

async fn serve(
    federation: &Federation,
    participants: Vec<Participant>,
    ledger: &Path,
    scratch: &Path,
    record: &Shared,
    evaluation: &mut Evaluation<'_>,
    progress: &Progress,
) -> Result<Vec<f32>, ExperimentError> {
    let Ceremony { coordinator, institutions, .. } =
        Ceremony::hold(&specification(federation), &mut OsRng).map_err(failed("the ceremony"))?;
    let (tell, mut events) = mpsc::unbounded_channel();
    let config = Config {
        new: true,
        enrolment_timeout: PATIENCE,
        linger: Linger::AtMost(PATIENCE),
        observer: Some(observer(Arc::clone(record), tell)),
        ..Config::new(coordinator, ledger.to_owned())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("the coordinator"))?;
    let node = Coordinator::start(config, listener).await.map_err(failed("the coordinator"))?;
    let address = format!("http://{}", node.address());

    let mut running = JoinSet::new();
    for ((index, files), participant) in
        institutions.into_iter().enumerate().zip(noting(federation, participants, record))
    {
        let who = format!("institution {index}");
        let reports = Arc::clone(record);
        let is_observed = federation.observed.contains(&index);
        let observer = move |mut report: RoundReport| {
            // Only the observed models are evaluated; those of all, kept for every round, would fill the memory.
            if let Some(update) = &mut report.update
                && !is_observed
            {
                update.model = Vec::new();
            }
            if let Some(own) = locked(&reports).reports.get_mut(index) {
                own.push(report);
            }
        };
        let institution =
            Institution::new(files, &scratch.join(&who), &address, participant, Box::new(observer))
                .map_err(failed(&who))?;
        running.spawn(async move { institution.run().await.map_err(failed(who)) });
    }

    // One party that cannot go on ends the replay: the others would wait for it.
    let mut outcomes = Vec::new();
    let ended = node.finished();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            Some(outcome) = running.join_next() => outcomes.push(outcome.map_err(failed("an institution"))??),
            Some(event) = events.recv() => {
                show(&event, progress);
                evaluation.advance(record)?;
            }
            outcome = &mut ended, if running.is_empty() => { outcome.map_err(failed("the coordinator"))?; break }
        }
    }
    let model = outcomes.first().map(|outcome| outcome.model.clone()).unwrap_or_default();
    if outcomes.iter().any(|outcome| outcome.model != model) {
        return Err(failed("the institutions")("they end with different models"));
    }
    Ok(model)
}

fn observer(record: Shared, tell: mpsc::UnboundedSender<Event>) -> consilium_coordinator::Observer {
    let mut last = Instant::now();
    Box::new(move |event| {
        if let Event::RoundClosed(metrics) | Event::Abandoned(metrics) = &event {
            let took = std::mem::replace(&mut last, Instant::now()).elapsed();
            locked(&record).metrics.push(((**metrics).clone(), took));
        }
        // Making a committee is no part of a round.
        if let Event::Committee { .. } = event {
            last = Instant::now();
        }
        // Nobody listens any more once the replay is over.
        let _ = tell.send(event);
    })
}

fn show(event: &Event, progress: &Progress) {
    match event {
        Event::Phase { step, phase, .. } => {
            progress.detail(&format!("verified FL, round {}: {phase}", step + 1))
        }
        Event::RoundClosed(metrics) => progress.advance(metrics.step as usize + 1),
        Event::Abandoned(_)
        | Event::Block { .. }
        | Event::Committee { .. }
        | Event::KeygenAbandoned { .. }
        | Event::FewTrustees { .. }
        | Event::Waiting(_) => {}
    }
}

/// Counts epochs from 1, and has one honest trainer note the global models.
fn noting(
    federation: &Federation,
    participants: Vec<Participant>,
    record: &Shared,
) -> Vec<Participant> {
    let noting = federation.observed.first();
    let participants = participants.into_iter().enumerate().map(|(institution, participant)| {
        let Participant { trainer, preparation, .. } = participant;
        let trainer = Counted(trainer);
        let preparation = Counted(preparation);
        if Some(&institution) == noting {
            Participant::new(Noting { trainer, record: Arc::clone(record) }, preparation)
        } else {
            Participant::new(trainer, preparation)
        }
    });
    participants.collect()
}

/// Counts epochs from 1 as the other schemes do, where the contract counts steps from 0: all schemes then see the rows
/// in the same order, and round alike.
struct Counted<T>(T);

impl<T: Trainer> Trainer for Counted<T> {
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.0.train(step + 1, global)
    }
}

impl<P: Preparation> Preparation for Counted<P> {
    fn prepare(
        &mut self,
        step: u64,
        global: &[f32],
        local: &[f32],
    ) -> Result<Prepared, PrepareError> {
        self.0.prepare(step + 1, global, local)
    }
}

/// Notes the global model that training starts from.
struct Noting<T> {
    trainer: T,
    record: Shared,
}

impl<T: Trainer> Trainer for Noting<T> {
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        locked(&self.record).globals.push(global.to_vec());
        self.trainer.train(step, global)
    }
}

/// Records models epoch by epoch, in an order that does not depend on who was heard first.
struct Evaluation<'a> {
    federation: &'a Federation,
    recorder: &'a mut Recorder,
    /// Epochs that are recorded.
    done: usize,
}

impl Evaluation<'_> {
    /// Records the epochs of which all observed institutions have told and whose global model somebody trains on.
    fn advance(&mut self, record: &Shared) -> Result<(), ExperimentError> {
        loop {
            // Evaluated without the lock, which institutions wait for.
            let (locals, global) = {
                let record = locked(record);
                let have_told = |place: &usize| {
                    record.reports.get(*place).is_some_and(|own| own.len() > self.done)
                };
                // The model that step s ends with is the one that step s + 1 begins with.
                match record.globals.get(self.done + 1) {
                    Some(global) if self.federation.observed.iter().all(have_told) => {
                        (self.locals(&record), global.clone())
                    }
                    _ => return Ok(()),
                }
            };
            self.epoch(&locals, &global)?;
        }
    }

    /// Records what is left once the run is over. A privacy budget may end it before its epochs do.
    fn rest(&mut self, record: &Record, last: &[f32]) -> Result<(), ExperimentError> {
        let closed = record.metrics.iter().map(|(metrics, _)| metrics.step as usize + 1).max();
        while self.done < closed.unwrap_or(0) {
            let global = record.globals.get(self.done + 1).map_or(last, Vec::as_slice);
            self.epoch(&self.locals(record), global)?;
        }
        Ok(())
    }

    /// The models of the observed institutions in the epoch that is next.
    fn locals(&self, record: &Record) -> Vec<(usize, Vec<f32>)> {
        let of = |&place: &usize| {
            let report = record.reports.get(place)?.get(self.done)?;
            Some((place, report.update.as_ref()?.model.clone()))
        };
        self.federation.observed.iter().filter_map(of).collect()
    }

    fn epoch(
        &mut self,
        locals: &[(usize, Vec<f32>)],
        global: &[f32],
    ) -> Result<(), ExperimentError> {
        self.done += 1;
        let locals = locals.iter().map(|(place, model)| (Some(*place), model.as_slice()));
        for (institution, model) in locals.chain(std::iter::once((None, global))) {
            let quality = self.federation.quality(model)?;
            let experiment = Experiment::Verified;
            let split = self.federation.split;
            let epoch = self.done;
            self.recorder.record(AccuracyRow { experiment, split, institution, epoch, quality })?;
        }
        Ok(())
    }
}

fn round_rows(record: &Record) -> Vec<RoundRow> {
    let reports = || record.reports.iter().flatten();
    let rows = record.metrics.iter().map(|(metrics, wall)| {
        let own = || reports().filter(|report| report.step == metrics.step);
        let updates = || own().filter_map(|report| report.update.as_ref());
        let accepted: Vec<f64> = own()
            .filter(|report| report.verdict == Some(Reason::Accepted))
            .filter_map(|report| report.update.as_ref())
            .map(|update| update.clipped_share)
            .collect();
        RoundRow {
            step: metrics.step + 1,
            attempt: metrics.attempt,
            accepted: metrics.accepted,
            rejected: metrics
                .rejected
                .iter()
                .map(|(reason, count)| (name(*reason), *count))
                .collect(),
            times: [
                updates().map(|update| update.train).sum(),
                updates().map(|update| update.quantise).sum(),
                updates().map(|update| update.encrypt).sum(),
                updates().map(|update| update.prove).sum(),
                own().map(|report| report.upload).sum(),
                metrics.verify,
                metrics.aggregate,
                own().map(|report| report.judge + report.countersign + report.share).sum(),
                metrics.decrypt,
                metrics.ledger,
                own().map(|report| report.fetch + report.verify + report.check).sum(),
                *wall,
            ],
            bytes_up: metrics.bytes_up,
            bytes_down: metrics.bytes_down,
            epsilon_milli: metrics.epsilon_milli,
            clipped_share: accepted.iter().sum::<f64>() / accepted.len().max(1) as f64,
        }
    });
    rows.collect()
}

/// The reason code in lower case.
fn name(reason: Reason) -> String {
    reason.as_str_name().trim_start_matches("REASON_").to_lowercase()
}
