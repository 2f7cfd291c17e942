//! How good a model is on a table of rows.

use burn::tensor::{Tensor, TensorData};
use consilium_datasets::{Table, scorecard::cross_entropy};
use serde::Serialize;

use crate::network::{Network, device};
use crate::training::check_table;
use crate::{Architecture, LearningError};

/// Values that the rows of one pass may become in the network, so that a large table takes no more memory than a small one.
const VALUES_AT_ONCE: usize = 1 << 20;

/// Quality of a model on some rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Share of rows whose class is right, a positive logit meaning the positive class.
    pub accuracy: f64,
    /// Area under the ROC curve, exact, ties counted half; `None` where only one class occurs.
    pub auc: Option<f64>,
    /// Mean binary cross-entropy, in nats.
    pub loss: f64,
}

/// Evaluates flat `parameters` on every row of `table`. A model that has diverged is evaluated as it is.
///
/// # Errors
/// [`LearningError::ParameterCount`], [`LearningError::TableShape`], [`LearningError::NoRows`].
pub fn evaluate(
    architecture: &Architecture,
    parameters: &[f32],
    table: &Table,
) -> Result<Metrics, LearningError> {
    check_table(architecture, table)?;
    let logits = logits(architecture, parameters, &table.features)?;
    let scored: Vec<(f32, bool)> =
        logits.into_iter().zip(table.labels.iter().map(|&label| label > 0.5)).collect();
    let rows = table.rows as f64;
    Ok(Metrics {
        accuracy: scored.iter().filter(|&&(logit, positive)| (logit > 0.0) == positive).count()
            as f64
            / rows,
        auc: auc(&scored),
        loss: scored
            .iter()
            .map(|&(logit, positive)| cross_entropy(f64::from(logit), positive))
            .sum::<f64>()
            / rows,
    })
}

/// The logit of every row of `features`, `[rows, inputs]`: the pass that training makes, without its gradient.
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
    let rows_at_once = (VALUES_AT_ONCE / architecture.neurons().max(1)).max(1);
    let mut logits = Vec::with_capacity(features.len() / width);
    for features in features.chunks(rows_at_once * width) {
        let shape = [features.len() / width, width];
        let inputs = Tensor::<2>::from_data(TensorData::new(features.to_vec(), shape), &device);
        logits.extend(network.forward(inputs).into_data().iter::<f32>());
    }
    Ok(logits)
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
    fn a_diverged_model_is_evaluated_without_a_panic() {
        let architecture = Architecture::new(1, vec![]).unwrap();
        let table = Table { features: vec![0.0, 1.0], labels: vec![0.0, 1.0], rows: 2, width: 1 };
        let metrics = evaluate(&architecture, &[f32::INFINITY, f32::NAN], &table).unwrap();
        assert_eq!(metrics.accuracy, 0.5);
    }
}
