//! Time, passed in, and the node's own time, which never goes back.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where a node takes the time from.
pub trait Clock: Send + Sync {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> u64;
}

/// The system's clock, read once; from then on the monotonic one. Somebody who sets the system's clock while a node
/// runs neither ends its collections nor keeps them open.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start_ms: u64,
    start: Instant,
}

impl SystemClock {
    /// A clock that starts at the system's time.
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start_ms: millis(since_epoch), start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        self.start_ms.saturating_add(millis(self.start.elapsed()))
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The node's time: the clock's, moved forward where the ledger is already later, and never back.
///
/// Moving it, rather than standing still until the clock has caught up, keeps deadlines working on a machine whose clock
/// was set back between two starts.
#[derive(Debug)]
pub(crate) struct NodeTime {
    offset_ms: u64,
    last_ms: u64,
}

impl NodeTime {
    /// The time of a node whose ledger ends at `ledger_ms`.
    pub(crate) fn new(clock: &dyn Clock, ledger_ms: u64) -> Self {
        Self { offset_ms: ledger_ms.saturating_sub(clock.now_ms()), last_ms: ledger_ms }
    }

    /// Milliseconds since the epoch, not before any earlier answer.
    pub(crate) fn now_ms(&mut self, clock: &dyn Clock) -> u64 {
        self.last_ms = self.last_ms.max(clock.now_ms().saturating_add(self.offset_ms));
        self.last_ms
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Manual(AtomicU64);

    impl Clock for Manual {
        fn now_ms(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn time_goes_on_from_the_ledger_where_the_clock_was_set_back_between_two_starts() {
        let clock = Manual(AtomicU64::new(1_000));
        let mut time = NodeTime::new(&clock, 50_000);
        assert_eq!(time.now_ms(&clock), 50_000);
        clock.0.store(1_250, Ordering::Relaxed);
        assert_eq!(time.now_ms(&clock), 50_250);
    }

    #[test]
    fn time_never_goes_back_while_a_node_runs() {
        let clock = Manual(AtomicU64::new(9_000));
        let mut time = NodeTime::new(&clock, 0);
        assert_eq!(time.now_ms(&clock), 9_000);
        clock.0.store(10, Ordering::Relaxed);
        assert_eq!(time.now_ms(&clock), 9_000);
        clock.0.store(9_001, Ordering::Relaxed);
        assert_eq!(time.now_ms(&clock), 9_001);
    }
}
