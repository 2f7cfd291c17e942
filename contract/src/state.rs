//! Everything that the contract decides by, and nothing that decides: handlers read and change it.

use std::sync::Arc;

use consilium_crypto::{DiscreteLogTable, Hash};
use consilium_proto::v1::Reason;

use crate::{
    enrolment::roster::Roster, keygen::Succession, parameters::Parameters, phase::Phase,
    round::model::Model,
};

/// The state of a run.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) parameters: Parameters,
    pub(crate) succession: Succession,
    pub(crate) roster: Roster,
    pub(crate) model: Model,
    pub(crate) phase: Phase,
    /// Step that is being made, from 0; equals the number of closed rounds.
    pub(crate) step: u64,
    /// Try at that step, from 0.
    pub(crate) attempt: u32,
    /// Largest time that a transaction has named, in milliseconds since the epoch.
    pub(crate) time_ms: u64,
    /// Hash chain over all receipts.
    pub(crate) receipts: Hash,
    /// Reads small discrete logarithms; no part of what the state root covers.
    pub(crate) table: Arc<DiscreteLogTable>,
}

impl State {
    /// A run of which nothing has been said.
    pub(crate) fn new(parameters: Parameters, model: Model, table: Arc<DiscreteLogTable>) -> Self {
        Self {
            parameters,
            succession: Succession::default(),
            roster: Roster::default(),
            model,
            phase: Phase::Idle,
            step: 0,
            attempt: 0,
            time_ms: 0,
            receipts: [0; 32],
            table,
        }
    }

    /// Nothing is being made: the next order decides what is, unless the run is over.
    pub(crate) fn rest(&mut self) {
        let is_over = self.parameters.is_over(self.step, &self.succession);
        self.phase = if is_over { Phase::Finished } else { Phase::Idle };
    }

    /// Time inside transactions never goes backwards.
    pub(crate) fn judge_time(&self, time_ms: u64) -> Result<(), Reason> {
        if time_ms < self.time_ms { Err(Reason::TooEarly) } else { Ok(()) }
    }
}
