//! What a follower refuses in the last of a chain of blocks, from the genesis on.
//!
//! The reader follows the blocks as an institution does, and comes upon the first of these, in this order in each block:
//! a header that is signed and does not follow; an entry that no contract takes; a sum that a trustee must refuse; a
//! model that does not follow, as far as the file brings what it should follow from; a transaction that is accepted by
//! its receipt and is not in its round. All of them convict the coordinator, who has signed every block.
//!
//! All blocks are there, because what was *not* said (an enrolment, a revocation) shows only in the whole.

use std::sync::Arc;

use consilium_contract::{CandidateTransaction, Model, Receipt, transaction::parse_entry};
use consilium_crypto::{DiscreteLogTable, RoundContext, mask::CandidateHeader};
use consilium_hash::{HeaderHash, TransactionHash};
use consilium_ledger::{Block, ChainError, HeaderChain, sha256};
use consilium_proto::v1::{Charge, HistoryEvidence, transaction::Action};
use rand_core::OsRng;

use super::{EvidenceError, Genesis, Verdict, nothing};
use crate::{
    follow::{Closed, FollowError, Follower, Phase},
    judge::{self, Judged, KeyParts, TrusteeError},
    model_check::{ModelCheck, ModelError},
};

/// A transaction that is accepted by the coordinator's receipt.
struct Accepted {
    id: TransactionHash,
    step: u64,
    /// Round and header hash, of an update.
    update: Option<(RoundContext, HeaderHash)>,
}

impl Accepted {
    fn verify(
        evidence: &HistoryEvidence,
        genesis: Genesis<'_>,
    ) -> Result<Option<Self>, EvidenceError> {
        let (signed, receipt) = match (&evidence.transaction, &evidence.receipt) {
            (None, None) => return Ok(None),
            (Some(signed), Some(receipt)) => (signed, receipt),
            _ => return Err(nothing("a transaction without its receipt, or the other way round")),
        };
        let parameters = genesis.parameters;
        let receipt = Receipt::verify(receipt, &parameters.coordinator, &parameters.chain_id)
            .map_err(nothing)?;
        let transaction = CandidateTransaction::parse(signed.clone()).map_err(nothing)?;
        if receipt.transaction != transaction.id() || !receipt.is_accepted() {
            return Err(nothing("the receipt does not accept the transaction"));
        }
        let (step, update) = match transaction.action() {
            Action::SubmitUpdate(update) => {
                let round = CandidateHeader::peek_context(&update.header).map_err(nothing)?.round;
                (round.step, Some((round, HeaderHash(sha256(&update.header)))))
            }
            Action::Countersign(answer) => (answer.step, None),
            Action::SubmitShare(answer) => (answer.step, None),
            _ => return Err(nothing("the accepted transaction belongs to no step")),
        };
        Ok(Some(Self { id: transaction.id(), step, update }))
    }
}

pub(super) fn judge(
    evidence: &HistoryEvidence,
    genesis: Genesis<'_>,
) -> Result<Verdict, EvidenceError> {
    let Genesis { entry, parameters } = genesis;
    let accepted = Accepted::verify(evidence, genesis)?;
    let mut chain = HeaderChain::new(genesis.validators());
    let mut follower = Follower::new(Arc::new(parameters.clone()), entry.to_vec());
    let key_parts: KeyParts<'_> = evidence.key_parts.iter().map(Vec::as_slice).collect();
    let mut judged = None;
    let mut is_recorded = false;
    for (height, bytes) in evidence.blocks.iter().enumerate() {
        let block = Block::decode(bytes).map_err(nothing)?;
        let header = match chain.append_block(&block) {
            Ok(header) => header.clone(),
            Err(error) => return header_refused(error),
        };
        if header.height != height as u64 {
            return Err(nothing("a block stands twice"));
        }
        let closed = match follower.read(&block, &header) {
            Ok(closed) => closed,
            Err(error @ FollowError::Entry { .. }) => {
                return Ok(Verdict::coordinator(Charge::BadEntry, error));
            }
            Err(error) => return Err(nothing(error)),
        };
        if let Phase::Sealed(sealed) = follower.phase()
            && sealed.sum.height() == header.height
        {
            let own = accepted.as_ref().and_then(|accepted| accepted.update.as_ref());
            let own = own.filter(|(round, _)| round == sealed.sum.round()).map(|(_, hash)| hash);
            match judge::judge(&sealed.sum, &key_parts, own, parameters, &mut OsRng) {
                Ok(sum) => judged = Some(sum),
                // Nobody is convicted of what the file does not bring.
                Err(TrusteeError::NoKeyPart(_)) => judged = None,
                Err(error) => {
                    let charge = match &error {
                        TrusteeError::OwnUpdateMissing(_) => Charge::Omission,
                        _ => Charge::BadSum,
                    };
                    let detail = format!("the sum in block {height} must not be opened: {error}");
                    return Ok(Verdict::coordinator(charge, detail));
                }
            }
        }
        if let (Some(closed), Some(judged)) = (&closed, &judged) {
            let is_last = height + 1 == evidence.blocks.len();
            if let Err(error) =
                model(closed, judged, is_last.then_some(evidence), &follower, genesis)?
            {
                let detail =
                    format!("the model announced in block {height} does not follow: {error}");
                return Ok(Verdict::coordinator(Charge::BadModel, detail));
            }
        }
        if let Some(Accepted { id, step, .. }) = &accepted {
            is_recorded |= block
                .entries
                .iter()
                .filter_map(|entry| parse_entry(entry).ok())
                .any(|(t, _)| t.id() == *id);
            if follower.step() > *step && !is_recorded {
                let detail = format!(
                    "transaction {} is accepted by its receipt, and step {step} was closed without it",
                    id
                );
                return Ok(Verdict::coordinator(Charge::Omission, detail));
            }
        }
    }
    Err(nothing("everything in these blocks holds"))
}

/// A header that the coordinator has signed convicts it; bytes that it has not signed do not.
fn header_refused(error: ChainError) -> Result<Verdict, EvidenceError> {
    match error {
        ChainError::Fork(_) => Ok(Verdict::coordinator(Charge::Fork, error)),
        // The signature is checked before these.
        ChainError::WrongGenesis { .. }
        | ChainError::FirstState { .. }
        | ChainError::WrongPredecessor { .. }
        | ChainError::WrongHistory { .. }
        | ChainError::TimeBackwards { .. } => Ok(Verdict::coordinator(Charge::BadHeader, error)),
        ChainError::Version { .. }
        | ChainError::Gap { .. }
        | ChainError::BadSeal(_)
        | ChainError::WrongCount { .. }
        | ChainError::EntryTooLong { .. }
        | ChainError::WrongEntries { .. } => Err(nothing(error)),
    }
}

/// Checks a closed round: quorum, shares and the sum of the keys by the chain alone; sums and model with what
/// `evidence` brings beside it, if anything.
fn model(
    closed: &Closed,
    judged: &Judged,
    evidence: Option<&HistoryEvidence>,
    follower: &Follower,
    genesis: Genesis<'_>,
) -> Result<Result<(), ModelError>, EvidenceError> {
    let parameters = genesis.parameters;
    let mut check = match ModelCheck::open(closed, judged, parameters, &DiscreteLogTable::shared())
    {
        Ok(check) => check,
        Err(error) => return Ok(Err(error)),
    };
    let Some(evidence) = evidence.filter(|evidence| !evidence.masked_updates.is_empty()) else {
        return Ok(Ok(()));
    };
    if evidence.masked_updates.len() != check.headers().len() {
        return Err(nothing("the masked updates are not those of the sum"));
    }
    for masked in &evidence.masked_updates {
        check.add(masked).map_err(nothing)?;
    }
    let previous = Model::from_bytes(&evidence.model, parameters)
        .filter(|model| model.hash() == judged.round().model_hash)
        .ok_or_else(|| nothing("the model before is not the one that the round was opened with"))?;
    match check.follow(&previous, &evidence.sums, follower.roster(), parameters, &mut OsRng) {
        Ok(_) => Ok(Ok(())),
        Err(error @ (ModelError::WrongSums(_) | ModelError::WrongModel(_))) => Ok(Err(error)),
        // What the file brings is not what signed statements name.
        Err(error) => Err(nothing(error)),
    }
}
