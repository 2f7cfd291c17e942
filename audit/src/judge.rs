//! What anyone can judge of a sealed sum from the chain alone, before a trustee helps to open it.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use consilium_contract::{Committee, Parameters, SealedBlock};
use consilium_crypto::{
    AggregateError, RoundContext, UpdateError, VerifiedEvaluation,
    mask::{CandidateHeader, CandidateKey, VerifiedHeader, verify_key_proofs},
};
use consilium_hash::{BlobHash, BlockHash, HeaderHash, Pseudonym};
use consilium_ledger::blob_hash;
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::{follow::SealedSum, statements::Submission};

/// Why a sealed sum must not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrusteeError {
    /// The sum says that it is of another step, attempt, model or key.
    #[error("it is the sum of another round than the open one")]
    WrongRound,
    /// An input was not submitted to this round by an enrolled institution.
    #[error(
        "its input {position} is no update that an enrolled, unrevoked institution has signed and submitted to this round"
    )]
    UnknownInput {
        /// Place in the sum, from 0.
        position: usize,
    },
    /// One institution twice.
    #[error("institution {} is in it twice", .0.short())]
    Duplicate(Pseudonym),
    /// Too few to hide among.
    #[error("it holds {found} updates; {expected} are needed to hide one among")]
    TooFewUpdates {
        /// How many it holds.
        found: usize,
        /// min_updates of the genesis.
        expected: u32,
    },
    /// Too few rows behind them: the mean would follow whoever happens to be there.
    #[error("those in it have {found} rows together; {expected} are needed")]
    TooFewRows {
        /// How many.
        found: u64,
        /// min_rows of the genesis.
        expected: u64,
    },
    /// A header that is not an encryption.
    #[error(
        "the header of institution {} is not proven to be an encryption: {reason}",
        pseudonym.short()
    )]
    BadHeader {
        /// Whose.
        pseudonym: Pseudonym,
        /// What fails.
        reason: UpdateError,
    },
    /// Not at hand: what a run's mask puts beside the headers. Nobody has signed that it would be.
    #[error("the key part of the update of institution {} is not there", .0.short())]
    NoKeyPart(Pseudonym),
    /// This institution's accepted update has been left out.
    #[error("this institution's own update {} was accepted and is not in it", .0.short())]
    OwnUpdateMissing(HeaderHash),
    /// The ciphertexts are not the sum, or not certified.
    #[error(transparent)]
    WrongSum(#[from] AggregateError),
}

/// A sealed sum that this trustee has judged itself: it may be countersigned.
#[derive(Debug, Clone)]
pub struct Judged(Arc<Judgement>);

#[derive(Debug)]
struct Judgement {
    evaluation: VerifiedEvaluation,
    headers: Vec<VerifiedHeader>,
    block: SealedBlock,
    committee: Arc<Committee>,
}

impl Judged {
    /// The sum.
    pub fn evaluation(&self) -> &VerifiedEvaluation {
        &self.0.evaluation
    }

    /// The headers in it, in its order.
    pub fn headers(&self) -> &[VerifiedHeader] {
        &self.0.headers
    }

    /// The round it sums.
    pub fn round(&self) -> &RoundContext {
        self.0.evaluation.round()
    }

    /// Hash of the sealed block.
    pub fn block(&self) -> &BlockHash {
        &self.0.block.hash
    }

    /// The sealed block, as trustees countersign it.
    pub fn sealed_block(&self) -> &SealedBlock {
        &self.0.block
    }

    /// Who answers for it and opens it.
    pub fn committee(&self) -> &Committee {
        &self.0.committee
    }
}

/// What a trustee has of updates besides their headers: key parts, by their hashes, where headers do not hold all of it; and
/// the headers whose key proofs it has verified before, with the bodies.
#[derive(Debug, Default)]
pub struct KeyParts<'a> {
    bytes: HashMap<BlobHash, Cow<'a, [u8]>>,
    proven: HashMap<HeaderHash, &'a VerifiedHeader>,
}

impl<'a> KeyParts<'a> {
    /// Adds headers whose key proofs need not be verified again.
    #[must_use]
    pub fn proven(mut self, headers: &'a [VerifiedHeader]) -> Self {
        self.proven.extend(headers.iter().map(|header| (header.hash(), header)));
        self
    }

    /// The key part of this header; no bytes where it has none, `None` where it is not at hand.
    fn of(&self, header: &CandidateHeader) -> Option<&[u8]> {
        match header.key_part_hash() {
            None => Some(&[]),
            Some(hash) => self.bytes.get(&hash).map(|bytes| &**bytes),
        }
    }
}

impl<'a, T: Into<Cow<'a, [u8]>>> FromIterator<T> for KeyParts<'a> {
    fn from_iter<I: IntoIterator<Item = T>>(key_parts: I) -> Self {
        let named = |bytes: T| {
            let bytes = bytes.into();
            (blob_hash(&bytes), bytes)
        };
        Self { bytes: key_parts.into_iter().map(named).collect(), proven: HashMap::new() }
    }
}

/// Judges a sealed sum with the key parts of its inputs. `own` is the header hash of this institution's update if its receipt said that it was accepted.
///
/// What the types have checked before: the block is signed, on this institution's own chain, and its entries are its
/// own; every submission carries a certificate of the authority and its author's signature, names this round and its
/// author with its bound, who was not revoked when it was recorded. Checked here, in this order: the round of the sum; that each of its
/// inputs is such a submission; that no institution is in it twice; that there are enough of them, and of their rows;
/// every key proof;
/// that the own update is among them; the sum, by adding it up, and its certificate.
///
/// # Errors
/// [`TrusteeError`]: the first that does not hold.
pub fn judge(
    sealed: &SealedSum,
    key_parts: &KeyParts<'_>,
    own: Option<&HeaderHash>,
    parameters: &Parameters,
    rng: &mut impl CryptoRngCore,
) -> Result<Judged, TrusteeError> {
    let round = sealed.round();
    let committee = sealed.committee();
    let submissions = sealed.submissions();
    let evaluation = sealed.evaluation();
    let block = sealed.sealed_block();
    if evaluation.round() != round {
        return Err(TrusteeError::WrongRound);
    }
    let inputs: Vec<&Submission> = evaluation
        .inputs()
        .iter()
        .enumerate()
        .map(|(position, hash)| {
            submissions.get(hash).ok_or(TrusteeError::UnknownInput { position })
        })
        .collect::<Result<_, _>>()?;
    let mut names = BTreeSet::new();
    if let Some(twice) = inputs.iter().find(|input| !names.insert(*input.pseudonym())) {
        return Err(TrusteeError::Duplicate(*twice.pseudonym()));
    }
    if inputs.len() < parameters.min_updates as usize {
        return Err(TrusteeError::TooFewUpdates {
            found: inputs.len(),
            expected: parameters.min_updates,
        });
    }
    let rows = inputs.iter().map(|input| input.rows()).sum();
    if !parameters.is_enough(inputs.len(), rows) {
        return Err(TrusteeError::TooFewRows { found: rows, expected: parameters.min_rows });
    }
    let bad = |input: &Submission, reason| TrusteeError::BadHeader {
        pseudonym: *input.pseudonym(),
        reason,
    };
    let candidate = |input: &&Submission| {
        let header = CandidateHeader::decode(input.header()).map_err(|error| bad(input, error))?;
        let absent = TrusteeError::NoKeyPart(*input.pseudonym());
        let key_part = key_parts.of(&header).ok_or(absent)?;
        let form = parameters.form(header.context().round.step);
        CandidateKey::parse(header, key_part, &form.update).map_err(|error| bad(input, error))
    };
    let known: Vec<_> =
        evaluation.inputs().iter().map(|name| key_parts.proven.get(name).copied()).collect();
    let unknown = inputs.iter().zip(&known).filter(|(_, known)| known.is_none());
    let candidates = unknown.map(|(input, _)| candidate(input)).collect::<Result<Vec<_>, _>>()?;
    let mut verdicts = verify_key_proofs(&committee.public_key, candidates, rng).into_iter();
    let mut headers = Vec::with_capacity(inputs.len());
    for (input, known) in inputs.iter().zip(known) {
        let verdict = known.map(|header| Ok(header.clone())).or_else(|| verdicts.next());
        headers.extend(verdict.transpose().map_err(|error| bad(input, error))?);
    }
    if let Some(own) = own
        && !evaluation.inputs().contains(own)
    {
        return Err(TrusteeError::OwnUpdateMissing(*own));
    }
    let references: Vec<&VerifiedHeader> = headers.iter().collect();
    let evaluation = evaluation.verify(&committee.public_key, round, &references)?;
    Ok(Judged(Arc::new(Judgement {
        evaluation,
        headers,
        block: *block,
        committee: Arc::clone(committee),
    })))
}

#[cfg(test)]
mod tests;
