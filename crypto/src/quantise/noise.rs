//! Noise on a quantised update, for differential privacy (`consilium_privacy`).
//!
//! An update is quantised to its norm before noise, S, and becomes an update of the run's norm B when noise is added.
//! The two bounds differ, so that an update without its noise is no update of the run: encryption refuses it.
//!
//! ```text
//! Δ ─ Quantiser (norm S) ─▶ q, ‖q‖ ≤ S ─ Noise ─▶ x = q + z, ‖x‖ ≤ B ─▶ encrypted and proven
//! ```

use consilium_privacy::{Skellam, least_norm};
use rand_core::OsRng;
#[cfg(any(test, feature = "simulation"))]
use rand_core::RngCore;
use zeroize::Zeroizing;

use crate::{Bound, QuantiseError, QuantisedUpdate};

/// A source of Skellam noise for the updates of one institution. Neither cloned nor repeated: noise that is used twice
/// cancels in a difference.
pub struct Noise {
    skellam: Skellam,
    bound: Bound,
    source: Source,
}

enum Source {
    /// The operating system's generator.
    System,
    /// One that somebody can repeat.
    #[cfg(any(test, feature = "simulation"))]
    Simulated(Box<dyn RngCore + Send>),
}

impl Noise {
    /// Noise of `variance` from the operating system's generator, for updates of a run with this bound on the norm.
    ///
    /// # Errors
    /// [`QuantiseError::Noise`], [`QuantiseError::NoiseWithoutNorm`], [`QuantiseError::Bound`].
    pub fn new(variance: u64, bound: Bound) -> Result<Self, QuantiseError> {
        Self::from(variance, bound, Source::System)
    }

    /// Noise that `rng` makes, so that a simulation repeats. Whoever knows its seed subtracts it: it hides nothing.
    ///
    /// # Errors
    /// As [`Noise::new`].
    #[cfg(any(test, feature = "simulation"))]
    pub fn simulated(
        variance: u64,
        bound: Bound,
        rng: impl RngCore + Send + 'static,
    ) -> Result<Self, QuantiseError> {
        Self::from(variance, bound, Source::Simulated(Box::new(rng)))
    }

    fn from(variance: u64, bound: Bound, source: Source) -> Result<Self, QuantiseError> {
        bound.check()?;
        match bound {
            Bound::Norm { .. } => Ok(Self { skellam: Skellam::new(variance)?, bound, source }),
            Bound::Parameter { .. } => Err(QuantiseError::NoiseWithoutNorm),
        }
    }

    /// x = q + z. It is drawn once: noise that was drawn until it fits would be other noise.
    ///
    /// # Errors
    /// [`QuantiseError::NoiseTooLong`] where ‖x‖ > B: the institution has no update of this step.
    pub fn add(&mut self, update: &QuantisedUpdate) -> Result<QuantisedUpdate, QuantiseError> {
        let noisy = |rng: &mut dyn FnMut() -> i64| -> Zeroizing<Vec<i64>> {
            Zeroizing::new(update.as_slice().iter().map(|q| q.saturating_add(rng())).collect())
        };
        let mut values = match &mut self.source {
            Source::System => noisy(&mut || self.skellam.sample(&mut OsRng)),
            #[cfg(any(test, feature = "simulation"))]
            Source::Simulated(rng) => noisy(&mut || self.skellam.sample(rng)),
        };
        QuantisedUpdate::new(std::mem::take(&mut *values), self.bound).map_err(|error| {
            match (error, update.bound()) {
                (QuantiseError::TooLong { norm }, Bound::Norm { norm: signal, .. }) => {
                    let variance = self.skellam.variance();
                    let dimension = u32::try_from(update.len()).unwrap_or(u32::MAX);
                    QuantiseError::NoiseTooLong {
                        variance,
                        norm,
                        least: least_norm(signal, variance, dimension),
                    }
                }
                (error, _) => error,
            }
        })
    }
}

// Where the noise comes from matters, and is all that is said of it.
impl std::fmt::Debug for Noise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = match self.source {
            Source::System => "the operating system",
            #[cfg(any(test, feature = "simulation"))]
            Source::Simulated(_) => "a simulation",
        };
        write!(f, "Noise(variance {} from {source}, {:?})", self.skellam.variance(), self.bound)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::Quantiser;

    const D: usize = 300;

    fn norm(norm: u32) -> Bound {
        Bound::Norm { norm, projections: 256 }
    }

    fn simulated(variance: u64, bound: Bound) -> Noise {
        Noise::simulated(variance, bound, ChaCha20Rng::seed_from_u64(1)).unwrap()
    }

    fn signal() -> QuantisedUpdate {
        QuantisedUpdate::new((0..D as i64).map(|j| j % 7 - 3).collect(), norm(100)).unwrap()
    }

    #[test]
    fn noise_is_added_to_every_parameter_and_the_result_has_the_norm_of_the_run() {
        let bound = norm(least_norm(100, 2_500, D as u32) as u32);
        let noisy = simulated(2_500, bound).add(&signal()).unwrap();
        assert_eq!((noisy.bound(), noisy.len()), (bound, D));
        let noise: Vec<i64> =
            noisy.as_slice().iter().zip(signal().as_slice()).map(|(x, q)| x - q).collect();
        let variance = noise.iter().map(|z| (z * z) as f64).sum::<f64>() / D as f64;
        // Its standard deviation is 2,500·√(2/300) = 204.
        assert!((variance - 2_500.0).abs() < 800.0, "{variance}");
    }

    #[test]
    fn a_fixed_seed_gives_fixed_noise_and_every_update_its_own() {
        let bound = norm(5_000);
        let mut one = simulated(900, bound);
        let mut same = simulated(900, bound);
        let first = one.add(&signal()).unwrap();
        assert!(first == same.add(&signal()).unwrap());
        assert!(first != one.add(&signal()).unwrap());
    }

    #[test]
    fn noise_of_the_operating_system_never_repeats() {
        let bound = norm(5_000);
        let draw = || Noise::new(900, bound).unwrap().add(&signal()).unwrap();
        assert!(draw() != draw());
        assert_eq!(
            format!("{:?}", Noise::new(900, bound).unwrap()),
            "Noise(variance 900 from the operating system, Norm { norm: 5000, projections: 256 })"
        );
        assert!(format!("{:?}", simulated(900, bound)).contains("from a simulation"));
    }

    #[test]
    fn noise_that_outgrows_the_norm_is_refused_with_the_norm_that_would_do() {
        let error = simulated(2_500, norm(200)).add(&signal()).unwrap_err();
        let QuantiseError::NoiseTooLong { variance: 2_500, norm: 200, least } = error else {
            panic!("{error}")
        };
        assert_eq!(least, least_norm(100, 2_500, D as u32));
        assert!(error.to_string().contains(&format!("raise the norm to {least}")), "{error}");
        assert!(simulated(2_500, norm(least as u32)).add(&signal()).is_ok());
    }

    #[test]
    fn noise_without_a_norm_or_a_variance_is_refused() {
        assert_eq!(
            Noise::new(1, Bound::parameter(8)).unwrap_err(),
            QuantiseError::NoiseWithoutNorm
        );
        assert!(matches!(Noise::new(0, norm(100)), Err(QuantiseError::Noise(_))));
        assert!(matches!(Noise::new(1, norm(0)), Err(QuantiseError::Bound(_))));
    }

    #[test]
    fn what_is_quantised_to_a_norm_never_exceeds_it_whatever_is_drawn() {
        // The sensitivity that the accountant takes: at the bound, with rounding that would exceed it half of the time.
        let quantiser = Quantiser::new(norm(40), 1.0, 1.0, 10).unwrap();
        for seed in 0..200 {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let scale = if seed % 2 == 0 { 1.0 } else { 1e6 };
            let (update, _) = quantiser.quantise(&vec![scale; 1000], &mut rng).unwrap();
            assert!(update.as_slice().iter().map(|q| q * q).sum::<i64>() <= 1600);
        }
    }
}
