//! What the coordinator says of a round, and what it changes.

use std::{mem, sync::Arc};

use consilium_crypto::{DecodeError, Evaluation, VerifiedEvaluation};
use consilium_proto::v1::{Abandon, BlobRef, CloseCollection, CloseRound, OpenRound, Reason};
use sha2::{Digest, Sha256};

use super::{Collecting, model::encode_sums};
use crate::{
    handler::{Handler, Refusal, Said},
    phase::Phase,
    state::State,
};

impl Handler for OpenRound {
    type Read = ();
    type Effect = Collecting;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<Collecting, Refusal> {
        let parameters = &state.parameters;
        match state.phase {
            Phase::Idle => {}
            // The budget has finished the run before its steps did.
            Phase::Finished if state.step < parameters.steps => {
                return Err(Reason::BudgetSpent.into());
            }
            _ => return Err(Reason::TooEarly.into()),
        }
        if (self.step, self.attempt) != (state.step, state.attempt) {
            return Err(Reason::WrongStep.into());
        }
        if self.model_sha256 != state.model.hash().as_slice() {
            return Err(Reason::WrongModel.into());
        }
        if self.standings != state.roster.standings() {
            return Err(Reason::WrongResult.into());
        }
        if state.roster.able() < parameters.min_updates as usize {
            return Err(Reason::TooFewUpdates.into());
        }
        if state.succession.is_due(state.step, parameters) {
            return Err(Reason::TooEarly.into());
        }
        let committee = Arc::clone(state.succession.committee().ok_or(Reason::TooEarly)?);
        state.judge_time(self.time_ms)?;
        let round = parameters.round(&committee, state.step, state.attempt, state.model.hash());
        Ok(Collecting::open(round, committee, &parameters.update_parameters(), self.time_ms))
    }

    fn execute(collecting: Collecting, state: &mut State) {
        state.time_ms = collecting.opened_ms();
        state.phase = Phase::Collecting(collecting);
    }
}

impl Handler for CloseCollection {
    type Read = Result<Evaluation, DecodeError>;
    type Effect = (u64, VerifiedEvaluation);

    fn read(&self) -> Result<Evaluation, DecodeError> {
        Evaluation::decode(&self.evaluation)
    }

    fn judge(
        &self,
        read: Self::Read,
        _: &Said,
        state: &State,
    ) -> Result<(u64, VerifiedEvaluation), Refusal> {
        if (self.step, self.attempt) != (state.step, state.attempt) {
            return Err(Reason::WrongStep.into());
        }
        let Phase::Collecting(collecting) = &state.phase else {
            return Err(Reason::TooLate.into());
        };
        if !collecting.is_over(&state.roster, &state.parameters, self.time_ms) {
            return Err(Reason::TooEarly.into());
        }
        if collecting.accepted().len() < state.parameters.min_updates as usize {
            return Err(Reason::TooFewUpdates.into());
        }
        let evaluation = read.map_err(|_| Reason::MalformedEncoding)?;
        let evaluation = collecting.judge(&evaluation).map_err(|_| Reason::WrongAggregate)?;
        state.judge_time(self.time_ms)?;
        Ok((self.time_ms, evaluation))
    }

    fn execute((time_ms, evaluation): (u64, VerifiedEvaluation), state: &mut State) {
        state.time_ms = time_ms;
        state.phase = match mem::replace(&mut state.phase, Phase::Idle) {
            Phase::Collecting(collecting) => Phase::Sealed(collecting.seal(evaluation)),
            other => other,
        };
    }
}

impl Handler for Abandon {
    type Read = ();
    type Effect = u64;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<u64, Refusal> {
        if (self.step, self.attempt) != (state.step, state.attempt) {
            return Err(Reason::WrongStep.into());
        }
        let Phase::Collecting(collecting) = &state.phase else {
            return Err(Reason::TooLate.into());
        };
        // Another attempt helps only those who have had their say in this one; for the others this one waits.
        let enough = collecting.accepted().len() >= state.parameters.min_updates as usize;
        if enough || !collecting.is_complete(&state.roster) {
            return Err(Reason::TooEarly.into());
        }
        state.judge_time(self.time_ms)?;
        Ok(self.time_ms)
    }

    fn execute(time_ms: u64, state: &mut State) {
        state.time_ms = time_ms;
        state.attempt += 1;
        state.phase = Phase::Idle;
    }
}

impl Handler for CloseRound {
    type Read = ();
    type Effect = u64;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<u64, Refusal> {
        if self.step != state.step {
            return Err(Reason::WrongStep.into());
        }
        let Phase::Opening(opening) = &state.phase else {
            return Err(Reason::TooEarly.into());
        };
        let Some(Ok(opened)) = opening.outcome() else {
            return Err(Reason::TooEarly.into());
        };
        let sums = encode_sums(&opened.sums).ok_or(Reason::WrongResult)?;
        let names = |blob: &Option<BlobRef>, sha256: &[u8], length: usize| {
            blob.as_ref().is_some_and(|blob| blob.sha256 == sha256 && blob.length == length as u64)
        };
        let right = self.mask_key_sum == opened.mask_key_sum.encode()
            && names(&self.sums, &Sha256::digest(&sums), sums.len())
            && names(&self.model, &opened.model.hash().0, opened.model.parameters().len() * 4);
        if !right {
            return Err(Reason::WrongResult.into());
        }
        state.judge_time(self.time_ms)?;
        Ok(self.time_ms)
    }

    fn execute(time_ms: u64, state: &mut State) {
        state.time_ms = time_ms;
        if let Phase::Opening(opening) = mem::replace(&mut state.phase, Phase::Idle)
            && let Some(model) = opening.into_model()
        {
            state.model = model;
        }
        state.step += 1;
        state.attempt = 0;
        state.succession.answer();
        state.rest();
    }
}
