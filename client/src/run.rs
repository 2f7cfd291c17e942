//! The loop that keeps an institution in a run until the run is over.

use std::time::Instant;

use rand_core::OsRng;
use tracing::warn;

use crate::{ClientError, backoff::Backoff, institution::Institution, session::Session};

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
        let mut backoff = Backoff::new();
        let mut progress = Instant::now();
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
                Err(error) => return Err(error),
            };
            self.observers.lost(&error);
            if self.history.len() > height {
                backoff.reset();
                progress = Instant::now();
            }
            if let Some(patience) = self.give_up_after
                && progress.elapsed() >= patience
            {
                return Err(ClientError::GaveUp {
                    waited: progress.elapsed(),
                    last: error.to_string(),
                });
            }
            let pause = backoff.pause(&mut OsRng);
            warn!(%error, pause_ms = pause.as_millis() as u64, "connecting again");
            tokio::time::sleep(pause).await;
        }
    }
}
