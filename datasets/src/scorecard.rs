//! An evaluation as counts, so that those of many sites can be summed and nobody sees anybody's own.
//!
//! Rows are counted by class and by the model's probability, in [`BINS`] equal parts of \[0, 1\]; summed are their losses, their
//! squared errors, and their probabilities part by part. The counts at a threshold are what lies above it, so thresholds are the
//! edges of the parts; the area under the curve joins them by straight lines.

use serde::Serialize;

use crate::survey::Quantities;

/// Parts of the probabilities.
pub const BINS: usize = 32;
/// Loss of a row that counts as 1; what is worse counts no more.
const LARGEST_LOSS: f64 = 16.0;
/// Counts: rows, then positive ones part by part, then negative ones.
pub const COUNTS: usize = 1 + 2 * BINS;
/// Sums: losses, squared errors, then probabilities part by part.
pub const SUMS: usize = 2 + BINS;

/// Counts the rows of one site: a logit each, and whether the row is positive.
pub fn count(scored: impl IntoIterator<Item = (f32, bool)>) -> Quantities {
    let mut rows = 0;
    let mut classes = [[0u64; BINS]; 2];
    let mut probabilities = [0.0; BINS];
    let (mut losses, mut errors) = (0.0, 0.0);
    for (logit, is_positive) in scored {
        // A model that has diverged says nothing: the worst loss, and a probability of a half.
        let logit = if logit.is_nan() { 0.0 } else { f64::from(logit) };
        let probability = 1.0 / (1.0 + (-logit).exp());
        let label = f64::from(u8::from(is_positive));
        let part = ((probability * BINS as f64) as usize).min(BINS - 1);
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

/// −log σ(z) for a positive row and −log σ(−z) for a negative one, without overflow.
pub fn cross_entropy(logit: f64, positive: bool) -> f64 {
    let margin = if positive { logit } else { -logit };
    (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
}

/// How good a model is on the rows of all sites that nobody trains on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
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

impl Scores {
    /// Reads the counts of all sites together; `None` where they cannot be those of any rows.
    pub fn read(total: &Quantities) -> Option<Self> {
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
        let auc = auc(positives, negatives);
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

/// The Mann–Whitney statistic where rows of one part are ties, which is the area under straight lines.
fn auc(positives: &[u64], negatives: &[u64]) -> Option<f64> {
    let mut below = 0u64;
    let mut twice = 0u128;
    for (positive, negative) in positives.iter().zip(negatives) {
        twice += u128::from(*positive) * u128::from(2 * below + negative);
        below += negative;
    }
    let pairs = u128::from(positives.iter().sum::<u64>()) * u128::from(below);
    (pairs > 0).then(|| twice as f64 / (2 * pairs) as f64)
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
    fn sums_of_two_sites_counts_score_like_their_rows_together() {
        let north: Vec<(f32, bool)> = (0..40).map(|i| (i as f32 / 8.0 - 2.0, i % 3 == 0)).collect();
        let south: Vec<(f32, bool)> = (0..60).map(|i| (i as f32 / 9.0 - 4.0, i % 2 == 0)).collect();
        let all = count(north.iter().chain(&south).copied());
        let (north, south) = (count(north), count(south));
        let added = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| a + b).collect::<Vec<_>>();
        assert_eq!(added(&north.counts, &south.counts), all.counts);
        for ((a, b), sum) in north.sums.iter().zip(&south.sums).zip(&all.sums) {
            assert!((a + b - sum).abs() < 1e-12);
        }
    }

    #[test]
    fn scores_are_those_computed_by_hand() {
        // Probabilities σ(±2) and σ(0): .881, .119 and .5 (in the part at and above a half).
        let scores = Scores::read(&count([(2.0, true), (-2.0, true), (0.0, false), (-2.0, false)]));
        let scores = scores.unwrap();
        assert_eq!((scores.rows, scores.positive), (4, 2));
        // Pairs: (.881, .5) and (.881, .119) won, (.119, .5) lost, (.119, .119) tied.
        assert_eq!(scores.auc, Some(2.5 / 4.0));
        assert_eq!((scores.sensitivity, scores.specificity), (Some(0.5), Some(0.5)));
        assert_eq!((scores.accuracy, scores.balanced_accuracy), (0.5, Some(0.5)));
        let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
        let loss = (-sigma(2.0).ln() - sigma(-2.0).ln() - 0.5f64.ln() - sigma(2.0).ln()) / 4.0;
        assert!((scores.loss - loss).abs() < 1e-12, "{scores:?}");
        let brier = ((1.0 - sigma(2.0)).powi(2) * 2.0 + sigma(2.0).powi(2) + 0.25) / 4.0;
        assert!((scores.brier - brier).abs() < 1e-12, "{scores:?}");
        let calibration = ((1.0 - sigma(2.0)) + (1.0 - 2.0 * sigma(-2.0)) + 0.5) / 4.0;
        assert!((scores.calibration_error - calibration).abs() < 1e-12, "{scores:?}");
    }

    #[test]
    fn the_error_of_an_area_is_that_of_hanley_and_mcneil() {
        // Their own formula for θ = .9 and 50 of each class: Q1 = .8182, Q2 = .8526.
        let error = hanley_mcneil(0.9, 50.0, 50.0);
        let expected =
            ((0.09 + 49.0 * (0.9 / 1.1 - 0.81) + 49.0 * (1.62 / 1.9 - 0.81)) / 2500.0f64).sqrt();
        assert!((error - expected).abs() < 1e-15 && (0.030..0.034).contains(&error), "{error}");
    }

    #[test]
    fn one_class_has_no_area_and_a_model_that_has_diverged_has_scores() {
        let scores = Scores::read(&count([(f32::NAN, true), (f32::INFINITY, true)])).unwrap();
        assert_eq!((scores.auc, scores.auc_error, scores.specificity), (None, None, None));
        assert!(scores.loss.is_finite() && scores.brier.is_finite());
        let worst = Scores::read(&count([(f32::NEG_INFINITY, true)])).unwrap();
        assert_eq!(worst.loss, LARGEST_LOSS);
    }

    #[test]
    fn counts_that_no_rows_can_have_score_nothing() {
        let right = count([(2.0, true), (-1.0, false)]);
        assert!(Scores::read(&right).is_some());
        let mut more_rows = right.clone();
        more_rows.counts[0] += 1;
        assert_eq!(Scores::read(&more_rows), None);
        let mut fewer = right.clone();
        fewer.sums.pop();
        assert_eq!(Scores::read(&fewer), None);
        assert_eq!(Scores::read(&count([])), None);
    }

    #[test]
    fn the_area_in_parts_is_near_the_exact_one() {
        let scored: Vec<(f32, bool)> = (0..400)
            .map(|i| (((i * 37) % 100) as f32 / 20.0 - 2.5, (i * 37) % 100 + (i * 7) % 60 > 80))
            .collect();
        let pairs = scored.iter().filter(|row| row.1).flat_map(|(positive, _)| {
            scored
                .iter()
                .filter(|row| !row.1)
                .map(move |(negative, _)| positive.total_cmp(negative))
        });
        let won = pairs.clone().map(|order| f64::from(order as i8 + 1) / 2.0).sum::<f64>();
        let exact = won / pairs.count() as f64;
        let parts = Scores::read(&count(scored)).unwrap().auc.unwrap();
        assert!((exact - parts).abs() < 0.005, "{exact} {parts}");
    }
}
