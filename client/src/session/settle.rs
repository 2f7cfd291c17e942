//! The end of a round: its model is checked before anything is built on it.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use consilium_audit::{
    files::{FileError, failed, private},
    follow::{Closed, SealedSum},
    judge::Judged,
    model_check::ModelError,
    statements::Submission,
};
use consilium_crypto::{RoundContext, mask::CandidateHeader};
use consilium_disk::{Step, step};
use consilium_hash::{BlobHash, HeaderHash};
use rand_core::OsRng;
use tracing::info;

use super::{Session, blocking, convict::Brought, interrupted};
use crate::{
    ClientError,
    contribution::last_scores,
    institution::{Duty, Verification},
    observer::RoundReport,
    state::model,
};

/// The file of the spool in a state directory.
const SPOOL: &str = "masked.bin";

/// Masked updates that are fetched at once, and so the most that are held: small ones because a line is slow to answer,
/// large ones two, so that one is added while the next one comes.
const FETCHES: std::ops::RangeInclusive<usize> = 2..=8;
/// Their bytes, where there are more than the fewest of them.
const FETCHED_BYTES: usize = 4 << 20;

/// Why a model is not trained on, and what shows it to others.
type Unfaithful = (ModelError, Option<Box<Brought>>);

/// The masked updates of the round that is being checked, on disk: they are too long to be held, and whoever has
/// announced another sum of them would not serve them twice.
struct Spool {
    file: File,
    path: PathBuf,
}

impl Spool {
    fn create(directory: &Path) -> Result<Self, FileError> {
        let path = directory.join(SPOOL);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true);
        let file = step(Step::Write(&path), || private(options).open(&path))
            .map_err(failed("create", &path))?;
        Ok(Self { file, path })
    }

    fn write(&mut self, masked: &[u8]) -> Result<(), FileError> {
        step(Step::Write(&self.path), || self.file.write_all(masked))
            .map_err(failed("write", &self.path))
    }

    /// All of them, of `length` bytes each.
    fn read(mut self, length: usize) -> Result<Vec<Vec<u8>>, FileError> {
        let mut bytes = Vec::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes));
        read.map_err(failed("read", &self.path))?;
        Ok(bytes.chunks(length.max(1)).map(<[u8]>::to_vec).collect())
    }
}

/// The updates of a sum, in its order: hash of the header, hash of the body.
fn closed_bodies(sum: &SealedSum) -> Vec<(HeaderHash, BlobHash)> {
    let read = |input: &Submission| {
        let header = CandidateHeader::decode(input.header()).ok()?;
        Some((header.hash(), header.body_hash()))
    };
    sum.inputs().filter_map(read).collect()
}

impl Session<'_> {
    /// Checks the model of a closed round before anything is built on it.
    pub(super) async fn settle(&mut self) -> Result<(), ClientError> {
        let Some(closed) = self.own.closed.clone() else { return Ok(()) };
        let RoundContext { step, attempt, .. } = *closed.sealed.sum.round();
        // An earlier process of this institution has checked the rounds up to its stored model.
        if let Some(stored) = self.own.stored.take_if(|stored| stored.step() == step + 1) {
            if stored.model().hash() != closed.model {
                return Err(ClientError::DamagedState {
                    path: self.own.directory.clone(),
                    detail: format!(
                        "the stored model is not the one that step {step} ended with on the stored chain"
                    ),
                });
            }
            self.own.model = stored;
        } else if self.own.stored.as_ref().is_none_or(|stored| stored.step() <= step) {
            self.follow_model(&closed).await?;
            self.keep_sealed_head(&closed).await?;
            let epsilon = self.own.parameters.epsilon(self.own.follower.succession());
            let report = std::mem::take(&mut self.own.report);
            let parameters = &self.own.parameters;
            let purpose = parameters.agenda().purpose(step);
            let scores = last_scores(parameters, self.own.model.findings())
                .filter(|(evaluated, _)| *evaluated == step)
                .map(|(_, scores)| scores);
            let report = RoundReport { step, purpose, attempt, scores, epsilon, ..report };
            self.own.observers.round_closed(report);
            let model = closed.model.short();
            info!(step, purpose = purpose.label(), model = %model, "round closed");
        }
        self.own.closed = None;
        self.own.duty = Duty::None;
        self.own.key_parts = Arc::default();
        self.own.bodies.trim()?;
        self.own.note_state(closed.height);
        self.find_accepted()
    }

    /// Goes on to the model of a closed round: the contract's, for who executes the chain.
    ///
    /// Where that fails, or the chain is not executed, the model is checked by what it should follow from. That shows others
    /// what is wrong with it.
    async fn follow_model(&mut self, closed: &Arc<Closed>) -> Result<(), ClientError> {
        let executed = match self.own.verification {
            Verification::All => Some(self.execute_through(closed.height).await),
            Verification::Sample(_) => None,
        };
        if let (Some(Ok(())), Some(execution)) = (&executed, &self.own.execution)
            && let Some(next) = self.own.model.executed(execution)
            && next.model().hash() == closed.model
        {
            let directory = self.own.directory.clone();
            let stored = next.clone();
            blocking(move || model::store(&stored, &directory)).await??;
            self.own.model = next;
            return Ok(());
        }
        // A connection can break between the two: the model was then taken by its check, and the chain is still to be executed.
        let own = &self.own.model;
        let is_taken = own.step() == closed.sealed.sum.round().step + 1;
        if is_taken && own.model().hash() == closed.model {
            return executed.unwrap_or(Ok(()));
        }
        let judged = match self.own.duty.judged() {
            Some(judged) => judged.clone(),
            None => self.judge(&closed.sealed.sum, None).await?,
        };
        if let Err((source, brought)) = self.check_model(closed, judged).await? {
            return Err(self.unfaithful_model(closed.height, source, brought));
        }
        executed.unwrap_or(Ok(()))
    }

    async fn check_model(
        &mut self,
        closed: &Arc<Closed>,
        judged: Judged,
    ) -> Result<Result<(), Unfaithful>, ClientError> {
        let own = &mut *self.own;
        let sealed = Arc::clone(&closed.sealed.sum);
        let closed = Arc::clone(closed);
        let previous = own.model.clone();
        let parameters = Arc::clone(&own.parameters);
        let table = Arc::clone(&own.table);
        let start = Instant::now();
        let mut check =
            match blocking(move || previous.check(&closed, &judged, &parameters, &table)).await? {
                Ok(check) => check,
                Err(error) => return Ok(Err((error, None))),
            };
        own.report.check += start.elapsed();

        let mut spool = Spool::create(&own.directory)?;
        let form = own.parameters.form(sealed.round().step);
        let masked = form.update.masked();
        let length = masked.len();
        let most = (FETCHED_BYTES / length.max(1)).clamp(*FETCHES.start(), *FETCHES.end());
        let mut inputs = closed_bodies(&sealed).into_iter();
        let mut fetches = VecDeque::new();
        loop {
            let start = Instant::now();
            for (header, body) in inputs.by_ref().take(most - fetches.len()) {
                // They are part of a body that has been verified.
                let kept = own.bodies.get(&body)?;
                let kept = kept.and_then(|body| body.get(masked.clone()).map(<[u8]>::to_vec));
                let mut connection = self.connection.clone();
                fetches.push_back(tokio::spawn(async move {
                    match kept {
                        Some(masked) => Ok((masked, 0)),
                        None => {
                            let masked = connection.masked_update(&header, length).await;
                            masked.map(|masked| (masked, length))
                        }
                    }
                }));
            }
            let Some(fetch) = fetches.pop_front() else { break };
            let (masked, fetched) = fetch.await.map_err(interrupted)??;
            own.report.fetch += start.elapsed();
            own.report.bytes_down += fetched as u64;
            let start = Instant::now();
            let added = blocking(move || {
                let added = check.add(&masked).map(|()| check);
                spool.write(&masked).map(|()| (added, spool))
            });
            let (added, rest) = added.await??;
            spool = rest;
            check = match added {
                Ok(check) => check,
                // What is served in an update's place is signed by nobody.
                Err(error) => return Ok(Err((error, None))),
            };
            own.report.check += start.elapsed();
        }
        let start = Instant::now();
        let sums = self.connection.blob(check.sums(), form.dimension() as usize * 4).await?;
        own.report.fetch += start.elapsed();
        own.report.bytes_down += sums.len() as u64;

        let parameters = Arc::clone(&own.parameters);
        let previous = own.model.clone();
        let roster = own.follower.roster().clone();
        let directory = own.directory.clone();
        let start = Instant::now();
        let checked = blocking(move || {
            match check.finish(&previous, &sums, &roster, &parameters, &mut OsRng) {
                Ok(next) => model::store(&next, &directory).map(|()| Ok(next)),
                Err(error) => Ok(Err((
                    error,
                    Some(Box::new(Brought { masked_updates: spool.read(length)?, sums })),
                ))),
            }
        });
        let checked = checked.await??;
        own.report.check += start.elapsed();
        Ok(checked.map(|next| own.model = next))
    }
}
