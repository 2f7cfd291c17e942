//! Who said it, and what comes of an update: the order of checks that decides what is a fault, and whose.
//!
//! A fault is proven only by bytes that the institution signed. The order, which nobody may change (docs/protocol.md, "What is a
//! fault, and whose"):
//!
//! 1. certificate and signature: failing, the transaction is dropped and held against nobody;
//! 2. step, attempt and model are the current ones: failing, recorded, no credit lost;
//! 3. the body has the length and hash of the signed header: failing, no credit lost, may be sent again;
//! 4. decoding, dimensions, proofs, under the context in the signed header: failing here alone costs credit.

use std::cmp::Ordering;

use consilium_crypto::{Context, UpdateError, mask::CandidateHeader};
use consilium_proto::v1::{Reason, SubmitUpdate};

use super::check::{CheckedUpdate, reason};
use crate::{
    body::{ApplyError, Body, Checked},
    enrolment::roster::Institution,
    handler::{Refusal, Said},
    phase::Phase,
    receipt::Receipt,
    state::State,
    transaction::CandidateTransaction,
};

/// Context of an update whose signature was verified, and that it is its author's first of this attempt.
pub(crate) fn admit<'a>(
    transaction: &'a CandidateTransaction,
    update: &SubmitUpdate,
    state: &State,
) -> Result<&'a CandidateHeader, Refusal> {
    let author = Said::of(transaction).institution()?;
    let institution = match state.roster.get(&author) {
        None => return Err(Reason::UnknownInstitution.into()),
        Some(Institution { revoked: true, .. }) => return Err(Reason::Revoked.into()),
        Some(Institution { credit: 0, .. }) => return Err(Reason::Expelled.into()),
        Some(institution) => institution,
    };
    // 2. The coordinator could have held it back: a wrong time costs nothing.
    let fault = |error| Refusal::fault(reason(&error));
    let context = CandidateHeader::peek_context(&update.header).map_err(fault)?;
    let round = &context.round;
    if (round.step, round.attempt) != (state.step, state.attempt) {
        return Err(Reason::WrongStep.into());
    }
    if round.model_hash != state.model.hash() {
        return Err(Reason::WrongModel.into());
    }
    let Phase::Collecting(collecting) = &state.phase else {
        let is_early = matches!(state.phase, Phase::Idle | Phase::Keygen(_));
        return Err((if is_early { Reason::TooEarly } else { Reason::TooLate }).into());
    };
    if collecting.verdicts().contains_key(&author) {
        return Err(Reason::Duplicate.into());
    }
    // What no honest institution of this chain can have signed, whenever it arrives.
    let own = state.parameters.own_bound_in(state.step, institution.certificate.rows);
    let expected = Context { round: collecting.round().clone(), pseudonym: author, bound: own };
    judge_constants(&context, &expected).map_err(Refusal::fault)?;
    let header = match transaction.update_header() {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(Refusal::fault(reason(error))),
        None => return Err(Refusal::fault(Reason::MalformedEncoding)),
    };
    let parameters = state.parameters.form(state.step).update;
    if !header.is_of(&parameters) {
        return Err(Refusal::fault(Reason::MalformedEncoding));
    }
    let own = parameters.for_bound(own).map_err(|_| Refusal::fault(Reason::WrongDimension))?;
    match header.body_length().cmp(&(own.body_length() as u64)) {
        Ordering::Less => Err(Refusal::fault(Reason::WrongDimension)),
        Ordering::Equal => Ok(header),
        Ordering::Greater => Err(Refusal::fault(Reason::TooLarge)),
    }
}

/// Judges an update with its body, and takes it into the sum where all of it holds.
pub(crate) fn submit(
    transaction: &CandidateTransaction,
    update: &SubmitUpdate,
    body: Body,
    state: &mut State,
) -> Result<Receipt, ApplyError> {
    let said = &Said::of(transaction);
    let id = said.transaction;
    let outcome = match (admit(transaction, update, state), body) {
        (Err(refusal), _) => Err(refusal),
        // 3. May be sent again.
        (Ok(_), Body::Missing) => Err(Reason::IncompleteBody.into()),
        (Ok(_), Body::None) => return Err(ApplyError::BodyNeeded),
        (Ok(_), Body::Checked(checked)) if checked.transaction() != id => {
            return Err(ApplyError::WrongBody);
        }
        // 4. Everything that is left was signed by the institution.
        (Ok(_), Body::Checked(Checked::Update(checked))) => accept(said, checked, state),
        (Ok(_), Body::Checked(Checked::Quantity(_))) => return Err(ApplyError::WrongBody),
    };
    let Err(refusal) = outcome else { return Ok(Receipt::accepted(id)) };
    // A fault is the verdict on this institution, also one that the header alone shows.
    if let Some(author) = said.author.filter(|_| refusal.is_fault)
        && let Phase::Collecting(collecting) = &mut state.phase
    {
        collecting.refuse(author, refusal.reason);
    }
    Ok(refusal.receipt(said))
}

fn accept(said: &Said, checked: CheckedUpdate, state: &mut State) -> Result<(), Refusal> {
    let author = said.institution()?;
    let Phase::Collecting(collecting) = &mut state.phase else {
        return Err(Reason::TooLate.into());
    };
    let taken = checked.into_outcome().and_then(|update| collecting.accept(author, &update));
    taken.map_err(|error| match error {
        UpdateError::IncompleteBody { .. } => Reason::IncompleteBody.into(),
        error => Refusal::fault(reason(&error)),
    })
}

/// The parts of a context that are the same for every update of an institution in a round.
fn judge_constants(context: &Context, expected: &Context) -> Result<(), Reason> {
    let said = (context.round.dimension, context.round.bound);
    if said != (expected.round.dimension, expected.round.bound) {
        return Err(Reason::WrongDimension);
    }
    if context.round != expected.round || context.pseudonym != expected.pseudonym {
        return Err(Reason::WrongContext);
    }
    // Another bound than its rows give it.
    if context.bound != expected.bound {
        return Err(Reason::WrongDimension);
    }
    Ok(())
}
