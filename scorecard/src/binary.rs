//! Of one class of two.
//!
//! Rows are counted by class and by the model's probability, in [`BINS`] equal parts of \[0, 1\]; summed are their losses, their
//! squared errors, and their probabilities part by part. The counts at a threshold are what lies above it, so thresholds are the
//! edges of the parts; the area under the curve joins them by straight lines.

use serde::Serialize;

use super::{BINS, LARGEST_LOSS, area, cross_entropy, part};
use crate::Quantities;

/// Counts: rows, then positive ones part by part, then negative ones.
pub(super) const COUNTS: usize = 1 + 2 * BINS;
/// Sums: losses, squared errors, then probabilities part by part.
pub(super) const SUMS: usize = 2 + BINS;

/// Counts the rows of one site: a logit each, and whether the row is positive.
pub(super) fn count(scored: impl IntoIterator<Item = (f32, bool)>) -> Quantities {
    let mut rows = 0;
    let mut classes = [[0u64; BINS]; 2];
    let mut probabilities = [0.0; BINS];
    let (mut losses, mut errors) = (0.0, 0.0);
    for (logit, is_positive) in scored {
        // A model that has diverged says nothing: the worst loss, and a probability of a half.
        let logit = if logit.is_nan() { 0.0 } else { f64::from(logit) };
        let probability = 1.0 / (1.0 + (-logit).exp());
        let label = f64::from(u8::from(is_positive));
        let part = part(probability);
        rows += 1;
        let [positive, negative] = &mut classes;
        let class = if is_positive { positive } else { negative };
        if let (Some(count), Some(sum)) = (class.get_mut(part), probabilities.get_mut(part)) {
            *count += 1;
            *sum += probability;
        }
        losses += (cross_entropy(logit, is_positive) / LARGEST_LOSS).min(1.0);
        errors += (probability - label) * (probability - label);
    }
    let counts = std::iter::once(rows).chain(classes.into_iter().flatten()).collect();
    let sums = [losses, errors].into_iter().chain(probabilities).collect();
    Quantities { counts, sums }
}

/// How good a model of two classes is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BinaryScores {
    /// Rows.
    pub rows: u64,
    /// Positive ones.
    pub positive: u64,
    /// Mean binary cross-entropy, in nats; of no row more than 16.
    pub loss: f64,
    /// Mean squared error of the probabilities (Brier).
    pub brier: f64,
    /// Area under the ROC curve; `None` where only one class occurs.
    pub auc: Option<f64>,
    /// Its standard error (Hanley and McNeil, Radiology 143, 1982).
    pub auc_error: Option<f64>,
    /// Share of rows whose class is right at a threshold of a half.
    pub accuracy: f64,
    /// Share of positive rows that are found there; `None` without one.
    pub sensitivity: Option<f64>,
    /// Share of negative rows that are.
    pub specificity: Option<f64>,
    /// Mean of the two.
    pub balanced_accuracy: Option<f64>,
    /// Expected calibration error: how far probabilities are from shares of positive rows, part by part, weighted by rows.
    pub calibration_error: f64,
    /// Sensitivity and specificity at every threshold between two parts.
    #[serde(skip)]
    pub operating_points: Vec<OperatingPoint>,
}

/// What a threshold comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// Rows at or above it are called positive.
    pub threshold: f64,
    /// Positive rows among them.
    pub true_positive: u64,
    /// Negative rows among them.
    pub false_positive: u64,
}

impl BinaryScores {
    /// Reads the counts of all sites together; `None` where they cannot be those of any rows.
    pub(super) fn read(total: &Quantities) -> Option<Self> {
        let Quantities { counts, sums } = total;
        if counts.len() != COUNTS || sums.len() != SUMS {
            return None;
        }
        let (&rows, classes) = counts.split_first()?;
        let (positives, negatives) = classes.split_at(BINS);
        let (&[losses, errors], probabilities) = sums.split_first_chunk::<2>()?;
        let positive: u64 = positives.iter().sum();
        let negative: u64 = negatives.iter().sum();
        if rows == 0 || positive.checked_add(negative)? != rows {
            return None;
        }
        let operating_points = operating_points(positives, negatives);
        let half = operating_points.iter().find(|point| point.threshold == 0.5)?;
        let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
        let right = half.true_positive + (negative - half.false_positive);
        let sensitivity = share(half.true_positive, positive);
        let specificity = share(negative - half.false_positive, negative);
        let auc = area(positives, negatives);
        let of_parts = positives.iter().zip(negatives).zip(probabilities);
        let off = of_parts.map(|((positive, _), sum)| (*positive as f64 - sum).abs());
        Some(Self {
            rows,
            positive,
            loss: losses * LARGEST_LOSS / rows as f64,
            brier: errors / rows as f64,
            auc,
            auc_error: auc.map(|auc| hanley_mcneil(auc, positive as f64, negative as f64)),
            accuracy: right as f64 / rows as f64,
            sensitivity,
            specificity,
            balanced_accuracy: sensitivity.zip(specificity).map(|(a, b)| f64::midpoint(a, b)),
            calibration_error: off.sum::<f64>() / rows as f64,
            operating_points,
        })
    }

    pub(super) fn named(&self) -> Vec<(&'static str, Option<f64>)> {
        vec![
            ("rows", Some(self.rows as f64)),
            ("positive rows", Some(self.positive as f64)),
            ("loss", Some(self.loss)),
            ("Brier score", Some(self.brier)),
            ("AUC", self.auc),
            ("AUC standard error", self.auc_error),
            ("accuracy", Some(self.accuracy)),
            ("sensitivity", self.sensitivity),
            ("specificity", self.specificity),
            ("balanced accuracy", self.balanced_accuracy),
            ("calibration error", Some(self.calibration_error)),
        ]
    }
}

/// Thresholds from 0 up, and what is at or above each.
fn operating_points(positives: &[u64], negatives: &[u64]) -> Vec<OperatingPoint> {
    let above = |counts: &[u64], part: usize| counts.iter().skip(part).sum();
    (0..BINS)
        .map(|part| OperatingPoint {
            threshold: part as f64 / BINS as f64,
            true_positive: above(positives, part),
            false_positive: above(negatives, part),
        })
        .collect()
}

fn hanley_mcneil(auc: f64, positive: f64, negative: f64) -> f64 {
    let of_two_positives = auc / (2.0 - auc);
    let of_two_negatives = 2.0 * auc * auc / (1.0 + auc);
    let variance = auc * (1.0 - auc)
        + (positive - 1.0) * (of_two_positives - auc * auc)
        + (negative - 1.0) * (of_two_negatives - auc * auc);
    (variance / (positive * negative)).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_an_area_is_that_of_hanley_and_mcneil() {
        // Their own formula for θ = .9 and 50 of each class: Q1 = .8182, Q2 = .8526.
        let error = hanley_mcneil(0.9, 50.0, 50.0);
        let expected =
            ((0.09 + 49.0 * (0.9 / 1.1 - 0.81) + 49.0 * (1.62 / 1.9 - 0.81)) / 2500.0f64).sqrt();
        assert!((error - expected).abs() < 1e-15 && (0.030..0.034).contains(&error), "{error}");
    }
}
