//! What is said about the key and its committees, and what it changes.

use std::mem;

use consilium_hash::Pseudonym;
use consilium_proto::v1::{BeginKeygen, ChangeCommittee, Contribute, EndStage, Reason};

use super::{Ceremony, Change, Keygen, contribution::Contribution};
use crate::{
    course::Station,
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
        state.course().judge_begin(self)?;
        let keygen =
            state.succession.judge_begin(self, state.step, &state.parameters, &state.roster)?;
        Ok(Box::new(keygen))
    }

    fn execute(keygen: Box<Keygen>, state: &mut State) {
        state.succession.begun();
        let course = state.course().at(Station::Keygen, keygen.since_ms());
        state.go(course, Phase::Keygen(keygen));
    }
}

impl Handler for EndStage {
    type Read = ();
    type Effect = u64;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<u64, Refusal> {
        state.course().judge_end_stage(self)?;
        let Phase::Keygen(keygen) = &state.phase else { return Err(Reason::TooEarly.into()) };
        keygen.judge_end(self, &state.parameters, &state.roster)?;
        Ok(self.time_ms)
    }

    fn execute(time_ms: u64, state: &mut State) {
        let Phase::Keygen(mut keygen) = mem::replace(&mut state.phase, Phase::Idle) else { return };
        let ended = keygen.end(time_ms, &state.parameters, &state.roster);
        match state.succession.stage_ended(ended, state.step, &state.parameters) {
            Ceremony::GoesOn => {
                state.go(state.course().at(Station::Keygen, time_ms), Phase::Keygen(keygen));
            }
            Ceremony::IsOver { .. } => {
                // Under its threshold a step may cost more than is left.
                let course = state.course().at(Station::Idle, time_ms);
                state.rest(course);
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
