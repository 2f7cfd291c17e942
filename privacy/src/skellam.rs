//! Skellam noise: the difference of two Poisson variables of mean μ/2, an integer of mean 0 and variance μ.
//!
//! Sums of independent Skellam variables are Skellam variables, their variances added: h institutions that each add
//! noise of variance μ add noise of variance h·μ to their sum, exactly as if one party had
//! drawn it all.
//!
//! **Sampling** inverts a table of the cumulative Poisson probabilities in integers of 128 bits. The weight of the
//! mode is 2^112; its neighbours follow from p(k+1) = p(k)·λ/(k+1), rounded down, until they vanish. No floating
//! point is involved, so that what is known of Gaussian samplers (Mironov, CCS 2012: the gaps between floats betray
//! the value that was noised) has no counterpart, and a generator gives the same noise on every machine.
//!
//! **How far from the true distribution.** A weight that is j steps from the mode has lost at most j units by
//! rounding and truncation, and there are at most 30·√λ + 200 weights: together less than (30·√λ + 200)² units of at
//! least 2^112·max(1, √λ) in all. For every λ up to 5·10^7 that is below 2^-[`DISTANCE_BITS`] of the mass, the tail
//! beyond the table included. `bound` takes that much from δ for every variable that is drawn.
//!
//! The time of a draw depends on the value drawn, through the processor's caches. Whoever can time an institution's
//! memory accesses is already inside it.

use rand_core::RngCore;

use crate::PrivacyError;

/// Largest μ: the table then has 4 MB.
pub const MAX_VARIANCE: u64 = 100_000_000;

/// A drawn Poisson variable is within statistical distance 2^-86 of a true one.
pub(crate) const DISTANCE_BITS: u32 = 86;

/// Weight of the mode.
const MODE_WEIGHT: u128 = 1 << 112;

/// A sampler of Skellam noise.
#[derive(Clone)]
pub struct Skellam {
    variance: u64,
    /// The Poisson value of the first weight.
    least: u64,
    /// Σ of the weights up to and including each.
    cumulative: Vec<u128>,
}

impl Skellam {
    /// Noise of variance μ, 1 to [`MAX_VARIANCE`].
    ///
    /// # Errors
    /// [`PrivacyError::Variance`].
    pub fn new(variance: u64) -> Result<Self, PrivacyError> {
        if !(1..=MAX_VARIANCE).contains(&variance) {
            return Err(PrivacyError::Variance { variance });
        }
        // λ = μ/2; the mode is ⌊λ⌋.
        let mode = variance / 2;
        let above = |(k, weight): (u64, u128)| {
            let next = k + 1;
            Some((next, scale(weight, variance, 2 * next))).filter(|(_, weight)| *weight > 0)
        };
        let below = |(k, weight): (u64, u128)| {
            let next = k.checked_sub(1)?;
            Some((next, scale(weight, 2 * k, variance))).filter(|(_, weight)| *weight > 0)
        };
        let start = (mode, MODE_WEIGHT);
        let mut weights: Vec<(u64, u128)> =
            std::iter::successors(below(start), |last| below(*last)).collect();
        weights.reverse();
        weights.extend(std::iter::successors(Some(start), |last| above(*last)));
        let least = weights.first().map_or(mode, |(k, _)| *k);
        let mut total = 0;
        let cumulative = weights.into_iter().map(|(_, weight)| {
            total += weight;
            total
        });
        Ok(Self { variance, least, cumulative: cumulative.collect() })
    }

    /// μ.
    pub fn variance(&self) -> u64 {
        self.variance
    }

    /// Draws one value.
    pub fn sample(&self, rng: &mut impl RngCore) -> i64 {
        self.poisson(rng).cast_signed() - self.poisson(rng).cast_signed()
    }

    fn poisson(&self, rng: &mut impl RngCore) -> u64 {
        let total = self.cumulative.last().copied().unwrap_or(1);
        let below = below(total, rng);
        self.least + self.cumulative.partition_point(|sum| *sum <= below) as u64
    }
}

// The table is long and says nothing more.
impl std::fmt::Debug for Skellam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Skellam").field("variance", &self.variance).finish_non_exhaustive()
    }
}

/// ⌊weight·a/b⌋ without overflow: weight = quotient·b + rest.
fn scale(weight: u128, a: u64, b: u64) -> u128 {
    let a = u128::from(a);
    let b = u128::from(b);
    weight / b * a + weight % b * a / b
}

/// Uniform in [0, total), by rejection.
fn below(total: u128, rng: &mut impl RngCore) -> u128 {
    let mask = u128::MAX >> total.leading_zeros();
    loop {
        let drawn = (u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())) & mask;
        if drawn < total {
            return drawn;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    /// Probabilities of a Skellam variable of variance μ from −reach to reach, in floats and from scratch: Poisson
    /// probabilities by logarithms, convolved.
    pub(crate) fn probabilities(variance: f64, reach: i64) -> Vec<f64> {
        let lambda = variance / 2.0;
        let most = (lambda + 14.0 * lambda.sqrt() + 40.0) as usize;
        let mut log_factorial = 0.0;
        let poisson: Vec<f64> = (0..=most)
            .map(|k| {
                log_factorial += (k.max(1) as f64).ln();
                (k as f64 * lambda.ln() - lambda - log_factorial).exp()
            })
            .collect();
        let at = |z: i64| -> f64 {
            let shift = z.unsigned_abs() as usize;
            poisson.iter().zip(poisson.iter().skip(shift)).map(|(a, b)| a * b).sum()
        };
        (-reach..=reach).map(at).collect()
    }

    /// χ² over cells of at least 20 expected draws, and its degrees of freedom.
    fn chi_square(draws: &[i64], probabilities: &[f64], reach: i64) -> (f64, f64) {
        let mut counts = vec![0.0; probabilities.len()];
        for z in draws {
            counts[(z + reach) as usize] += 1.0;
        }
        let mut statistic = 0.0;
        let mut cells = -1.0;
        let mut expected = 0.0;
        let mut found = 0.0;
        for (p, count) in probabilities.iter().zip(counts) {
            expected += p * draws.len() as f64;
            found += count;
            if expected >= 20.0 {
                statistic += (found - expected) * (found - expected) / expected;
                (cells, expected, found) = (cells + 1.0, 0.0, 0.0);
            }
        }
        (statistic, cells)
    }

    /// χ² as a standard normal variable (Wilson and Hilferty, 1931).
    fn normal((statistic, freedom): (f64, f64)) -> f64 {
        let spread = 2.0 / (9.0 * freedom);
        ((statistic / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
    }

    /// Draws that follow the distribution, and would be seen not to follow that of a variance larger by 5 %.
    fn assert_fits(draws: &[i64], variance: f64) {
        let reach = (12.0 * variance.sqrt() + 40.0) as i64;
        let right = normal(chi_square(draws, &probabilities(variance, reach), reach));
        assert!(right < 4.5, "{right} standard deviations from variance {variance}");
        let wrong = normal(chi_square(draws, &probabilities(1.05 * variance, reach), reach));
        assert!(wrong > 4.5, "the test would not see another variance: {wrong}");
    }

    #[test]
    fn draws_follow_the_distribution() {
        for (seed, variance) in [(1, 1), (2, 2), (3, 7), (4, 50), (5, 999), (6, 10_000)] {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let skellam = Skellam::new(variance).unwrap();
            let draws: Vec<i64> = (0..200_000).map(|_| skellam.sample(&mut rng)).collect();
            assert_fits(&draws, variance as f64);
        }
    }

    #[test]
    fn sums_of_shares_follow_the_distribution_of_the_summed_variance() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let share = Skellam::new(30).unwrap();
        let sums: Vec<i64> =
            (0..200_000).map(|_| (0..7).map(|_| share.sample(&mut rng)).sum()).collect();
        assert_fits(&sums, 210.0);
    }

    #[test]
    fn mean_variance_and_tails_are_right_up_to_the_largest_variance() {
        for (seed, variance) in [(8, 1_000_000), (9, MAX_VARIANCE - 1), (10, MAX_VARIANCE)] {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let skellam = Skellam::new(variance).unwrap();
            let count = 200_000;
            let deviation = (variance as f64).sqrt();
            let draws: Vec<f64> =
                (0..count).map(|_| skellam.sample(&mut rng) as f64 / deviation).collect();
            let mean = draws.iter().sum::<f64>() / count as f64;
            let square = draws.iter().map(|z| z * z).sum::<f64>() / count as f64;
            let beyond = draws.iter().filter(|z| z.abs() > 3.0).count() as f64;
            // Standard deviations 0.0022, 0.0032 and 23 of 540: four of each.
            assert!(
                mean.abs() < 0.009 && (square - 1.0).abs() < 0.0127,
                "{variance}: {mean} {square}"
            );
            assert!((beyond - 540.0).abs() < 93.0, "{variance}: {beyond} beyond three deviations");
        }
    }

    #[test]
    fn a_table_is_as_close_to_the_distribution_as_its_documentation_says() {
        for variance in [1, 2, 3, 100, 1_000_000, MAX_VARIANCE] {
            let skellam = Skellam::new(variance).unwrap();
            let total = *skellam.cumulative.last().unwrap();
            let root = (variance as f64 / 2.0).sqrt();
            let length = skellam.cumulative.len() as f64;
            assert!(length <= 30.0 * root + 200.0, "{variance}: {length} weights");
            assert!(total as f64 >= (MODE_WEIGHT as f64) * root.max(1.0), "{variance}");
            let distance = (30.0 * root + 200.0).powi(2) / (MODE_WEIGHT as f64 * root.max(1.0));
            assert!(
                distance < 0.5f64.powi(DISTANCE_BITS as i32),
                "{variance}: 2^{}",
                distance.log2()
            );
        }
    }

    #[test]
    fn weights_match_the_probabilities_in_floats() {
        let skellam = Skellam::new(40).unwrap();
        let total = *skellam.cumulative.last().unwrap() as f64;
        let mut before = 0;
        let mut p = (-20.0f64).exp();
        assert_eq!(skellam.least, 0);
        for (k, sum) in skellam.cumulative.iter().enumerate().take(70) {
            assert!(((sum - before) as f64 / total / p - 1.0).abs() < 1e-9, "{k}");
            (before, p) = (*sum, p * 20.0 / (k + 1) as f64);
        }
    }

    #[test]
    fn a_seed_gives_the_same_noise_for_ever() {
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        let skellam = Skellam::new(10_000).unwrap();
        let draws: Vec<i64> = (0..6).map(|_| skellam.sample(&mut rng)).collect();
        assert_eq!(draws, [-75, 15, 0, -34, 159, -125]);
    }

    #[test]
    fn variances_out_of_range_are_refused() {
        for variance in [0, MAX_VARIANCE + 1, u64::MAX] {
            assert!(matches!(Skellam::new(variance), Err(PrivacyError::Variance { .. })));
        }
    }
}
