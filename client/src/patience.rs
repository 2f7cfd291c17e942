//! How long an institution waits for a coordinator that brings nothing new.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use crate::ClientError;

/// Counts the time in which the institution waits. What it computes meanwhile, and what it writes, does not count.
#[derive(Debug)]
pub(crate) struct Patience {
    /// `None` where it has no end.
    limit: Option<Duration>,
    waited: Duration,
}

impl Patience {
    /// Without end.
    pub(crate) fn endless() -> Self {
        Self { limit: None, waited: Duration::ZERO }
    }

    /// For so long without anything new.
    pub(crate) fn of(limit: Duration) -> Self {
        Self { limit: Some(limit), waited: Duration::ZERO }
    }

    /// The coordinator has brought something new.
    pub(crate) fn renew(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// Waits for something, whatever comes of it; `None` where it has not come when the patience is over.
    pub(crate) async fn wait<T>(&mut self, something: impl Future<Output = T>) -> Option<T> {
        let start = Instant::now();
        let outcome = match self.limit {
            None => Some(something.await),
            Some(limit) => timeout(limit.saturating_sub(self.waited), something).await.ok(),
        };
        self.waited += start.elapsed();
        outcome
    }

    /// The error of who gives up.
    pub(crate) fn is_over(&self, last: impl ToString) -> ClientError {
        ClientError::GaveUp { waited: self.waited, last: last.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn waits_add_up_until_something_new_comes_and_work_does_not_count() {
        let mut patience = Patience::of(LIMIT);
        for _ in 0..3 {
            assert!(patience.wait(sleep(LIMIT * 3 / 5)).await.is_some());
            std::thread::sleep(LIMIT);
            patience.renew();
        }
        assert!(patience.wait(sleep(LIMIT * 3 / 5)).await.is_some());
        assert!(patience.wait(sleep(LIMIT * 3 / 5)).await.is_none());
        assert!(patience.wait(ready(())).await.is_some(), "what is there is taken");
        assert!(patience.wait(pending::<()>()).await.is_none());
    }

    #[tokio::test]
    async fn endless_patience_is_not_used_up() {
        let mut patience = Patience::endless();
        assert!(patience.wait(sleep(LIMIT)).await.is_some());
        assert!(patience.wait(ready(())).await.is_some());
    }
}
