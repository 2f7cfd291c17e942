//! When to try again.

use std::time::Duration;

use rand_core::RngCore;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// Exponential backoff with jitter: each pause is drawn from the upper half of a bound that doubles up to ten seconds,
/// so that institutions that lost the coordinator together do not come back together.
pub(crate) struct Backoff {
    bound: Duration,
    rng: Box<dyn RngCore + Send>,
}

impl Backoff {
    /// The jitter comes from there.
    pub(crate) fn new(rng: Box<dyn RngCore + Send>) -> Self {
        Self { bound: FIRST, rng }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let half = self.bound / 2;
        let jitter = half.mul_f64(f64::from(self.rng.next_u32()) / f64::from(u32::MAX));
        self.bound = (self.bound * 2).min(LONGEST);
        half + jitter
    }

    /// Things go well again.
    pub(crate) fn reset(&mut self) {
        self.bound = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Box::new(ChaCha20Rng::seed_from_u64(1)));
        let mut bound = FIRST;
        for _ in 0..12 {
            let pause = backoff.pause();
            assert!(pause >= bound / 2 && pause <= bound, "{pause:?} within {bound:?}");
            bound = (bound * 2).min(LONGEST);
        }
        assert_eq!(bound, LONGEST);
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}
