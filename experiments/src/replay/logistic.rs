//! Pooled logistic regression: the simplest model that medicine would ask for first, on all rows in one place.

use consilium_datasets::Table;
use consilium_learning::Architecture;

use super::federation::Federation;
use super::quality::Quality;
use super::record::{AccuracyRow, Experiment};
use super::recorder::Recorder;
use crate::ExperimentError;

/// λ: the loss has λ/2·‖w‖² besides, the intercept not among them; scikit-learn's `C = 1`.
pub const PENALTY: f64 = 1.0;

/// Newton's method needs about six steps, whatever the data.
const MOST_STEPS: usize = 100;

/// Where the gradient of a row, on average, is as good as nothing.
const TOLERANCE: f64 = 1e-9;

/// Fits the training rows of all institutions of the split, and evaluates the model on its test rows. An optimum has no
/// epochs: its one row bears the number 1.
///
/// # Errors
/// [`ExperimentError::Learning`]; those of [`Recorder::record`].
pub fn run(federation: &Federation, recorder: &mut Recorder) -> Result<(), ExperimentError> {
    let train = federation.pooled();
    let architecture = Architecture::new(train.width, vec![])?;
    let weights: Vec<f32> = fit(&train, PENALTY).iter().map(|&value| value as f32).collect();
    let quality = Quality::of(&architecture, &weights, &federation.test)?;
    let experiment = Experiment::Logistic;
    let split = federation.split;
    recorder.record(AccuracyRow { experiment, split, institution: None, epoch: 1, quality })
}

/// Weights and, last, the intercept, that make Σ log(1 + exp(−y·z)) + λ/2·‖w‖² least, y = ±1, z = w·x + b.
///
/// Newton's method, which for a logistic regression is iteratively reweighted least squares (Nocedal and Wright, Numerical
/// optimization, 2006, algorithm 7.1): each step solves H·p = −g by conjugate gradients, without writing H down, and is
/// halved until the loss falls.
#[must_use]
pub fn fit(table: &Table, penalty: f64) -> Vec<f64> {
    let mut weights = vec![0.0; table.width + 1];
    let mut loss = loss_of(table, &weights, penalty);
    for _ in 0..MOST_STEPS {
        let curvature = Curvature::at(table, &weights, penalty);
        let gradient = curvature.gradient(&weights);
        if norm(&gradient) <= TOLERANCE * table.rows as f64 {
            break;
        }
        let step = curvature.solve(&gradient);
        // The loss is convex, so some part of a Newton step makes it less, but for the last bits.
        let mut share = 1.0;
        let next = loop {
            let next: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w - share * s).collect();
            let reached = loss_of(table, &next, penalty);
            if reached < loss {
                break Some((next, reached));
            }
            share /= 2.0;
            if share < 1e-10 {
                break None;
            }
        };
        let Some((next, reached)) = next else { break };
        weights = next;
        loss = reached;
    }
    weights
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

/// w·x + b; the intercept stands behind the weights.
fn logit(features: &[f32], weights: &[f64]) -> f64 {
    let intercept = weights.last().copied().unwrap_or(0.0);
    features.iter().zip(weights).map(|(&x, w)| f64::from(x) * w).sum::<f64>() + intercept
}

/// The penalty of each weight, `[width + 1]`: none of the intercept.
fn penalties(width: usize, penalty: f64) -> impl Iterator<Item = f64> {
    std::iter::repeat_n(penalty, width).chain(std::iter::once(0.0))
}

fn loss_of(table: &Table, weights: &[f64], penalty: f64) -> f64 {
    let of_row = |(features, label): (&[f32], f32)| {
        let z = logit(features, weights);
        // log(1 + exp(z)) − y·z, where neither exponential can overflow.
        z.max(0.0) + (-z.abs()).exp().ln_1p() - f64::from(label) * z
    };
    let squares = weights.iter().zip(penalties(table.width, penalty)).map(|(w, p)| p * w * w);
    table.iter().map(of_row).sum::<f64>() + squares.sum::<f64>() / 2.0
}

/// What of the loss Newton's method looks at around some weights.
struct Curvature<'a> {
    table: &'a Table,
    penalty: f64,
    /// σ(z) − y of each row.
    residuals: Vec<f64>,
    /// σ(z)·(1 − σ(z)) of each row.
    variances: Vec<f64>,
}

impl<'a> Curvature<'a> {
    fn at(table: &'a Table, weights: &[f64], penalty: f64) -> Self {
        let probability = |features: &[f32]| 1.0 / (1.0 + (-logit(features, weights)).exp());
        let (residuals, variances) = table
            .iter()
            .map(|(features, label)| {
                let probability = probability(features);
                (probability - f64::from(label), probability * (1.0 - probability))
            })
            .unzip();
        Self { table, penalty, residuals, variances }
    }

    /// Xᵀ·v + Λ·u, a column of ones behind those of X.
    fn transposed(&self, rows: impl Iterator<Item = f64>, vector: &[f64]) -> Vec<f64> {
        let penalties = penalties(self.table.width, self.penalty);
        let mut sums: Vec<f64> = vector.iter().zip(penalties).map(|(u, p)| p * u).collect();
        for ((features, _), value) in self.table.iter().zip(rows) {
            let with_one = features.iter().map(|&x| f64::from(x)).chain(std::iter::once(1.0));
            sums.iter_mut().zip(with_one).for_each(|(sum, x)| *sum += x * value);
        }
        sums
    }

    fn gradient(&self, weights: &[f64]) -> Vec<f64> {
        self.transposed(self.residuals.iter().copied(), weights)
    }

    /// H·u = Xᵀ·V·X·u + Λ·u.
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let rows = self.table.iter().zip(&self.variances);
        let rows = rows.map(|((features, _), variance)| variance * logit(features, vector));
        self.transposed(rows, vector)
    }

    /// p with H·p = g, by conjugate gradients (Hestenes and Stiefel, 1952).
    fn solve(&self, gradient: &[f64]) -> Vec<f64> {
        let mut solution = vec![0.0; gradient.len()];
        let mut residual = gradient.to_vec();
        let mut direction = residual.clone();
        let mut square = dot(&residual, &residual);
        let enough = 1e-20 * square;
        // As many as there are weights are exact but for rounding; twice as many make up for that.
        for _ in 0..2 * gradient.len() {
            let image = self.times(&direction);
            let curvature = dot(&direction, &image);
            // Flat: every row is decided so surely that its variance is none. What there is of a step is taken.
            if square <= enough || curvature <= 0.0 {
                break;
            }
            let length = square / curvature;
            solution.iter_mut().zip(&direction).for_each(|(s, d)| *s += length * d);
            residual.iter_mut().zip(&image).for_each(|(r, i)| *r -= length * i);
            let next = dot(&residual, &residual);
            let keep = next / square;
            direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + keep * *d);
            square = next;
        }
        solution
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Choice, ReplayConfig, load_dataset};

    fn table(rows: &[(f32, f32)]) -> Table {
        Table {
            features: rows.iter().map(|row| row.0).collect(),
            labels: rows.iter().map(|row| row.1).collect(),
            rows: rows.len(),
            width: 1,
        }
    }

    #[test]
    fn two_separable_rows_have_the_weights_that_their_equation_gives() {
        // Rows at ±1, labels by sign: w = 2·σ(−w), b = 0. w·(1 + e^w) = 2 at w = 0.674834.
        let weights = fit(&table(&[(1.0, 1.0), (-1.0, 0.0)]), 1.0);
        assert!((weights[0] - 0.674_834).abs() < 1e-5 && weights[1].abs() < 1e-9, "{weights:?}");
    }

    #[test]
    fn without_anything_to_tell_the_rows_apart_the_intercept_is_the_odds() {
        // Three of four positive: b = log 3, which no penalty holds back.
        let weights = fit(&table(&[(0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 0.0)]), 1.0);
        assert!(weights[0].abs() < 1e-12 && (weights[1] - 3f64.ln()).abs() < 1e-7, "{weights:?}");
    }

    #[test]
    fn one_class_alone_and_no_penalty_end_without_a_value_that_is_none() {
        for penalty in [0.0, 1.0] {
            for rows in [&[(1.0, 1.0), (2.0, 1.0)][..], &[(1.0, 1.0), (-1.0, 0.0)]] {
                assert!(fit(&table(rows), penalty).iter().all(|weight| weight.is_finite()));
            }
        }
    }

    #[test]
    fn nothing_is_left_of_the_gradient_on_pima_so_that_it_is_the_one_optimum() {
        let dataset = load_dataset("pima").unwrap();
        let config = ReplayConfig::resolve(Choice::default(), &dataset).unwrap();
        let federation = Federation::new(&config, &dataset).unwrap();
        let pooled = federation.pooled();
        let weights = fit(&pooled, PENALTY);
        let gradient = Curvature::at(&pooled, &weights, PENALTY).gradient(&weights);
        assert!(norm(&gradient) < 1e-6, "{gradient:?}");
    }
}
