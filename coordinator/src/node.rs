//! The one owner of the contract: transactions are ordered, applied, made durable and answered here, on one thread.
//!
//! ```text
//!          gate                 executor   sequencer                                    gate
//! Submit ─▶ known? ─▶ admit ─▶ execute ─▶ open block ─▶ seal ─▶ flush ─▶ publish ─▶ answer
//!                       └▶ upload ─▶ Deliver ─▶ verify ─▶ execute ──▲   ▲
//!                                              executor: due ───────────┘
//! ```
//!
//! # The write path
//!
//! Each step says what a crash before the next one means.
//!
//! 1. The contract decides ([`Executor::execute`]). A crash forgets the decision; nobody has been told of it.
//! 2. The open block takes the transaction ([`Sequencer::push`]). A crash loses the block; whoever wrote into it got no
//!    answer and sends it again.
//! 3. Header and signature ([`Sequencer::seal`]). A crash forgets them: no other process has seen this header, so the one
//!    that is signed at this height after a restart is the only one.
//! 4. Blobs, block, flush. A crash before the flush ends leaves the ledger with or without the whole block, and the
//!    restart goes on from whichever it finds. A failed write ends the node for the same reason. Then the memory outside of
//!    the ledger, which is never ahead of it: a crash between the two leaves a ledger with one block that nobody has seen.
//! 5. What the process itself goes on from: chain, catalogue, contract, receipts. A crash finds all of it on the ledger
//!    again.
//! 6. Followers are told. A crash from here on costs an answer, which sending the transaction again brings back.
//! 7. Answers.
//! 8. Where the run rests, a snapshot ([`Snapshots`]). A crash leaves the one before, and a restart that takes longer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use consilium_contract::{Body, CandidateTransaction, Receipt, Recorded, action::Kind};
use consilium_proto::v1::transaction::Action;
use tokio::{sync::mpsc, time::timeout};

use crate::{
    CoordinatorError, Ended,
    clock::{Clock, NodeTime},
    error::CallError,
    executor::Executor,
    farewell::Farewell,
    gate::{Gate, Passed},
    hearing::Hearing,
    inbox::{Command, Reply},
    open_block::Entry,
    report::Report,
    round::Next,
    sequencer::Sequencer,
    shared::Shared,
    snapshot::Snapshots,
    verify::{Batch, Verifier},
};

/// How often the node looks at the clock when nothing arrives.
const TICK: Duration = Duration::from_millis(50);

/// Calls that are held back while the node listens.
const MOST_HELD_BACK: usize = 256;

/// See the module. Owned by a thread of its own; what others may touch is behind `shared`.
pub(crate) struct Node {
    pub(crate) hearing: Hearing,
    pub(crate) gate: Gate,
    pub(crate) executor: Executor,
    pub(crate) sequencer: Box<dyn Sequencer>,
    pub(crate) report: Report,
    pub(crate) snapshots: Snapshots,
    pub(crate) farewell: Farewell,
    /// Read by every call, each part under its own lock.
    pub(crate) shared: Arc<Shared>,
    /// Takes jobs; answers with [`Command::Checked`].
    pub(crate) verifier: Verifier,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) time: NodeTime,
}

impl Node {
    /// Works until the run is over, somebody stops it, or it cannot go on.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
    ) -> Result<Ended, CoordinatorError> {
        let Some(held_back) = self.listen(&mut commands).await? else {
            return Ok(self.executor.outcome());
        };
        for command in held_back {
            self.take(command)?;
        }
        loop {
            self.advance()?;
            let now_ms = self.now_ms();
            self.report.waiting(&self.executor, now_ms);
            if self.is_done() {
                return Ok(self.executor.outcome());
            }
            match timeout(TICK, commands.recv()).await {
                Err(_) => {}
                Ok(Some(Command::Stop) | None) => {
                    self.seal()?;
                    return Ok(self.executor.outcome());
                }
                Ok(Some(command)) => self.take(command)?,
            }
        }
    }

    /// Holds back what would be sealed until enough institutions have been heard; `None` where the node is to end first.
    ///
    /// # Errors
    /// Where one of them shows a block that the ledger lacks.
    async fn listen(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Vec<Command>>, CoordinatorError> {
        let mut held_back = Vec::new();
        loop {
            let now_ms = self.now_ms();
            self.report.look(&self.executor, true, now_ms);
            if self.hearing.is_over(now_ms) {
                self.executor.begin(now_ms);
                return Ok(Some(held_back));
            }
            if self.is_done() {
                return Ok(None);
            }
            match timeout(TICK, commands.recv()).await {
                Err(_) => {}
                Ok(Some(Command::Stop) | None) => return Ok(None),
                Ok(Some(Command::Submit { reply, .. } | Command::Deliver { reply, .. }))
                    if held_back.len() >= MOST_HELD_BACK =>
                {
                    let _ = reply.send(Err(CallError::Listening));
                }
                Ok(Some(command @ (Command::Heard(_) | Command::Lacks { .. }))) => {
                    self.take(command)?;
                }
                Ok(Some(command)) => held_back.push(command),
            }
        }
    }

    fn now_ms(&mut self) -> u64 {
        self.time.now_ms(&*self.clock)
    }

    fn take(&mut self, command: Command) -> Result<(), CoordinatorError> {
        let contract = self.executor.contract();
        let passed = match command {
            Command::Submit { transaction, reply } => {
                self.gate.submit(contract, &mut *self.sequencer, transaction, reply)?
            }
            Command::Deliver { transaction, body, reply } => {
                let now_ms = self.time.now_ms(&*self.clock);
                let sequencer = &mut *self.sequencer;
                self.gate.deliver(contract, sequencer, transaction, body, reply, now_ms)?
            }
            Command::Checked(batch) => return self.checked(batch?),
            Command::Heard(institution) => {
                self.hearing.hear(institution);
                return Ok(());
            }
            Command::Lacks { height, hash } => {
                let ledger = self.shared.store.head().map(|head| head.height);
                let told_by = "an institution";
                return Err(CoordinatorError::LacksBlocks { height, hash, ledger, told_by });
            }
            Command::Stop => return Ok(()),
        };
        match passed {
            Passed::Settled => Ok(()),
            Passed::Decide { transaction, body, waiting } => {
                self.apply(transaction, body, Vec::new(), waiting).map(|_| ())
            }
            Passed::Verify(job) => self.verifier.submit(job),
        }
    }

    /// Verified updates, in the order of arrival.
    fn checked(&mut self, batch: Batch) -> Result<(), CoordinatorError> {
        self.report.verified(batch.took);
        for done in batch.updates {
            let (transaction, body, waiting) = self.gate.verified(done);
            self.apply(transaction, body, Vec::new(), waiting)?;
            self.advance()?;
        }
        Ok(())
    }

    /// The write path, steps 1 and 2; the others are in [`Self::seal`]. What may not stand on a chain is answered and not
    /// recorded.
    fn apply(
        &mut self,
        transaction: CandidateTransaction,
        body: Body,
        blobs: Vec<Vec<u8>>,
        waiting: Vec<Reply>,
    ) -> Result<Receipt, CoordinatorError> {
        let now_ms = self.now_ms();
        let body_missing = matches!(body, Body::Missing);
        let executed = self.executor.execute(&transaction, body, now_ms)?;
        self.report.executed(&transaction, &executed, now_ms);
        let receipt = executed.receipt;
        if receipt.may_stand(&transaction) {
            let recorded = Recorded { transaction, receipt };
            self.sequencer.push(Entry { recorded, body_missing, blobs }, now_ms);
        }
        for reply in waiting {
            self.sequencer.wait(reply, receipt);
        }
        if executed.has_moved() {
            self.seal()?;
            let traffic = self.shared.traffic.totals();
            self.report.moved(&self.executor, executed.before, traffic);
        } else if self.sequencer.is_due(now_ms) {
            self.seal()?;
        }
        Ok(receipt)
    }

    /// Makes the open block durable and answers everyone who waits for it: the write path, steps 3 to 8.
    fn seal(&mut self) -> Result<(), CoordinatorError> {
        let now_ms = self.now_ms();
        let state_root = self.executor.state_before_block();
        let Some(mut sealed) = self.sequencer.seal(state_root, now_ms)? else { return Ok(()) };
        // 5. What the process goes on from.
        self.executor.end_block(sealed.block);
        self.gate.record(&sealed.recorded, self.executor.contract())?;
        // 6. Followers.
        self.shared.publish(sealed.height.saturating_add(1), self.executor.is_finished());
        // 7. Answers.
        std::mem::take(&mut sealed.unanswered).answer();
        self.report.sealed(&sealed);
        // 8. What a restart goes on from.
        self.snapshots.sealed(sealed.height, &self.executor, &self.shared);
        Ok(())
    }

    /// Says what the coordinator has to say, and seals what is old enough.
    fn advance(&mut self) -> Result<(), CoordinatorError> {
        loop {
            let now_ms = self.now_ms();
            let start = Instant::now();
            let oldest_in_flight_ms = self.gate.oldest_in_flight_ms();
            let Some(Next { action, blobs }) = self.executor.due(now_ms, oldest_in_flight_ms)?
            else {
                break;
            };
            if matches!(action, Action::CloseCollection(_)) {
                self.report.aggregated(start.elapsed());
            }
            self.say(action, blobs)?;
        }
        let now_ms = self.now_ms();
        if self.executor.is_finished() || self.sequencer.is_due(now_ms) {
            self.seal()?;
        }
        Ok(())
    }

    /// A transaction of the coordinator's own. The contract accepts it, or something is wrong with this program.
    fn say(&mut self, action: Action, blobs: Vec<Vec<u8>>) -> Result<(), CoordinatorError> {
        let name = Kind::of(&action).name;
        let transaction = self.executor.sign(action)?;
        let receipt = self.apply(transaction, Body::None, blobs, Vec::new())?;
        if receipt.is_accepted() {
            Ok(())
        } else {
            Err(CoordinatorError::refused(name, receipt.reason))
        }
    }

    /// Whether the run is finished, and everyone who is enrolled has followed it to its end or had the time to.
    fn is_done(&mut self) -> bool {
        if !self.executor.is_finished() {
            return false;
        }
        let now_ms = self.now_ms();
        let enrolled = self.executor.contract().roster().len();
        let finished_ms = self.executor.phase_since_ms();
        self.farewell.is_over(&self.shared, enrolled, finished_ms, now_ms)
    }
}
