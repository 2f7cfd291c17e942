//! How good a model is on the test rows of its split.

use consilium_datasets::Table;
use consilium_learning::{Architecture, LearningError, Metrics, evaluate};

use super::rows::of_class;

/// Metrics of a model, as `accuracy.csv` holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Share of rows whose class is right.
    pub accuracy: f64,
    /// Area under the ROC curve; `None` where only one class occurs.
    pub auc: Option<f64>,
    /// Share of the positive rows that are found, at a probability of a half; `None` where there is none.
    pub sensitivity: Option<f64>,
    /// Mean binary cross-entropy, in nats.
    pub loss: f64,
}

impl Quality {
    /// Evaluates flat `parameters` on every row of `table`.
    ///
    /// # Errors
    /// Those of [`evaluate`].
    pub fn of(
        architecture: &Architecture,
        parameters: &[f32],
        table: &Table,
    ) -> Result<Self, LearningError> {
        let Metrics { accuracy, auc, loss } = evaluate(architecture, parameters, table)?;
        let positive = of_class(table, true);
        // Among positive rows, to be right is to be found.
        let sensitivity = match positive.rows {
            0 => None,
            _ => Some(evaluate(architecture, parameters, &positive)?.accuracy),
        };
        Ok(Self { accuracy, auc, sensitivity, loss })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_known_by_hand_finds_the_positive_rows_that_it_finds() {
        // Logistic regression with logit = x − 1; positives at 0, 2 and 3, negatives at 0.5 and 4.
        let architecture = Architecture::new(1, vec![]).unwrap();
        let table = Table {
            features: vec![0.0, 2.0, 3.0, 0.5, 4.0],
            labels: vec![1.0, 1.0, 1.0, 0.0, 0.0],
            rows: 5,
            width: 1,
        };
        let quality = Quality::of(&architecture, &[1.0, -1.0], &table).unwrap();
        assert_eq!((quality.accuracy, quality.sensitivity), (3.0 / 5.0, Some(2.0 / 3.0)));
        // Pairs in order: 2 > 0.5 and 3 > 0.5, of six.
        assert_eq!(quality.auc, Some(2.0 / 6.0));
        let negative = of_class(&table, false);
        let quality = Quality::of(&architecture, &[1.0, -1.0], &negative).unwrap();
        assert_eq!((quality.auc, quality.sensitivity), (None, None));
    }
}
