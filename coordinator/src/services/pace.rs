//! How fast guests read: all of them together no faster than so many bytes a second.
//!
//! Reading costs the node its disk, its processor and its line, and institutions need all three. Whoever has no certificate
//! shares what is set aside for guests, whatever their number.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// What guests may read, over time.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: f64,
    /// When what was sent so far would have been sent at this pace.
    due: Mutex<Instant>,
}

/// One guest's turn to wait.
#[derive(Debug)]
pub(crate) struct Paced {
    pace: Arc<Pace>,
    waiting: Pin<Box<Sleep>>,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: u64) -> Arc<Self> {
        let bytes_per_second = bytes_per_second.max(1) as f64;
        Arc::new(Self { bytes_per_second, due: Mutex::new(Instant::now()) })
    }

    /// One more who reads.
    pub(crate) fn join(self: &Arc<Self>) -> Paced {
        Paced { pace: Arc::clone(self), waiting: Box::pin(sleep_until(Instant::now())) }
    }

    /// When whoever sends so many bytes now may send the next ones.
    fn after(&self, bytes: usize) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        *due = (*due).max(Instant::now()) + takes;
        *due
    }
}

impl Paced {
    /// Ready once the bytes before have had their time.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.waiting.as_mut().poll(context));
        Poll::Ready(())
    }

    /// So many bytes are sent.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.waiting.as_mut().reset(self.pace.after(bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn two_who_read_share_one_pace_and_rest_is_not_saved_up() {
        let pace = Pace::new(50_000);
        // Nobody has read for a while, which makes nobody faster.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        let read = |mut paced: Paced| async move {
            for _ in 0..5 {
                poll_fn(|context| paced.poll_ready(context)).await;
                paced.sent(1_000);
            }
        };
        tokio::join!(read(pace.join()), read(pace.join()));
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(160), "{took:?}");
    }
}
