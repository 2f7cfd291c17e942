//! Of a number.

use serde::Serialize;

use crate::Quantities;

/// What is summed: squared errors, absolute errors, numbers and their squares.
const SUMMED: usize = 4;
/// Sums: each of these in whole units, then what is left of each, in parts of a unit. Squared errors of a good model are small
/// fractions, which one site's few rows would lose in the rounding of a step.
pub(super) const SUMS: usize = 2 * SUMMED;
/// Units that a fraction of 1 counts, as a step rounds sums.
const UNITS: f64 = 4096.0;

/// How good a model that predicts a number is. Lengths are fractions of the plausible range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberScores {
    /// Rows.
    pub rows: u64,
    /// Mean squared error, which is what training makes small.
    pub loss: f64,
    /// Its root.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// R²: 1 − the squared errors over those of the mean of these rows; below 0 where that mean would do better. `None` where all
    /// rows have the same number, as far as sums show it.
    pub r_squared: Option<f64>,
}

/// Of predicted and actual fractions. A prediction outside of the plausible range counts as the end that it is beyond, which
/// is what is predicted.
pub(super) fn count(scored: impl Iterator<Item = (f32, f32)>) -> Quantities {
    let mut rows = 0;
    let mut sums = [0.0f64; SUMMED];
    for (predicted, actual) in scored {
        // A model that has diverged says nothing, and counts as wrong as can be.
        let actual = f64::from(actual).clamp(0.0, 1.0);
        let error = match predicted.is_nan() {
            true => 1.0,
            false => (f64::from(predicted).clamp(0.0, 1.0) - actual).abs(),
        };
        rows += 1;
        for (sum, fraction) in sums.iter_mut().zip([error * error, error, actual, actual * actual])
        {
            *sum += fraction;
        }
    }
    let units = sums.map(|sum| (sum * UNITS).floor());
    let whole = units.map(|units| units / UNITS);
    let left = sums.iter().zip(units).map(|(sum, units)| sum * UNITS - units);
    Quantities { counts: vec![rows], sums: whole.into_iter().chain(left).collect() }
}

impl NumberScores {
    /// Reads the counts of all sites together; `None` where they cannot be those of any rows.
    pub(super) fn read(total: &Quantities) -> Option<Self> {
        let &[rows] = total.counts.as_slice() else { return None };
        if total.sums.len() != SUMS {
            return None;
        }
        let (whole, left) = total.sums.split_first_chunk::<SUMMED>()?;
        let sums = whole.iter().zip(left).map(|(whole, left)| whole + left / UNITS);
        let &[squares, absolute, sum, sum_of_squares] = sums.collect::<Vec<f64>>().as_slice()
        else {
            return None;
        };
        // Sites round each sum once, and no site with something to sum has fewer rows than one.
        let rounding = (rows as f64 + 1.0) / (UNITS * UNITS);
        let is_possible = |sum: f64| (0.0..=rows as f64 + rounding).contains(&sum);
        let of = rows as f64;
        if rows == 0
            || ![squares, absolute, sum, sum_of_squares].into_iter().all(is_possible)
            || squares > absolute + rounding
            || absolute * absolute > of * (squares + rounding)
            || sum_of_squares > sum + rounding
            || sum * sum > of * (sum_of_squares + rounding)
        {
            return None;
        }
        let loss = squares / of;
        let spread = sum_of_squares - sum * sum / of;
        Some(Self {
            rows,
            loss,
            rmse: loss.sqrt(),
            mae: absolute / of,
            r_squared: (spread > 2.0 * rounding).then(|| 1.0 - squares / spread),
        })
    }

    pub(super) fn named(&self) -> Vec<(&'static str, Option<f64>)> {
        vec![
            ("rows", Some(self.rows as f64)),
            ("loss", Some(self.loss)),
            ("RMSE", Some(self.rmse)),
            ("MAE", Some(self.mae)),
            ("R²", self.r_squared),
        ]
    }
}
