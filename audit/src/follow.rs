//! What an institution knows of the run from the chain alone.
//!
//! The follower reads the entries of verified blocks in order and keeps what signatures show: who is enrolled by the
//! authority's certificate, which round is open, which signed headers were submitted to it, which sum is sealed in
//! which block, and who has countersigned and shared. What an institution says and the contract would refuse for phase,
//! step, attempt or model has no effect here either; where the coordinator itself does, or records what its author has
//! not signed, the follower stops: no coordinator that runs the contract seals such a block. It judges no proof and no
//! sum; that is the trustee's work (`trustee`) and the participant's (`model_check`).
//!
//! ```text
//!            OpenRound              CloseCollection            end of that block
//!   Idle ───────────────► Collecting ───────────────► Sealing ───────────────► Sealed
//!    ▲  ▲                     │ Abandon                                          │ CloseRound
//!    │  └─────────────────────┘                                                  │
//!    └───────────────────────────────────────────────────────────────────────────┴──► Finished (last step)
//!   Idle ── BeginKeygen ──► Keygen ── the committee stands, or the old one goes on ──► Idle
//! ```

use consilium_hash::{BlockHash, HeaderHash, ModelHash, Pseudonym};
use std::{collections::BTreeMap, mem, sync::Arc};

use consilium_contract::{
    CandidateTransaction, Committee, Keygen, Parameters, Roster, SealedBlock,
    action::Signer,
    keygen::{StageEnd, Succession},
    transaction::parse_entry,
};
use consilium_crypto::{Evaluation, Hash, RoundContext};
use consilium_ledger::{Block, Note, VerifiedHeader};
use consilium_proto::{
    hash32,
    v1::{
        Abandon, BeginKeygen, BlobRef, CloseCollection, CloseRound, Contribute, EndStage, Enrol,
        OpenRound, Revoke, Standing, transaction::Action,
    },
};
use thiserror::Error;
use tracing::debug;

use crate::statements::{
    Cosigned, Countersignature, SignedShare, StatementError, Submission, author,
};

/// Why a block is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FollowError {
    /// Not the next block.
    #[error("block {found} came where block {expected} is next")]
    Gap {
        /// Height of the next block.
        expected: u64,
        /// Height of the block that came.
        found: u64,
    },
    /// A signed block holds what no contract can have taken.
    #[error(
        "entry {index} of the block at height {height} must not stand there, and the coordinator has signed it: {detail}"
    )]
    Entry {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// What is wrong.
        detail: String,
    },
}

impl FollowError {
    fn entry(height: u64, index: usize, detail: impl ToString) -> Self {
        Self::Entry { height, index, detail: detail.to_string() }
    }
}

/// Complete updates that are kept of one institution in one attempt. The contract takes one, if the first is no fault.
const KEPT_EACH: usize = 4;

/// A round in which updates are taken.
#[derive(Debug)]
pub struct Collection {
    round: RoundContext,
    committee: Arc<Committee>,
    /// By the hash of the header. Complete ones only.
    submissions: BTreeMap<HeaderHash, Submission>,
}

impl Collection {
    /// What an update of this round is bound to.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// Whom updates are encrypted for.
    pub fn committee(&self) -> &Arc<Committee> {
        &self.committee
    }

    /// Whether a complete update of this institution is recorded.
    pub fn has_update_of(&self, pseudonym: &Pseudonym) -> bool {
        self.submissions.values().any(|submission| submission.pseudonym() == pseudonym)
    }
}

/// The sum that a block holds, with everything that was submitted to its round. Nobody has judged it.
#[derive(Debug)]
pub struct SealedSum {
    pub(crate) round: RoundContext,
    pub(crate) committee: Arc<Committee>,
    pub(crate) submissions: BTreeMap<HeaderHash, Submission>,
    pub(crate) evaluation: Evaluation,
    pub(crate) height: u64,
    pub(crate) block: SealedBlock,
}

impl SealedSum {
    /// The round it sums.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// Who answers for it and opens it.
    pub fn committee(&self) -> &Arc<Committee> {
        &self.committee
    }

    /// Height of the sealed block.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Hash of the sealed block.
    pub fn block(&self) -> &BlockHash {
        &self.block.hash
    }

    /// The same block, as trustees countersign it.
    pub fn sealed_block(&self) -> &SealedBlock {
        &self.block
    }

    /// Whether a complete update of this institution is recorded in its round, whatever became of it.
    pub fn has_update_of(&self, pseudonym: &Pseudonym) -> bool {
        self.submissions.values().any(|submission| submission.pseudonym() == pseudonym)
    }

    /// The updates that the sum says are in it, as far as they were submitted to its round.
    pub fn inputs(&self) -> impl Iterator<Item = &Submission> {
        self.evaluation.inputs().iter().filter_map(|name| self.submissions.get(name))
    }

    /// Whether the sum says that this update is in it.
    pub fn names(&self, header: &HeaderHash) -> bool {
        self.evaluation.inputs().contains(header)
    }
}

/// A sealed sum and the trustees' answers to it.
#[derive(Debug)]
pub struct Sealed {
    /// The sum.
    pub sum: Arc<SealedSum>,
    countersignatures: BTreeMap<u32, Cosigned>,
    shares: BTreeMap<u32, SignedShare>,
}

impl Sealed {
    /// The countersignatures on this block, one a trustee.
    pub fn countersignatures(&self) -> impl Iterator<Item = &Countersignature> {
        self.countersignatures.values().map(Cosigned::countersignature)
    }

    /// The coordinator's note of the tree that they have cosigned, with their cosignatures added.
    pub fn head(&self, mut note: Note) -> Note {
        self.countersignatures.values().for_each(|cosigned| cosigned.add_to(&mut note));
        note
    }

    /// Whether the trustee has countersigned on the chain.
    pub fn is_countersigned_by(&self, trustee: u32) -> bool {
        self.countersignatures.contains_key(&trustee)
    }

    /// Whether a share of this trustee is on the chain.
    pub fn has_share_of(&self, trustee: u32) -> bool {
        self.shares.contains_key(&trustee)
    }

    /// The shares for this block, one a trustee; their proofs have not been looked at. The contract takes no other ones:
    /// it begins with the quorum of countersignatures, and the first share of a trustee counts.
    pub fn shares(&self) -> impl Iterator<Item = &SignedShare> {
        self.shares.values()
    }
}

/// A round that the coordinator has closed. Whether rightly, `model_check` says.
#[derive(Debug)]
pub struct Closed {
    /// The sealed sum and its answers.
    pub sealed: Sealed,
    /// k̄, encoded.
    pub mask_key_sum: [u8; 32],
    /// SHA-256 of the announced sums.
    pub sums: Hash,
    /// SHA-256 of the announced model.
    pub model: ModelHash,
    /// Height of the block that closes the round.
    pub height: u64,
}

/// Where the run stands.
#[derive(Debug)]
pub enum Phase {
    /// No round is open.
    Idle,
    /// A committee is being made.
    Keygen(Arc<Keygen>),
    /// Updates are taken.
    Collecting(Collection),
    /// The sum is certified; the block that holds it is not complete yet.
    Sealing(Collection, Box<Evaluation>),
    /// Trustees countersign and share.
    Sealed(Sealed),
    /// Every step is closed, or as many as the privacy budget buys.
    Finished,
}

impl Phase {
    /// The name of the phase, in lower case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Keygen(keygen) => keygen.stage().label(),
            Self::Collecting(_) => "collecting",
            Self::Sealing(..) | Self::Sealed(_) => "sealed",
            Self::Finished => "finished",
        }
    }
}

/// The state of the run as one institution sees it.
#[derive(Debug)]
pub struct Follower {
    parameters: Arc<Parameters>,
    succession: Succession,
    genesis_entry: Vec<u8>,
    roster: Roster,
    /// What the last opened round says of those who have lost credit.
    standings: BTreeMap<Pseudonym, u32>,
    phase: Phase,
    step: u64,
    attempt: u32,
    model: ModelHash,
    time_ms: u64,
    /// Blocks read so far.
    height: u64,
}

impl Follower {
    /// Begins before block 0. `genesis_entry` is this institution's own copy.
    pub fn new(parameters: Arc<Parameters>, genesis_entry: Vec<u8>) -> Self {
        Self {
            model: parameters.initial_model,
            succession: Succession::default(),
            parameters,
            genesis_entry,
            roster: Roster::default(),
            standings: BTreeMap::new(),
            phase: Phase::Idle,
            step: 0,
            attempt: 0,
            time_ms: 0,
            height: 0,
        }
    }

    /// Who holds the decryption key; nobody before it has been made.
    pub fn committee(&self) -> Option<&Arc<Committee>> {
        self.succession.committee()
    }

    /// The committees of the run.
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    /// Who is enrolled by the authority's certificate.
    pub fn roster(&self) -> &Roster {
        &self.roster
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
        self.step
    }

    /// The try at it, from 0.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Blocks read so far: the height of the next one.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Reads the next block. A closed round is handed out: check it before the next block is read.
    ///
    /// # Errors
    /// [`FollowError::Entry`] for what no contract takes, and no coordinator that runs one records: an entry that is no
    /// transaction, or not its author's; another genesis than ours; an order of the coordinator out of turn.
    #[must_use = "a closed round is checked before anything is built on it"]
    pub fn read(
        &mut self,
        block: &Block,
        header: &VerifiedHeader,
    ) -> Result<Option<Closed>, FollowError> {
        let height = header.height;
        if height != self.height {
            return Err(FollowError::Gap { expected: self.height, found: height });
        }
        if height == 0 {
            if block.entries.as_slice() != [self.genesis_entry.as_slice()] {
                return Err(FollowError::entry(height, 0, "it is not the genesis of this run"));
            }
            self.height = 1;
            return Ok(None);
        }
        // All entries first: half a block is never read.
        let parse = |(index, entry): (usize, &Vec<u8>)| {
            parse_entry(entry).map_err(|error| FollowError::entry(height, index, error))
        };
        let entries = block.entries.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut closed = None;
        for (index, (transaction, body_missing)) in entries.iter().enumerate() {
            match self.apply(transaction, *body_missing, height) {
                Ok(Some(round)) => closed = Some(round),
                Ok(None) => {}
                Err(error) if error.convicts_the_coordinator() => {
                    return Err(FollowError::entry(height, index, error));
                }
                Err(error) => debug!(height, %error, "passed over an entry"),
            }
        }
        self.phase = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Sealing(Collection { round, committee, submissions }, evaluation) => {
                let evaluation = *evaluation;
                let block = header.into();
                let sum = Arc::new(SealedSum {
                    round,
                    committee,
                    submissions,
                    evaluation,
                    height,
                    block,
                });
                Phase::Sealed(Sealed {
                    sum,
                    countersignatures: BTreeMap::new(),
                    shares: BTreeMap::new(),
                })
            }
            other => other,
        };
        self.height += 1;
        Ok(closed)
    }

    fn apply(
        &mut self,
        transaction: &CandidateTransaction,
        body_missing: bool,
        height: u64,
    ) -> Result<Option<Closed>, StatementError> {
        let parameters = Arc::clone(&self.parameters);
        let chain = &parameters.chain_id;
        let signed_by = |key| {
            let is_signed = transaction.author().is_none() && transaction.is_signed_by(key, chain);
            is_signed.then_some(()).ok_or(StatementError::NotTheirs)
        };
        match transaction.action() {
            Action::Enrol(enrol) => self.enrol(transaction, enrol)?,
            Action::SubmitUpdate(_) if body_missing => {}
            Action::SubmitUpdate(_) => self.submit(transaction)?,
            Action::Countersign(_) => self.countersign(transaction)?,
            Action::SubmitShare(_) => self.share(transaction)?,
            Action::Revoke(revoke) => {
                signed_by(&parameters.authority).and_then(|()| self.revoke(revoke))?
            }
            Action::OpenRound(open) => {
                signed_by(&parameters.coordinator).and_then(|()| self.open(open))?
            }
            Action::CloseCollection(close) => {
                signed_by(&parameters.coordinator).and_then(|()| self.seal(close))?
            }
            Action::Abandon(abandon) => {
                signed_by(&parameters.coordinator).and_then(|()| self.abandon(abandon))?
            }
            Action::CloseRound(close) => {
                signed_by(&parameters.coordinator)?;
                return self.close(close, height);
            }
            Action::BeginKeygen(begin) => {
                signed_by(&parameters.coordinator).and_then(|()| self.begin_keygen(begin))?;
            }
            Action::EndStage(end) => {
                signed_by(&parameters.coordinator).and_then(|()| self.end_stage(end))?
            }
            Action::Contribute(contribution) => self.contribute(transaction, contribution)?,
            Action::ChangeCommittee(change) => {
                signed_by(&parameters.authority)?;
                let asked = self.succession.ask(change, &self.parameters, &self.roster);
                asked.map_err(|reason| StatementError::MayNotStand(reason.as_str_name()))?;
            }
            // Whatever else is said changes nothing that a follower keeps, once its author is established.
            _ => match transaction.kind().signer {
                Signer::Authority => signed_by(&parameters.authority)?,
                Signer::Coordinator => signed_by(&parameters.coordinator)?,
                Signer::Institution | Signer::Newcomer(_) => {
                    author(transaction, &self.roster, chain).map(drop)?
                }
            },
        }
        Ok(None)
    }

    fn enrol(
        &mut self,
        transaction: &CandidateTransaction,
        enrol: &Enrol,
    ) -> Result<(), StatementError> {
        let bad = |error: String| StatementError::BadCertificate(error);
        let certificate = enrol.certificate.as_ref().ok_or_else(|| bad("there is none".into()))?;
        let certificate = self
            .parameters
            .verify_certificate(certificate)
            .map_err(|error| bad(error.to_string()))?;
        if transaction.author() != Some(certificate.pseudonym) {
            return Err(bad("it is another institution's".into()));
        }
        if !transaction.is_signed_by(&certificate.signing_key, &self.parameters.chain_id) {
            return Err(StatementError::BadSignature(certificate.pseudonym));
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

    fn submit(&mut self, transaction: &CandidateTransaction) -> Result<(), StatementError> {
        let Phase::Collecting(Collection { round, submissions, .. }) = &mut self.phase else {
            return Ok(());
        };
        let submission = Submission::verify(transaction, &self.roster, round)?;
        let of_author =
            submissions.values().filter(|other| other.pseudonym() == submission.pseudonym());
        if of_author.count() < KEPT_EACH {
            submissions.insert(*submission.hash(), submission);
        }
        Ok(())
    }

    fn countersign(&mut self, transaction: &CandidateTransaction) -> Result<(), StatementError> {
        let Phase::Sealed(sealed) = &mut self.phase else { return Ok(()) };
        let roster = &self.roster;
        let committee = &sealed.sum.committee;
        let countersignature =
            Countersignature::verify(transaction, roster, committee, &self.parameters.chain_id)?;
        if countersignature.step() != self.step || countersignature.block() != sealed.sum.block() {
            return Err(StatementError::OtherContext("step or sealed block"));
        }
        let trustee = countersignature.trustee();
        let cosigned =
            countersignature.verify_cosignature(sealed.sum.sealed_block(), &self.roster)?;
        sealed.countersignatures.entry(trustee).or_insert(cosigned);
        Ok(())
    }

    fn share(&mut self, transaction: &CandidateTransaction) -> Result<(), StatementError> {
        let Phase::Sealed(sealed) = &mut self.phase else { return Ok(()) };
        let roster = &self.roster;
        let committee = &sealed.sum.committee;
        let share = SignedShare::verify(transaction, roster, committee, &self.parameters.chain_id)?;
        if share.step() != self.step || share.share().sealed_block() != sealed.sum.block() {
            return Err(StatementError::OtherContext("step or sealed block"));
        }
        if sealed.countersignatures.len() >= sealed.sum.committee.quorum() as usize {
            sealed.shares.entry(share.share().index()).or_insert(share);
        }
        Ok(())
    }

    /// Whether time does not go backwards; then it has advanced.
    fn advance(&mut self, time_ms: u64) -> bool {
        let forward = time_ms >= self.time_ms;
        self.time_ms = self.time_ms.max(time_ms);
        forward
    }

    fn open(&mut self, open: &OpenRound) -> Result<(), StatementError> {
        let expected = (self.step, self.attempt) == (open.step, open.attempt)
            && open.model_sha256 == self.model.as_slice();
        let out_of_turn = self.out_of_turn("opens a round");
        let is_idle = matches!(self.phase, Phase::Idle)
            && !self.succession.is_due(self.step, &self.parameters);
        let Some(committee) = self.committee().map(Arc::clone) else { return Err(out_of_turn) };
        if !is_idle || !expected || !self.advance(open.time_ms) {
            return Err(out_of_turn);
        }
        let standing = |standing: &Standing| {
            Some((standing.pseudonym.as_slice().try_into().ok()?, standing.credit))
        };
        self.standings = open.standings.iter().filter_map(standing).collect();
        let round = self.parameters.round(&committee, self.step, self.attempt, self.model);
        self.phase =
            Phase::Collecting(Collection { round, committee, submissions: BTreeMap::new() });
        Ok(())
    }

    fn begin_keygen(&mut self, begin: &BeginKeygen) -> Result<(), StatementError> {
        let out_of_turn = self.out_of_turn("begins to share the key");
        if !matches!(self.phase, Phase::Idle) || begin.time_ms < self.time_ms {
            return Err(out_of_turn);
        }
        let keygen = self.succession.begin(begin, self.step, &self.parameters, &self.roster);
        self.phase = Phase::Keygen(Arc::new(keygen.map_err(|_| out_of_turn)?));
        self.time_ms = begin.time_ms;
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
        let Phase::Keygen(keygen) = &mut self.phase else { return Err(out_of_turn) };
        if end.time_ms < self.time_ms {
            return Err(out_of_turn);
        }
        let ended = ceremony(keygen)?
            .end_stage(end, &self.parameters, &self.roster)
            .map_err(|_| out_of_turn)?;
        self.time_ms = end.time_ms;
        match ended {
            StageEnd::Next | StageEnd::Again => {}
            StageEnd::GivenUp { attempt } => {
                self.succession.give_up(self.step, attempt);
                self.rest();
            }
            StageEnd::Complete(committee) => {
                self.succession.succeed(committee, self.step);
                self.rest();
            }
        }
        Ok(())
    }

    fn out_of_turn(&self, order: &'static str) -> StatementError {
        StatementError::OutOfTurn {
            order,
            step: self.step,
            attempt: self.attempt,
            phase: self.phase.name(),
        }
    }

    fn seal(&mut self, close: &CloseCollection) -> Result<(), StatementError> {
        let out_of_turn = self.out_of_turn("closes a collection");
        if (close.step, close.attempt) != (self.step, self.attempt)
            || !matches!(self.phase, Phase::Collecting(_))
        {
            return Err(out_of_turn);
        }
        let evaluation = Evaluation::decode(&close.evaluation).map_err(|_| out_of_turn.clone())?;
        if !self.advance(close.time_ms) {
            return Err(out_of_turn);
        }
        self.phase = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Collecting(collection) => Phase::Sealing(collection, Box::new(evaluation)),
            other => other,
        };
        Ok(())
    }

    fn abandon(&mut self, abandon: &Abandon) -> Result<(), StatementError> {
        let expected = (abandon.step, abandon.attempt) == (self.step, self.attempt);
        if !matches!(self.phase, Phase::Collecting(_))
            || !expected
            || !self.advance(abandon.time_ms)
        {
            return Err(self.out_of_turn("abandons an attempt"));
        }
        self.attempt += 1;
        self.phase = Phase::Idle;
        Ok(())
    }

    /// As the contract, which decides from the same orders whether the run is over.
    fn rest(&mut self) {
        let is_over = self.parameters.is_over(self.step, &self.succession);
        self.phase = if is_over { Phase::Finished } else { Phase::Idle };
    }

    fn close(&mut self, close: &CloseRound, height: u64) -> Result<Option<Closed>, StatementError> {
        let out_of_turn = self.out_of_turn("closes a round");
        if close.step != self.step || !matches!(self.phase, Phase::Sealed(_)) {
            return Err(out_of_turn);
        }
        let hash = |bytes: &[u8]| hash32("a hash", bytes).map_err(|_| out_of_turn.clone());
        let blob = |blob: &Option<BlobRef>| {
            hash(blob.as_ref().map(|blob| blob.sha256.as_slice()).unwrap_or_default())
        };
        let mask_key_sum = hash(&close.mask_key_sum)?;
        let sums = blob(&close.sums)?;
        let model = ModelHash(blob(&close.model)?);
        if !self.advance(close.time_ms) {
            return Err(out_of_turn);
        }
        let Phase::Sealed(sealed) = mem::replace(&mut self.phase, Phase::Idle) else {
            return Err(out_of_turn);
        };
        self.model = model;
        self.step += 1;
        self.attempt = 0;
        self.succession.answer();
        self.rest();
        Ok(Some(Closed { sealed, mask_key_sum, sums, model, height }))
    }
}

/// The ceremony, to be moved on. Whoever works with it elsewhere is waited for before the next block is read.
fn ceremony(keygen: &mut Arc<Keygen>) -> Result<&mut Keygen, StatementError> {
    Arc::get_mut(keygen).ok_or(StatementError::OtherContext("ceremony that is still worked with"))
}

#[cfg(test)]
mod tests;
