//! What a round cost an institution, for whoever embeds it.

use std::time::Duration;

use consilium_contract::Purpose;
use consilium_datasets::scorecard::Scores;
use consilium_privacy::Thousandths;
use consilium_proto::v1::Reason;

use crate::{ClientError, contribution::OwnScores};

/// What an institution did and spent in one closed step. Durations of what it did not do are zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoundReport {
    /// The step, from 0.
    pub step: u64,
    /// What it was for.
    pub purpose: Purpose,
    /// The attempt that was closed, from 0.
    pub attempt: u32,
    /// In an evaluation, how good the model is on the held-out rows of all institutions.
    pub scores: Option<Scores>,
    /// ε that the closed steps have cost each institution, this one included, where there is noise.
    pub epsilon: Option<Thousandths>,
    /// Its update; `None` where it sat the step out or was restarted after it had made one.
    pub update: Option<UpdateReport>,
    /// The contract's verdict on its update.
    pub verdict: Option<Reason>,
    /// From the first byte of the upload until the transport had taken the last.
    pub upload: Duration,
    /// From the first byte of the upload until the receipt: until the block was durable.
    pub answered: Duration,
    /// Judging the sealed sum: key proofs and addition.
    pub judge: Duration,
    /// Remembering and countersigning.
    pub countersign: Duration,
    /// Making the decryption share.
    pub share: Duration,
    /// Verifying the updates of the sum, and executing the chain.
    pub verify: Duration,
    /// Fetching bodies, and what the model check needs.
    pub fetch: Duration,
    /// Checking the model.
    pub check: Duration,
    /// Bytes of messages sent.
    pub bytes_up: u64,
    /// Bytes of messages received.
    pub bytes_down: u64,
}

/// What an institution computed for its update.
#[derive(Clone, Default, PartialEq)]
pub struct UpdateReport {
    /// Local training.
    pub train: Duration,
    /// Clipping and rounding.
    pub quantise: Duration,
    /// Encryption.
    pub encrypt: Duration,
    /// Proofs.
    pub prove: Duration,
    /// Share of coordinates that were clipped, 0 to 1.
    pub clipped_share: f64,
    /// The model after the local epochs, `[d]`; nothing where rows were counted. As private as the institution's rows.
    pub model: Vec<f32>,
    /// In an evaluation, how good models are on this institution's own held-out rows. As private.
    pub own: Option<OwnScores>,
}

// The local model says what the institution's rows say; it does not go into a log.
impl std::fmt::Debug for UpdateReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateReport")
            .field("clipped_share", &self.clipped_share)
            .finish_non_exhaustive()
    }
}

/// Whoever wants to know. Called from the institution's task, so it should return soon.
pub trait Observer: Send {
    /// A step is closed, and its model is checked.
    fn round_closed(&mut self, report: RoundReport);

    /// It follows the chain, and stands so: told at every block.
    fn stands(&mut self, standing: Standing) {
        let _ = standing;
    }

    /// Its connection has ended so. It tries again.
    fn lost(&mut self, error: &ClientError) {
        let _ = error;
    }
}

/// Where an institution stands that follows the chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The step that is being made, from 0.
    pub step: u64,
    /// The try at it, from 0.
    pub attempt: u32,
    /// The phase of the round.
    pub phase: &'static str,
    /// Verified blocks.
    pub blocks: u64,
    /// Blocks that it lacks of those that the coordinator named when the connection was made.
    pub behind: u64,
    /// Whether the run is finished.
    pub is_finished: bool,
}

impl<F: FnMut(RoundReport) + Send> Observer for F {
    fn round_closed(&mut self, report: RoundReport) {
        self(report);
    }
}

/// Several observers, each of which hears of everything: a log, metrics, a page, the progress of a replay.
pub(crate) struct Broadcast(Vec<Box<dyn Observer>>);

impl Broadcast {
    pub(crate) fn to(first: Box<dyn Observer>) -> Self {
        Self(vec![first])
    }

    pub(crate) fn add(&mut self, observer: Box<dyn Observer>) {
        self.0.push(observer);
    }

    pub(crate) fn round_closed(&mut self, report: RoundReport) {
        for observer in &mut self.0 {
            observer.round_closed(report.clone());
        }
    }

    pub(crate) fn stands(&mut self, standing: Standing) {
        for observer in &mut self.0 {
            observer.stands(standing);
        }
    }

    pub(crate) fn lost(&mut self, error: &ClientError) {
        for observer in &mut self.0 {
            observer.lost(error);
        }
    }
}

/// An observer that does not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn round_closed(&mut self, _: RoundReport) {}
}
