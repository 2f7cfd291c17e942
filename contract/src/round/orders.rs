//! What the coordinator says of a round, and what it changes.

use std::mem;

use consilium_crypto::{DecodeError, Evaluation, VerifiedEvaluation};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{Abandon, BlobRef, CloseCollection, CloseRound, OpenRound, Reason};
use sha2::{Digest, Sha256};

use super::{Collecting, findings::Findings, model::encode_sums};
use crate::{
    course::Station,
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
        let course = state.course();
        course.judge_open(self, &state.model.hash(), parameters)?;
        if self.standings != state.roster.standings() {
            return Err(Reason::WrongResult.into());
        }
        if !parameters.is_enough(state.roster.able(), state.roster.able_rows()) {
            return Err(Reason::TooFewUpdates.into());
        }
        let committee = state.succession.judge_round(state.step, parameters)?;
        course.judge_time(self.time_ms)?;
        let round = parameters.round(&committee, state.step, state.attempt, state.model.hash());
        let form = parameters.form(state.step);
        Ok(Collecting::open(round, committee, &form.update, self.time_ms))
    }

    fn execute(collecting: Collecting, state: &mut State) {
        let course = state.course().at(Station::Collecting, collecting.opened_ms());
        state.go(course, Phase::Collecting(collecting));
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
        state.course().judge_close_collection(self)?;
        let Phase::Collecting(collecting) = &state.phase else {
            return Err(Reason::TooLate.into());
        };
        if !collecting.is_over(&state.roster, &state.parameters, self.time_ms) {
            return Err(Reason::TooEarly.into());
        }
        if !collecting.is_enough(&state.roster, &state.parameters) {
            return Err(Reason::TooFewUpdates.into());
        }
        let evaluation = read.map_err(|_| Reason::MalformedEncoding)?;
        let evaluation = collecting.judge(&evaluation).map_err(|_| Reason::WrongAggregate)?;
        state.course().judge_time(self.time_ms)?;
        Ok((self.time_ms, evaluation))
    }

    fn execute((time_ms, evaluation): (u64, VerifiedEvaluation), state: &mut State) {
        let course = state.course().at(Station::Sealed, time_ms);
        let phase = match mem::replace(&mut state.phase, Phase::Idle) {
            Phase::Collecting(collecting) => {
                let has_spoken = |name: &Pseudonym| collecting.verdicts().contains_key(name);
                state.roster.end_collection(state.parameters.suspend_after, has_spoken);
                Phase::Sealed(collecting.seal(evaluation))
            }
            other => other,
        };
        state.go(course, phase);
    }
}

impl Handler for Abandon {
    type Read = ();
    type Effect = u64;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<u64, Refusal> {
        state.course().judge_abandon(self)?;
        let Phase::Collecting(collecting) = &state.phase else {
            return Err(Reason::TooLate.into());
        };
        // Another attempt helps only those who have had their say in this one; for the others this one waits.
        let enough = collecting.is_enough(&state.roster, &state.parameters);
        if enough || !collecting.is_complete(&state.roster, &state.parameters) {
            return Err(Reason::TooEarly.into());
        }
        state.course().judge_time(self.time_ms)?;
        Ok(self.time_ms)
    }

    fn execute(time_ms: u64, state: &mut State) {
        state.go(state.course().abandoned(time_ms), Phase::Idle);
    }
}

impl Handler for CloseRound {
    type Read = ();
    type Effect = (u64, Findings);

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<Self::Effect, Refusal> {
        state.course().judge_close_round(self)?;
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
            && names(&self.model, &opened.model.hash().0, state.parameters.model_length());
        let findings = opened.findings(state.step, &state.findings, &state.parameters);
        if !right || self.ends_run != findings.end_run(state.parameters.agenda()) {
            return Err(Reason::WrongResult.into());
        }
        state.course().judge_time(self.time_ms)?;
        Ok((self.time_ms, findings))
    }

    fn execute((time_ms, findings): Self::Effect, state: &mut State) {
        let ends_run = findings.end_run(state.parameters.agenda());
        let course = state.course().closed(time_ms, ends_run);
        state.findings = findings;
        if let Phase::Opening(opening) = mem::replace(&mut state.phase, Phase::Idle)
            && let Some(model) = opening.into_model()
        {
            state.model = model;
        }
        state.succession.answer();
        state.rest(course);
    }
}
