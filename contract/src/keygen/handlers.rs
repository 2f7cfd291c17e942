//! What is said about the key and its committees, and what it changes.

use consilium_hash::Pseudonym;
use std::mem;

use consilium_proto::v1::{BeginKeygen, ChangeCommittee, Contribute, EndStage, Reason};

use super::{Change, Keygen, StageEnd, contribution::Contribution};
use crate::{
    handler::{Handler, Refusal, Said},
    phase::Phase,
    state::State,
};

impl Handler for ChangeCommittee {
    type Read = ();
    type Effect = Change;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<Change, Refusal> {
        Ok(state.succession.judge_change(self, &state.parameters, &state.roster)?)
    }

    fn execute(change: Change, state: &mut State) {
        state.succession.ask_for(change);
    }
}

impl Handler for BeginKeygen {
    type Read = ();
    type Effect = Box<Keygen>;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<Box<Keygen>, Refusal> {
        if !matches!(state.phase, Phase::Idle) {
            return Err(Reason::TooEarly.into());
        }
        state.judge_time(self.time_ms)?;
        let keygen =
            state.succession.judge_begin(self, state.step, &state.parameters, &state.roster)?;
        Ok(Box::new(keygen))
    }

    fn execute(keygen: Box<Keygen>, state: &mut State) {
        state.succession.begun();
        state.time_ms = keygen.since_ms();
        state.phase = Phase::Keygen(keygen);
    }
}

impl Handler for EndStage {
    type Read = ();
    type Effect = u64;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<u64, Refusal> {
        let Phase::Keygen(keygen) = &state.phase else { return Err(Reason::TooEarly.into()) };
        state.judge_time(self.time_ms)?;
        keygen.judge_end(self, &state.parameters, &state.roster)?;
        Ok(self.time_ms)
    }

    fn execute(time_ms: u64, state: &mut State) {
        state.time_ms = time_ms;
        let Phase::Keygen(mut keygen) = mem::replace(&mut state.phase, Phase::Idle) else { return };
        match keygen.end(time_ms, &state.parameters, &state.roster) {
            StageEnd::Next | StageEnd::Again => state.phase = Phase::Keygen(keygen),
            StageEnd::GivenUp { attempt } => {
                state.succession.give_up(state.step, attempt);
                state.rest();
            }
            StageEnd::Complete(committee) => {
                state.succession.succeed(committee, state.step);
                // Under its threshold a step may cost more than is left.
                state.rest();
            }
        }
    }
}

impl Handler for Contribute {
    type Read = ();
    type Effect = (Pseudonym, Contribution);

    fn read(&self) {}

    fn judge(
        &self,
        (): (),
        said: &Said,
        state: &State,
    ) -> Result<(Pseudonym, Contribution), Refusal> {
        let author = said.institution()?;
        let Phase::Keygen(keygen) = &state.phase else {
            let is_past = self.committee < state.succession.next_number();
            return Err((if is_past { Reason::TooLate } else { Reason::TooEarly }).into());
        };
        Ok((author, keygen.judge(&author, self)?))
    }

    fn execute((author, contribution): (Pseudonym, Contribution), state: &mut State) {
        if let Phase::Keygen(keygen) = &mut state.phase {
            keygen.take(author, contribution);
        }
    }

    fn convict(&self, author: &Pseudonym, _: Refusal, state: &mut State) {
        if let Phase::Keygen(keygen) = &mut state.phase {
            keygen.leave_out(author, self);
        }
    }
}
