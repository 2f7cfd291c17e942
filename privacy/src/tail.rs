//! How long a noisy update may become: the bound that it must prove admits its noise.
//!
//! s is an update with ‖s‖ ≤ S and z ∈ Z^d is noise of variance μ. A Skellam variable is the sum of N random signs with
//! N Poisson of mean μ. Given N_1..N_d, linearising the square with a Gaussian g, E e^(λ(s+z)²) = E e^(√(2λ)·g·(s+z)),
//! and cosh(a) ≤ e^(a²/2) show that (s_j + z_j)² has at most the moment generating function of (s_j + √N_j·g)²:
//!
//! ln E e^(λ‖s+z‖²) ≤ λ·(‖s‖² + ΣN_j) + λ²·(ΣN_j² + 2Σs_j²·N_j)/(1 − 2λ·max N_j).
//!
//! Such a variable exceeds ‖s‖² + ΣN_j + 2√(v·x) + 2·max N_j·x, v = ΣN_j² + 2Σs_j²·N_j, with probability at most e^(−x)
//! (Birgé and Massart, Bernoulli 1998, lemma 8). With M ≥ ΣN_j, which is Poisson of mean dμ, and N* ≥ max N_j:
//!
//! - M = dμ + √(2dμx) + x/3 fails with probability at most e^(−x) (Bernstein's inequality for a Poisson variable);
//! - N* = μ + √(2μy) + y/3 with y ≥ x + ln d fails with probability at most d·e^(−y) ≤ e^(−x);
//! - v ≤ N*·(M + 2S²).
//!
//! So ‖s+z‖² ≤ S² + M + 2√(N*·(M + 2S²)·x) + 2N*·x except with probability 3e^(−x); x = 71 makes that less than 2^-100.
//! All of it is computed in integers, rounded up: a contract decides by it.

use crate::ceil_log;

/// Noise exceeds its bound with probability at most 2^-100.
pub(crate) const MISFIT_BITS: u32 = 100;

/// x.
const EXPONENT: u128 = 71;

/// The least B such that ‖s+z‖ ≤ B except with probability 2^-100, for every s with ‖s‖ ≤ `signal` and noise z of that
/// `variance` in each of `dimension` places.
pub fn least_norm(signal: u32, variance: u64, dimension: u32) -> u64 {
    let signal = u128::from(signal);
    let variance = u128::from(variance);
    let d = u128::from(dimension);
    // ln d ≤ 0.7·⌈log₂ d⌉.
    let y = EXPONENT + (7 * u128::from(ceil_log(dimension.into()))).div_ceil(10);
    let largest = variance + ceil_sqrt(2 * variance * y) + y.div_ceil(3);
    let steps = d * variance + ceil_sqrt(2 * d * variance * EXPONENT) + EXPONENT.div_ceil(3);
    let deviation =
        ceil_sqrt(4 * largest * (steps + 2 * signal * signal) * EXPONENT) + 2 * largest * EXPONENT;
    u64::try_from(ceil_sqrt(signal * signal + steps + deviation)).unwrap_or(u64::MAX)
}

pub(crate) fn ceil_sqrt(value: u128) -> u128 {
    let floor = value.isqrt();
    floor + u128::from(floor * floor < value)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::Skellam;

    /// √ of the expected ‖s+z‖².
    fn expected(signal: u32, variance: u64, dimension: u32) -> f64 {
        (f64::from(signal).powi(2) + f64::from(dimension) * variance as f64).sqrt()
    }

    #[test]
    fn noisy_updates_stay_within_the_bound_wherever_their_norm_lies() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for (signal, variance, d) in
            [(100, 1, 300), (100, 50_000, 300), (5000, 10, 30), (50, 400, 3000), (9, 3, 1)]
        {
            let skellam = Skellam::new(variance).unwrap();
            let bound = least_norm(signal, variance, d) as f64;
            for spread in [true, false] {
                let share = f64::from(signal) / f64::from(d).sqrt();
                let longest = (0..2_000).map(|_| {
                    let place = |j| {
                        if spread { share } else { f64::from(u8::from(j == 0)) * f64::from(signal) }
                    };
                    (0..d)
                        .map(|j| (place(j) + skellam.sample(&mut rng) as f64).powi(2))
                        .sum::<f64>()
                        .sqrt()
                });
                let longest = longest.fold(0.0, f64::max);
                assert!(
                    longest <= bound,
                    "{longest} beyond {bound}: S {signal}, μ {variance}, d {d}"
                );
            }
        }
    }

    #[test]
    fn the_bound_costs_little_beside_the_norm_that_noise_has() {
        for (signal, variance, d, most) in
            [(100, 40_000, 289, 1.65), (100, 10_000, 10_000, 1.12), (500, 10_000, 100_000, 1.05)]
        {
            let bound = least_norm(signal, variance, d) as f64 / expected(signal, variance, d);
            assert!(bound > 1.0 && bound < most, "{bound}");
        }
    }

    #[test]
    fn the_bound_is_that_of_its_formula_and_never_overflows() {
        // x = 71, y = 71 + 0.7·9 rounded up = 78 (d = 289): N* = 10,000 + 1,250 + 26, M = 2,890,000 + 20,259 + 24.
        let largest = 11_276.0f64;
        let steps = 2_910_283.0f64;
        let square = 100.0f64 * 100.0;
        let deviation =
            2.0 * (largest * (steps + 2.0 * square) * 71.0).sqrt() + 2.0 * largest * 71.0;
        let formula = (square + steps + deviation).sqrt();
        assert!((least_norm(100, 10_000, 289) as f64 - formula).abs() < 2.0, "{formula}");
        assert!(least_norm(u32::MAX, crate::MAX_VARIANCE, u32::MAX) > u64::from(u32::MAX));
        assert_eq!(ceil_sqrt(17), 5);
    }

    #[test]
    fn three_failures_of_that_probability_are_rarer_than_the_documentation_says() {
        assert!(3.0 * (-(EXPONENT as f64)).exp() < 0.5f64.powi(MISFIT_BITS as i32));
    }
}
