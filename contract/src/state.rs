//! Everything that the contract decides by, and nothing that decides: handlers read and change it.

use std::sync::Arc;

use consilium_crypto::DiscreteLogTable;
use consilium_hash::ReceiptsHash;

use crate::{
    course::{Course, Station},
    enrolment::roster::Roster,
    exchange::Exchange,
    keygen::Succession,
    parameters::Parameters,
    phase::Phase,
    round::{ExpectedSums, Findings, model::Model, pause::Pausing},
};

/// The state of a run.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) parameters: Parameters,
    pub(crate) succession: Succession,
    pub(crate) roster: Roster,
    pub(crate) exchange: Exchange,
    pub(crate) model: Model,
    pub(crate) findings: Findings,
    pub(crate) phase: Phase,
    /// Step that is being made, from 0; equals the number of closed rounds.
    pub(crate) step: u64,
    /// Try at that step, from 0.
    pub(crate) attempt: u32,
    /// Largest time that a transaction has named, in milliseconds since the epoch.
    pub(crate) time_ms: u64,
    /// Whether the authority holds the run.
    pub(crate) pausing: Pausing,
    /// Hash chain over all receipts.
    pub(crate) receipts: ReceiptsHash,
    /// Reads small discrete logarithms; no part of what the state root covers.
    pub(crate) table: Arc<DiscreteLogTable>,
    /// What a sum is said to open to; no part of what the state root covers, because what follows is the same without.
    pub(crate) expected: Option<ExpectedSums>,
}

impl State {
    /// A run of which nothing has been said.
    pub(crate) fn new(parameters: Parameters, model: Model, table: Arc<DiscreteLogTable>) -> Self {
        Self {
            exchange: Exchange::new(&parameters),
            parameters,
            succession: Succession::default(),
            roster: Roster::default(),
            model,
            findings: Findings::default(),
            phase: Phase::Idle,
            step: 0,
            attempt: 0,
            time_ms: 0,
            pausing: Pausing::default(),
            receipts: ReceiptsHash::default(),
            table,
            expected: None,
        }
    }

    /// How far the run has come.
    pub(crate) fn course(&self) -> Course {
        let station = self.phase.station();
        let Self { step, attempt, time_ms, pausing, .. } = *self;
        Course { station, step, attempt, time_ms, pausing }
    }

    /// Goes on to where an order leads, in the phase that belongs to it.
    pub(crate) fn go(&mut self, course: Course, phase: Phase) {
        self.step = course.step;
        self.attempt = course.attempt;
        self.time_ms = course.time_ms;
        self.phase = phase;
    }

    /// Goes on to where nothing is being made: the next order decides what is, unless the run is over.
    pub(crate) fn rest(&mut self, course: Course) {
        let course = course.rest(&self.parameters, &self.succession);
        let is_over = course.station == Station::Finished;
        self.go(course, if is_over { Phase::Finished } else { Phase::Idle });
    }
}
