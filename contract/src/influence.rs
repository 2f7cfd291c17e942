//! How far one institution can move the model in one step.
//!
//! What an institution may send follows its weight ω, and the mean divides by Σω. So it moves the model by its share of
//! what the whole sum may, and that share is largest in the lightest sum that may be opened with it inside: one of
//! `min_updates` institutions, the smallest of the others, or of whoever has `min_rows` together.

use std::fmt;

use crate::{
    Parameters, Promise,
    server_optimiser::{Moved, ServerOptimiser},
};

/// What bounds a hostile institution in one step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Influence {
    promise: Promise,
    max_rows: u64,
    min_rows: u64,
    min_updates: u32,
    server_optimiser: ServerOptimiser,
}

/// A distance between two models: in each parameter, or as the norm of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// In units of the model's parameters.
    pub most: f64,
    /// Whether it is a norm.
    pub is_norm: bool,
}

impl Influence {
    /// What a genesis with these numbers leaves one institution.
    pub fn new(promise: Promise, max_rows: u64, min_rows: u64, min_updates: u32) -> Self {
        let server_optimiser = ServerOptimiser::Mean;
        Self { promise, max_rows, min_rows, min_updates, server_optimiser }
    }

    /// Under an optimiser that takes the mean for a gradient.
    #[must_use]
    pub fn under(self, server_optimiser: ServerOptimiser) -> Self {
        Self { server_optimiser, ..self }
    }

    /// The most that an institution with `rows` moves the model by in a step, where the others that may take part have
    /// `others`.
    pub fn of(&self, rows: u64, others: &[u64]) -> Distance {
        let mut others = others.to_vec();
        others.sort_unstable();
        let fewest = (self.min_updates as usize).saturating_sub(1);
        let lightest = others.iter().take(fewest).sum::<u64>().saturating_add(rows);
        let weight_sum = lightest.max(self.min_rows) as f64 / self.max_rows as f64;
        self.moved(self.promise.longest_of(rows, self.max_rows) / weight_sum)
    }

    /// What a share of the mean, so long step after step, comes to.
    fn moved(&self, of_the_mean: f64) -> Distance {
        match self.server_optimiser.moved_by(of_the_mean) {
            Moved::InProportion(most) => Distance { most, is_norm: self.promise.is_of_the_norm() },
            Moved::InEachParameter(most) => Distance { most, is_norm: false },
        }
    }

    /// The most that any one of the institutions with these rows moves the model by in a step.
    pub fn most(&self, rows: &[u64]) -> Distance {
        let of = |place: usize, own: u64| {
            let others = rows.iter().enumerate().filter(|(other, _)| *other != place);
            self.of(own, &others.map(|(_, rows)| *rows).collect::<Vec<_>>())
        };
        let all = rows.iter().enumerate().map(|(place, own)| of(place, *own));
        all.max_by(|a, b| a.most.total_cmp(&b.most)).unwrap_or_else(|| self.moved(0.0))
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_norm {
            write!(f, "a norm of {:.4}", self.most)
        } else {
            write!(f, "{:.4} in each parameter", self.most)
        }
    }
}

impl Parameters {
    /// What the genesis leaves one institution.
    pub fn influence(&self) -> Influence {
        Influence::new(self.promise(), self.max_rows, self.min_rows, self.min_updates)
            .under(self.server_optimiser)
    }
}

#[cfg(test)]
mod tests {
    use consilium_crypto::{Bound, quantise::unit};
    use consilium_proto::v1;

    use super::*;

    const NORM: Bound = Bound::Norm { norm: 5_600, projections: 256 };

    fn influence(bound: Bound, min_rows: u64) -> Influence {
        Influence::new(Promise::new(bound, bound, 0.5, 289), 100_000, min_rows, 3)
    }

    #[test]
    fn an_institution_moves_the_model_by_its_share_of_the_lightest_sum_that_may_be_opened() {
        let unit = unit(Bound::parameter(8), 0.5, 289).unwrap();
        let influence = influence(Bound::parameter(8), 1);
        // ⌈127/4⌉ units, divided by the weight of itself and of the two smallest others.
        let expected = 32.0 * unit / 0.45;
        let found = influence.of(25_000, &[100_000, 10_000, 30_000, 10_000]);
        assert!((found.most - expected).abs() < 1e-12, "{found}");
        // Heavier sums only.
        let heavier = Influence { min_rows: 200_000, ..influence };
        let found = heavier.of(25_000, &[100_000, 10_000, 30_000, 10_000]);
        assert!((found.most - 32.0 * unit / 2.0).abs() < 1e-12, "{found}");
        assert_eq!(found.to_string(), format!("{:.4} in each parameter", 16.0 * unit));
    }

    #[test]
    fn one_row_of_a_hundred_thousand_no_longer_moves_the_model_by_hundreds_of_times_the_clip() {
        // What it was: with two others of 200 rows, 2.78·c over a weight of 401/100,000.
        let uniform = 2.7809 * 0.5 / 0.00401;
        assert!(uniform > 600.0 * 0.5);
        for (bound, most) in [(NORM, 2.0 * 0.5), (Bound::parameter(16), 0.5)] {
            let rows = [1, 200, 200, 100_000];
            let influence = influence(bound, 1);
            let found = influence.of(1, &rows[1..]).most;
            assert!(found < most, "{bound}: {found}");
            // With a quarter of all rows behind every sum, next to nothing.
            let found = Influence { min_rows: 25_100, ..influence }.of(1, &rows[1..]).most;
            assert!(found < 0.02 * 0.5, "{bound}: {found}");
        }
    }

    #[test]
    fn the_most_of_anyone_is_that_of_whoever_can_move_the_model_furthest() {
        let influence = influence(NORM, 1);
        let rows = [100_000, 50_000, 50_000, 10];
        let largest = influence.of(100_000, &[10, 50_000, 50_000]);
        assert_eq!(influence.most(&rows), largest);
        assert_eq!(influence.most(&[]).most, 0.0);
        assert!(largest.to_string().starts_with("a norm of 0.92"), "{largest}");
    }

    #[test]
    fn an_optimiser_of_the_server_lets_an_institution_move_the_model_further() {
        let rows = [100, 100, 100];
        let mean = influence(NORM, 1);
        let alone = mean.most(&rows);
        let momentum = v1::ServerMomentum { learning_rate: 0.5, beta: 0.9 };
        let momentum = mean.under(ServerOptimiser::Momentum(momentum)).most(&rows);
        assert!((momentum.most / alone.most - 5.0).abs() < 1e-9 && momentum.is_norm, "{momentum}");
        // Under Adam it is as much for one row as for all of them.
        let adam = v1::ServerAdam { learning_rate: 0.01, beta1: 0.0, beta2: 0.75, tau: 1.0 };
        let adam = mean.under(ServerOptimiser::Adam(adam));
        assert_eq!(adam.of(1, &rows), adam.of(100_000, &rows));
        assert_eq!(adam.most(&rows).to_string(), "0.0400 in each parameter");
    }

    #[test]
    fn where_there_is_noise_everyone_has_the_whole_bound() {
        let quantised = Bound::Norm { norm: 56, projections: 256 };
        let promise = Promise::new(NORM, quantised, 0.5, 289);
        let influence = Influence::new(promise, 100, 100, 3);
        let found = influence.of(1, &[100, 100]).most;
        assert!((found / promise.longest() - 100.0 / 201.0).abs() < 1e-3, "{found}");
    }
}
