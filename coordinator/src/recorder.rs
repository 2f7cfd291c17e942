//! What the current attempt at a step has cost so far.

use std::time::Duration;

use consilium_contract::Receipt;
use consilium_hash::ModelHash;
use consilium_proto::v1::transaction::Action;

use crate::event::RoundMetrics;

/// Gathers the numbers of the current attempt.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    round: RoundMetrics,
    opened_ms: u64,
    /// Traffic when the last round ended.
    traffic: (u64, u64),
}

impl Recorder {
    pub(crate) fn opened(&mut self, step: u64, attempt: u32, now_ms: u64) {
        // What came since the last attempt ended counts here.
        (self.round.step, self.round.attempt) = (step, attempt);
        self.opened_ms = now_ms;
    }

    pub(crate) fn applied(
        &mut self,
        action: &Action,
        receipt: &Receipt,
        took: Duration,
        now_ms: u64,
    ) {
        let round = &mut self.round;
        match action {
            Action::SubmitUpdate(_) if receipt.is_accepted() => round.accepted += 1,
            Action::SubmitUpdate(_) => *round.rejected.entry(receipt.reason).or_default() += 1,
            Action::SubmitShare(_) => {
                round.decrypt += took;
                if receipt.culprit.is_some() {
                    *round.rejected.entry(receipt.reason).or_default() += 1;
                }
            }
            Action::CloseCollection(_) => {
                round.aggregate += took;
                round.collection = Duration::from_millis(now_ms.saturating_sub(self.opened_ms));
            }
            _ => {}
        }
    }

    pub(crate) fn aggregated(&mut self, took: Duration) {
        self.round.aggregate += took;
    }

    pub(crate) fn verified(&mut self, took: Duration) {
        self.round.verify += took;
        self.round.verify_batches += 1;
    }

    pub(crate) fn written(&mut self, took: Duration) {
        self.round.ledger += took;
    }

    /// The numbers of the attempt that has just ended.
    pub(crate) fn finish(&mut self, model: ModelHash, (up, down): (u64, u64)) -> Box<RoundMetrics> {
        let mut round = std::mem::take(&mut self.round);
        round.model = model;
        round.bytes_up = up.saturating_sub(self.traffic.0);
        round.bytes_down = down.saturating_sub(self.traffic.1);
        self.traffic = (up, down);
        Box::new(round)
    }
}
