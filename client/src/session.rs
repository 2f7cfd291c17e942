//! One connection: catch up, follow, and do what the chain calls for.
//!
//! What is due follows from the chain, from the disk and from what has been sent on this connection; so a new connection
//! simply sends again whatever the chain does not show yet. Nothing is said before the blocks up to what the coordinator
//! calls its head have been read.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use consilium_audit::follow::Phase;
use consilium_hash::{Basis, HeaderHash};
use consilium_ledger::{Block, Note, SealedHeader, VerifiedHeader};
use consilium_proto::v1::{Reason, SignedTransaction};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::{JoinError, JoinSet, spawn_blocking},
};
use tracing::{info, warn};

use crate::{
    ClientError,
    connection::{Answered, Blocks, Connection, Head, UploadTimes},
    institution::{Institution, duties::Duties},
    observer::Standing,
    state::snapshot,
};

mod convict;
mod heads;
mod member;
mod participate;
mod serve;
mod settle;
mod verify;

/// How long a call may wait for its block, beyond the collection's own timeout: a block is sealed after a minute at the
/// latest.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(150);

/// How often a body that arrived incomplete is sent again on one connection.
const RESENDS: u32 = 3;

/// The answer to a call that ran beside the stream of blocks.
enum Answer {
    Enrolled(Answered),
    Rejoined(Answered),
    Contributed(Answered),
    Judged { header: HeaderHash, step: u64, answered: Answered, times: UploadTimes },
    Countersigned { step: u64, answered: Answered },
    Shared { step: u64, answered: Answered },
}

/// What an institution waits for.
enum Came {
    Block(Result<(Block, usize), ClientError>),
    Answer(Result<Result<Answer, ClientError>, JoinError>),
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
    contributed: Option<Basis>,
    /// Header hash of the update sent on this connection.
    update_sent: Option<HeaderHash>,
    resends: u32,
    /// The update after which it has asked to be waited for again.
    rejoined_with: Option<HeaderHash>,
    /// Steps of the countersignature and share sent on this connection.
    countersignature_sent: Option<u64>,
    share_sent: Option<u64>,
    /// Whether the log has last said that the run is paused.
    says_paused: bool,
    /// Institutions that had enrolled when the log last said that the others are waited for.
    waiting_for: Option<usize>,
}

impl<'a> Session<'a> {
    /// Follows the chain until the run is over or the connection breaks.
    pub(crate) async fn run(own: &'a mut Institution) -> Result<(), ClientError> {
        let connector = Arc::clone(&own.connector);
        let parameters = Arc::clone(&own.parameters);
        // From its own last block on: it comes again, and must be the same. A coordinator whose ledger lacks that block
        // learns of it here, before it is asked for anything.
        let from = own.history.len().saturating_sub(1);
        let last = own.history.chain().head().map(|last| *last.sealed());
        let name = *own.pseudonym();
        let process = own.process;
        let open = async move {
            let mut connection = Connection::open(connector.as_ref(), &parameters).await?;
            let blocks = connection.subscribe(from, last.as_ref(), Some((&name, &process))).await?;
            let head = connection.head(0).await?;
            Ok::<_, ClientError>((connection, blocks, head))
        };
        let opened = own.patience.wait(open).await;
        let (connection, mut blocks, head) =
            opened.ok_or_else(|| own.patience.is_over("it does not answer"))??;
        let Head { header: head, checkpoint } = head;
        heads::refuse_another_run(&checkpoint, own.history.chain().validators())?;
        own.history.compare(&head)?;
        own.has_met = true;
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
            rejoined_with: None,
            countersignature_sent: None,
            share_sent: None,
            says_paused: false,
            waiting_for: None,
        };
        // A check that a broken connection has interrupted.
        session.settle().await?;
        session.replay().await?;
        session.say_where_it_stands();
        while !session.is_over() {
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

    /// Waits for the next block or answer, no longer than this institution was told to.
    async fn next(&mut self, blocks: &mut Blocks) -> Result<(), ClientError> {
        let calls = &mut self.calls;
        let either = async {
            tokio::select! {
                biased;
                next = blocks.next() => Came::Block(next),
                Some(answer) = calls.join_next() => Came::Answer(answer),
            }
        };
        match self.own.patience.wait(either).await {
            None => {
                let phase = self.own.follower.phase().name();
                let last = format!("it is there, and no block has come since the run is {phase}");
                Err(self.own.patience.is_over(last))
            }
            Some(Came::Block(next)) => {
                let (block, bytes) = next?;
                self.own.report.bytes_down += bytes as u64;
                let header = match self.own.history.record(&block) {
                    Ok(header) => header,
                    Err(error) => return Err(self.refused_block(&block, error.into())),
                };
                // The last block comes again with every connection.
                if header.height == self.own.follower.height() {
                    self.own.patience.renew();
                    self.read(&block, &header).await?;
                }
                self.say_where_it_stands();
                Ok(())
            }
            Some(Came::Answer(answer)) => {
                if matches!(answer, Ok(Ok(_))) {
                    self.own.patience.renew();
                }
                self.hear(answer)
            }
        }
    }

    async fn read(&mut self, block: &Block, header: &VerifiedHeader) -> Result<(), ClientError> {
        self.keep_state(header).await?;
        match self.own.follower.read(block, header) {
            Ok(None) => {}
            Ok(Some(closed)) => self.own.closed = Some(Arc::new(closed)),
            Err(error) => return Err(self.refused_entry(error.into())),
        }
        self.read_as_a_member(block)?;
        self.settle().await
    }

    /// Keeps the state that this header names, for a restart to go on from.
    async fn keep_state(&mut self, header: &VerifiedHeader) -> Result<(), ClientError> {
        let Some(snapshot) = self.own.vouched(header) else { return Ok(()) };
        let directory = self.own.directory.clone();
        // It is of use as far as the chain on this disk goes.
        let flush = self.own.history.flush();
        let kept =
            blocking(move || flush.wait().and_then(|()| snapshot::store(&snapshot, &directory)));
        if let Err(error) = kept.await? {
            warn!(%error, "the state of the run is not kept: the next start takes longer");
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        matches!(self.own.follower.phase(), Phase::Finished)
    }

    /// Whether everything up to the coordinator's head has been read; then what the chain says about this institution is
    /// compared with what it remembers.
    fn is_caught_up(&mut self) -> Result<bool, ClientError> {
        if self.own.follower.height() <= self.head.header.height {
            return Ok(false);
        }
        self.own.history.confirm(&self.head)?;
        if let Some(checkpoint) = self.unkept.take() {
            self.keep_head(checkpoint)?;
        }
        let round = self.own.upload.as_ref().map(|upload| upload.round());
        duties(self.own).catch_up(&self.own.follower, round)?;
        if !self.own.was_caught_up {
            self.own.was_caught_up = true;
            let step = self.own.follower.step();
            info!(height = self.own.follower.height(), step, "caught up with the chain");
        }
        Ok(true)
    }

    /// Does what the chain calls for and has not been done.
    async fn act(&mut self) -> Result<(), ClientError> {
        self.leave()?;
        self.enrol();
        self.rejoin();
        self.say_whether_it_is_paused();
        self.say_for_whom_it_waits();
        match self.own.follower.phase() {
            Phase::Keygen(_) => self.contribute().await,
            Phase::Collecting(_) => self.participate().await,
            Phase::Sealed(_) => self.serve().await,
            Phase::Idle | Phase::Sealing(..) | Phase::Finished => Ok(()),
        }
    }

    /// Whoever looks at the log of a run that stands still on purpose learns by whose word.
    fn say_whether_it_is_paused(&mut self) {
        let is_paused = self.own.follower.is_paused();
        if self.says_paused == is_paused {
            return;
        }
        self.says_paused = is_paused;
        if is_paused {
            info!("the authority has paused the run: no further round opens until it resumes");
        } else {
            info!("the authority has resumed the run");
        }
    }

    fn say_where_it_stands(&mut self) {
        let follower = &self.own.follower;
        let blocks = follower.height();
        self.own.observers.stands(Standing {
            step: follower.step(),
            attempt: follower.attempt(),
            phase: follower.phase().name(),
            blocks,
            behind: (self.head.header.height + 1).saturating_sub(blocks),
            is_finished: self.is_over(),
        });
    }

    /// Before there is a key, a run waits for institutions to enrol: whoever looks at the log learns for how many.
    fn say_for_whom_it_waits(&mut self) {
        let follower = &self.own.follower;
        let enrolled = follower.roster().len();
        let all = self.own.parameters.institutions as usize;
        let waits = matches!(follower.phase(), Phase::Idle) && follower.committee().is_none();
        if !waits || enrolled >= all || self.waiting_for == Some(enrolled) {
            return;
        }
        self.waiting_for = Some(enrolled);
        info!(enrolled, of = all, "the run waits for the other institutions to enrol");
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.own.parameters.collection_timeout_ms) + RECEIPT_DEADLINE
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
            Answer::Rejoined(answered) => {
                // The step may have ended on the way.
                if !answered.receipt.is_accepted() {
                    self.rejoined_with = None;
                }
            }
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

fn duties(own: &Institution) -> MutexGuard<'_, Duties> {
    own.duties.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes(signed: &SignedTransaction) -> u64 {
    (signed.transaction.len() + signed.signature.len()) as u64
}

/// Work that would keep a thread of the runtime, on another one. Where the runtime has one thread alone, everything is to happen
/// on it, and in order.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ClientError> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Ok(work());
    }
    spawn_blocking(work).await.map_err(interrupted)
}

fn interrupted(error: JoinError) -> ClientError {
    ClientError::Interrupted(error.to_string())
}

#[cfg(test)]
mod tests;
