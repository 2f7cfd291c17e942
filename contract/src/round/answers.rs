//! What trustees answer to a sealed sum, and what it changes.

use std::{cmp::Ordering, mem};

use consilium_crypto::{DecodeError, DecryptionShare, ShareError, VerifiedShare, verify_share};
use consilium_hash::Pseudonym;
use consilium_ledger::NoteError;
use consilium_proto::v1::{Countersign, Reason, SubmitShare};

use super::Opening;
use crate::{
    handler::{Handler, Refusal, Said},
    keygen::committee::Committee,
    phase::Phase,
    state::State,
};

/// A trustee beyond those that were needed may answer a step that is closed by then; nobody can answer one that has not
/// begun.
fn judge_step(step: u64, state: &State) -> Result<(), Refusal> {
    match step.cmp(&state.step) {
        Ordering::Less => Err(Reason::TooLate.into()),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Reason::WrongStep.into()),
    }
}

impl Handler for Countersign {
    type Read = ();
    type Effect = Pseudonym;

    fn read(&self) {}

    fn judge(&self, (): (), said: &Said, state: &State) -> Result<Pseudonym, Refusal> {
        let author = said.institution()?;
        judge_step(self.step, state)?;
        let (block, countersigners, committee) = match &state.phase {
            Phase::Sealed(sealed) => {
                (sealed.sealed_block(), sealed.countersigners(), sealed.committee())
            }
            Phase::Opening(opening) => {
                (Some(opening.sealed_block()), opening.countersigners(), opening.committee())
            }
            _ => return Err(Reason::TooEarly.into()),
        };
        if committee.place_of(&author).is_none() {
            return Err(Reason::NotAMember.into());
        }
        let block = block.ok_or(Reason::TooEarly)?;
        match (countersigners.contains(&author), self.sealed_block == block.as_slice()) {
            // Two countersignatures of one trustee for one step: it would have two sums opened.
            (true, false) => return Err(Refusal::fault(Reason::WrongAggregate)),
            (true, true) => return Err(Reason::Duplicate.into()),
            (false, false) => return Err(Reason::WrongAggregate.into()),
            (false, true) => {}
        }
        let Phase::Sealed(sealed) = &state.phase else { return Err(Reason::TooLate.into()) };
        let institution = state.roster.get(&author).ok_or(Reason::UnknownInstitution)?;
        let block = sealed.block().ok_or(Reason::TooEarly)?;
        // Block and checkpoint belong to each other, so an honest trustee of this block cannot have signed another one.
        block
            .verify(&self.cosignature, &author, institution.certificate.signing_key)
            .map(|_| author)
            .map_err(|error| match error {
                NoteError::Malformed { .. } => Refusal::fault(Reason::MalformedEncoding),
                _ => Refusal::fault(Reason::BadCosignature),
            })
    }

    fn execute(author: Pseudonym, state: &mut State) {
        state.phase = match mem::replace(&mut state.phase, Phase::Idle) {
            Phase::Sealed(mut sealed) => {
                sealed.countersign(author);
                match sealed.countersigned_block() {
                    Some(block) => Phase::Opening(sealed.open(block)),
                    None => Phase::Sealed(sealed),
                }
            }
            other => other,
        };
    }
}

impl Handler for SubmitShare {
    type Read = Result<DecryptionShare, DecodeError>;
    type Effect = VerifiedShare;

    fn read(&self) -> Result<DecryptionShare, DecodeError> {
        DecryptionShare::decode(&self.share)
    }

    fn judge(
        &self,
        read: Self::Read,
        said: &Said,
        state: &State,
    ) -> Result<VerifiedShare, Refusal> {
        let author = said.institution()?;
        judge_step(self.step, state)?;
        let Phase::Opening(opening) = &state.phase else { return Err(Reason::TooEarly.into()) };
        if self.sealed_block != opening.sealed_block().as_slice() {
            return Err(Reason::WrongAggregate.into());
        }
        if opening.outcome().is_some() {
            return Err(Reason::TooLate.into());
        }
        let index = opening.committee().place_of(&author).ok_or(Reason::NotAMember)?;
        // The first share of a trustee counts.
        if opening.has_refused(&author)
            || opening.shares().iter().any(|share| share.index() == index)
        {
            return Err(Reason::Duplicate.into());
        }
        // All that can be wrong with the bytes was signed by the trustee.
        read.map_err(|_| Reason::MalformedEncoding)
            .and_then(|share| judge_share(&share, index, opening))
            .map_err(Refusal::fault)
    }

    fn execute(share: VerifiedShare, state: &mut State) {
        let State { phase: Phase::Opening(opening), parameters, roster, model, table, .. } = state
        else {
            return;
        };
        let names = opening.accepted().iter().map(|header| &header.context().pseudonym);
        let weight_sum = roster.weight_sum(names, parameters.max_rows);
        let expected = state.expected.as_ref();
        opening.add(share, parameters, model, weight_sum, table, expected);
        if opening.outcome().is_some() {
            state.expected = None;
        }
    }

    fn convict(&self, author: &Pseudonym, _: Refusal, state: &mut State) {
        if let Phase::Opening(opening) = &mut state.phase {
            opening.refuse(*author);
        }
    }
}

/// Whether this is the share of trustee `index` for the sum that is being opened.
fn judge_share(
    share: &DecryptionShare,
    index: u32,
    opening: &Opening,
) -> Result<VerifiedShare, Reason> {
    // Another trustee's share proves nothing about that trustee, who did not sign this; it is the sender's fault.
    if share.index() != index {
        return Err(Reason::BadShareProof);
    }
    let Committee { public_key, dealing, .. } = &**opening.committee();
    verify_share(share, public_key, dealing, opening.evaluation(), opening.sealed_block()).map_err(
        |error| match error {
            ShareError::OtherBlock { .. } => Reason::WrongAggregate,
            _ => Reason::BadShareProof,
        },
    )
}
