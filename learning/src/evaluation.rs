//! How good a model is on a table of rows.

use burn::tensor::{Tensor, TensorData};
use consilium_datasets::{Table, scorecard::cross_entropy};
use consilium_proto::training::Head;
use serde::Serialize;

use crate::network::{Network, device};
use crate::training::check_table;
use crate::{Architecture, LearningError};

/// Values that the rows of one pass may become in the network, so that a large table takes no more memory than a small one.
const VALUES_AT_ONCE: usize = 1 << 20;

/// Quality of a model on some rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Share of rows whose class is right, a positive logit meaning the positive class; of several classes the one with the
    /// largest logit, the first of equal ones.
    pub accuracy: f64,
    /// Area under the ROC curve, exact, ties counted half; `None` where only one class occurs. Of several
    /// classes the mean over those that occur, each against all others by its odds.
    pub auc: Option<f64>,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
}

/// Evaluates flat `parameters` of a classifier on every row of `table`. A model that has diverged is evaluated as it is.
///
/// # Errors
/// [`LearningError::ParameterCount`], [`LearningError::TableShape`], [`LearningError::NoRows`], [`LearningError::Label`];
/// [`LearningError::OtherHead`] for a model that predicts a number.
pub fn evaluate(
    architecture: &Architecture,
    parameters: &[f32],
    table: &Table,
) -> Result<Metrics, LearningError> {
    let classes = match architecture.head() {
        Head::Binary => None,
        Head::Classes(classes) => Some(classes as usize),
        Head::Regression => return Err(LearningError::OtherHead { expected: "a class" }),
    };
    check_table(architecture, table)?;
    let logits = logits(architecture, parameters, &table.features)?;
    Ok(match classes {
        None => of_two(logits, &table.labels),
        Some(classes) => of_several(&logits, &table.labels, classes),
    })
}

fn of_two(logits: Vec<f32>, labels: &[f32]) -> Metrics {
    let scored: Vec<(f32, bool)> =
        logits.into_iter().zip(labels.iter().map(|&label| label > 0.5)).collect();
    let rows = labels.len() as f64;
    Metrics {
        accuracy: scored.iter().filter(|&&(logit, positive)| (logit > 0.0) == positive).count()
            as f64
            / rows,
        auc: auc(&scored),
        loss: scored
            .iter()
            .map(|&(logit, positive)| cross_entropy(f64::from(logit), positive))
            .sum::<f64>()
            / rows,
    }
}

/// Of logits `[rows, classes]` and labels that are classes.
fn of_several(logits: &[f32], labels: &[f32], classes: usize) -> Metrics {
    let mut right = 0usize;
    let mut loss = 0.0;
    let mut scored = vec![Vec::with_capacity(labels.len()); classes];
    for (row, &label) in logits.chunks(classes.max(1)).zip(labels) {
        let label = label as usize;
        let mut largest: Option<(usize, f32)> = None;
        for (class, &logit) in row.iter().enumerate() {
            if largest.is_none_or(|(_, most)| logit > most) {
                largest = Some((class, logit));
            }
        }
        right += usize::from(largest.is_some_and(|(class, _)| class == label));
        for (class, (&logit, scored)) in row.iter().zip(&mut scored).enumerate() {
            let others = row.iter().enumerate().filter(|(other, _)| *other != class);
            // log p/(1 − p), which orders rows as p does, and tells those apart that are all but certain.
            let odds = f64::from(logit) - log_sum_exp(others.map(|(_, &other)| f64::from(other)));
            scored.push((odds as f32, class == label));
            if class == label {
                loss += cross_entropy(odds, true);
            }
        }
    }
    let areas: Vec<f64> = scored.iter().filter_map(|scored| auc(scored)).collect();
    let rows = labels.len() as f64;
    Metrics {
        accuracy: right as f64 / rows,
        auc: (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64),
        loss: loss / rows,
    }
}

/// log Σ e^x without overflow.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// The outputs of the last layer for every row of `features`, `[rows, inputs]`, row by row, `[rows, outputs]`: logits, or predicted
/// numbers. The pass that training makes, without its gradient.
///
/// # Errors
/// [`LearningError::ParameterCount`]; [`LearningError::TableShape`] where the values are no whole rows.
pub fn logits(
    architecture: &Architecture,
    parameters: &[f32],
    features: &[f32],
) -> Result<Vec<f32>, LearningError> {
    let width = architecture.inputs();
    if !features.len().is_multiple_of(width) {
        let rows = features.len() / width;
        let features = features.len();
        return Err(LearningError::TableShape { expected: width, rows, features, labels: rows });
    }
    let device = device();
    let network = Network::new(architecture, parameters, &device)?;
    let outputs = architecture.head().outputs() as usize;
    let mut logits = Vec::with_capacity(features.len() / width * outputs);
    for features in features.chunks(rows_at_once(architecture) * width) {
        let shape = [features.len() / width, width];
        let inputs = Tensor::<2>::from_data(TensorData::new(features.to_vec(), shape), &device);
        logits.extend(network.forward(inputs).into_data().iter::<f32>());
    }
    Ok(logits)
}

/// Rows of one pass through the network.
pub(super) fn rows_at_once(architecture: &Architecture) -> usize {
    (VALUES_AT_ONCE / architecture.neurons().max(1)).max(1)
}

/// The Mann–Whitney statistic U / (positives · negatives), in integers until the last division:
/// 2U counts two for every pair in the right order and one for every tie.
fn auc(scored: &[(f32, bool)]) -> Option<f64> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut negatives = 0u64;
    let mut positives = 0u64;
    let mut twice_u = 0u64;
    // `==` puts −0 and +0, which `total_cmp` keeps apart but adjacent, into one group of ties.
    for ties in sorted.chunk_by(|(a, _), (b, _)| a == b) {
        let tied_positives = ties.iter().filter(|(_, positive)| *positive).count() as u64;
        let tied_negatives = ties.len() as u64 - tied_positives;
        twice_u += tied_positives * (2 * negatives + tied_negatives);
        positives += tied_positives;
        negatives += tied_negatives;
    }
    let pairs = positives * negatives;
    (pairs > 0).then(|| twice_u as f64 / (2 * pairs) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_equals_the_count_of_pairs_done_by_hand() {
        // Positives .8 .4 .4, negatives .6 .4 .1: pairs won 3 + (1 + ½) + (1 + ½) of 9.
        let scored =
            [(0.8, true), (0.6, false), (0.4, true), (0.4, false), (0.4, true), (0.1, false)];
        assert_eq!(auc(&scored), Some(6.0 / 9.0));
        assert_eq!(auc(&[(0.0, true), (-0.0, false)]), Some(0.5));
        assert_eq!(auc(&[(1.0, true), (0.5, true)]), None);
        let separated: Vec<_> = (0..50).map(|i| (i as f32, i >= 20)).collect();
        assert_eq!(auc(&separated), Some(1.0));
    }

    #[test]
    fn cross_entropy_is_exact_at_zero_and_finite_far_out() {
        assert!((cross_entropy(0.0, true) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!((cross_entropy(-1e4, true) - 1e4).abs() < 1e-9);
        assert_eq!(cross_entropy(1e4, true), 0.0);
        assert!((cross_entropy(2.0, false) - (1.0 + 2f64.exp()).ln()).abs() < 1e-12);
    }

    #[test]
    fn a_model_known_by_hand_has_the_metrics_known_by_hand() {
        // Logistic regression with logit = 2·x − 1.
        let architecture = Architecture::new(1, vec![]).unwrap();
        let table = Table {
            features: vec![0.0, 1.0, 2.0, 0.2],
            labels: vec![0.0, 1.0, 0.0, 1.0],
            rows: 4,
            width: 1,
        };
        let metrics = evaluate(&architecture, &[2.0, -1.0], &table).unwrap();
        assert_eq!(metrics.accuracy, 0.5);
        assert_eq!(metrics.auc, Some(0.5));
        let log1p_exp = |z: f64| z.exp().ln_1p();
        let expected = (log1p_exp(-1.0) + log1p_exp(-1.0) + log1p_exp(3.0) + log1p_exp(0.6)) / 4.0;
        assert!((metrics.loss - expected).abs() < 1e-6);
    }

    #[test]
    fn several_classes_known_by_hand() {
        // The logits of class 0, 1 and 2 are x, −x and 0.
        let architecture = Architecture::with_head(1, vec![], Head::Classes(3)).unwrap();
        let table = Table {
            features: vec![1.0, -1.0, 0.5, 0.0],
            labels: vec![0.0, 1.0, 1.0, 2.0],
            rows: 4,
            width: 1,
        };
        let metrics = evaluate(&architecture, &[1.0, -1.0, 0.0, 0.0, 0.0, 0.0], &table).unwrap();
        // The third row is taken for class 0, and so is the last, whose logits are equal.
        assert_eq!(metrics.accuracy, 0.5);
        let log_loss = |own: f64, x: f64| (x.exp() + (-x).exp() + 1.0).ln() - own;
        let expected =
            (log_loss(1.0, 1.0) + log_loss(1.0, 1.0) + log_loss(-0.5, 0.5) + log_loss(0.0, 0.0))
                / 4.0;
        assert!((metrics.loss - expected).abs() < 1e-6, "{metrics:?}");
        // Class 0: first of all. Class 1: −1 before all, 0.5 behind 0 and before 1. Class 2: first, as 0 has the largest share.
        assert!((metrics.auc.unwrap() - (1.0 + 0.75 + 1.0) / 3.0).abs() < 1e-12, "{metrics:?}");
    }

    #[test]
    fn two_classes_by_softmax_are_two_classes_by_one_logit() {
        let rows = 40;
        let features: Vec<f32> =
            (0..rows).map(|row| ((row * 7) % 40) as f32 / 20.0 - 1.0).collect();
        let labels = (0..rows).map(|row| (row % 3 / 2) as f32).collect();
        let table = Table { features, labels, rows, width: 1 };
        let one = Architecture::new(1, vec![]).unwrap();
        let two = Architecture::with_head(1, vec![], Head::Classes(2)).unwrap();
        let one = evaluate(&one, &[1.5, 0.25], &table).unwrap();
        let two = evaluate(&two, &[0.0, 1.5, 0.0, 0.25], &table).unwrap();
        assert_eq!((one.accuracy, one.auc), (two.accuracy, two.auc));
        assert!((one.loss - two.loss).abs() < 1e-7);
    }

    #[test]
    fn a_class_that_is_none_and_a_model_of_numbers_are_refused() {
        let three = Architecture::with_head(1, vec![], Head::Classes(3)).unwrap();
        for label in [3.0, -1.0, 0.5, f32::NAN] {
            let table = Table { features: vec![0.0], labels: vec![label], rows: 1, width: 1 };
            let refused = evaluate(&three, &[0.0; 6], &table);
            assert!(matches!(refused, Err(LearningError::Label { row: 0, .. })), "{label}");
        }
        let line = Architecture::with_head(1, vec![], Head::Regression).unwrap();
        let table = Table { features: vec![0.0], labels: vec![1.0], rows: 1, width: 1 };
        let refused = evaluate(&line, &[0.0; 2], &table);
        assert!(matches!(refused, Err(LearningError::OtherHead { .. })));
    }

    #[test]
    fn a_diverged_model_is_evaluated_without_a_panic() {
        let architecture = Architecture::new(1, vec![]).unwrap();
        let table = Table { features: vec![0.0, 1.0], labels: vec![0.0, 1.0], rows: 2, width: 1 };
        let metrics = evaluate(&architecture, &[f32::INFINITY, f32::NAN], &table).unwrap();
        assert_eq!(metrics.accuracy, 0.5);
    }
}
