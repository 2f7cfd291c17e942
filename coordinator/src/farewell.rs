//! When a node whose run is finished may go.

use crate::{Linger, clock::millis, shared::Shared};

/// How long nobody must have subscribed before a finished node stops that has served everyone.
const QUIET_MS: u64 = 1_000;

/// The same for a node that was started on a finished run: whoever misses its end has connected by then, since pauses between two
/// attempts are no longer than ten seconds.
const RETURN_MS: u64 = 15_000;

/// Owned by the node's thread; the counters that it reads are the calls'.
pub(crate) struct Farewell {
    linger: Linger,
    /// Whether the run was finished when this node was started: it cannot know who has followed it to its end.
    was_finished: bool,
    /// When somebody was subscribed last.
    followed_ms: u64,
    /// When something was sent last, and the bytes sent until then.
    sent_ms: u64,
    sent: u64,
}

impl Farewell {
    pub(crate) fn new(linger: Linger, was_finished: bool, now_ms: u64) -> Self {
        Self { linger, was_finished, followed_ms: now_ms, sent_ms: now_ms, sent: 0 }
    }

    /// Whether everyone who is enrolled has followed a run that finished at `finished_ms` to its end, or had the time
    /// to. One who was killed or cut off comes back after the longest pause between two attempts to connect; those who
    /// still fetch what the last model is checked with, which takes a while where it is large, are not left alone.
    pub(crate) fn is_over(
        &mut self,
        shared: &Shared,
        enrolled: usize,
        finished_ms: u64,
        now_ms: u64,
    ) -> bool {
        let Linger::AtMost(linger) = self.linger else { return false };
        let (_, sent) = shared.traffic.totals();
        if sent != self.sent {
            self.sent = sent;
            self.sent_ms = now_ms;
        }
        if shared.subscribers() > 0 {
            self.followed_ms = now_ms;
        }
        let quiet_since_ms = self.followed_ms.max(finished_ms);
        let quiet_ms = now_ms.saturating_sub(quiet_since_ms);
        let everyone = shared.served() >= enrolled;
        now_ms.saturating_sub(finished_ms.max(self.sent_ms)) >= millis(linger)
            || everyone && quiet_ms >= QUIET_MS
            || self.was_finished && quiet_ms >= RETURN_MS
    }
}
