//! What an institution knows of a run from the signatures on its chain.
//!
//! A view is shown the entries of verified blocks in order and keeps what signatures show: who is enrolled by the
//! authority's certificate, which round is open, which signed headers were submitted to it, which sum is sealed in
//! which block, and who has countersigned and shared. What an institution says and the contract would refuse for phase,
//! step, attempt or model has no effect here either; where the coordinator itself does, or records what its author has
//! not signed, the error convicts it: no coordinator that runs the contract seals such a block. It judges no proof and no
//! sum; that is for trustees and participants to do.
//!
//! ```text
//!            OpenRound              CloseCollection            end of that block
//!   Idle ───────────────► Collecting ───────────────► Sealing ───────────────► Sealed
//!    ▲  ▲                     │ Abandon                                          │ CloseRound
//!    │  └─────────────────────┘                                                  │
//!    └───────────────────────────────────────────────────────────────────────────┴──► Finished (last step)
//!   Idle ── BeginKeygen ──► Keygen ── the committee stands, or the old one goes on ──► Idle
//! ```

use std::{collections::BTreeMap, mem, sync::Arc};

use consilium_crypto::Evaluation;
use consilium_hash::{BlobHash, ModelHash, Pseudonym};
use consilium_ledger::VerifiedHeader;
use consilium_proto::{
    hash32,
    v1::{
        Abandon, BeginKeygen, BlobRef, CloseCollection, CloseRound, Contribute, EndStage, Enrol,
        OpenRound, Reason, Rejoin, Revoke, Standing, transaction::Action,
    },
};

use super::{
    phase::{Closed, Collection, Phase},
    statements::{
        Countersignature, SignedShare, StatementError, Submission, author, enrolled, judge_signer,
    },
};
use crate::{
    action::{Signer, Statement},
    contract::Contract,
    course::{Course, Station},
    enrolment::roster::Roster,
    exchange::{self, Exchange, Surroundings},
    keygen::{Ceremony, Keygen, Made, Succession, committee::Committee},
    parameters::Parameters,
    phase,
    transaction::CandidateTransaction,
};

/// The state of a run as its signatures show it.
#[derive(Debug)]
pub struct View {
    parameters: Arc<Parameters>,
    succession: Succession,
    roster: Roster,
    exchange: Exchange,
    /// What the last opened round says of those who have lost credit.
    standings: BTreeMap<Pseudonym, u32>,
    phase: Phase,
    course: Course,
    model: ModelHash,
    /// The committee that was made last, until it is taken.
    made: Option<Box<Made>>,
}

impl View {
    /// After block 0.
    pub fn new(parameters: Arc<Parameters>) -> Self {
        Self {
            model: parameters.initial_model,
            exchange: Exchange::new(&parameters),
            succession: Succession::default(),
            parameters,
            roster: Roster::default(),
            standings: BTreeMap::new(),
            phase: Phase::Idle,
            course: Course::start(),
            made: None,
        }
    }

    /// What the blocks show by which a contract has come to where it rests; `None` where something is being made. Credit is
    /// as of now, until the next round opens.
    pub fn resume(contract: &Contract, parameters: Arc<Parameters>) -> Option<Self> {
        let state = &contract.state;
        let phase = match state.phase {
            phase::Phase::Idle => Phase::Idle,
            phase::Phase::Finished => Phase::Finished,
            _ => return None,
        };
        Some(Self {
            parameters,
            succession: state.succession.resting()?,
            roster: state.roster.clone(),
            exchange: state.exchange.clone(),
            standings: BTreeMap::new(),
            phase,
            course: state.course(),
            model: state.model.hash(),
            made: None,
        })
    }

    /// Who holds the decryption key; nobody before it has been made.
    pub fn committee(&self) -> Option<&Arc<Committee>> {
        self.succession.committee()
    }

    /// What the genesis says.
    pub fn parameters(&self) -> &Arc<Parameters> {
        &self.parameters
    }

    /// The committee that was made last, with the dealings that its shares are made of; once, for whoever has a share.
    pub fn take_made(&mut self) -> Option<Box<Made>> {
        self.made.take()
    }

    /// The committees of the run.
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    /// Who is enrolled by the authority's certificate.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// What is shared beside the rounds.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Proven faults that an institution may still have, as of the opening of the last round. The coordinator says so and
    /// has signed it; whoever replays the ledger compares it with the faults.
    pub fn credit(&self, pseudonym: &Pseudonym) -> Option<u32> {
        let institution = self.roster.get(pseudonym)?;
        Some(self.standings.get(pseudonym).copied().unwrap_or(institution.credit))
    }

    /// Where the run stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The step that is being made, from 0.
    pub fn step(&self) -> u64 {
        self.course.step
    }

    /// Whether the authority holds the run: no further round opens.
    pub fn is_paused(&self) -> bool {
        self.course.pausing.is_paused()
    }

    /// The try at it, from 0.
    pub fn attempt(&self) -> u32 {
        self.course.attempt
    }

    /// Reads the next entry of the block at `height`. A closed round is handed out: check it before anything is built on
    /// it.
    ///
    /// # Errors
    /// [`StatementError`]: the entry has no effect. Most such entries are passed over; some convict the coordinator.
    pub fn read(
        &mut self,
        transaction: &CandidateTransaction,
        body_missing: bool,
        height: u64,
    ) -> Result<Option<Closed>, StatementError> {
        judge_signer(transaction, &self.parameters)?;
        match transaction.action() {
            Action::Enrol(enrol) => self.enrol(transaction, enrol)?,
            Action::SubmitUpdate(_) if body_missing => {}
            Action::SubmitUpdate(_) => self.submit(transaction)?,
            Action::Countersign(_) => self.countersign(transaction)?,
            Action::SubmitShare(_) => self.share(transaction)?,
            Action::Revoke(revoke) => self.revoke(revoke)?,
            Action::Rejoin(rejoin) => self.rejoin(transaction, rejoin)?,
            Action::Pause(pause) => self.pause(true, pause.request)?,
            Action::Resume(resume) => self.pause(false, resume.request)?,
            Action::OpenRound(open) => self.open(open)?,
            Action::CloseCollection(close) => self.seal(close)?,
            Action::Abandon(abandon) => self.abandon(abandon)?,
            Action::CloseRound(close) => return self.close(close, height),
            Action::BeginKeygen(begin) => self.begin_keygen(begin)?,
            Action::EndStage(end) => self.end_stage(end)?,
            Action::Contribute(contribution) => self.contribute(transaction, contribution)?,
            Action::ChangeCommittee(change) => {
                let asked = self.succession.ask(change, &self.parameters, &self.roster);
                asked.map_err(|reason| StatementError::MayNotStand(reason.as_str_name()))?;
            }
            _ => match transaction.kind().statement {
                Statement::Exchange(statement) => self.share_besides(transaction, statement)?,
                // Whatever else is said changes nothing here, once its author is established.
                _ => match transaction.kind().signer {
                    Signer::Authority | Signer::Coordinator => {}
                    Signer::Institution | Signer::Participant | Signer::Newcomer(_) => {
                        author(transaction, &self.roster, &self.parameters.chain_id).map(drop)?;
                    }
                },
            },
        }
        Ok(None)
    }

    /// The block ends with what was read of it: a sum in it is sealed.
    pub fn end_block(&mut self, header: &VerifiedHeader) {
        self.phase = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Sealing(collection, evaluation) => {
                Phase::Sealed(collection.seal(*evaluation, header.height, header.into()))
            }
            other => other,
        };
    }

    /// Goes on to where an order leads, in the phase that belongs to it.
    fn go(&mut self, course: Course, phase: Phase) {
        debug_assert_eq!(phase.station(), course.station);
        self.course = course;
        self.phase = phase;
    }

    /// Goes on to where nothing is being made, as the contract does.
    fn rest(&mut self, course: Course) {
        let course = course.rest(&self.parameters, &self.succession);
        let is_over = course.station == Station::Finished;
        self.go(course, if is_over { Phase::Finished } else { Phase::Idle });
    }

    /// An order of the coordinator's that the contract refuses, whatever for.
    fn out_of_turn(&self, order: &'static str) -> impl Fn(Reason) -> StatementError + use<> {
        let Course { step, attempt, .. } = self.course;
        let phase = self.phase.name();
        move |_| StatementError::OutOfTurn { order, step, attempt, phase }
    }

    /// Statements of sharing carry all that decides them, so they take effect here as they do in the contract.
    fn share_besides(
        &mut self,
        transaction: &CandidateTransaction,
        statement: exchange::Statement<'_>,
    ) -> Result<(), StatementError> {
        let Self { exchange, roster, parameters, .. } = self;
        let speaker = transaction.author();
        if let Some(author) = &speaker {
            let key = exchange.key_of(author, roster).ok_or(StatementError::UnknownInstitution)?;
            if !transaction.is_signed_by(&key, &parameters.chain_id) {
                return Err(StatementError::BadSignature(*author));
            }
            if exchange.is_paid_for(&transaction.id()) {
                return Err(StatementError::Refused(Reason::Duplicate));
            }
        }
        let run = Surroundings { chain_id: &parameters.chain_id, roster };
        let refusal = match exchange.apply(statement, speaker, &run, None) {
            Ok(()) => return Ok(()),
            Err(refusal) => refusal,
        };
        let Some(author) = speaker else {
            return Err(StatementError::MayNotStand(refusal.reason.as_str_name()));
        };
        if refusal.is_fault {
            exchange.charge(author, transaction.id());
        }
        Err(StatementError::Refused(refusal.reason))
    }

    fn enrol(
        &mut self,
        transaction: &CandidateTransaction,
        enrol: &Enrol,
    ) -> Result<(), StatementError> {
        let certificate = enrolled(transaction, enrol, &self.parameters)?;
        let participants = self.exchange.participants();
        if participants.has(&certificate.pseudonym, &certificate.signing_key) {
            return Err(StatementError::MayNotStand("its name or key is a participant's"));
        }
        self.roster
            .enrol(certificate, self.parameters.institutions)
            .map_err(|_| StatementError::MayNotStand("the roster has no place for it"))
    }

    fn revoke(&mut self, revoke: &Revoke) -> Result<(), StatementError> {
        let pseudonym = Pseudonym::try_from(revoke.pseudonym.as_slice())
            .map_err(|_| StatementError::MayNotStand("it names no pseudonym"))?;
        if self.roster.revoke(&pseudonym) {
            Ok(())
        } else {
            Err(StatementError::MayNotStand("its institution is revoked already"))
        }
    }

    fn rejoin(
        &mut self,
        transaction: &CandidateTransaction,
        rejoin: &Rejoin,
    ) -> Result<(), StatementError> {
        let author = author(transaction, &self.roster, &self.parameters.chain_id)?;
        let Self { roster, parameters, course, .. } = self;
        roster
            .judge_rejoin(&author, rejoin.step, course.step, parameters.suspend_after)
            .map_err(StatementError::Refused)?;
        roster.rejoin(&author);
        Ok(())
    }

    fn pause(&mut self, pauses: bool, request: u64) -> Result<(), StatementError> {
        let after = self.course.pausing.after(pauses, request);
        self.course.pausing =
            after.map_err(|reason| StatementError::MayNotStand(reason.as_str_name()))?;
        Ok(())
    }

    fn submit(&mut self, transaction: &CandidateTransaction) -> Result<(), StatementError> {
        if let Phase::Collecting(collection) = &mut self.phase {
            let round = collection.round();
            let submission =
                Submission::verify(transaction, &self.roster, round, &self.parameters)?;
            collection.submit(submission);
        }
        Ok(())
    }

    fn countersign(&mut self, transaction: &CandidateTransaction) -> Result<(), StatementError> {
        let Phase::Sealed(sealed) = &mut self.phase else { return Ok(()) };
        let roster = &self.roster;
        let committee = sealed.sum.committee();
        let countersignature =
            Countersignature::verify(transaction, roster, committee, &self.parameters.chain_id)?;
        let answers_this = countersignature.step() == self.course.step
            && countersignature.block() == sealed.sum.block();
        if !answers_this {
            return Err(StatementError::OtherContext("step or sealed block"));
        }
        let trustee = countersignature.trustee();
        let cosigned = countersignature.verify_cosignature(sealed.sum.sealed_block(), roster)?;
        sealed.countersign(trustee, cosigned);
        Ok(())
    }

    fn share(&mut self, transaction: &CandidateTransaction) -> Result<(), StatementError> {
        let Phase::Sealed(sealed) = &mut self.phase else { return Ok(()) };
        let committee = sealed.sum.committee();
        let chain_id = &self.parameters.chain_id;
        let share = SignedShare::verify(transaction, &self.roster, committee, chain_id)?;
        let answers_this =
            share.step() == self.course.step && share.share().sealed_block() == sealed.sum.block();
        if !answers_this {
            return Err(StatementError::OtherContext("step or sealed block"));
        }
        sealed.share(share);
        Ok(())
    }

    fn open(&mut self, open: &OpenRound) -> Result<(), StatementError> {
        let out_of_turn = self.out_of_turn("opens a round");
        let Course { step, attempt, .. } = self.course;
        let parameters = &self.parameters;
        self.course.judge_open(open, &self.model, parameters).map_err(&out_of_turn)?;
        let committee = self.succession.judge_round(step, parameters).map_err(&out_of_turn)?;
        self.course.judge_time(open.time_ms).map_err(&out_of_turn)?;
        let standing = |standing: &Standing| {
            Some((standing.pseudonym.as_slice().try_into().ok()?, standing.credit))
        };
        self.standings = open.standings.iter().filter_map(standing).collect();
        let round = parameters.round(&committee, step, attempt, self.model);
        let course = self.course.at(Station::Collecting, open.time_ms);
        self.go(course, Phase::Collecting(Collection::open(round, committee)));
        Ok(())
    }

    fn seal(&mut self, close: &CloseCollection) -> Result<(), StatementError> {
        let out_of_turn = self.out_of_turn("closes a collection");
        self.course.judge_close_collection(close).map_err(&out_of_turn)?;
        let evaluation = Evaluation::decode(&close.evaluation)
            .map_err(|_| out_of_turn(Reason::MalformedEncoding))?;
        self.course.judge_time(close.time_ms).map_err(&out_of_turn)?;
        let phase = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Collecting(collection) => {
                let has_spoken = |name: &Pseudonym| collection.has_update_of(name);
                self.roster.end_collection(self.parameters.suspend_after, has_spoken);
                Phase::Sealing(collection, Box::new(evaluation))
            }
            other => other,
        };
        self.go(self.course.at(Station::Sealed, close.time_ms), phase);
        Ok(())
    }

    fn abandon(&mut self, abandon: &Abandon) -> Result<(), StatementError> {
        let out_of_turn = self.out_of_turn("abandons an attempt");
        self.course.judge_abandon(abandon).map_err(&out_of_turn)?;
        self.course.judge_time(abandon.time_ms).map_err(&out_of_turn)?;
        self.go(self.course.abandoned(abandon.time_ms), Phase::Idle);
        Ok(())
    }

    fn close(&mut self, close: &CloseRound, height: u64) -> Result<Option<Closed>, StatementError> {
        let out_of_turn = self.out_of_turn("closes a round");
        self.course.judge_close_round(close).map_err(&out_of_turn)?;
        let malformed = || out_of_turn(Reason::MalformedEncoding);
        let hash = |bytes: &[u8]| hash32("a hash", bytes).map_err(|_| malformed());
        let blob = |blob: &Option<BlobRef>| {
            hash(blob.as_ref().map(|blob| blob.sha256.as_slice()).unwrap_or_default())
        };
        let key_sum_length = self.parameters.form(close.step).update.key_sum_length();
        if close.mask_key_sum.len() != key_sum_length {
            return Err(malformed());
        }
        let mask_key_sum = close.mask_key_sum.clone();
        let sums = BlobHash(blob(&close.sums)?);
        let model = ModelHash(blob(&close.model)?);
        self.course.judge_time(close.time_ms).map_err(&out_of_turn)?;
        let sealed = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Sealed(sealed) => sealed,
            // In the block that holds the sum, nobody can have answered for that block yet.
            other => {
                self.phase = other;
                return Err(out_of_turn(Reason::TooEarly));
            }
        };
        self.model = model;
        self.succession.answer();
        self.rest(self.course.closed(close.time_ms, close.ends_run));
        let ends_run = close.ends_run;
        Ok(Some(Closed { sealed, mask_key_sum, sums, model, ends_run, height }))
    }

    fn begin_keygen(&mut self, begin: &BeginKeygen) -> Result<(), StatementError> {
        let out_of_turn = self.out_of_turn("begins to share the key");
        self.course.judge_begin(begin).map_err(&out_of_turn)?;
        let step = self.course.step;
        let keygen = self.succession.begin(begin, step, &self.parameters, &self.roster);
        let phase = Phase::Keygen(Arc::new(keygen.map_err(&out_of_turn)?));
        self.go(self.course.at(Station::Keygen, begin.time_ms), phase);
        Ok(())
    }

    fn contribute(
        &mut self,
        transaction: &CandidateTransaction,
        contribution: &Contribute,
    ) -> Result<(), StatementError> {
        let author = author(transaction, &self.roster, &self.parameters.chain_id)?;
        let Phase::Keygen(keygen) = &mut self.phase else { return Ok(()) };
        // A fault is recorded, and passed over here: the contract has taken the credit.
        let taken = ceremony(keygen)?.contribute(&author, contribution);
        taken.map_err(|_| StatementError::OtherContext("ceremony, or one that does not hold"))
    }

    fn end_stage(&mut self, end: &EndStage) -> Result<(), StatementError> {
        let out_of_turn = self.out_of_turn("ends a stage");
        self.course.judge_end_stage(end).map_err(&out_of_turn)?;
        let Phase::Keygen(keygen) = &mut self.phase else {
            return Err(out_of_turn(Reason::TooEarly));
        };
        let ended = ceremony(keygen)?
            .end_stage(end, &self.parameters, &self.roster)
            .map_err(&out_of_turn)?;
        self.course = self.course.at(Station::Keygen, end.time_ms);
        if let Ceremony::IsOver { made } =
            self.succession.stage_ended(ended, self.course.step, &self.parameters)
        {
            self.made = made.or(self.made.take());
            self.rest(self.course);
        }
        Ok(())
    }
}

/// The ceremony, to be moved on. Whoever works with it elsewhere is waited for before the next block is read.
fn ceremony(keygen: &mut Arc<Keygen>) -> Result<&mut Keygen, StatementError> {
    Arc::get_mut(keygen).ok_or(StatementError::OtherContext("ceremony that is still worked with"))
}
