//! Where a run stands, for those who see its signatures.

use std::{collections::BTreeMap, sync::Arc};

use consilium_crypto::{Evaluation, RoundContext};
use consilium_hash::{BlobHash, BlockHash, HeaderHash, ModelHash, Pseudonym};
use consilium_ledger::Note;

use super::statements::{Cosigned, Countersignature, SignedShare, Submission};
use crate::{
    course::Station,
    keygen::{Keygen, committee::Committee},
    round::countersign::SealedBlock,
};

/// Complete updates that are kept of one institution in one attempt. The contract takes one, if the first is no fault.
pub const KEPT_EACH: usize = 4;

/// A round in which updates are taken.
#[derive(Debug)]
pub struct Collection {
    round: RoundContext,
    committee: Arc<Committee>,
    /// By the hash of the header. Complete ones only.
    submissions: BTreeMap<HeaderHash, Submission>,
}

impl Collection {
    /// Nothing has been submitted.
    pub(super) fn open(round: RoundContext, committee: Arc<Committee>) -> Self {
        Self { round, committee, submissions: BTreeMap::new() }
    }

    /// Takes note of an update.
    pub(super) fn submit(&mut self, submission: Submission) {
        let of_author =
            self.submissions.values().filter(|other| other.pseudonym() == submission.pseudonym());
        if of_author.count() < KEPT_EACH {
            self.submissions.insert(*submission.hash(), submission);
        }
    }

    /// The sum of what was submitted, in the block that holds it.
    pub(super) fn seal(self, evaluation: Evaluation, height: u64, block: SealedBlock) -> Sealed {
        let Self { round, committee, submissions } = self;
        let sum = SealedSum { round, committee, submissions, evaluation, height, block };
        Sealed { sum: Arc::new(sum), countersignatures: BTreeMap::new(), shares: BTreeMap::new() }
    }

    /// What an update of this round is bound to.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// Whom updates are encrypted for.
    pub fn committee(&self) -> &Arc<Committee> {
        &self.committee
    }

    /// What was submitted to it, by the hash of the header.
    pub fn submissions(&self) -> &BTreeMap<HeaderHash, Submission> {
        &self.submissions
    }

    /// Whether a complete update of this institution is recorded.
    pub fn has_update_of(&self, pseudonym: &Pseudonym) -> bool {
        self.submissions.values().any(|submission| submission.pseudonym() == pseudonym)
    }
}

/// The sum that a block holds, with everything that was submitted to its round. Nobody has judged it.
#[derive(Debug)]
pub struct SealedSum {
    round: RoundContext,
    committee: Arc<Committee>,
    submissions: BTreeMap<HeaderHash, Submission>,
    evaluation: Evaluation,
    height: u64,
    block: SealedBlock,
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

    /// What was submitted to its round, by the hash of the header.
    pub fn submissions(&self) -> &BTreeMap<HeaderHash, Submission> {
        &self.submissions
    }

    /// The sum as the coordinator has certified it.
    pub fn evaluation(&self) -> &Evaluation {
        &self.evaluation
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
    /// Takes note of a countersignature: the first of a trustee counts.
    pub(super) fn countersign(&mut self, trustee: u32, cosigned: Cosigned) {
        self.countersignatures.entry(trustee).or_insert(cosigned);
    }

    /// Takes note of a share, once a quorum has countersigned: the first of a trustee counts.
    pub(super) fn share(&mut self, share: SignedShare) {
        if self.countersignatures.len() >= self.sum.committee.quorum() as usize {
            self.shares.entry(share.share().index()).or_insert(share);
        }
    }

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
    /// The sum of the mask keys, encoded.
    pub mask_key_sum: Vec<u8>,
    /// SHA-256 of the announced sums.
    pub sums: BlobHash,
    /// SHA-256 of the announced model.
    pub model: ModelHash,
    /// Whether the run ends with it, before all of its steps are made.
    pub ends_run: bool,
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
    /// Where in the order of the coordinator's orders this is.
    pub(super) fn station(&self) -> Station {
        match self {
            Self::Idle => Station::Idle,
            Self::Keygen(_) => Station::Keygen,
            Self::Collecting(_) => Station::Collecting,
            Self::Sealing(..) | Self::Sealed(_) => Station::Sealed,
            Self::Finished => Station::Finished,
        }
    }

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
