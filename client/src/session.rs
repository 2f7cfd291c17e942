//! One connection: catch up, follow, and do what the chain calls for.
//!
//! What is due follows from the chain, from the disk and from what has been sent on this connection; so a new connection
//! simply sends again whatever the chain does not show yet. Nothing is said before the blocks up to what the coordinator
//! calls its head have been read.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use consilium_audit::{
    follow::{Phase, SealedSum},
    judge::{Judged, judge},
};
use consilium_contract::transaction::sign;
use consilium_crypto::Hash;
use consilium_ledger::{Block, Note, SealedHeader, VerifiedHeader};
use consilium_proto::v1::{Enrol, Reason, SignedTransaction, transaction::Action};
use rand_core::OsRng;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tracing::{info, warn};

use crate::{
    ClientError,
    connection::{Answered, Blocks, Connection, Head, UploadTimes},
    institution::{Duty, Institution, assignment::Assignment, trustee},
    observer::UpdateReport,
    state::{
        memory::Memory,
        upload::{self, Upload},
    },
};

mod convict;
mod heads;
mod settle;

/// How long a call may wait for its block, beyond the collection's own timeout: a block is sealed after a minute at the
/// latest.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(150);

/// How often a body that arrived incomplete is sent again on one connection.
const RESENDS: u32 = 3;

/// The answer to a call that ran beside the stream of blocks.
enum Answer {
    Enrolled(Answered),
    Contributed(Answered),
    Judged { header: Hash, step: u64, answered: Answered, times: UploadTimes },
    Countersigned { step: u64, answered: Answered },
    Shared { step: u64, answered: Answered },
}

pub(crate) struct Session<'a> {
    own: &'a mut Institution,
    connection: Connection,
    calls: JoinSet<Result<Answer, ClientError>>,
    /// What the coordinator called its last block when the connection was made.
    head: SealedHeader,
    /// The checkpoint that it signed then, until the own chain has caught up with it.
    unkept: Option<Note>,
    has_enrolled: bool,
    /// What was answered on this connection of a ceremony in progress.
    contributed: Option<Hash>,
    /// Header hash of the update sent on this connection.
    update_sent: Option<Hash>,
    resends: u32,
    /// Steps of the countersignature and share sent on this connection.
    countersignature_sent: Option<u64>,
    share_sent: Option<u64>,
}

impl<'a> Session<'a> {
    /// Follows the chain until the run is over or the connection breaks.
    pub(crate) async fn run(own: &'a mut Institution) -> Result<(), ClientError> {
        let mut connection = Connection::open(&own.endpoint, &own.parameters).await?;
        let Head { header: head, checkpoint } = connection.head(0).await?;
        own.history.compare(&head)?;
        let mut session = Self {
            own,
            connection,
            calls: JoinSet::new(),
            head,
            unkept: Some(checkpoint),
            has_enrolled: false,
            contributed: None,
            update_sent: None,
            resends: 0,
            countersignature_sent: None,
            share_sent: None,
        };
        // A check that a broken connection has interrupted.
        session.settle().await?;
        session.replay().await?;
        // From the own last block on: it comes again, and must be the same.
        let from = session.own.history.len().saturating_sub(1);
        let mut blocks = session.connection.subscribe(from).await?;
        while !session.is_over()? {
            if session.is_caught_up()? {
                session.act().await?;
            }
            session.next(&mut blocks).await?;
        }
        Ok(())
    }

    /// Reads the blocks on the own disk that have not been read.
    async fn replay(&mut self) -> Result<(), ClientError> {
        while let Some((block, header)) = self.own.history.block(self.own.follower.height())? {
            self.read(&block, &header).await?;
        }
        Ok(())
    }

    /// Waits for the next block or answer.
    async fn next(&mut self, blocks: &mut Blocks) -> Result<(), ClientError> {
        tokio::select! {
            next = blocks.next() => {
                let (block, bytes) = next?;
                self.own.report.bytes_down += bytes as u64;
                let header = match self.own.history.record(&block) {
                    Ok(header) => header,
                    Err(error) => return Err(self.refused_block(&block, error)),
                };
                if header.height == self.own.follower.height() {
                    self.read(&block, &header).await?;
                }
                Ok(())
            }
            Some(answer) = self.calls.join_next() => self.hear(answer),
        }
    }

    async fn read(&mut self, block: &Block, header: &VerifiedHeader) -> Result<(), ClientError> {
        match self.own.follower.read(block, header) {
            Ok(None) => {}
            Ok(Some(closed)) => self.own.closed = Some(Arc::new(closed)),
            Err(error) => return Err(self.refused_entry(error.into())),
        }
        self.settle_committee()?;
        self.settle().await
    }

    /// A new committee stands: secrets and shares of the one before are removed.
    fn settle_committee(&mut self) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let Some(committee) = own.follower.committee() else { return Ok(()) };
        if own.committee == Some(committee.number) {
            return Ok(());
        }
        own.committee = Some(committee.number);
        let committee = Arc::clone(committee);
        let Some(membership) = &mut own.membership else { return Ok(()) };
        // Durable before the shares of the committee before are gone.
        own.history.flush().wait()?;
        membership.settle(&committee)?;
        let place = committee.place_of(&own.files.identity.pseudonym);
        match (place, membership.share(&committee)) {
            (Some(place), Some(_)) => {
                info!(committee = committee.number, place, "a member of the committee")
            }
            (Some(place), None) => warn!(
                committee = committee.number,
                place,
                "a member of the committee without its share of the key: no part in opening sums until the key is shared again"
            ),
            (None, _) => info!(committee = committee.number, "not a member of the committee"),
        }
        Ok(())
    }

    fn is_over(&self) -> Result<bool, ClientError> {
        match self.own.follower.phase() {
            Phase::Finished => Ok(true),
            Phase::Stopped => {
                let step = self.own.follower.step();
                let attempts = self.own.follower.attempt();
                Err(ClientError::RunStopped { step, attempts })
            }
            _ => Ok(false),
        }
    }

    /// Whether everything up to the coordinator's head has been read; the first time, what the chain says about this
    /// institution is compared with what it remembers.
    fn is_caught_up(&mut self) -> Result<bool, ClientError> {
        if self.own.follower.height() <= self.head.header.height {
            return Ok(false);
        }
        self.own.history.confirm(&self.head)?;
        if let Some(checkpoint) = self.unkept.take() {
            self.keep_head(checkpoint)?;
        }
        if !self.own.was_caught_up {
            self.own.was_caught_up = true;
            let step = self.own.follower.step();
            let known_to_the_chain = self.own.follower.roster().get(self.own.pseudonym()).is_some();
            let mut memory = memory(self.own);
            if memory.is_new() && known_to_the_chain {
                warn!(
                    step,
                    "this state directory is newer than the institution's enrolment: the step in progress is left to the others"
                );
                memory.forgo(step)?;
            }
            info!(height = self.own.follower.height(), step, "caught up with the chain");
        }
        Ok(true)
    }

    /// Does what the chain calls for and has not been done.
    async fn act(&mut self) -> Result<(), ClientError> {
        self.enrol();
        match self.own.follower.phase() {
            Phase::Keygen(_) => self.contribute().await,
            Phase::Collecting(_) => self.participate().await,
            Phase::Sealed(_) => self.serve().await,
            Phase::Idle | Phase::Sealing(..) | Phase::Finished | Phase::Stopped => Ok(()),
        }
    }

    fn enrol(&mut self) {
        let own = &self.own;
        if self.has_enrolled || own.follower.roster().get(own.pseudonym()).is_some() {
            return;
        }
        self.has_enrolled = true;
        let action = Action::Enrol(Enrol { certificate: Some(own.files.certificate.clone()) });
        let signed =
            sign(&own.files.signing, &own.parameters.chain_id, Some(own.pseudonym()), action);
        let mut connection = self.connection.clone();
        let deadline = self.deadline();
        self.calls
            .spawn(async move { connection.enrol(signed, deadline).await.map(Answer::Enrolled) });
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.own.parameters.collection_timeout_ms) + RECEIPT_DEADLINE
    }

    /// As a member of a committee that is being made: says what the stage calls for.
    async fn contribute(&mut self) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let Phase::Keygen(keygen) = own.follower.phase() else { return Ok(()) };
        if self.contributed == Some(*keygen.basis()) || keygen.has_heard(own.pseudonym()) {
            return Ok(());
        }
        let basis = *keygen.basis();
        let step = own.follower.step();
        let Some(mut membership) = own.membership.take() else {
            return Err(ClientError::Interrupted("the member is gone".into()));
        };
        let keygen = Arc::clone(keygen);
        let memory = Arc::clone(&own.memory);
        let flush = own.history.flush();
        let work = blocking(move || {
            let said = flush.wait().map_err(ClientError::from).and_then(|()| {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                membership.next(&keygen, step, &mut memory, &mut OsRng)
            });
            // Let go of before the next block is read, which moves the ceremony on.
            drop(keygen);
            (membership, said)
        });
        let (membership, said) = work.await?;
        own.membership = Some(membership);
        self.contributed = Some(basis);
        if let Some(contribution) = said? {
            let action = Action::Contribute(contribution);
            let signed =
                sign(&own.files.signing, &own.parameters.chain_id, Some(own.pseudonym()), action);
            own.report.bytes_up += bytes(&signed);
            let mut connection = self.connection.clone();
            let deadline = self.deadline();
            self.calls.spawn(async move {
                connection.contribute(signed, deadline).await.map(Answer::Contributed)
            });
        }
        Ok(())
    }

    /// As a participant: trains on the checked model and submits.
    async fn participate(&mut self) -> Result<(), ClientError> {
        let Phase::Collecting(collection) = self.own.follower.phase() else { return Ok(()) };
        let round = collection.round();
        let attempt = (round.step, round.attempt);
        let is_revoked =
            self.own.follower.roster().get(self.own.pseudonym()).is_none_or(|own| own.revoked);
        if self.own.is_silenced || is_revoked || self.own.sits_out == Some(attempt) {
            return Ok(());
        }
        if let Some(upload) = self.own.upload_for(round) {
            let upload = upload.clone();
            self.send_update(upload);
            return Ok(());
        }
        if collection.has_update_of(self.own.pseudonym()) {
            warn!(
                step = attempt.0,
                "an update of this attempt is on the chain and not on this disk: it stays the only one"
            );
            self.own.sits_out = Some(attempt);
            return Ok(());
        }
        match self.make_update().await? {
            Some(upload) => self.send_update(upload),
            None => self.own.sits_out = Some(attempt),
        }
        Ok(())
    }

    /// Trains, encrypts, proves, and stores the bytes. `None` where no update can be made from the own rows.
    async fn make_update(&mut self) -> Result<Option<Upload>, ClientError> {
        let own = &mut *self.own;
        let Phase::Collecting(collection) = own.follower.phase() else { return Ok(None) };
        let assignment =
            match Assignment::new(&own.model, collection, &own.files.identity.pseudonym) {
                Ok(assignment) => assignment,
                Err(source) => {
                    return Err(self.unfaithful_model(
                        self.own.follower.height().saturating_sub(1),
                        source,
                        None,
                    ));
                }
            };
        let Some(mut participant) = own.participant.take() else {
            return Err(ClientError::Interrupted("the trainer is gone".into()));
        };
        let files = Arc::clone(&own.files);
        let flush = own.history.flush();
        let directory = own.directory.clone();
        let work = spawn_blocking(move || {
            let made = participant
                .local_update(assignment.context().round.step, assignment.global())
                .map_err(|error| error.to_string())
                .and_then(|update| {
                    let envelope = upload::seal(&assignment, &update.quantised, &files.signing);
                    Ok((update, envelope.map_err(|error| error.to_string())?))
                });
            let stored = made.map(|(update, envelope)| {
                let report = UpdateReport {
                    train: update.train,
                    quantise: update.quantise,
                    encrypt: envelope.encrypt,
                    prove: envelope.prove,
                    clipped_share: update.clipped_share,
                    model: update.model,
                };
                // The history on which it is said, and the bytes, before anything is sent.
                flush
                    .wait()
                    .and_then(|()| envelope.store(&directory))
                    .map_err(ClientError::from)
                    .map(|upload| (upload, report))
            });
            (participant, stored)
        });
        let (participant, stored) = work.await.map_err(interrupted)?;
        self.own.participant = Some(participant);
        match stored {
            Ok(stored) => {
                let (upload, report) = stored?;
                self.own.report.update = Some(report);
                self.own.upload = Some(upload.clone());
                Ok(Some(upload))
            }
            Err(error) => {
                warn!(%error, "no update of this step; it is left to the others");
                Ok(None)
            }
        }
    }

    /// Sends the stored bytes, once a connection.
    fn send_update(&mut self, upload: Upload) {
        let header = *upload.header_hash();
        if self.update_sent == Some(header) {
            return;
        }
        self.update_sent = Some(header);
        self.own.report.bytes_up += upload.bytes();
        let mut connection = self.connection.clone();
        let deadline = self.deadline();
        self.calls.spawn(async move {
            let step = upload.round().step;
            let (answered, times) = connection.submit(upload, deadline).await?;
            Ok(Answer::Judged { header, step, answered, times })
        });
    }

    /// As a trustee: judges the sealed sum, remembers and countersigns it, and shares once a quorum has.
    async fn serve(&mut self) -> Result<(), ClientError> {
        let Phase::Sealed(sealed) = self.own.follower.phase() else { return Ok(()) };
        let sum = Arc::clone(&sealed.sum);
        // Who is no member is a participant only.
        let Some(index) = sum.committee().place_of(self.own.pseudonym()) else { return Ok(()) };
        let is_countersigned = sealed.is_countersigned_by(index);
        let is_shared = sealed.has_share_of(index);
        let step = sum.round().step;

        if self.own.duty.judged().is_none() {
            let accepted = self.accepted_update(&sum).await?;
            let judged = self.judge(&sum, accepted).await?;
            self.own.duty = Duty::Judged(judged);
        }
        // What this institution has said in this step, and the disk does not know: the disk is older than the step.
        let is_forgotten =
            sum.has_update_of(self.own.pseudonym()) && self.own.upload_for(sum.round()).is_none();
        if (is_countersigned || is_shared || is_forgotten)
            && memory(self.own).countersigned(step).is_none()
        {
            warn!(
                step,
                "the chain holds what this state directory does not know: the step is left to the others"
            );
            memory(self.own).forgo(step)?;
        }
        if memory(self.own).is_forgone(step) {
            return Ok(());
        }
        if let Duty::Judged(judged) = &self.own.duty {
            let judged = judged.clone();
            let memory = Arc::clone(&self.own.memory);
            let files = Arc::clone(&self.own.files);
            let flush = self.own.history.flush();
            let start = Instant::now();
            let countersigned = blocking(move || {
                flush.wait()?;
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                trustee::countersign(
                    &judged,
                    &mut memory,
                    &files.signing,
                    &files.identity.pseudonym,
                )
            });
            self.own.duty = Duty::Countersigned(countersigned.await??);
            self.own.report.countersign += start.elapsed();
        }
        if let Duty::Countersigned(countersigned) = &self.own.duty {
            if !is_countersigned && self.countersignature_sent != Some(step) {
                let signed = countersigned.transaction().clone();
                self.countersignature_sent = Some(step);
                self.own.report.bytes_up += bytes(&signed);
                let mut connection = self.connection.clone();
                let deadline = self.deadline();
                self.calls.spawn(async move {
                    let answered = connection.countersign(signed, deadline).await?;
                    Ok(Answer::Countersigned { step, answered })
                });
            }
            self.share().await?;
        }
        if let Duty::Answered(_, signed) = &self.own.duty
            && !is_shared
            && self.share_sent != Some(step)
        {
            let signed = signed.clone();
            self.share_sent = Some(step);
            self.own.report.bytes_up += bytes(&signed);
            let mut connection = self.connection.clone();
            let deadline = self.deadline();
            self.calls.spawn(async move {
                let answered = connection.share(signed, deadline).await?;
                Ok(Answer::Shared { step, answered })
            });
        }
        Ok(())
    }

    /// Makes the decryption share if q trustees have countersigned the same block.
    async fn share(&mut self) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let (Duty::Countersigned(countersigned), Phase::Sealed(sealed)) =
            (&own.duty, own.follower.phase())
        else {
            return Ok(());
        };
        let Some(quorum) = countersigned.quorum(sealed.countersignatures()) else { return Ok(()) };
        let committee = quorum.judged().committee();
        // Without its share a member still answers for what it has judged.
        let share = own
            .membership
            .as_ref()
            .and_then(|membership| membership.share(committee))
            .map(Arc::clone);
        let Some(share) = share else { return Ok(()) };
        let files = Arc::clone(&own.files);
        let start = Instant::now();
        let work = blocking(move || {
            let signed = quorum.share(&share, &files.signing, &files.identity.pseudonym);
            (quorum.judged().clone(), signed)
        });
        let (judged, signed) = work.await?;
        own.duty = Duty::Answered(judged, signed);
        own.report.share += start.elapsed();
        Ok(())
    }

    /// The hash of the own update's header, if the contract has accepted it. Where the sum does not name it, the
    /// receipt decides, and is waited for.
    async fn accepted_update(&mut self, sum: &SealedSum) -> Result<Option<Hash>, ClientError> {
        let Some(upload) = self.own.upload_for(sum.round()).cloned() else { return Ok(None) };
        let header = *upload.header_hash();
        if sum.names(&header) {
            self.own.report.verdict = Some(Reason::Accepted);
            return Ok(Some(header));
        }
        loop {
            match &self.own.verdict {
                Some((of, answered)) if *of == header => {
                    return Ok(answered.receipt.is_accepted().then_some(header));
                }
                _ => {}
            }
            self.send_update(upload.clone());
            let answer = tokio::time::timeout(RECEIPT_DEADLINE, self.calls.join_next()).await;
            match answer {
                Ok(Some(answer)) => self.hear(answer)?,
                Ok(None) | Err(_) => {
                    return Err(ClientError::Unreachable("no receipt for the own update".into()));
                }
            }
        }
    }

    async fn judge(
        &mut self,
        sum: &Arc<SealedSum>,
        own: Option<Hash>,
    ) -> Result<Judged, ClientError> {
        let sealed = Arc::clone(sum);
        let parameters = Arc::clone(&self.own.parameters);
        let start = Instant::now();
        let verdict =
            blocking(move || judge(&sealed, own.as_ref(), &parameters, &mut OsRng)).await?;
        self.own.report.judge += start.elapsed();
        verdict.map_err(|source| self.unfaithful_sum(sum.height(), source))
    }

    /// Takes the answer to a call.
    fn hear(
        &mut self,
        answer: Result<Result<Answer, ClientError>, JoinError>,
    ) -> Result<(), ClientError> {
        match answer.map_err(interrupted)?? {
            Answer::Enrolled(answered) => match answered.receipt.reason {
                Reason::Accepted | Reason::Duplicate => {}
                reason => return Err(ClientError::Refused { what: "enrolment", reason }),
            },
            Answer::Contributed(answered) => {
                let step = self.own.follower.step();
                self.take_receipt("contribution", step, answered)?;
            }
            Answer::Judged { header, step, answered, times } => {
                let reason = answered.receipt.reason;
                self.compare_receipts(step, header, &answered)?;
                if reason == Reason::IncompleteBody && self.resends < RESENDS {
                    self.resends += 1;
                    self.update_sent = None;
                    return Ok(());
                }
                if reason != Reason::Accepted {
                    warn!(step, reason = reason.as_str_name(), "the update was rejected");
                }
                self.own.is_silenced |= matches!(reason, Reason::Expelled | Reason::Revoked);
                self.own.verdict = Some((header, answered));
                if step == self.own.follower.step() {
                    let report = &mut self.own.report;
                    report.verdict = Some(reason);
                    (report.upload, report.answered) = (times.sent, times.answered);
                }
            }
            Answer::Countersigned { step, answered } => {
                self.take_receipt("countersignature", step, answered)?
            }
            Answer::Shared { step, answered } => self.take_receipt("share", step, answered)?,
        }
        Ok(())
    }
}

fn memory(own: &Institution) -> MutexGuard<'_, Memory> {
    own.memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes(signed: &SignedTransaction) -> u64 {
    (signed.transaction.len() + signed.signature.len()) as u64
}

/// Work that would keep a thread of the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ClientError> {
    spawn_blocking(work).await.map_err(interrupted)
}

fn interrupted(error: JoinError) -> ClientError {
    ClientError::Interrupted(error.to_string())
}

#[cfg(test)]
mod tests;
