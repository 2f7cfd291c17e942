//! When something is due: data, asked with a time from outside.

use arc_malachitebft_core_types::{Timeout, TimeoutKind};

/// How long a node waits for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// At round 0, in milliseconds.
    pub first_ms: u64,
    /// How much longer at each further round, in milliseconds: sooner or later a round is longer than the network is slow.
    pub growth_ms: u64,
    /// The longest, in milliseconds.
    pub most_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first_ms: 1_000, growth_ms: 500, most_ms: 60_000 }
    }
}

impl Pace {
    /// How long a step of this round may take, in milliseconds.
    pub fn step_ms(&self, round: u32) -> u64 {
        let grown = self.growth_ms.saturating_mul(u64::from(round));
        self.first_ms.saturating_add(grown).min(self.most_ms)
    }
}

/// What is waited for, each with the time at which it is due.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: Vec<(u64, Timeout)>,
}

impl Timers {
    pub(crate) fn set(&mut self, timeout: Timeout, pace: &Pace, now_ms: u64) {
        let after_ms = match timeout.kind {
            // Not asked for: heights have no time of their own.
            TimeoutKind::FinalizeHeight(_) => 0,
            TimeoutKind::Propose
            | TimeoutKind::Prevote
            | TimeoutKind::Precommit
            | TimeoutKind::Rebroadcast => pace.step_ms(timeout.round.as_u32().unwrap_or_default()),
        };
        self.cancel(&timeout);
        self.due.push((now_ms.saturating_add(after_ms), timeout));
    }

    pub(crate) fn cancel(&mut self, timeout: &Timeout) {
        self.due.retain(|(_, other)| other != timeout);
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
    }

    /// The time of the next one.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.due.iter().map(|(at_ms, _)| *at_ms).min()
    }

    /// Takes the next one that is due.
    pub(crate) fn take(&mut self, now_ms: u64) -> Option<Timeout> {
        let next_ms = self.next_ms().filter(|next_ms| *next_ms <= now_ms)?;
        let place = self.due.iter().position(|(at_ms, _)| *at_ms == next_ms)?;
        Some(self.due.remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use arc_malachitebft_core_types::Round;

    use super::*;

    #[test]
    fn steps_take_a_second_and_half_a_second_more_each_round_up_to_a_minute() {
        let pace = Pace::default();
        let steps: Vec<u64> = [0, 1, 2, 118, 119, u32::MAX].map(|round| pace.step_ms(round)).into();
        assert_eq!(steps, [1_000, 1_500, 2_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn timers_are_taken_in_order_of_time_once_and_not_before() {
        let (mut timers, pace) = (Timers::default(), Pace::default());
        let propose = Timeout::propose(Round::new(1));
        let prevote = Timeout::prevote(Round::new(0));
        let precommit = Timeout::precommit(Round::new(0));
        timers.set(propose, &pace, 0);
        timers.set(prevote, &pace, 0);
        timers.set(precommit, &pace, 100);
        timers.cancel(&precommit);
        assert_eq!(timers.next_ms(), Some(1_000));
        assert_eq!(timers.take(999), None);
        assert_eq!(timers.take(5_000), Some(prevote));
        assert_eq!(timers.take(5_000), Some(propose));
        assert_eq!(timers.take(5_000), None);
        timers.set(propose, &pace, 0);
        timers.set(propose, &pace, 700);
        assert_eq!(timers.next_ms(), Some(2_200));
        timers.clear();
        assert_eq!(timers.next_ms(), None);
    }
}
