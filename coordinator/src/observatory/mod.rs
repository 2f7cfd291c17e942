//! What an operator sees of a node, while it runs: who is in, who is awaited and since when, what was rejected and why, how good
//! the model is, and how busy the machine.
//!
//! ```text
//!   node's thread: record ──look──▶ Snapshot ──▶ page · status.json · metrics · status
//! ```
//!
//! | file | concept |
//! | --- | --- |
//! | `snapshot` | everything that is shown, at one moment |
//! | `record` | what has happened since the program was started, as far as it is shown |
//! | `look` | from the contract, the record and what calls read to a snapshot |
//! | `evaluations` | how good the model was, from the run's counts; those of former starts come from the ledger |
//! | `metrics`, `text` | a snapshot in Prometheus' format, and for a terminal |
//! | `page/` | a page that polls `status.json` |
//! | `ask` | the snapshot of a node that runs, or of a ledger that nobody has open |
//!
//! It reads, and nothing else: no request changes anything, waits for the node or is seen by it.

mod ask;
mod evaluations;
mod look;
mod metrics;
mod record;
mod snapshot;
#[cfg(test)]
mod tests;
mod text;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use consilium_cli::observing::{Answer, Kind, process::Usage};
use consilium_contract::{CandidateTransaction, Receipt};
use consilium_hash::Pseudonym;

pub use ask::{StatusError, status_of_ledger, status_of_node};

use crate::{
    event::RoundMetrics,
    executor::{Executor, Position},
    shared::Shared,
};
use evaluations::Evaluations;
use record::Record;
pub(crate) use record::is_ordinary;
use snapshot::{Machine, Snapshot, Waiting};

/// How old what is shown may be, in milliseconds.
const REFRESH_MS: u64 = 500;

/// How long those are awaited whom a sum can do without before the log names them, in milliseconds.
const LATE_MS: u64 = 5_000;

const PAGE: &str = include_str!("page/page.html");
const STYLES: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Owned by the node's thread.
pub(crate) struct Observatory {
    record: Record,
    shared: Arc<Shared>,
    shown: Arc<Shown>,
    looked_ms: u64,
    /// The step and attempt of which it was said for whom it waits beyond need.
    said_late: Option<(u64, u32)>,
}

/// What is shown, for whoever asks.
pub(crate) struct Shown {
    ledger: PathBuf,
    shared: Arc<Shared>,
    /// As of the last look; the machine's part is filled in when somebody asks.
    last: Mutex<Snapshot>,
    evaluations: Evaluations,
}

impl Observatory {
    /// Of a node that starts now. What is shown is in [`Observatory::shown`].
    pub(crate) fn new(
        executor: &Executor,
        shared: Arc<Shared>,
        ledger: PathBuf,
        now_ms: u64,
    ) -> Self {
        let evaluations = Evaluations::new(executor.contract());
        let last = Mutex::default();
        let shown = Shown { ledger, shared: Arc::clone(&shared), last, evaluations };
        let mut observatory = Self {
            record: Record::new(now_ms),
            shared,
            shown: Arc::new(shown),
            looked_ms: 0,
            said_late: None,
        };
        observatory.look(executor, true, now_ms);
        observatory
    }

    pub(crate) fn shown(&self) -> &Arc<Shown> {
        &self.shown
    }

    pub(crate) fn decided(
        &mut self,
        transaction: &CandidateTransaction,
        receipt: &Receipt,
        step: u64,
        now_ms: u64,
    ) {
        self.record.decided(transaction, receipt, step, now_ms);
    }

    /// A batch of updates was verified.
    pub(crate) fn verified(&mut self, took: Duration) {
        self.record.durations.verify.observe(took);
    }

    /// A block was written and flushed.
    pub(crate) fn written(&mut self, took: Duration) {
        self.record.durations.flush.observe(took);
    }

    /// The run stands elsewhere than before, where it stood for so long.
    pub(crate) fn moved(&mut self, executor: &Executor, before: Position, took: Duration) {
        self.record.left(before.phase, took);
        self.shown.evaluations.learn(executor.contract());
        self.looked_ms = 0;
    }

    /// An attempt at a step has ended.
    pub(crate) fn ended(&mut self, metrics: &RoundMetrics, is_closed: bool, now_ms: u64) {
        self.record.ended(metrics, is_closed, now_ms);
    }

    /// Shows how things stand, where what is shown is old. Returns who has begun to follow, and who has ceased to.
    pub(crate) fn look(
        &mut self,
        executor: &Executor,
        is_listening: bool,
        now_ms: u64,
    ) -> (Vec<Pseudonym>, Vec<Pseudonym>) {
        if now_ms < self.looked_ms.saturating_add(REFRESH_MS) {
            return Default::default();
        }
        self.looked_ms = now_ms;
        let present: BTreeSet<Pseudonym> = self.shared.present();
        let changed = self.record.follow(present, executor.contract().roster(), now_ms);
        let snapshot = look::look(executor, &mut self.record, &self.shared, is_listening, now_ms);
        *self.shown.last.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
        changed
    }
}

impl Observatory {
    /// Whose updates a collection is kept open for that has enough of them: once an attempt, after a while.
    pub(crate) fn late(&mut self) -> Option<Waiting> {
        let last = self.shown.last.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = last.waiting.as_ref()?;
        let attempt = (last.run.step, last.run.attempt);
        let is_enough = waiting.present >= last.run.min_updates as usize;
        let waited_ms = last.time_ms.saturating_sub(waiting.since_ms);
        if last.run.phase != "collecting"
            || !is_enough
            || waited_ms < LATE_MS
            || self.said_late == Some(attempt)
        {
            return None;
        }
        self.said_late = Some(attempt);
        Some(waiting.clone())
    }
}

impl Shown {
    /// Everything, as of now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        snapshot.evaluations = self.evaluations.all();
        let (up, down) = self.shared.traffic.totals();
        snapshot.counts.bytes_up = up;
        snapshot.counts.bytes_down = down;
        let refused = self.shared.refusals.by_limit();
        snapshot.counts.refused = refused.map(|(name, count)| (name.to_owned(), count)).collect();
        let Usage { resident_bytes, descriptors, most_descriptors } = Usage::now();
        let disk = rustix::fs::statvfs(&self.ledger).ok();
        snapshot.machine = Machine {
            connections: self.shared.connections.count(),
            most_connections: self.shared.limits.connections,
            followers: self.shared.subscribers(),
            ledger_bytes: look::folder_bytes(&self.ledger),
            disk_free_bytes: disk.as_ref().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
            disk_bytes: disk.as_ref().map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize)),
            resident_bytes,
            descriptors,
            most_descriptors,
        };
        snapshot
    }

    /// Reads the evaluations of former starts out of the ledger. It takes as long as reading all blocks.
    pub(crate) fn remember(&self) {
        self.evaluations.remember(&self.shared);
    }

    /// What is at a path of the listener.
    pub(crate) fn answer(&self, path: &str) -> Option<Answer> {
        let (kind, text) = match path {
            "/" => (Kind::Html, PAGE.to_owned()),
            "/page.css" => (Kind::Css, STYLES.to_owned()),
            "/page.js" => (Kind::Script, SCRIPT.to_owned()),
            "/status.json" => (Kind::Json, json(&self.snapshot())),
            "/metrics" => (Kind::Metrics, metrics::metrics(&self.snapshot())),
            _ => return None,
        };
        Some(Answer { kind, text })
    }
}

/// A snapshot as `status.json` has it.
fn json(snapshot: &Snapshot) -> String {
    // Strings, numbers and maps whose keys are strings: there is nothing in it that JSON does not have.
    serde_json::to_string(snapshot).unwrap_or_default()
}
