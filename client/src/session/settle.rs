//! The end of a round: its model is checked before anything is built on it.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use consilium_crypto::RoundContext;
use rand_core::OsRng;
use tracing::info;

use super::{Session, blocking, interrupted};
use crate::{
    ClientError,
    error::short,
    follow::Closed,
    institution::Duty,
    model_check::{ModelError, masked_update_bytes},
    observer::RoundReport,
    trustee::Judged,
};

/// Masked updates that are fetched at once, and so the most that are held: small ones because a line is slow to answer,
/// large ones two, so that one is added while the next one comes.
const FETCHES: std::ops::RangeInclusive<usize> = 2..=8;
/// Their bytes, where there are more than the fewest of them.
const FETCHED_BYTES: usize = 4 << 20;

impl Session<'_> {
    /// Checks the model of a closed round before anything is built on it.
    pub(super) async fn settle(&mut self) -> Result<(), ClientError> {
        let Some(closed) = self.own.closed.clone() else { return Ok(()) };
        let RoundContext { step, attempt, .. } = *closed.sealed.sum.round();
        // An earlier process of this institution has checked the rounds up to its stored model.
        if let Some(stored) = self.own.stored.take_if(|stored| stored.step() == step + 1) {
            if stored.model().hash() != closed.model {
                return Err(ClientError::DamagedState {
                    path: self.own.directory.clone(),
                    detail: format!("the stored model is not the one that step {step} ended with on the stored chain"),
                });
            }
            self.own.model = stored;
        } else if self.own.stored.as_ref().is_none_or(|stored| stored.step() <= step) {
            let judged = match self.own.duty.judged() {
                Some(judged) => judged.clone(),
                None => self.judge(&closed.sealed.sum, None).await?,
            };
            if let Err(source) = self.check_model(&closed, judged).await? {
                return Err(self.unfaithful_model(closed.height, source));
            }
            self.keep_sealed_head(&closed).await?;
            let report = std::mem::take(&mut self.own.report);
            self.own.observer.round_closed(RoundReport { step, attempt, ..report });
            info!(step, model = short(&closed.model), "round closed");
        }
        self.own.closed = None;
        self.own.duty = Duty::None;
        Ok(())
    }

    async fn check_model(
        &mut self,
        closed: &Arc<Closed>,
        judged: Judged,
    ) -> Result<Result<(), ModelError>, ClientError> {
        let own = &mut *self.own;
        let (closed, model) = (Arc::clone(closed), own.model.clone());
        let (parameters, table) = (Arc::clone(&own.parameters), Arc::clone(&own.table));
        let start = Instant::now();
        let mut check = match blocking(move || model.check(&closed, &judged, &parameters, &table)).await? {
            Ok(check) => check,
            Err(error) => return Ok(Err(error)),
        };
        own.report.check += start.elapsed();

        let length = masked_update_bytes(&own.parameters);
        let most = (FETCHED_BYTES / length.max(1)).clamp(*FETCHES.start(), *FETCHES.end());
        let mut headers = check.headers().to_vec().into_iter().map(|header| header.hash());
        let mut fetches = VecDeque::new();
        loop {
            let start = Instant::now();
            for header in headers.by_ref().take(most - fetches.len()) {
                let mut connection = self.connection.clone();
                fetches.push_back(tokio::spawn(async move { connection.masked_update(&header, length).await }));
            }
            let Some(fetch) = fetches.pop_front() else { break };
            let masked = fetch.await.map_err(interrupted)??;
            own.report.fetch += start.elapsed();
            own.report.bytes_down += length as u64;
            let (start, parameters) = (Instant::now(), Arc::clone(&own.parameters));
            check = match blocking(move || check.add(&masked, &parameters).map(|()| check)).await? {
                Ok(check) => check,
                Err(error) => return Ok(Err(error)),
            };
            own.report.check += start.elapsed();
        }
        let start = Instant::now();
        let sums = self.connection.blob(check.sums(), own.parameters.dimension as usize * 4).await?;
        own.report.fetch += start.elapsed();
        own.report.bytes_down += sums.len() as u64;

        let (parameters, model) = (Arc::clone(&own.parameters), own.model.clone());
        let (roster, directory) = (own.follower.roster().clone(), own.directory.clone());
        let start = Instant::now();
        let checked = blocking(move || {
            let next = check.finish(&model, &sums, &roster, &parameters, &mut OsRng)?;
            Ok(next.store(&directory).map(|()| next))
        });
        let checked = checked.await?;
        own.report.check += start.elapsed();
        Ok(match checked {
            Ok(next) => {
                own.model = next?;
                Ok(())
            }
            Err(error) => Err(error),
        })
    }
}
