//! The accountant: what a step costs at each Rényi order, and what many steps come to as (ε, δ).
//!
//! - **A step** (Agarwal, Kairouz, Liu, "The Skellam Mechanism for Differentially Private Federated Learning",
//!   NeurIPS 2021, theorem 3.5 and corollary 3.6): for an integer α > 1 and noise of variance μ in every place,
//!   τ(α) = α·Δ₂²/(2μ) + min(((2α − 1)·Δ₂² + 6·Δ₁)/(4μ²), 3·Δ₁/(2μ)), with Δ₁ ≤ min(√d·Δ₂, Δ₂²) for integers. The tests
//!   compare it with the divergence computed from the probabilities.
//! - **Many steps** add up order by order, also where each depends on what the earlier ones published (Mironov, "Rényi
//!   Differential Privacy", CSF 2017, proposition 1).
//! - **To (ε, δ)** (Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020,
//!   proposition 12): ε = τ + (ln(1/δ) + (α − 1)·ln(1 − 1/α) − ln α)/(α − 1), the least over the orders.
//!
//! A contract decides by these numbers on many machines. They are integers in units of 2^-48, every operation rounded
//! to the side of a larger ε; logarithms are series of integers. No floating point is involved.

use crate::tail::ceil_sqrt;

/// Units of ε.
const ONE: u128 = 1 << 48;

/// ln 2, rounded up: 195,103,586,505,167.48.
const LN_2: u128 = 195_103_586_505_168;

/// The orders α, ascending.
fn orders() -> impl Iterator<Item = u64> {
    (2..=64).chain([80, 96, 128, 192, 256, 512])
}

/// Steps under noise of one variance in the sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    /// The variance, in every place.
    pub(crate) variance: u64,
    /// How many.
    pub(crate) count: u64,
}

/// What a step costs under a given noise, and the conversion, at every order.
#[derive(Debug, Clone)]
pub(crate) struct Renyi {
    /// Δ₂².
    squared: u128,
    /// Δ₁.
    first: u128,
    /// (α, the conversion's share in units of 2^-48).
    orders: Vec<(u128, u128)>,
}

impl Renyi {
    /// Steps whose summands are no longer than `signal`, in `dimension` places; converted at δ = 2^-`delta_bits`.
    pub(crate) fn new(signal: u32, dimension: u32, delta_bits: u32) -> Self {
        let squared = u128::from(signal).pow(2);
        let first = ceil_sqrt(u128::from(dimension) * squared).min(squared);
        let mut log_alpha = 0;
        let mut next = 1;
        let orders = orders().map(|order| {
            // ln α = Σ ln(1 + 1/m) over m below α; the orders ascend.
            while next < order {
                log_alpha += log_ratio(next);
                next += 1;
            }
            let alpha = u128::from(order);
            // ln(1 − 1/α) = −ln(1 + 1/(α − 1)).
            let numerator = (u128::from(delta_bits) * LN_2)
                .saturating_sub((alpha - 1) * log_ratio(order - 1))
                .saturating_sub(log_alpha);
            (alpha, numerator.div_ceil(alpha - 1))
        });
        let orders = orders.collect();
        Self { squared, first, orders }
    }

    /// τ(α) under noise of `variance`, in units of 2^-48.
    fn cost(&self, alpha: u128, variance: u64) -> u128 {
        let Self { squared, first, .. } = *self;
        let variance = u128::from(variance.max(1));
        let gaussian = ratio(alpha * squared, 2 * variance);
        let discrete = ratio((2 * alpha - 1) * squared + 6 * first, 4 * variance * variance);
        gaussian + discrete.min(ratio(3 * first, 2 * variance))
    }

    /// What all `steps` cost at one order; what overflows is more than any budget.
    fn sum(&self, alpha: u128, steps: &[Steps]) -> u128 {
        let each = steps.iter().map(|Steps { variance, count }| {
            u128::from(*count).saturating_mul(self.cost(alpha, *variance))
        });
        each.fold(0, u128::saturating_add)
    }

    /// ε after these steps, in thousandths, rounded up; no step costs nothing.
    pub(crate) fn epsilon_milli(&self, steps: &[Steps]) -> u64 {
        if steps.iter().all(|steps| steps.count == 0) {
            return 0;
        }
        let spent = self
            .orders
            .iter()
            .map(|(alpha, conversion)| self.sum(*alpha, steps).saturating_add(*conversion));
        let milli = spent.min().unwrap_or(u128::MAX).saturating_mul(1000).div_ceil(ONE);
        u64::try_from(milli).unwrap_or(u64::MAX)
    }

    /// The most further steps under noise of `variance` whose ε, with that of `before`, is at most `milli` thousandths.
    pub(crate) fn affordable(&self, before: &[Steps], variance: u64, milli: u32) -> u64 {
        let budget = u128::from(milli) * ONE / 1000;
        let steps = self.orders.iter().map(|(alpha, conversion)| {
            let taken = self.sum(*alpha, before).saturating_add(*conversion);
            match budget.checked_sub(taken) {
                Some(left) => left / self.cost(*alpha, variance).max(1),
                None => 0,
            }
        });
        u64::try_from(steps.max().unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

/// numerator/denominator, rounded up. Numerators are below 2^80: 512·(2^32)² and d·S².
fn ratio(numerator: u128, denominator: u128) -> u128 {
    (numerator * ONE).div_ceil(denominator)
}

/// ln(1 + 1/m), rounded down: 2·Σ 1/((2j+1)·(2m+1)^(2j+1)).
fn log_ratio(m: u64) -> u128 {
    let base = u128::from(2 * m + 1);
    let powers = std::iter::successors(Some(2 * ONE / base), |power| Some(power / (base * base)));
    powers.take_while(|power| *power > 0).zip(0_u128..).map(|(power, j)| power / (2 * j + 1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skellam::tests::probabilities;

    fn unit(value: u128) -> f64 {
        value as f64 / ONE as f64
    }

    /// The formula of CKS 2020, proposition 12, in floats.
    fn conversion(alpha: f64, delta_bits: u32) -> f64 {
        let log_delta = -f64::from(delta_bits) * 2f64.ln();
        (-log_delta + (alpha - 1.0) * (1.0 - 1.0 / alpha).ln() - alpha.ln()) / (alpha - 1.0)
    }

    #[test]
    fn logarithms_and_conversions_agree_with_floats_from_the_safe_side() {
        for m in [1, 2, 3, 17, 511] {
            let exact = (1.0 / m as f64).ln_1p();
            assert!(unit(log_ratio(m)) <= exact && exact - unit(log_ratio(m)) < 1e-12, "{m}");
        }
        assert!(unit(LN_2) >= 2f64.ln() && unit(LN_2) - 2f64.ln() < 1e-13);
        for delta_bits in [10, 17, 40] {
            let renyi = Renyi::new(100, 300, delta_bits);
            for (alpha, (_, found)) in orders().zip(&renyi.orders) {
                let exact = conversion(alpha as f64, delta_bits).max(0.0);
                assert!(
                    (unit(*found) - exact).abs() < 1e-8,
                    "order {alpha}: {} {exact}",
                    unit(*found)
                );
                assert!(unit(*found) >= exact - 1e-15);
            }
        }
        assert_eq!(orders().count(), 69);
    }

    #[test]
    fn the_cost_of_a_step_is_never_below_the_divergence_and_close_to_it() {
        // One place, Δ₁ = Δ₂ = s: D_α = ln Σ p(z)^α·q(z)^(1−α) / (α − 1) with q = p shifted by s.
        for (signal, variance) in [(1_u32, 4_u64), (1, 100), (2, 30), (5, 400), (20, 2_000)] {
            let reach = (13.0 * (variance as f64).sqrt() + 40.0) as i64;
            let p = probabilities(variance as f64, reach + i64::from(signal));
            let renyi = Renyi::new(signal, 1, 17);
            for alpha in orders().take(10) {
                let a = alpha as f64;
                let pairs = p
                    .iter()
                    .zip(p.iter().skip(signal as usize))
                    .filter(|(p, q)| **p > 1e-250 && **q > 1e-250);
                let sum: f64 = pairs.map(|(p, q)| (a * p.ln() + (1.0 - a) * q.ln()).exp()).sum();
                let exact = sum.ln() / (a - 1.0);
                let claimed = unit(renyi.cost(alpha.into(), variance));
                assert!(
                    claimed >= exact,
                    "S {signal}, μ {variance}, order {alpha}: {claimed} below {exact}"
                );
                let most =
                    1.0 + 4.0 / variance as f64 + 4.0 / f64::from(signal) / variance as f64 + 0.02;
                assert!(
                    claimed <= exact * most,
                    "S {signal}, μ {variance}, order {alpha}: {claimed} above {exact}"
                );
            }
        }
    }

    #[test]
    fn with_much_noise_a_step_costs_what_it_costs_under_gaussian_noise() {
        // Mironov 2017, table II: α/(2σ²) for a sensitivity of 1.
        let signal = 1_000_000;
        let variance = 16_000_000_000_000;
        let renyi = Renyi::new(signal, 100, 17);
        for alpha in orders() {
            let cost = unit(renyi.cost(alpha.into(), variance));
            let gaussian = alpha as f64 / (2.0 * 16.0);
            assert!((cost / gaussian - 1.0).abs() < 1e-5 && cost >= gaussian, "{alpha}");
        }
    }

    /// ε of k steps of Gaussian noise σ per unit of sensitivity, by the accountant.
    fn gaussian_epsilon(sigma: f64, delta_bits: u32, steps: u64) -> f64 {
        let variance = (sigma * sigma * 1e12) as u64;
        let steps = [Steps { variance, count: steps }];
        Renyi::new(1_000_000, 1, delta_bits).epsilon_milli(&steps) as f64 / 1000.0
    }

    /// δ of the Gaussian mechanism at ε, exactly (Balle and Wang, ICML 2018, theorem 8).
    fn gaussian_delta(sigma: f64, epsilon: f64) -> f64 {
        // Φ by the integral, Simpson's rule.
        let phi = |x: f64| {
            let steps = 20_000;
            let from = -40.0;
            let h = (x - from) / f64::from(steps);
            let f = |t: f64| (-t * t / 2.0).exp();
            let inner =
                (1..steps).map(|i| f(from + f64::from(i) * h) * if i % 2 == 1 { 4.0 } else { 2.0 });
            (f(from) + f(x) + inner.sum::<f64>()) * h / 3.0 / (2.0 * std::f64::consts::PI).sqrt()
        };
        phi(0.5 / sigma - epsilon * sigma) - epsilon.exp() * phi(-0.5 / sigma - epsilon * sigma)
    }

    #[test]
    fn epsilon_is_above_the_exact_one_of_gaussian_noise_and_close_to_it() {
        // k steps of σ are one of σ/√k.
        for (sigma, steps) in [(1.0, 1), (4.0, 1), (5.0, 60), (10.0, 1000)] {
            let delta = 0.5f64.powi(17);
            let mut low = 0.0;
            let mut high = 100.0;
            for _ in 0..60 {
                let middle = (low + high) / 2.0;
                let above = gaussian_delta(sigma / (steps as f64).sqrt(), middle) > delta;
                (low, high) = if above { (middle, high) } else { (low, middle) };
            }
            let found = gaussian_epsilon(sigma, 17, steps);
            assert!(
                found >= high && found < 1.12 * high,
                "σ {sigma}, {steps} steps: {found}, exactly {high}"
            );
        }
    }

    #[test]
    fn epsilon_is_the_least_over_the_orders_of_the_published_formulas() {
        for (signal, dimension, variance, delta_bits, steps) in [
            (100_u32, 289_u32, 280_000_u64, 17, 60_u64),
            (3, 10, 100, 20, 1),
            (1000, 100_000, 7_000_000, 30, 500),
        ] {
            let s = f64::from(signal);
            let mu = variance as f64;
            let first = (f64::from(dimension).sqrt() * s).min(s * s);
            let at = |alpha: u64| {
                let a = alpha as f64;
                let second = ((2.0 * a - 1.0) * s * s + 6.0 * first) / (4.0 * mu * mu);
                let tau = a * s * s / (2.0 * mu) + second.min(3.0 * first / (2.0 * mu));
                steps as f64 * tau + conversion(a, delta_bits)
            };
            let exact = orders().map(at).fold(f64::INFINITY, f64::min);
            let taken = [Steps { variance, count: steps }];
            let found =
                Renyi::new(signal, dimension, delta_bits).epsilon_milli(&taken) as f64 / 1000.0;
            assert!(found >= exact && found < exact + 0.0011 + exact * 1e-5, "{found} {exact}");
        }
    }

    #[test]
    fn the_steps_that_a_budget_affords_are_the_last_that_stay_within_it() {
        for (signal, variance, budget) in
            [(100, 280_000, 8_000), (100, 28_000, 8_000), (7, 1_000, 500), (100, 1, 100)]
        {
            let renyi = Renyi::new(signal, 289, 17);
            let steps = renyi.affordable(&[], variance, budget);
            let after = |count| renyi.epsilon_milli(&[Steps { variance, count }]);
            assert!(after(steps) <= u64::from(budget), "{steps}");
            assert!(after(steps + 1) > u64::from(budget), "{steps}");
        }
    }

    #[test]
    fn steps_under_several_noises_add_up_order_by_order_whatever_their_sequence() {
        let renyi = Renyi::new(100, 289, 17);
        let much = Steps { variance: 280_000, count: 10 };
        let little = Steps { variance: 160_000, count: 5 };
        let both = renyi.epsilon_milli(&[much, little]);
        assert_eq!(both, renyi.epsilon_milli(&[little, much]));
        // Between as many steps under the one noise and under the other.
        let least = renyi.epsilon_milli(&[Steps { count: 15, ..much }]);
        let most = renyi.epsilon_milli(&[Steps { count: 15, ..little }]);
        assert!(least < both && both < most, "{least} {both} {most}");
        // What is left after five dear steps affords fewer cheap ones than after five cheap ones.
        let left = |before| renyi.affordable(&[before], much.variance, 8_000);
        let dear = left(little);
        assert!(dear < left(Steps { count: 5, ..much }));
        let upto = |count| renyi.epsilon_milli(&[little, Steps { count, ..much }]);
        assert!(upto(dear) <= 8_000 && upto(dear + 1) > 8_000);
    }

    #[test]
    fn no_number_overflows() {
        let renyi = Renyi::new(u32::MAX, u32::MAX, 40);
        let most = Steps { variance: 1, count: u64::MAX };
        assert_eq!(renyi.affordable(&[], 1, 20_000), 0);
        assert_eq!(renyi.affordable(&[most, most], 1, 20_000), 0);
        assert_eq!(renyi.epsilon_milli(&[most, most]), u64::MAX);
        assert!(Renyi::new(1, 1, 40).affordable(&[], u64::from(u32::MAX) * 128, 20_000) > 0);
    }
}
