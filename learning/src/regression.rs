//! How good a model that predicts a number is.

use consilium_datasets::Table;
use consilium_proto::training::Head;
use serde::Serialize;

use crate::evaluation::logits;
use crate::training::check_table;
use crate::{Architecture, LearningError};

/// Errors of a model on some rows, in the target's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RegressionMetrics {
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// R²: 1 − the squared errors over those of the rows' own mean; below 0 where that mean would do better. `None` where all
    /// rows have the same value.
    pub r_squared: Option<f64>,
}

/// Evaluates flat `parameters` of a regression on every row of `table`.
///
/// # Errors
/// [`LearningError::OtherHead`] for a classifier; else as [`evaluate`](crate::evaluate).
pub fn evaluate_regression(
    architecture: &Architecture,
    parameters: &[f32],
    table: &Table,
) -> Result<RegressionMetrics, LearningError> {
    if architecture.head() != Head::Regression {
        return Err(LearningError::OtherHead { expected: "a number" });
    }
    check_table(architecture, table)?;
    let predicted = logits(architecture, parameters, &table.features)?;
    let rows = table.rows as f64;
    let pairs = || predicted.iter().zip(&table.labels).map(|(&p, &y)| (f64::from(p), f64::from(y)));
    let squares: f64 = pairs().map(|(predicted, actual)| (predicted - actual).powi(2)).sum();
    let absolute: f64 = pairs().map(|(predicted, actual)| (predicted - actual).abs()).sum();
    let mean = pairs().map(|(_, actual)| actual).sum::<f64>() / rows;
    let spread: f64 = pairs().map(|(_, actual)| (actual - mean).powi(2)).sum();
    Ok(RegressionMetrics {
        rmse: (squares / rows).sqrt(),
        mae: absolute / rows,
        r_squared: (spread > 0.0).then(|| 1.0 - squares / spread),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimiser, TrainingConfig, generator, train};

    fn table(features: Vec<f32>, labels: Vec<f32>) -> Table {
        Table { rows: labels.len(), width: features.len() / labels.len(), features, labels }
    }

    #[test]
    fn errors_known_by_hand() {
        // 2·x + 1 predicts 1, 3, 5 where 1, 4, 7 are true.
        let line = Architecture::with_head(1, vec![], Head::Regression).unwrap();
        let rows = table(vec![0.0, 1.0, 2.0], vec![1.0, 4.0, 7.0]);
        let metrics = evaluate_regression(&line, &[2.0, 1.0], &rows).unwrap();
        assert!((metrics.rmse - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((metrics.mae - 1.0).abs() < 1e-12);
        assert!((metrics.r_squared.unwrap() - (1.0 - 5.0 / 18.0)).abs() < 1e-12);
        let constant = table(vec![0.0, 1.0], vec![3.0, 3.0]);
        assert_eq!(evaluate_regression(&line, &[2.0, 1.0], &constant).unwrap().r_squared, None);
    }

    #[test]
    fn a_regression_finds_the_line_that_its_rows_lie_on() {
        let line = Architecture::with_head(2, vec![], Head::Regression).unwrap();
        let mut rng = generator("regression rows", 1, &[]);
        let features: Vec<f32> = (0..200).map(|_| crate::seed::uniform(&mut rng, 1.0)).collect();
        let labels = features.chunks(2).map(|x| 3.0 * x[0] - 2.0 * x[1] + 0.5).collect();
        let rows = table(features, labels);
        let config = TrainingConfig::new(Optimiser::Adam, 0.05, 20, 100);
        let trained = train(&line, &line.initial(1), &rows, &config, &mut rng).unwrap();
        for (found, expected) in trained.iter().zip([3.0, -2.0, 0.5]) {
            assert!((found - expected).abs() < 1e-2, "{trained:?}");
        }
        assert!(evaluate_regression(&line, &trained, &rows).unwrap().r_squared.unwrap() > 0.999);
    }

    #[test]
    fn a_classifier_has_no_such_errors_and_a_number_that_is_none_is_refused() {
        let classifier = Architecture::new(1, vec![]).unwrap();
        let rows = table(vec![0.0, 1.0], vec![0.0, f32::NAN]);
        let refused = evaluate_regression(&classifier, &[0.0, 0.0], &rows);
        assert!(matches!(refused, Err(LearningError::OtherHead { .. })));
        let line = Architecture::with_head(1, vec![], Head::Regression).unwrap();
        let refused = evaluate_regression(&line, &[0.0, 0.0], &rows);
        assert!(matches!(refused, Err(LearningError::Label { row: 1, .. })));
    }
}
