//! Who said it, and what comes of an update: the order of checks that decides what is a fault, and whose.
//!
//! A fault is proven only by bytes that the institution signed. The order, which nobody may change (design: "What is a
//! fault, and whose"):
//!
//! 1. certificate and signature: failing, the transaction is dropped and held against nobody;
//! 2. step, attempt and model are the current ones: failing, recorded, no credit lost;
//! 3. the body has the length and hash of the signed header: failing, no credit lost, may be sent again;
//! 4. decoding, dimensions, proofs, under the context in the signed header: failing here alone costs credit.

use std::cmp::Ordering;

use consilium_crypto::{CandidateHeader, Context, Hash, RoundContext, UpdateError, body_length};
use consilium_proto::v1::{Enrol, Reason, SubmitUpdate, transaction::Action};

use super::check::reason;
use crate::{
    certificate::Certificate,
    contract::{ApplyError, Body, Contract},
    phase::Phase,
    receipt::Receipt,
    roster::Institution,
    transaction::CandidateTransaction,
};

impl Contract {
    /// Whether the transaction is signed by the one who may say such a thing, and has not been paid for already. An
    /// enrolment brings its own key.
    pub(crate) fn judge_author(&self, transaction: &CandidateTransaction) -> Receipt {
        let id = transaction.id();
        let key = match (transaction.action(), transaction.author()) {
            (Action::Enrol(enrol), Some(author)) => match self.certificate(enrol) {
                Some(certificate) if certificate.pseudonym == author => certificate.signing_key,
                _ => return Receipt::rejected(id, Reason::BadCertificate),
            },
            (Action::Genesis(_) | Action::Revoke(_) | Action::ChangeCommittee(_), None) => {
                self.parameters.authority
            }
            (
                Action::OpenRound(_)
                | Action::CloseCollection(_)
                | Action::CloseRound(_)
                | Action::Abandon(_)
                | Action::BeginKeygen(_)
                | Action::EndStage(_),
                None,
            ) => self.parameters.coordinator,
            (
                Action::SubmitUpdate(_)
                | Action::Countersign(_)
                | Action::SubmitShare(_)
                | Action::Contribute(_),
                Some(author),
            ) => match self.roster.get(&author) {
                Some(institution) => institution.certificate.signing_key,
                None => return Receipt::rejected(id, Reason::UnknownInstitution),
            },
            _ => return Receipt::rejected(id, Reason::UnknownInstitution),
        };
        if !transaction.is_signed_by(&key, &self.parameters.chain_id) {
            return Receipt::rejected(id, Reason::BadSignature);
        }
        // What names no attempt could be sent again in a later one, and would stand in the way of an honest update.
        let institution = transaction.author().and_then(|author| self.roster.get(&author));
        if institution.is_some_and(|institution| institution.has_paid_for(&id)) {
            return Receipt::rejected(id, Reason::Duplicate);
        }
        Receipt::accepted(id)
    }

    pub(crate) fn certificate(&self, enrol: &Enrol) -> Option<Certificate> {
        self.parameters.verify_certificate(enrol.certificate.as_ref()?).ok()
    }

    /// Signature, enrolment and context of an update, and that it is its author's first of this attempt. The receipt
    /// of a failure is an `Err`.
    pub(crate) fn admit_update(
        &self,
        transaction: &CandidateTransaction,
        update: &SubmitUpdate,
    ) -> Result<CandidateHeader, Receipt> {
        let id = transaction.id();
        let rejected = |reason| Receipt::rejected(id, reason);
        // 1. Anyone can send noise under another's name: what fails here is held against nobody.
        let authored = self.judge_author(transaction);
        if !authored.is_accepted() {
            return Err(authored);
        }
        let author = transaction.author().ok_or_else(|| rejected(Reason::UnknownInstitution))?;
        match self.roster.get(&author) {
            None => return Err(rejected(Reason::UnknownInstitution)),
            Some(Institution { revoked: true, .. }) => return Err(rejected(Reason::Revoked)),
            Some(Institution { credit: 0, .. }) => return Err(rejected(Reason::Expelled)),
            Some(_) => {}
        }
        // 2. The coordinator could have held it back: a wrong time costs nothing.
        let fault = |reason| Receipt::fault(id, reason, author);
        let context =
            CandidateHeader::peek_context(&update.header).map_err(|error| fault(reason(&error)))?;
        let round = &context.round;
        if (round.step, round.attempt) != (self.step, self.attempt) {
            return Err(rejected(Reason::WrongStep));
        }
        if round.model_hash != self.model.hash() {
            return Err(rejected(Reason::WrongModel));
        }
        let Phase::Collecting(collecting) = &self.phase else {
            let is_early = matches!(self.phase, Phase::Idle | Phase::Keygen(_));
            return Err(rejected(if is_early { Reason::TooEarly } else { Reason::TooLate }));
        };
        if collecting.verdicts().contains_key(&author) {
            return Err(rejected(Reason::Duplicate));
        }
        // What no honest institution of this chain can have signed, whenever it arrives.
        judge_constants(&context, collecting.round(), &author).map_err(fault)?;
        let header =
            CandidateHeader::decode(&update.header).map_err(|error| fault(reason(&error)))?;
        match header.body_length().cmp(&(body_length(&self.parameters.update_parameters()) as u64))
        {
            Ordering::Less => Err(fault(Reason::WrongDimension)),
            Ordering::Equal => Ok(header),
            Ordering::Greater => Err(fault(Reason::TooLarge)),
        }
    }

    pub(crate) fn submit_update(
        &mut self,
        transaction: &CandidateTransaction,
        update: &SubmitUpdate,
        body: Body,
    ) -> Result<Receipt, ApplyError> {
        let id = transaction.id();
        let admitted = self.admit_update(transaction, update);
        let (Phase::Collecting(collecting), Some(author)) = (&mut self.phase, transaction.author())
        else {
            return Ok(admitted.err().unwrap_or(Receipt::rejected(id, Reason::TooLate)));
        };
        let outcome = match (admitted, body) {
            (Err(receipt), _) => {
                // A fault that the header alone shows is the verdict on this institution.
                if receipt.culprit.is_some() {
                    collecting.refuse(author, receipt.reason);
                }
                return Ok(receipt);
            }
            // 3. May be sent again.
            (Ok(_), Body::Missing) => return Ok(Receipt::rejected(id, Reason::IncompleteBody)),
            (Ok(_), Body::None) => return Err(ApplyError::BodyNeeded),
            (Ok(_), Body::Checked(checked)) if checked.transaction() != id => {
                return Err(ApplyError::WrongBody);
            }
            (Ok(_), Body::Checked(checked)) => checked.into_outcome(),
        };
        // 4. Everything that is left was signed by the institution.
        Ok(match outcome.and_then(|update| collecting.accept(author, &update)) {
            Ok(()) => Receipt::accepted(id),
            Err(UpdateError::IncompleteBody { .. }) => {
                Receipt::rejected(id, Reason::IncompleteBody)
            }
            Err(error) => {
                collecting.refuse(author, reason(&error));
                Receipt::fault(id, reason(&error), author)
            }
        })
    }
}

/// The parts of a context that are the same for every update of an institution in a round.
fn judge_constants(
    context: &Context,
    expected: &RoundContext,
    author: &Hash,
) -> Result<(), Reason> {
    if (context.round.dimension, context.round.bound) != (expected.dimension, expected.bound) {
        return Err(Reason::WrongDimension);
    }
    if context.round != *expected || context.pseudonym != *author {
        return Err(Reason::WrongContext);
    }
    Ok(())
}
