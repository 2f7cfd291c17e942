//! What has happened since the program was started, as far as it is shown. Owned by the node's thread; bounded, whatever
//! peers send.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use consilium_contract::{CandidateTransaction, Receipt, action::Kind, roster::Roster};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{Reason, transaction::Action};

use super::snapshot::{Countersigned, Counts, Durations, Rejection, Round};
use crate::{clock::millis, event::RoundMetrics};

/// Rejections and rounds that are shown.
const SHOWN: usize = 50;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) started_ms: u64,
    pub(super) last_round_ms: u64,
    pub(super) counts: Counts,
    pub(super) durations: Durations,
    pub(super) rounds: VecDeque<Round>,
    pub(super) rejections: VecDeque<Rejection>,
    /// When the last update of each institution was accepted.
    pub(super) uploads: BTreeMap<Pseudonym, u64>,
    /// Who follows, and since when each does or does not.
    pub(super) present: BTreeSet<Pseudonym>,
    pub(super) since: BTreeMap<Pseudonym, u64>,
    /// What was countersigned last.
    pub(super) countersigned: Option<Countersigned>,
}

impl Record {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { started_ms: now_ms, last_round_ms: now_ms, ..Self::default() }
    }

    /// A transaction that the contract has decided.
    pub(super) fn decided(
        &mut self,
        transaction: &CandidateTransaction,
        receipt: &Receipt,
        step: u64,
        now_ms: u64,
    ) {
        let author = transaction.author();
        let is_update = matches!(transaction.action(), Action::SubmitUpdate(_));
        if receipt.is_accepted() {
            if let Some(author) = author.filter(|_| is_update) {
                self.counts.updates_accepted += 1;
                self.uploads.insert(author, now_ms);
            }
            return;
        }
        if is_ordinary(transaction, receipt) {
            return;
        }
        let reason = reason(receipt.reason);
        *self.counts.rejected.entry(reason.clone()).or_default() += 1;
        push(
            &mut self.rejections,
            Rejection {
                time_ms: now_ms,
                step,
                author: author.map(|author| author.to_string()),
                what: Kind::of(transaction.action()).name.to_owned(),
                reason,
                culprit: receipt.culprit.map(|culprit| culprit.to_string()),
            },
        );
    }

    /// An attempt that has ended.
    pub(super) fn ended(&mut self, metrics: &RoundMetrics, is_closed: bool, now_ms: u64) {
        if is_closed {
            self.counts.rounds_closed += 1;
            self.last_round_ms = now_ms;
        } else {
            self.counts.attempts_abandoned += 1;
        }
        push(
            &mut self.rounds,
            Round {
                step: metrics.step,
                attempt: metrics.attempt,
                is_closed,
                ended_ms: now_ms,
                accepted: metrics.accepted,
                rejected: metrics.rejected.values().sum(),
                collection_ms: millis(metrics.collection),
                verify_ms: millis(metrics.verify),
                aggregate_ms: millis(metrics.aggregate),
                decrypt_ms: millis(metrics.decrypt),
                ledger_ms: millis(metrics.ledger),
                bytes_up: metrics.bytes_up,
                bytes_down: metrics.bytes_down,
            },
        );
    }

    /// A phase that has lasted so long.
    pub(super) fn left(&mut self, phase: &'static str, took: Duration) {
        self.durations.phases.entry(phase).or_default().observe(took);
    }

    /// Who follows now. Returns who has come and who has gone since the last time, of those that are enrolled.
    pub(super) fn follow(
        &mut self,
        present: BTreeSet<Pseudonym>,
        roster: &Roster,
        now_ms: u64,
    ) -> (Vec<Pseudonym>, Vec<Pseudonym>) {
        // Who is not enrolled is nobody that is waited for; and over plain TCP anyone can call himself anything.
        let present: BTreeSet<_> =
            present.into_iter().filter(|name| roster.get(name).is_some()).collect();
        let came: Vec<_> = present.difference(&self.present).copied().collect();
        let went: Vec<_> = self.present.difference(&present).copied().collect();
        for name in came.iter().chain(&went) {
            self.since.insert(*name, now_ms);
        }
        self.present = present;
        (came, went)
    }
}

/// Whether a rejection happens in every round: enough others were there, and the phase has gone on without it.
pub(crate) fn is_ordinary(transaction: &CandidateTransaction, receipt: &Receipt) -> bool {
    let has_passed =
        matches!(receipt.reason, Reason::TooLate | Reason::TooEarly | Reason::Duplicate);
    let is_update = matches!(transaction.action(), Action::SubmitUpdate(_));
    has_passed && !is_update && receipt.culprit.is_none()
}

/// A reason as one word.
pub(super) fn reason(reason: Reason) -> String {
    reason.as_str_name().trim_start_matches("REASON_").to_lowercase()
}

fn push<T>(of: &mut VecDeque<T>, what: T) {
    if of.len() >= SHOWN {
        of.pop_front();
    }
    of.push_back(what);
}
