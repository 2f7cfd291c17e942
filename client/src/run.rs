//! The loop that keeps an institution in a run until the run is over.

use std::sync::Arc;

use consilium_audit::follow::{Follower, Phase};
use consilium_contract::transaction::parse_entry;
use consilium_proto::v1::transaction::Action;
use tracing::{info, warn};

use crate::{ClientError, institution::Institution, session::Session};

/// How a run ended for an institution.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Closed rounds, each of them checked.
    pub steps: u64,
    /// The last model, flat `[d]`.
    pub model: Vec<f32>,
    /// Height of the last verified block.
    pub height: u64,
    /// What the run has cost each institution, in words, where there is noise.
    pub privacy: Option<String>,
}

impl Institution {
    /// Takes part until every step of the genesis is closed. Connections that break are made again; what was begun
    /// goes on where it was.
    ///
    /// # Errors
    /// [`ClientError`]: what another connection cannot mend.
    pub async fn run(mut self) -> Result<Outcome, ClientError> {
        self.resume();
        if let Some(outcome) = self.ended()? {
            return Ok(outcome);
        }
        loop {
            let height = self.history.len();
            let error = match Session::run(&mut self).await {
                Ok(()) => {
                    return Ok(Outcome {
                        steps: self.model.step(),
                        model: self.model.model().parameters().to_vec(),
                        height: self.history.len().saturating_sub(1),
                        privacy: self.parameters.describe_privacy(self.follower.succession()),
                    });
                }
                Err(error) if error.is_transient() => error,
                // At the start an address or a folder is the wrong one. Later it is an operator's slip, or somebody between, and
                // not for every institution to end by.
                Err(error @ ClientError::OtherRun(_)) if self.has_met => error,
                Err(error) => return Err(error),
            };
            self.observers.lost(&error);
            if self.history.len() > height {
                self.backoff.reset();
            }
            let pause = self.backoff.pause();
            warn!(%error, pause_ms = pause.as_millis() as u64, "connecting again");
            let paused = self.patience.wait(tokio::time::sleep(pause)).await;
            if paused.is_none() {
                return Err(match error {
                    ClientError::OtherRun(_) => error,
                    error => self.patience.is_over(&error),
                });
            }
        }
    }

    /// How the run ended, where the chain on the own disk shows its end and the last model has been checked: then nobody has
    /// to be asked, and a coordinator that has gone is not missed.
    fn ended(&mut self) -> Result<Option<Outcome>, ClientError> {
        let Some(stored) = &self.stored else { return Ok(None) };
        let Some(height) = self.history.len().checked_sub(1) else { return Ok(None) };
        let Some((last, _)) = self.history.block(height)? else { return Ok(None) };
        let closes = |entry: &Vec<u8>| {
            parse_entry(entry).is_ok_and(|(it, _)| matches!(it.action(), Action::CloseRound(_)))
        };
        if !last.entries.iter().any(closes) {
            return Ok(None);
        }
        let resumed = self.execution.as_ref().and_then(|execution| self.follower_after(execution));
        let mut follower = resumed.unwrap_or_else(|| {
            Follower::new(Arc::clone(&self.parameters), self.files.genesis_entry.clone())
        });
        while let Some((block, header)) = self.history.block(follower.height())? {
            let _ = follower.read(&block, &header)?;
        }
        let is_over =
            matches!(follower.phase(), Phase::Finished) && stored.step() == follower.step();
        Ok(is_over.then(|| {
            info!(height, "the run has finished, as this institution's own state shows");
            Outcome {
                steps: stored.step(),
                model: stored.model().parameters().to_vec(),
                height,
                privacy: self.parameters.describe_privacy(follower.succession()),
            }
        }))
    }
}
