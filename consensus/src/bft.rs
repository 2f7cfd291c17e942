//! Several validators, of whom fewer than a third may be dead or hostile.
//!
//! ```text
//!  Message ─▶ verified once (witness) ─▶ engine ─▶ effects: sign · log · flush · send · timers (shell)
//!  Ready   ─▶ has_work? begin ▸ propose        │
//!           ─▶ judge what was proposed ────────┤
//!  Time    ─▶ timers that are due ─────────────┘
//!                                   decided ─▶ commit ─▶ next height ─▶ new log
//!  Decided ─▶ certificate verified ─▶ commit ─▶ next height
//! ```
//!
//! A height begins when the application has work, or a validator has said something at it; so an idle chain makes neither
//! blocks nor messages. What validators say at the next height is kept, a bounded number of messages for each, until
//! this one is decided. Who hears of later heights, or does not get on, asks what was decided; who hears of earlier ones is
//! told to serve it ([`Output::Serve`]).

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
};

use arc_malachitebft_core_consensus::{LocallyProposedValue, Params, process};
use arc_malachitebft_core_types::{
    Round, ThresholdParams, TimeoutKind, ValuePayload, VoteExtensionPolicy,
};
use consilium_hash::{BlockHash, ChainId};
use consilium_ledger::Header;
use ed25519_dalek::SigningKey;

use crate::{
    certificate::Decision,
    context::{self, Engine, EngineError, EngineState, Height, Input, Value, Voters},
    log::{Log, LogError, Storage},
    message::Message,
    ordering::{Application, ConsensusError, Event, Judgement, Ordering, Output},
    record,
    shell::Shell,
    standing::{Standing, voice},
    statement::{Kind, Place, Signed},
    timers::{Pace, Timers},
    validators::{Seat, ValidatorSet},
    witness::Witness,
};

/// Messages about the next height that are kept for each validator.
const MOST_EARLY: usize = 64;

/// The engine's seat for who has none.
const NO_SEAT: Seat = Seat(u8::MAX);

/// What an order of several is told about itself.
pub struct Settings {
    /// The chain.
    pub chain_id: ChainId,
    /// Its validators.
    pub validators: ValidatorSet,
    /// This node's key; `None` for a node that only follows.
    pub key: Option<SigningKey>,
    /// How long others are waited for.
    pub pace: Pace,
}

/// The order of several. See the module.
pub struct Bft<S> {
    engine: EngineState,
    voters: Voters,
    shell: Shell<S>,
    standing: Standing,
    height: u64,
    /// Whether the engine is at this height.
    begun: bool,
    /// Proposals that the application has not judged.
    unjudged: Vec<(Signed, Header)>,
    /// Headers of this height that it has.
    judged: BTreeSet<BlockHash>,
    /// About the next height, by sender.
    early: BTreeMap<Seat, Vec<Message>>,
    /// When others were asked last for what was decided.
    asked_ms: Option<u64>,
    failed: bool,
}

impl<S: Storage> Bft<S> {
    /// Goes on at `height`, the first that the application has not committed, with the log that [`Log::open`] found. What it has
    /// said at this height before a crash is read from there, and said again.
    ///
    /// # Errors
    /// [`LogError::LedgerBehind`]; as the log and the engine have it.
    pub fn start(
        settings: Settings,
        log: Option<Log<S>>,
        height: u64,
        now_ms: u64,
    ) -> Result<Self, ConsensusError> {
        let Settings { chain_id, validators, key, pace } = settings;
        let no_voters = || ConsensusError::Engine("a set without validators".to_owned());
        let voters = Voters::new(&validators).ok_or_else(no_voters)?;
        let keyed = key.and_then(|key| Some((validators.seat(&key.verifying_key())?, key)));
        let (standing, voice) = voice(keyed, log, height)?;
        let seat = voice.as_ref().map(|voice| voice.seat);
        let params = Params {
            address: seat.unwrap_or(NO_SEAT),
            threshold_params: ThresholdParams::default(),
            // The engine waits for a verdict on each value, which the application gives in its own time.
            value_payload: ValuePayload::ProposalAndParts,
            enabled: voice.is_some(),
        };
        let shell = Shell {
            voice,
            witness: Witness::new(chain_id, validators, seat),
            timers: Timers::default(),
            pace,
            now_ms,
            outputs: Vec::new(),
            round: 0,
            wanted: None,
            decided: None,
            failed: None,
        };
        let at = Height(height);
        let mut bft = Self {
            engine: EngineState::new(Engine, at, voters.clone(), params, 1, 1),
            voters,
            shell,
            standing,
            height,
            begun: false,
            unjudged: Vec::new(),
            judged: BTreeSet::new(),
            early: BTreeMap::new(),
            asked_ms: None,
            failed: false,
        };
        bft.replay()?;
        Ok(bft)
    }

    /// Whether it votes.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The round under way, from 0.
    pub fn round(&self) -> u32 {
        self.shell.round
    }

    /// Comes to where the log ends.
    fn replay(&mut self) -> Result<(), ConsensusError> {
        let Some(voice) = &mut self.shell.voice else { return Ok(()) };
        let records = voice.log.take_records();
        if records.is_empty() {
            return Ok(());
        }
        let inputs = (1..)
            .zip(&records)
            .map(|(place, record)| record::decode(record).ok_or(LogError::Record(place)))
            .collect::<Result<Vec<Input>, _>>()?;
        let own = voice.seat;
        voice.replayed = HashSet::from_iter(records);
        for input in &inputs {
            self.recall(own, input);
        }
        self.engine.index_wal_entries(&inputs);
        self.begin(true)?;
        for input in inputs {
            if self.shell.decided.is_some() {
                break;
            }
            self.process(input)?;
        }
        self.engine.reset_entries_index();
        if let Some(voice) = &mut self.shell.voice {
            voice.replayed.clear();
        }
        let judged = &self.judged;
        self.unjudged.retain(|(_, header)| !judged.contains(&header.hash()));
        Ok(())
    }

    /// What a record says about this node and its application, rather than to the engine.
    fn recall(&mut self, own: Seat, input: &Input) {
        match input {
            Input::Vote(vote) => {
                let signed = context::vote_out(vote);
                if signed.seat == own {
                    self.shell.witness.say(signed);
                }
            }
            Input::Proposal(proposal) => {
                let (signed, header) = context::proposal_out(proposal);
                if signed.seat == own {
                    self.shell.witness.say(signed);
                }
                self.unjudged.push((signed, header));
            }
            Input::ProposedValue(value, _) => {
                self.judged.insert(value.value.0.hash());
            }
            _ => {}
        }
    }

    /// Brings the engine to this height.
    fn begin(&mut self, is_restart: bool) -> Result<(), ConsensusError> {
        self.begun = true;
        let at = Height(self.height);
        let voters = self.voters.clone();
        let policy = VoteExtensionPolicy::Disabled;
        self.process(Input::StartHeight(at, voters, is_restart, None, policy))
    }

    /// Gives the engine an input and does what it asks for.
    fn process(&mut self, input: Input) -> Result<(), ConsensusError> {
        let Self { engine, shell, .. } = self;
        let run = AssertUnwindSafe(|| {
            let outcome: Result<(), EngineError> = process!(
                input: input,
                state: engine,
                metrics: &(),
                with: effect => Ok::<_, Infallible>(shell.effect(effect))
            );
            outcome.map_err(|error| error.to_string())
        });
        // Its invariants are asserted, and hang on what peers send: where one does not hold this node ends, and not the process.
        let outcome = catch_unwind(run)
            .map_err(|_| ConsensusError::Engine("an invariant does not hold".to_owned()))?;
        if let Some(failed) = self.shell.failed.take() {
            return Err(failed);
        }
        outcome.map_err(ConsensusError::Engine)
    }

    fn receive(&mut self, from: Seat, message: Message) -> Result<(), ConsensusError> {
        let height = message.height();
        if height < self.height {
            self.shell.outputs.push(Output::Serve { to: from, from: height });
            return Ok(());
        }
        if matches!(message, Message::Ask(_)) {
            return Ok(());
        }
        if height > self.height {
            let is_long_ago = self.asked_ms.is_none_or(|asked_ms| {
                self.shell.now_ms >= asked_ms.saturating_add(self.shell.pace.first_ms)
            });
            if is_long_ago {
                self.ask();
            }
            let kept = self.early.entry(from).or_default();
            if Some(height) == self.height.checked_add(1) && kept.len() < MOST_EARLY {
                kept.push(message);
            }
            return Ok(());
        }
        self.hear(message)
    }

    /// A message about this height.
    fn hear(&mut self, message: Message) -> Result<(), ConsensusError> {
        let witness = &mut self.shell.witness;
        let quorum = witness.validators().quorum();
        let holds = match &message {
            Message::Vote(signed) | Message::Proposal(signed, _) => {
                witness.is_near(signed.statement.place.round)
                    && witness.holds(signed)
                    && witness.keeps(signed)
            }
            Message::Quorum(by) => {
                by.signatures.len() >= quorum && by.votes().all(|vote| witness.holds(&vote))
            }
            Message::RoundChange(by) => {
                by.votes.len() > witness.validators().tolerated()
                    && by.votes.iter().all(|vote| witness.holds(vote))
            }
            Message::Ask(_) => false,
        };
        self.step_back()?;
        if !holds {
            return Ok(());
        }
        if !self.begun {
            self.begin(false)?;
        }
        if self.shell.decided.is_some() {
            return Ok(());
        }
        match message {
            Message::Vote(signed) => {
                context::vote_in(&signed).map_or(Ok(()), |vote| self.process(Input::Vote(vote)))
            }
            Message::Proposal(signed, header) => self.hear_proposal(signed, header),
            Message::Quorum(by) => self.process(Input::PolkaCertificate(context::quorum_in(&by))),
            Message::RoundChange(by) => {
                self.process(Input::RoundCertificate(context::round_change_in(&by)))
            }
            Message::Ask(_) => Ok(()),
        }
    }

    fn hear_proposal(&mut self, signed: Signed, header: Header) -> Result<(), ConsensusError> {
        let place = signed.statement.place;
        let proposer = *self.engine.get_proposer(Height(self.height), Round::new(place.round));
        if signed.seat != proposer {
            return Ok(());
        }
        let is_known = self.judged.contains(&header.hash())
            || self.unjudged.iter().any(|(_, other)| *other == header);
        if !is_known {
            self.unjudged.push((signed, header));
        }
        self.process(Input::Proposal(context::proposal_in(&signed, header)))
    }

    /// Falls silent where somebody else speaks with this node's key.
    fn step_back(&mut self) -> Result<(), ConsensusError> {
        if !self.shell.witness.is_usurped() {
            return Ok(());
        }
        let Some(voice) = self.shell.voice.take() else { return Ok(()) };
        self.standing = Standing::Usurped;
        self.engine.params.enabled = false;
        self.shell.wanted = None;
        Ok(voice.log.forget()?)
    }

    /// Takes what was decided elsewhere.
    fn adopt(&mut self, decision: Decision) -> Result<Option<Decision>, ConsensusError> {
        if decision.header.height != self.height || self.shell.decided.is_some() {
            return Ok(None);
        }
        let Decision { header, certificate } = &decision;
        let witness = &self.shell.witness;
        let height = self.height;
        certificate
            .verify(header, witness.chain_id(), witness.validators())
            .map_err(|reason| ConsensusError::NotDecided { height, reason })?;
        Ok(Some(decision))
    }

    fn elapse(&mut self) -> Result<(), ConsensusError> {
        while self.shell.decided.is_none()
            && let Some(timeout) = self.shell.timers.take(self.shell.now_ms)
        {
            if timeout.kind == TimeoutKind::Rebroadcast {
                self.ask();
            }
            self.process(Input::TimeoutElapsed(timeout))?;
        }
        Ok(())
    }

    /// Asks others for what they have decided from this height on.
    fn ask(&mut self) {
        self.asked_ms = Some(self.shell.now_ms);
        self.shell.outputs.push(Output::Send(Message::Ask(self.height)));
    }

    /// Does what can be done without another event.
    fn settle<A: Application>(&mut self, application: &mut A) -> Result<(), ConsensusError> {
        if self.asked_ms.is_none() {
            self.ask();
        }
        loop {
            if let Some((value, certificate)) = self.shell.decided.take() {
                let header = self.engine.decided_value().map(|(_, Value(header))| header);
                let header = header.filter(|header| header.hash() == value).ok_or_else(|| {
                    ConsensusError::Engine("it decided what it does not have".to_owned())
                })?;
                self.commit(Decision { header, certificate }, application)?;
            } else if !self.begun && self.shell.voice.is_some() && application.has_work() {
                self.begin(false)?;
            } else if !self.propose(application)? && !self.judge(application)? {
                break;
            }
        }
        let convictions = self.shell.witness.take_convictions();
        self.shell.outputs.extend(convictions.into_iter().map(Output::Convicted));
        Ok(())
    }

    /// Proposes where it is this node's turn; whether it has.
    fn propose<A: Application>(&mut self, application: &mut A) -> Result<bool, ConsensusError> {
        let Some(round) = self.shell.wanted else { return Ok(false) };
        let place = Place { height: self.height, round, kind: Kind::Proposal };
        if !self.engine.driver.step_is_propose() || self.shell.witness.own(place).is_some() {
            self.shell.wanted = None;
            return Ok(false);
        }
        if !application.has_work() {
            return Ok(false);
        }
        let proposed = application.propose(self.height, self.shell.now_ms);
        let Some(header) = proposed.map_err(|e| ConsensusError::Application(e.into()))? else {
            return Ok(false);
        };
        self.shell.wanted = None;
        self.judged.insert(header.hash());
        let at = Height(self.height);
        let value = LocallyProposedValue::new(at, Round::new(round), Value(header));
        self.process(Input::Propose(value))?;
        Ok(true)
    }

    /// Hands the engine a verdict, if there is one; whether there was.
    fn judge<A: Application>(&mut self, application: &mut A) -> Result<bool, ConsensusError> {
        for (place, (signed, header)) in self.unjudged.iter().enumerate() {
            let judgement = application
                .judge(header, self.shell.now_ms)
                .map_err(|e| ConsensusError::Application(e.into()))?;
            if judgement == Judgement::Pending {
                continue;
            }
            let statement = signed.statement;
            let valid = judgement == Judgement::Valid;
            let verdict = record::judged(
                signed.seat,
                statement.place.round,
                statement.valid_round,
                *header,
                valid,
            );
            self.judged.insert(header.hash());
            self.unjudged.remove(place);
            self.process(verdict)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Makes a decision durable, and comes to the next height.
    fn commit<A: Application>(
        &mut self,
        decision: Decision,
        application: &mut A,
    ) -> Result<(), ConsensusError> {
        application.commit(&decision).map_err(|e| ConsensusError::Application(e.into()))?;
        self.shell.outputs.push(Output::Decided(decision));
        let convictions = self.shell.witness.take_convictions();
        self.shell.outputs.extend(convictions.into_iter().map(Output::Convicted));
        self.height = self.height.saturating_add(1);
        self.begun = false;
        self.unjudged.clear();
        self.judged.clear();
        self.shell.timers.clear();
        self.shell.witness.begin();
        self.shell.round = 0;
        self.shell.wanted = None;
        if let Some(voice) = &mut self.shell.voice {
            voice.log.begin(self.height)?;
        }
        for message in std::mem::take(&mut self.early).into_values().flatten() {
            self.hear(message)?;
        }
        Ok(())
    }
}

impl<A: Application, S: Storage> Ordering<A> for Bft<S> {
    fn height(&self) -> u64 {
        self.height
    }

    fn wake_ms(&self) -> Option<u64> {
        self.shell.timers.next_ms()
    }

    fn handle(
        &mut self,
        event: Event,
        application: &mut A,
        now_ms: u64,
    ) -> Result<Vec<Output>, ConsensusError> {
        if self.failed {
            return Err(ConsensusError::Failed);
        }
        self.shell.now_ms = now_ms;
        let outcome = match event {
            Event::Message(from, message) => self.receive(from, message),
            Event::Ready => Ok(()),
            Event::Time => self.elapse(),
            Event::Decided(decision) => match self.adopt(decision) {
                Ok(None) => Ok(()),
                Ok(Some(decision)) => self.commit(decision, application),
                // Nothing has changed.
                Err(error) => return Err(error),
            },
        };
        match outcome.and_then(|()| self.settle(application)) {
            Ok(()) => Ok(std::mem::take(&mut self.shell.outputs)),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }
}
