//! The one owner of the contract: transactions are ordered, applied, made durable and answered here, on one thread.
//!
//! ```text
//! Submit ─▶ known? ─▶ admit ─▶ apply ──────────────────────────▶ open block ─▶ seal ─▶ flush ─▶ publish ─▶ answer
//!                       └▶ upload ─▶ Deliver ─▶ verify ─▶ apply ──▲   ▲
//!                                                       round::due ───┘
//! ```

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use consilium_contract::{
    Admission, Attendance, Body, CandidateTransaction, Contract, Phase, SealedBlock,
    transaction::sign,
};
use consilium_crypto::{EvaluationKey, Hash, signature::SigningKey};
use consilium_ledger::Block;
use consilium_proto::v1::{Reason, transaction::Action};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    CoordinatorError, Ended, Event, Linger, Observer,
    clock::{Clock, NodeTime, millis},
    error::{CallError, names},
    history::{History, is_final},
    inbox::{Answer, Command, Reply},
    metrics::Recorder,
    open_block::OpenBlock,
    recorded::Recorded,
    round::{Next, Situation, due},
    shared::Shared,
    verify::{Batch, Job, Verifier},
};

/// How often the node looks at the clock when nothing arrives.
const TICK: Duration = Duration::from_millis(50);

/// How long nobody must have subscribed before a finished node stops that has served everyone.
const QUIET_MS: u64 = 1_000;

/// The coordinator's keys.
pub(crate) struct Keys {
    /// Signs its transactions and receipts.
    pub(crate) signing: Arc<SigningKey>,
    /// The same key, as the ledger takes it.
    pub(crate) sealing: ed25519_dalek::SigningKey,
    /// sk_h.
    pub(crate) evaluation: EvaluationKey,
}

impl Keys {
    pub(crate) fn new(signing: SigningKey, evaluation: EvaluationKey) -> Self {
        let sealing = (&signing).into();
        Self { signing: Arc::new(signing), sealing, evaluation }
    }
}

/// What an operator chose, in the node's units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) block_entries: usize,
    pub(crate) block_age_ms: u64,
    pub(crate) enrolment_timeout_ms: u64,
    pub(crate) max_retries: u32,
    pub(crate) linger: Linger,
}

/// An update that is being verified.
struct InFlight {
    author: Option<Hash>,
    arrived_ms: u64,
    waiting: Vec<Reply>,
}

/// See the module.
pub(crate) struct Node {
    pub(crate) contract: Contract,
    pub(crate) history: History,
    attendance: Attendance,
    pub(crate) keys: Keys,
    pub(crate) rules: Rules,
    pub(crate) shared: Arc<Shared>,
    pub(crate) verifier: Verifier,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) time: NodeTime,
    pub(crate) observer: Option<Observer>,
    open: OpenBlock,
    in_flight: BTreeMap<Hash, InFlight>,
    recorder: Recorder,
    started_ms: u64,
    phase_since_ms: u64,
    /// When the committee that is being made was begun, or the node was started meanwhile.
    keygen_since_ms: u64,
    /// When the run was finished and somebody subscribed last.
    followed_ms: u64,
    /// When something was sent last, and the bytes sent until then.
    sent_ms: u64,
    sent: u64,
}

/// What follows from the ledger.
pub(crate) struct State {
    pub(crate) contract: Contract,
    pub(crate) history: History,
    pub(crate) attendance: Attendance,
}

/// What a node is made of beside its state.
pub(crate) struct Parts {
    pub(crate) keys: Keys,
    pub(crate) rules: Rules,
    pub(crate) shared: Arc<Shared>,
    pub(crate) verifier: Verifier,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) observer: Option<Observer>,
}

impl Node {
    pub(crate) fn new(recovered: State, mut time: NodeTime, parts: Parts) -> Self {
        let State { contract, history, attendance } = recovered;
        let Parts { keys, rules, shared, verifier, clock, observer } = parts;
        let now_ms = time.now_ms(&*clock);
        let blocks = shared.chain().len();
        shared.publish(blocks, matches!(contract.phase(), Phase::Finished));
        let mut recorder = Recorder::default();
        recorder.opened(contract.step(), contract.attempt(), now_ms);
        Self {
            contract,
            history,
            attendance,
            keys,
            rules,
            shared,
            verifier,
            clock,
            time,
            observer,
            open: OpenBlock::default(),
            in_flight: BTreeMap::new(),
            recorder,
            started_ms: now_ms,
            phase_since_ms: now_ms,
            keygen_since_ms: now_ms,
            followed_ms: now_ms,
            sent_ms: now_ms,
            sent: 0,
        }
    }

    /// Works until the run is over, somebody stops it, or it cannot go on.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
    ) -> Result<Ended, CoordinatorError> {
        loop {
            self.advance()?;
            if self.is_done() {
                return Ok(self.ended(true));
            }
            match timeout(TICK, commands.recv()).await {
                Err(_) => {}
                Ok(Some(Command::Stop) | None) => {
                    self.seal()?;
                    return Ok(self.ended(matches!(self.contract.phase(), Phase::Finished)));
                }
                Ok(Some(Command::Submit { transaction, reply })) => {
                    self.submit(transaction, reply)?
                }
                Ok(Some(Command::Deliver { transaction, body, reply })) => {
                    self.deliver(transaction, body, reply)?
                }
                Ok(Some(Command::Checked(batch))) => self.checked(batch?)?,
            }
        }
    }

    fn now_ms(&mut self) -> u64 {
        self.time.now_ms(&*self.clock)
    }

    fn ended(&self, finished: bool) -> Ended {
        Ended { finished, steps: self.contract.step(), model: self.contract.model().hash() }
    }

    /// A transaction as it came from a peer.
    fn submit(
        &mut self,
        transaction: CandidateTransaction,
        reply: Reply,
    ) -> Result<(), CoordinatorError> {
        let id = transaction.id();
        let Some(reply) = self.known(&id, reply) else { return Ok(()) };
        match self.contract.admit(&transaction) {
            Admission::Decided(receipt) if receipt.is_dropped() => {
                send(reply, Ok(Answer::Receipt(receipt)))
            }
            Admission::NeedsBody { sha256, length } => {
                if let Some(reply) = self.within_limits(&transaction, reply) {
                    send(reply, Ok(Answer::Upload { sha256, length }));
                }
            }
            Admission::Decided(_) => {
                if let Some(reply) = self.within_limits(&transaction, reply) {
                    self.apply(transaction, Body::None, Vec::new(), vec![reply])?;
                }
            }
        }
        Ok(())
    }

    /// The body of an update, or word that it never came.
    fn deliver(
        &mut self,
        transaction: CandidateTransaction,
        body: Option<Vec<u8>>,
        reply: Reply,
    ) -> Result<(), CoordinatorError> {
        let id = transaction.id();
        let Some(reply) = self.known(&id, reply) else { return Ok(()) };
        let Some(reply) = self.within_limits(&transaction, reply) else { return Ok(()) };
        // What has become late meanwhile is not worth verifying.
        let body = match (self.contract.admit(&transaction), body) {
            (Admission::Decided(_), _) => {
                return self.apply(transaction, Body::None, Vec::new(), vec![reply]);
            }
            (Admission::NeedsBody { .. }, Some(body)) => body,
            // Recorded once a header: a cut connection costs the chain one entry, however often it is cut.
            (Admission::NeedsBody { .. }, None) => {
                return match self
                    .history
                    .receipt(&id)
                    .filter(|receipt| receipt.reason == Reason::IncompleteBody)
                {
                    Some(receipt) => {
                        send(reply, Ok(Answer::Receipt(receipt)));
                        Ok(())
                    }
                    None => self.apply(transaction, Body::Missing, Vec::new(), vec![reply]),
                };
            }
        };
        let author = transaction.author();
        if self.in_flight.values().any(|other| other.author == author) {
            send(reply, Err(CallError::Verifying));
            return Ok(());
        }
        let arrived_ms = self.now_ms();
        self.in_flight.insert(id, InFlight { author, arrived_ms, waiting: vec![reply] });
        // Each of those in flight is another institution's, and none of them has a verdict.
        let is_last = match self.contract.phase() {
            Phase::Collecting(collecting) => {
                collecting.waiting(self.contract.roster()) <= self.in_flight.len()
            }
            _ => true,
        };
        let Some(committee) = self.contract.committee().map(Arc::clone) else {
            return Err(CoordinatorError::Died);
        };
        self.verifier.submit(Job { transaction, committee, body, is_last })
    }

    /// Verified updates, in the order of arrival.
    fn checked(&mut self, batch: Batch) -> Result<(), CoordinatorError> {
        self.recorder.verified(batch.took);
        for done in batch.updates {
            let id = done.transaction.id();
            let waiting =
                self.in_flight.remove(&id).map(|in_flight| in_flight.waiting).unwrap_or_default();
            self.apply(done.transaction, Body::Checked(done.checked), Vec::new(), waiting)?;
            self.advance()?;
        }
        Ok(())
    }

    /// Answers a transaction that came before: with its receipt if that is durable, together with the first one if it
    /// is still on its way. Gives `reply` back where the transaction is to be judged.
    fn known(&mut self, id: &Hash, reply: Reply) -> Option<Reply> {
        if let Some(receipt) = self.open.receipt(id).filter(is_final) {
            self.open.wait(reply, receipt);
        } else if let Some(in_flight) = self.in_flight.get_mut(id) {
            in_flight.waiting.push(reply);
        } else if let Some(receipt) = self.history.receipt(id).filter(is_final) {
            send(reply, Ok(Answer::Receipt(receipt)));
        } else {
            return Some(reply);
        }
        None
    }

    /// Refuses to judge what an institution sends after too many rejections in one attempt. Only its own signature gets
    /// a transaction this far, so nobody spends another's.
    fn within_limits(&self, transaction: &CandidateTransaction, reply: Reply) -> Option<Reply> {
        let limit = self.shared.limits.rejections_per_attempt;
        if transaction.author().is_some_and(|author| self.history.rejections(&author) >= limit) {
            send(reply, Err(CallError::TooManyRejections { limit }));
            return None;
        }
        Some(reply)
    }

    /// The write path, steps 1 and 2 of 7; the others are in [`Self::seal`].
    fn apply(
        &mut self,
        transaction: CandidateTransaction,
        body: Body,
        blobs: Vec<Vec<u8>>,
        waiting: Vec<Reply>,
    ) -> Result<(), CoordinatorError> {
        let now_ms = self.now_ms();
        let before = position(&self.contract);
        let body_missing = matches!(body, Body::Missing);
        // 1. The contract decides. A crash forgets the decision; nobody has been told of it.
        let start = Instant::now();
        let receipt = self.contract.apply(&transaction, body)?;
        self.recorder.applied(transaction.action(), &receipt, start.elapsed(), now_ms);
        if let Some(author) = transaction.author().filter(|_| receipt.is_accepted()) {
            self.attendance.hear(&author, before.step);
        }
        tracing::debug!(
            transaction = %hex::encode(receipt.transaction),
            reason = receipt.reason.as_str_name(),
            "applied"
        );
        // 2. The open block. A crash loses it; whoever wrote into it got no answer and sends it again.
        for reply in waiting {
            self.open.wait(reply, receipt);
        }
        self.open.push(Recorded { transaction, receipt }, body_missing, blobs, now_ms);
        if position(&self.contract) != before {
            self.phase_since_ms = now_ms;
            self.seal()?;
            self.report(before);
        } else if self.open.is_due(self.rules.block_entries, self.rules.block_age_ms, now_ms) {
            self.seal()?;
        }
        Ok(())
    }

    /// Makes the open block durable and answers everyone who waits for it.
    fn seal(&mut self) -> Result<(), CoordinatorError> {
        if self.open.is_empty() {
            return Ok(());
        }
        let mut open = std::mem::take(&mut self.open);
        let now_ms = self.now_ms();
        // 3. Header and signature. A crash forgets them: no other process has seen this header, so the one that is
        //    signed at this height after a restart is the only one.
        let header =
            self.shared.chain().propose(&open.entries, self.contract.state_root(), now_ms)?;
        let sealed = header.seal(&self.contract.parameters().chain_id, &self.keys.sealing);
        let block = Block { sealed, entries: std::mem::take(&mut open.entries) };
        // 4. Blobs, block, flush. A crash before the flush ends leaves the ledger with or without the whole block, and
        //    the restart goes on from whichever it finds. A failed write ends the node for the same reason.
        let start = Instant::now();
        let blobs: Vec<&[u8]> = open.blobs.iter().map(Vec::as_slice).collect();
        self.shared.store.append_block(&block, &blobs)?;
        self.recorder.written(start.elapsed());
        // 5. What the node itself goes on from. A crash finds all of it on the ledger again.
        let hash = block.hash();
        let sealed = SealedBlock::from(self.shared.chain_mut().append_block(&block)?);
        self.contract.end_block(sealed);
        self.history.record(&open.recorded);
        self.shared.catalogue_mut().record(block.height(), &hash, &open.recorded);
        // 6. Followers. A crash from here on costs an answer, which sending the transaction again brings back.
        let finished = matches!(self.contract.phase(), Phase::Finished);
        self.shared.publish(block.height().saturating_add(1), finished);
        // 7. Answers.
        open.answer();
        tracing::debug!(height = block.height(), entries = block.entries.len(), "sealed");
        self.tell(Event::Block { height: block.height(), entries: block.entries.len() });
        Ok(())
    }

    /// Says what the coordinator has to say, and seals what is old enough.
    fn advance(&mut self) -> Result<(), CoordinatorError> {
        loop {
            let now_ms = self.now_ms();
            let situation = self.situation(now_ms);
            let start = Instant::now();
            let Some(Next { action, blobs }) =
                due(&self.contract, &self.keys.evaluation, &situation)?
            else {
                break;
            };
            if matches!(action, Action::CloseCollection(_)) {
                self.recorder.aggregated(start.elapsed());
            }
            self.say(action, blobs)?;
        }
        let now_ms = self.now_ms();
        let over = matches!(self.contract.phase(), Phase::Finished | Phase::Stopped);
        if over || self.open.is_due(self.rules.block_entries, self.rules.block_age_ms, now_ms) {
            self.seal()?;
        }
        Ok(())
    }

    fn situation(&self, now_ms: u64) -> Situation {
        let deadline_ms = match self.contract.phase() {
            Phase::Collecting(collecting) => collecting
                .opened_ms()
                .saturating_add(self.contract.parameters().collection_timeout_ms),
            _ => 0,
        };
        Situation {
            now_ms,
            phase_since_ms: self.phase_since_ms,
            enrolment_over: now_ms.saturating_sub(self.started_ms)
                >= self.rules.enrolment_timeout_ms,
            verifying: self.in_flight.values().any(|update| update.arrived_ms < deadline_ms),
            max_retries: self.rules.max_retries,
        }
    }

    /// A transaction of the coordinator's own. The contract accepts it, or something is wrong with this program.
    fn say(&mut self, action: Action, blobs: Vec<Vec<u8>>) -> Result<(), CoordinatorError> {
        let name = action_name(&action);
        let signed = sign(&self.keys.signing, &self.contract.parameters().chain_id, None, action);
        let transaction = CandidateTransaction::parse(signed).map_err(|error| {
            CoordinatorError::Refused { action: name, reason: error.to_string() }
        })?;
        let before = position(&self.contract);
        self.apply(transaction, Body::None, blobs, Vec::new())?;
        // Each of them ends a phase, and the block with it: if the contract has not moved, it has refused.
        if position(&self.contract) == before {
            let reason =
                self.open.recorded.last().map_or(Reason::Unspecified, |last| last.receipt.reason);
            return Err(CoordinatorError::refused(name, reason));
        }
        Ok(())
    }

    /// Tells the observer of a new phase, and of what ended with the one before.
    fn report(&mut self, before: Position) {
        let now = position(&self.contract);
        self.report_round(before, now);
        self.report_keygen(before, now);
        match self.contract.phase() {
            Phase::Collecting(_) => {
                self.recorder.opened(now.step, now.attempt, self.phase_since_ms);
                // What the last step brought says who will be there to countersign this one.
                self.report_silence(now.step.saturating_sub(1));
            }
            Phase::Sealed(_) => self.report_silence(now.step),
            _ => {}
        }
        let Position { step, attempt, phase, .. } = now;
        tracing::info!(step, attempt, phase, "phase");
        self.tell(Event::Phase { step, attempt, phase });
    }

    /// The attempt at a step that has ended.
    fn report_round(&mut self, Position { step, attempt, .. }: Position, now: Position) {
        if (now.step, now.attempt) == (step, attempt)
            && !matches!(self.contract.phase(), Phase::Finished)
        {
            return;
        }
        let mut metrics =
            self.recorder.finish(self.contract.model().hash(), self.shared.traffic.totals());
        let closed = now.step != step;
        let parameters = self.contract.parameters();
        let epsilon = parameters.epsilon(now.step);
        metrics.epsilon_milli = epsilon.map(|epsilon| epsilon.0);
        tracing::info!(
            step,
            attempt,
            accepted = metrics.accepted,
            rejected = metrics.rejected.values().sum::<u32>(),
            verify_ms = millis(metrics.verify),
            epsilon = epsilon.map(tracing::field::display),
            "{}",
            if closed { "round closed" } else { "attempt abandoned" }
        );
        if let (Phase::Finished, Some(privacy)) = (self.contract.phase(), &parameters.privacy)
            && now.step < parameters.steps
        {
            tracing::info!("the privacy budget ends the run: {}", privacy.spent(now.step));
        }
        self.tell(if closed { Event::RoundClosed(metrics) } else { Event::Abandoned(metrics) });
    }

    /// The attempt at a committee that has ended.
    fn report_keygen(&mut self, before: Position, now: Position) {
        if before.keygen.is_none() {
            self.keygen_since_ms = self.phase_since_ms;
        }
        let Some((number, attempt)) = before.keygen.filter(|_| before.keygen != now.keygen) else {
            return;
        };
        let took = Duration::from_millis(self.phase_since_ms.saturating_sub(self.keygen_since_ms));
        let event = match self.contract.committee().filter(|committee| committee.number == number) {
            Some(committee) => {
                let members = committee.members().len();
                let threshold = committee.threshold();
                tracing::info!(
                    committee = number,
                    members,
                    threshold,
                    took_ms = millis(took),
                    "a committee holds the key"
                );
                Event::Committee { number, attempt, members, threshold, took }
            }
            None => {
                tracing::warn!(
                    committee = number,
                    attempt,
                    "too few took part in making a committee"
                );
                Event::KeygenAbandoned { number, attempt }
            }
        };
        self.tell(event);
    }

    /// Warns where fewer members of the committee have been heard since `step` began than a sum needs.
    fn report_silence(&mut self, step: u64) {
        let Some(committee) = self.contract.committee() else { return };
        let silent = self.attendance.silent(committee, self.contract.roster(), step);
        let heard = committee.members().len().saturating_sub(silent.len());
        let needed = committee.quorum() as usize;
        if heard < needed {
            let absent = names(&silent);
            tracing::warn!(heard, needed, %absent, "too few members of the committee were heard lately to open a sum");
            self.tell(Event::FewTrustees { heard, needed, silent });
        }
    }

    fn tell(&mut self, event: Event) {
        if let Some(observer) = &mut self.observer {
            observer(event);
        }
    }

    /// Whether the run is finished, and everyone who is enrolled has followed it to its end or had the time to. One who
    /// was killed or cut off comes back after the longest pause between two attempts to connect; those who still fetch
    /// what the last model is checked with, which takes a while where it is large, are not left alone.
    fn is_done(&mut self) -> bool {
        let Linger::AtMost(linger) = self.rules.linger else { return false };
        if !matches!(self.contract.phase(), Phase::Finished) {
            return false;
        }
        let now_ms = self.now_ms();
        let finished_ms = self.phase_since_ms;
        let (_, sent) = self.shared.traffic.totals();
        if sent != self.sent {
            (self.sent, self.sent_ms) = (sent, now_ms);
        }
        if self.shared.subscribers() > 0 {
            self.followed_ms = now_ms;
        }
        let quiet_since_ms = self.followed_ms.max(finished_ms);
        let everyone = self.shared.served() >= self.contract.roster().len();
        now_ms.saturating_sub(finished_ms.max(self.sent_ms)) >= millis(linger)
            || everyone && now_ms.saturating_sub(quiet_since_ms) >= QUIET_MS
    }
}

/// Where the run stands: a block ends wherever this changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    step: u64,
    attempt: u32,
    /// The phase, or the stage in which a committee is made.
    phase: &'static str,
    /// Number of the committee that is being made, and the try at it.
    keygen: Option<(u32, u32)>,
}

fn position(contract: &Contract) -> Position {
    let keygen = match contract.phase() {
        Phase::Keygen(keygen) => Some((keygen.number(), keygen.attempt())),
        _ => None,
    };
    Position {
        step: contract.step(),
        attempt: contract.attempt(),
        phase: contract.phase().name(),
        keygen,
    }
}

fn action_name(action: &Action) -> &'static str {
    match action {
        Action::OpenRound(_) => "OpenRound",
        Action::CloseCollection(_) => "CloseCollection",
        Action::CloseRound(_) => "CloseRound",
        Action::Abandon(_) => "Abandon",
        Action::BeginKeygen(_) => "BeginKeygen",
        Action::EndStage(_) => "EndStage",
        Action::Genesis(_)
        | Action::Enrol(_)
        | Action::SubmitUpdate(_)
        | Action::Countersign(_)
        | Action::SubmitShare(_)
        | Action::Contribute(_)
        | Action::ChangeCommittee(_)
        | Action::Revoke(_) => "transaction of another author",
    }
}

/// Answers at once. A caller that has gone away is no error.
fn send(reply: Reply, answer: Result<Answer, CallError>) {
    let _ = reply.send(answer);
}
