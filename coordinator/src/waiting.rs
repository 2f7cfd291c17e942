//! Says for whom the run waits: at first after a while, and then now and then for as long as it lasts.

use std::time::Duration;

use consilium_contract::{
    Contract,
    schedule::{Awaited, Wait, awaited, missing_numbers},
};

use crate::{error::names, executor::Position};

/// How long a run waits for institutions to enrol before the log says so, in milliseconds.
const FIRST_MS: u64 = 5_000;

/// The longest pause between two lines, in milliseconds.
const LONGEST_MS: u64 = 300_000;

/// Owned by the node's thread.
pub(crate) struct Waiting {
    /// Where the run stands, and since when.
    position: Position,
    since_ms: u64,
    /// When to look again, and the pause after that.
    next_ms: u64,
    pause_ms: u64,
}

impl Waiting {
    pub(crate) fn new(position: Position, now_ms: u64) -> Self {
        Self { position, since_ms: now_ms, next_ms: 0, pause_ms: 0 }
    }

    /// For whom the run waits, where it is time to say so. The whole time of a collection or stage passes first.
    pub(crate) fn look(
        &mut self,
        contract: &Contract,
        position: Position,
        now_ms: u64,
    ) -> Option<Awaited> {
        if self.position != position {
            *self = Self::new(position, now_ms);
        }
        if now_ms < self.next_ms {
            return None;
        }
        let awaited = awaited(contract)?;
        let first_ms = match awaited.wait {
            Wait::Enrolments | Wait::Institutions | Wait::Resumption => FIRST_MS,
            _ => contract.parameters().collection_timeout_ms,
        };
        if now_ms < self.since_ms.saturating_add(first_ms) {
            return None;
        }
        self.pause_ms = self.pause_ms.saturating_mul(2).clamp(first_ms, LONGEST_MS.max(first_ms));
        self.next_ms = now_ms.saturating_add(self.pause_ms);
        Some(awaited)
    }
}

/// As a line of the log.
pub(crate) fn log(
    Awaited { wait, present, needed, absent }: &Awaited,
    contract: &Contract,
    waited: Duration,
) {
    let step = contract.step();
    let absent = match wait {
        // Their names come onto the chain with them.
        Wait::Enrolments => {
            let numbers = missing_numbers(contract).iter().map(u32::to_string).collect::<Vec<_>>();
            Some(format!("numbers {} of the authority's register", numbers.join(", ")))
        }
        _ => (!absent.is_empty()).then(|| names(absent)),
    };
    tracing::warn!(
        step,
        present,
        needed,
        waited_s = waited.as_secs(),
        absent = absent.map(tracing::field::display),
        "waiting for {}: the run goes on when enough are there",
        wait.label()
    );
}
