//! What institutions have said on the chain, verified.
//!
//! A transaction becomes one of these types only with a signature by the key that the authority has certified for its
//! author. Everything later (sums, quorums, models) is computed from these and not from transactions.

use consilium_crypto::{DecryptionShare, RoundContext, mask::CandidateHeader};
use consilium_hash::{BlockHash, ChainId, HeaderHash, Pseudonym};
use consilium_ledger::{Cosignature, Note, NoteKey, sha256, trustee_key};
use consilium_proto::v1::{Enrol, Reason, transaction::Action};
use thiserror::Error;

use crate::{
    action::Signer,
    enrolment::{certificate::Certificate, roster::Roster},
    keygen::committee::Committee,
    parameters::Parameters,
    round::countersign::SealedBlock,
    transaction::CandidateTransaction,
};

/// Why a transaction on the chain has no effect. Most are passed over, as the contract passes over them; some convict
/// the coordinator, which has recorded them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatementError {
    /// Another kind of transaction.
    #[error("not a {0}")]
    OtherAction(&'static str),
    /// No institution of that name has a certificate of the authority on this chain.
    #[error("its author is not enrolled")]
    UnknownInstitution,
    /// The author holds no share of the key.
    #[error("its author {} is no member of the committee", .0.short())]
    NotAMember(Pseudonym),
    /// The authority has revoked the author.
    #[error("its author {} is revoked", .0.short())]
    Revoked(Pseudonym),
    /// Not signed by the certified key.
    #[error("not signed by the key that the authority has certified for {}", .0.short())]
    BadSignature(Pseudonym),
    /// A countersignature whose cosignature is not of the checkpoint that its block completes.
    #[error("the cosignature of {} is not of the checkpoint that the sealed block completes", .0.short())]
    BadCosignature(Pseudonym),
    /// For another round, institution or trustee.
    #[error("it speaks of another {0}")]
    OtherContext(&'static str),
    /// Does not decode.
    #[error("it does not decode: {0}")]
    Malformed(String),
    /// An enrolment without a certificate of the authority for its author.
    #[error("it enrols nobody: {0}")]
    BadCertificate(String),
    /// The contract refuses what the authority, or somebody who enrols, says; refused, it stands on no chain.
    #[error("it may not stand on a chain: {0}")]
    MayNotStand(&'static str),
    /// The contract refuses what a participant says of sharing.
    #[error("the contract refuses it: {}", .0.as_str_name())]
    Refused(Reason),
    /// Neither the authority nor the coordinator has signed what they alone may say.
    #[error("it is not signed by the one who may say it")]
    NotTheirs,
    /// The coordinator says what it may not say now.
    #[error("it {order} out of turn: the run is at step {step}, attempt {attempt}, {phase}")]
    OutOfTurn {
        /// What it says.
        order: &'static str,
        /// The step that is being made.
        step: u64,
        /// The try at it.
        attempt: u32,
        /// The phase of the round.
        phase: &'static str,
    },
}

impl StatementError {
    /// Whether no coordinator that runs the contract records such a transaction: by
    /// [`Receipt::may_stand`](crate::Receipt::may_stand), what its author has not signed stands nowhere, and
    /// neither does what the authority or the coordinator says and the contract refuses.
    pub fn convicts_the_coordinator(&self) -> bool {
        match self {
            Self::UnknownInstitution
            | Self::BadSignature(_)
            | Self::BadCertificate(_)
            | Self::MayNotStand(_)
            | Self::NotTheirs
            | Self::OutOfTurn { .. } => true,
            Self::OtherAction(_)
            | Self::BadCosignature(_)
            | Self::NotAMember(_)
            | Self::Revoked(_)
            | Self::OtherContext(_)
            | Self::Refused(_)
            | Self::Malformed(_) => false,
        }
    }
}

/// The certificate with which an institution enrols, signed by the authority; the enrolment is signed by its key.
pub(crate) fn enrolled(
    transaction: &CandidateTransaction,
    enrol: &Enrol,
    parameters: &Parameters,
) -> Result<Certificate, StatementError> {
    let bad = |error: String| StatementError::BadCertificate(error);
    let message = enrol.certificate.as_ref().ok_or_else(|| bad("there is none".to_owned()))?;
    let certificate =
        parameters.verify_certificate(message).map_err(|error| bad(error.to_string()))?;
    if transaction.author() != Some(certificate.pseudonym) {
        return Err(bad("it is another institution's".to_owned()));
    }
    if !transaction.is_signed_by(&certificate.signing_key, &parameters.chain_id) {
        return Err(StatementError::BadSignature(certificate.pseudonym));
    }
    Ok(certificate)
}

/// Authority or coordinator have signed what they alone may say. Of institutions nothing is asked here.
pub(crate) fn judge_signer(
    transaction: &CandidateTransaction,
    parameters: &Parameters,
) -> Result<(), StatementError> {
    let key = match transaction.kind().signer {
        Signer::Authority => &parameters.authority,
        Signer::Coordinator => &parameters.coordinator,
        Signer::Institution | Signer::Participant | Signer::Newcomer(_) => return Ok(()),
    };
    let is_theirs =
        transaction.author().is_none() && transaction.is_signed_by(key, &parameters.chain_id);
    is_theirs.then_some(()).ok_or(StatementError::NotTheirs)
}

/// The key of the author, whose certificate the roster has checked, has signed the transaction for this chain.
pub(crate) fn author(
    transaction: &CandidateTransaction,
    roster: &Roster,
    chain: &ChainId,
) -> Result<Pseudonym, StatementError> {
    let pseudonym = transaction.author().ok_or(StatementError::UnknownInstitution)?;
    let institution = roster.get(&pseudonym).ok_or(StatementError::UnknownInstitution)?;
    if !transaction.is_signed_by(&institution.certificate.signing_key, chain) {
        return Err(StatementError::BadSignature(pseudonym));
    }
    Ok(pseudonym)
}

/// The author, and its place in the committee.
fn member(
    transaction: &CandidateTransaction,
    roster: &Roster,
    committee: &Committee,
    chain: &ChainId,
) -> Result<(Pseudonym, u32), StatementError> {
    let pseudonym = author(transaction, roster, chain)?;
    let place = committee.place_of(&pseudonym).ok_or(StatementError::NotAMember(pseudonym))?;
    Ok((pseudonym, place))
}

/// The signed header of an update for one round, by an institution that was enrolled and not revoked when it was
/// recorded. Its proofs have not been looked at.
#[derive(Debug, Clone)]
pub struct Submission {
    pseudonym: Pseudonym,
    transaction: CandidateTransaction,
    header: Vec<u8>,
    hash: HeaderHash,
    rows: u64,
}

impl Submission {
    /// Verifies certificate, signature and context.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn verify(
        transaction: &CandidateTransaction,
        roster: &Roster,
        round: &RoundContext,
        parameters: &Parameters,
    ) -> Result<Self, StatementError> {
        let Action::SubmitUpdate(update) = transaction.action() else {
            return Err(StatementError::OtherAction("update"));
        };
        let pseudonym = author(transaction, roster, &round.chain_id)?;
        let institution = roster.get(&pseudonym).filter(|institution| !institution.revoked);
        let rows = institution.ok_or(StatementError::Revoked(pseudonym))?.certificate.rows;
        let context = CandidateHeader::peek_context(&update.header)
            .map_err(|error| StatementError::Malformed(error.to_string()))?;
        if context.round != *round {
            return Err(StatementError::OtherContext("round"));
        }
        if context.pseudonym != pseudonym {
            return Err(StatementError::OtherContext("institution"));
        }
        if context.bound != parameters.own_bound_in(round.step, rows) {
            return Err(StatementError::OtherContext("institution's bound"));
        }
        Ok(Self {
            pseudonym,
            transaction: transaction.clone(),
            hash: HeaderHash(sha256(&update.header)),
            header: update.header.clone(),
            rows,
        })
    }

    /// Who submitted.
    pub fn pseudonym(&self) -> &Pseudonym {
        &self.pseudonym
    }

    /// Rows that its author trains on, by its certificate.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The transaction.
    pub fn transaction(&self) -> &CandidateTransaction {
        &self.transaction
    }

    /// The encoded header.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// SHA-256 of the encoded header: the name of the update.
    pub fn hash(&self) -> &HeaderHash {
        &self.hash
    }
}

/// A trustee's word that it has judged a sealed block and answers for no other one of that step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countersignature {
    trustee: u32,
    pseudonym: Pseudonym,
    step: u64,
    block: BlockHash,
    cosignature: Vec<u8>,
}

impl Countersignature {
    /// Verifies certificate, membership and signature. The cosignature in it, [`Self::verify_cosignature`] does.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn verify(
        transaction: &CandidateTransaction,
        roster: &Roster,
        committee: &Committee,
        chain: &ChainId,
    ) -> Result<Self, StatementError> {
        let Action::Countersign(countersign) = transaction.action() else {
            return Err(StatementError::OtherAction("countersignature"));
        };
        let (pseudonym, trustee) = member(transaction, roster, committee, chain)?;
        let block = block(&countersign.sealed_block)?;
        Ok(Self {
            trustee,
            pseudonym,
            step: countersign.step,
            block,
            cosignature: countersign.cosignature.clone(),
        })
    }

    /// Verifies that it cosigns the checkpoint that `block` completes.
    ///
    /// # Errors
    /// [`StatementError::BadCosignature`], [`StatementError::UnknownInstitution`].
    pub fn verify_cosignature(
        self,
        block: &SealedBlock,
        roster: &Roster,
    ) -> Result<Cosigned, StatementError> {
        let institution = roster.get(&self.pseudonym).ok_or(StatementError::UnknownInstitution)?;
        let key = institution.certificate.signing_key;
        let cosignature = block
            .verify(&self.cosignature, &self.pseudonym, key)
            .map_err(|_| StatementError::BadCosignature(self.pseudonym))?;
        let key = trustee_key(&block.checkpoint.chain_id, &self.pseudonym, key.into());
        Ok(Cosigned { countersignature: self, key, cosignature })
    }

    /// Name of the trustee.
    pub fn pseudonym(&self) -> &Pseudonym {
        &self.pseudonym
    }

    /// Index of the trustee, 1 to n.
    pub fn trustee(&self) -> u32 {
        self.trustee
    }

    /// The step it answers.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Hash of the sealed block it answers.
    pub fn block(&self) -> &BlockHash {
        &self.block
    }
}

/// A countersignature that cosigns the checkpoint that its block completes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    countersignature: Countersignature,
    key: NoteKey,
    cosignature: Cosignature,
}

impl Cosigned {
    /// The countersignature.
    pub fn countersignature(&self) -> &Countersignature {
        &self.countersignature
    }

    /// Adds the cosignature to a note of the checkpoint.
    pub fn add_to(&self, note: &mut Note) {
        note.add_cosignature(&self.key, &self.cosignature);
    }
}

/// A trustee's decryption share, signed by it. Its proof has not been looked at.
#[derive(Debug)]
pub struct SignedShare {
    step: u64,
    share: DecryptionShare,
}

impl SignedShare {
    /// Verifies certificate, membership and signature, and that the share is the author's own.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn verify(
        transaction: &CandidateTransaction,
        roster: &Roster,
        committee: &Committee,
        chain: &ChainId,
    ) -> Result<Self, StatementError> {
        let Action::SubmitShare(message) = transaction.action() else {
            return Err(StatementError::OtherAction("share"));
        };
        let (_, trustee) = member(transaction, roster, committee, chain)?;
        let block = block(&message.sealed_block)?;
        let share = DecryptionShare::decode(&message.share)
            .map_err(|error| StatementError::Malformed(error.to_string()))?;
        if share.index() != trustee {
            return Err(StatementError::OtherContext("trustee"));
        }
        if *share.sealed_block() != block {
            return Err(StatementError::OtherContext("sealed block"));
        }
        Ok(Self { step: message.step, share })
    }

    /// The step it answers.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The share.
    pub fn share(&self) -> &DecryptionShare {
        &self.share
    }
}

fn block(bytes: &[u8]) -> Result<BlockHash, StatementError> {
    BlockHash::try_from(bytes).map_err(|error| StatementError::Malformed(error.to_string()))
}
