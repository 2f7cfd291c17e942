//! The expensive part of judging an update: decoding and proofs.
//!
//! A pure function of the transaction and the body, so that a node may run it ahead of time, on all cores and folded
//! over whatever has arrived; the contract takes the outcome and reaches the same state as if it had computed it.

use consilium_crypto::{
    UpdateError,
    mask::{CandidateHeader, CandidateUpdate, VerifiedUpdate, assume_proven, verify_updates},
};
use consilium_hash::TransactionHash;
use consilium_proto::v1::Reason;
use rand_core::CryptoRngCore;
use rayon::prelude::*;

use crate::{
    keygen::committee::Committee, parameters::Parameters, transaction::CandidateTransaction,
};

/// What decoding and proofs of one update came to. Only [`check_updates`] makes one, and [`assume_checked`] for an audit.
#[derive(Debug)]
pub struct CheckedUpdate {
    transaction: TransactionHash,
    outcome: Result<VerifiedUpdate, UpdateError>,
}

impl CheckedUpdate {
    /// Id of the transaction that was checked.
    pub fn transaction(&self) -> TransactionHash {
        self.transaction
    }

    /// Whether its encoding and all of its proofs hold.
    pub fn is_proven(&self) -> bool {
        self.outcome.is_ok()
    }

    pub(crate) fn into_outcome(self) -> Result<VerifiedUpdate, UpdateError> {
        self.outcome
    }
}

/// Decodes updates and verifies their proofs, all equations folded into one multiscalar multiplication.
///
/// `rng` is mixed into the weights of the fold; the outcome does not depend on it, nor on what else is in the batch,
/// but for the probability 2^-128 a hash query that a false proof passes.
pub fn check_updates(
    parameters: &Parameters,
    committee: &Committee,
    submissions: &[(&CandidateTransaction, &[u8])],
    rng: &mut impl CryptoRngCore,
) -> Vec<CheckedUpdate> {
    let parsed: Vec<_> = submissions
        .par_iter()
        .map(|(transaction, body)| parse(parameters, transaction, body))
        .collect();
    let mut candidates = Vec::with_capacity(submissions.len());
    let refused: Vec<Option<UpdateError>> = parsed
        .into_iter()
        .map(|parsed| parsed.map(|candidate| candidates.push(candidate)).err())
        .collect();
    let mut verified = verify_updates(&committee.public_key, candidates, rng).into_iter();
    submissions
        .iter()
        .zip(refused)
        .filter_map(|((transaction, _), refused)| {
            let outcome = refused.map(Err).or_else(|| verified.next())?;
            Some(CheckedUpdate { transaction: transaction.id(), outcome })
        })
        .collect()
}

/// Decodes updates whose proofs the caller has verified in an earlier process, and found to hold.
///
/// For an auditor that goes on from its own earlier audit, and for nobody else. An update that does not decode is refused
/// all the same; one whose proofs do not hold leads to another state than the one in its block's header.
pub fn assume_checked(
    parameters: &Parameters,
    committee: &Committee,
    submissions: &[(&CandidateTransaction, &[u8])],
) -> Vec<CheckedUpdate> {
    let checked = |(transaction, body): &(&CandidateTransaction, &[u8])| CheckedUpdate {
        transaction: transaction.id(),
        outcome: parse(parameters, transaction, body)
            .and_then(|update| assume_proven(&committee.public_key, update)),
    };
    submissions.par_iter().map(checked).collect()
}

fn parse<'a>(
    parameters: &Parameters,
    transaction: &CandidateTransaction,
    body: &'a [u8],
) -> Result<CandidateUpdate<'a>, UpdateError> {
    let header = match transaction.update_header() {
        Some(header) => header.cloned().map_err(UpdateError::clone)?,
        // Another statement than an update has no header.
        None => CandidateHeader::decode(&[])?,
    };
    let form = parameters.form(header.context().round.step);
    CandidateUpdate::parse(header, body, &form.update)
}

/// The reason code of a fault that the proofs or the encoding show.
pub fn reason(error: &UpdateError) -> Reason {
    match error {
        UpdateError::MalformedEncoding(_) => Reason::MalformedEncoding,
        UpdateError::WrongDimension { .. } | UpdateError::WrongBound { .. } => {
            Reason::WrongDimension
        }
        UpdateError::IncompleteBody { .. } | UpdateError::IncompleteKeyPart { .. } => {
            Reason::IncompleteBody
        }
        UpdateError::BadKeyProof => Reason::BadKeyProof,
        UpdateError::BadLinkProof => Reason::BadLinkProof,
        UpdateError::BadNormProof => Reason::BadNormProof,
        UpdateError::BadRangeProof => Reason::BadRangeProof,
    }
}
