//! The order of the coordinator's orders: when each may come, and what follows from it.
//!
//! The contract asks here, and so does whoever follows a chain by its signatures alone ([`crate::light`]). What an order
//! says beyond its turn (a sum, a model, somebody's credit) only the contract can judge.

use consilium_hash::ModelHash;
use consilium_proto::v1::{
    Abandon, BeginKeygen, CloseCollection, CloseRound, EndStage, OpenRound, Reason,
};

use crate::{keygen::Succession, parameters::Parameters, round::pause::Pausing};

/// Where a run stands, as far as the order of orders depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Station {
    /// Between two rounds, or before the first.
    Idle,
    /// A committee is being made.
    Keygen,
    /// Updates are taken.
    Collecting,
    /// A sum stands and waits for its trustees.
    Sealed,
    /// Every step is closed, or as many as the privacy budget buys, or evaluations have ended the run.
    Finished,
}

/// How far a run has come: what orders must name, and what they move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) station: Station,
    /// Step that is being made, from 0; equals the number of closed rounds.
    pub(crate) step: u64,
    /// Try at that step, from 0.
    pub(crate) attempt: u32,
    /// Largest time that an order has named, in milliseconds since the epoch.
    pub(crate) time_ms: u64,
    /// Whether the authority holds the run.
    pub(crate) pausing: Pausing,
}

impl Course {
    /// Before the first order.
    pub(crate) fn start() -> Self {
        let pausing = Pausing::default();
        Self { station: Station::Idle, step: 0, attempt: 0, time_ms: 0, pausing }
    }

    /// Time inside orders never goes backwards.
    pub(crate) fn judge_time(&self, time_ms: u64) -> Result<(), Reason> {
        if time_ms < self.time_ms { Err(Reason::TooEarly) } else { Ok(()) }
    }

    fn judge_attempt(&self, step: u64, attempt: u32) -> Result<(), Reason> {
        let is_this = (step, attempt) == (self.step, self.attempt);
        is_this.then_some(()).ok_or(Reason::WrongStep)
    }

    fn judge_station(&self, expected: Station, otherwise: Reason) -> Result<(), Reason> {
        if self.station == expected { Ok(()) } else { Err(otherwise) }
    }

    /// Whether this round comes next, from this model. Its time is judged apart.
    pub(crate) fn judge_open(
        &self,
        open: &OpenRound,
        model: &ModelHash,
        parameters: &Parameters,
    ) -> Result<(), Reason> {
        // The budget has finished the run before its steps did.
        let is_early = self.station == Station::Finished && self.step < parameters.steps;
        let is_spent = is_early && parameters.privacy.is_some();
        let too_early = if is_spent { Reason::BudgetSpent } else { Reason::TooEarly };
        self.judge_station(Station::Idle, too_early)?;
        if self.pausing.is_paused() {
            return Err(Reason::TooEarly);
        }
        self.judge_attempt(open.step, open.attempt)?;
        if open.model_sha256 == model.as_slice() { Ok(()) } else { Err(Reason::WrongModel) }
    }

    /// Whether it is this collection that is open. Its time is judged apart.
    pub(crate) fn judge_close_collection(&self, close: &CloseCollection) -> Result<(), Reason> {
        self.judge_attempt(close.step, close.attempt)?;
        self.judge_station(Station::Collecting, Reason::TooLate)
    }

    /// Whether it is this attempt that is open: a step that is sealed is never abandoned. Its time is judged apart.
    pub(crate) fn judge_abandon(&self, abandon: &Abandon) -> Result<(), Reason> {
        self.judge_attempt(abandon.step, abandon.attempt)?;
        self.judge_station(Station::Collecting, Reason::TooLate)
    }

    /// Whether it is this step whose sum stands. Its time is judged apart.
    pub(crate) fn judge_close_round(&self, close: &CloseRound) -> Result<(), Reason> {
        if close.step != self.step {
            return Err(Reason::WrongStep);
        }
        self.judge_station(Station::Sealed, Reason::TooEarly)
    }

    /// Whether a committee may begin to be made, if one is due.
    pub(crate) fn judge_begin(&self, begin: &BeginKeygen) -> Result<(), Reason> {
        self.judge_station(Station::Idle, Reason::TooEarly)?;
        self.judge_time(begin.time_ms)
    }

    /// Whether there is a stage to end.
    pub(crate) fn judge_end_stage(&self, end: &EndStage) -> Result<(), Reason> {
        self.judge_station(Station::Keygen, Reason::TooEarly)?;
        self.judge_time(end.time_ms)
    }

    /// After an order that leads to `station` and moves nothing else.
    pub(crate) fn at(self, station: Station, time_ms: u64) -> Self {
        Self { station, time_ms, ..self }
    }

    /// After an attempt was abandoned: the step is tried again.
    pub(crate) fn abandoned(self, time_ms: u64) -> Self {
        let attempt = self.attempt.saturating_add(1);
        Self { station: Station::Idle, attempt, time_ms, ..self }
    }

    /// After a round was closed, and the run with it where that says so. Whether it is over all the same, [`Self::rest`] says.
    pub(crate) fn closed(self, time_ms: u64, ends_run: bool) -> Self {
        let station = if ends_run { Station::Finished } else { Station::Idle };
        Self { station, step: self.step.saturating_add(1), attempt: 0, time_ms, ..self }
    }

    /// Where nothing is being made: the next order decides what is, unless the run is over.
    pub(crate) fn rest(self, parameters: &Parameters, succession: &Succession) -> Self {
        let is_ended = self.station == Station::Finished;
        let is_over = is_ended || parameters.is_over(self.step, succession);
        Self { station: if is_over { Station::Finished } else { Station::Idle }, ..self }
    }
}
