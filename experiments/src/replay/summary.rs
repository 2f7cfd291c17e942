//! Where the curves end.

use serde::Serialize;

use super::comparison::{Difference, Parity, compare, parity};
use super::ends::{Scope, ends};
use super::quality::Quality;
use super::record::{AccuracyRow, Experiment};
use crate::statistics::mean_and_sd;

/// Quality after the last epoch of one experiment. Splits weigh the same, and on each of them its models do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryRow {
    /// How the models were trained.
    pub experiment: Experiment,
    /// Whose they are.
    pub scope: Scope,
    /// Splits behind the figures.
    pub splits: usize,
    /// Models on each of them.
    pub models: usize,
    /// Last epoch.
    pub epoch: usize,
    /// Mean accuracy.
    pub accuracy: f64,
    /// Sample standard deviation of the accuracy over the splits; 0 for one split.
    pub accuracy_sd: f64,
    /// Mean AUC of the splits that have one.
    pub auc: Option<f64>,
    /// Mean sensitivity of the splits that have one.
    pub sensitivity: Option<f64>,
    /// Mean loss.
    pub loss: f64,
}

/// All that a replay says in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Splits of the replay.
    pub splits: usize,
    /// One row for every experiment and scope that was recorded, over all of its splits.
    pub rows: Vec<SummaryRow>,
    /// The same on the first split alone, which every scheme has.
    pub first_split: Vec<SummaryRow>,
    /// How far experiments end from one another, split by split.
    pub differences: Vec<Difference>,
    /// How the encrypted run compares with the same arithmetic in the clear, if both were recorded.
    pub parity: Option<Parity>,
}

impl Summary {
    /// Of everything that was recorded.
    #[must_use]
    pub fn of(rows: &[AccuracyRow]) -> Self {
        let first: Vec<AccuracyRow> = rows.iter().filter(|row| row.split == 0).copied().collect();
        let all = summarise(rows);
        Self {
            splits: all.iter().map(|row| row.splits).max().unwrap_or(0),
            rows: all,
            first_split: summarise(&first),
            differences: compare(rows),
            parity: parity(&first),
        }
    }
}

/// One row for every experiment and scope that was recorded.
#[must_use]
pub fn summarise(rows: &[AccuracyRow]) -> Vec<SummaryRow> {
    let mut summary = Vec::new();
    for experiment in Experiment::ALL {
        for scope in [Scope::Pooled, Scope::Institutions, Scope::Global] {
            let ends = ends(rows, experiment, scope);
            let of = |value: fn(&Quality) -> Option<f64>| {
                let values: Vec<f64> =
                    ends.values().filter_map(|end| value(&end.quality)).collect();
                mean_and_sd(&values)
            };
            let mean = |value| of(value).map(|(mean, _)| mean);
            let Some((accuracy, accuracy_sd)) = of(|quality| Some(quality.accuracy)) else {
                continue;
            };
            summary.push(SummaryRow {
                experiment,
                scope,
                splits: ends.len(),
                models: ends.values().map(|end| end.models).max().unwrap_or(0),
                epoch: ends.values().map(|end| end.epoch).max().unwrap_or(0),
                accuracy,
                accuracy_sd,
                auc: mean(|quality| quality.auc),
                sensitivity: mean(|quality| quality.sensitivity),
                loss: mean(|quality| Some(quality.loss)).unwrap_or(f64::NAN),
            });
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(
        experiment: Experiment,
        split: usize,
        institution: Option<usize>,
        epoch: usize,
        accuracy: f64,
    ) -> AccuracyRow {
        let quality =
            Quality { accuracy, auc: Some(0.5), sensitivity: Some(accuracy / 2.0), loss: 1.0 };
        AccuracyRow { experiment, split, institution, epoch, quality }
    }

    #[test]
    fn only_the_last_epoch_counts_and_global_models_stand_apart() {
        let rows = [
            row(Experiment::Centralised, 0, None, 1, 0.1),
            row(Experiment::Centralised, 0, None, 2, 0.7),
            row(Experiment::Centralised, 1, None, 2, 0.9),
            row(Experiment::Plain, 0, Some(1), 2, 0.6),
            row(Experiment::Plain, 0, None, 2, 0.5),
        ];
        let summary = summarise(&rows);
        let found: Vec<_> =
            summary.iter().map(|row| (row.scope, row.splits, row.models, row.accuracy)).collect();
        let expected = [
            (Scope::Pooled, 2, 1, 0.8),
            (Scope::Institutions, 1, 1, 0.6),
            (Scope::Global, 1, 1, 0.5),
        ];
        assert_eq!(found, expected);
        assert!((summary[0].accuracy_sd - 0.02f64.sqrt()).abs() < 1e-12);
        assert_eq!(summary[0].sensitivity, Some(0.4));
        let first = Summary::of(&rows).first_split;
        assert_eq!((first[0].splits, first[0].accuracy), (1, 0.7));
    }

    #[test]
    fn splits_weigh_the_same_however_many_models_each_has_and_scatter_is_that_of_splits() {
        let rows = [
            row(Experiment::Alone, 0, Some(1), 1, 0.5),
            row(Experiment::Alone, 0, Some(2), 1, 0.9),
            row(Experiment::Alone, 1, Some(1), 1, 0.9),
        ];
        let summary = summarise(&rows);
        assert_eq!((summary[0].splits, summary[0].models), (2, 2));
        assert!((summary[0].accuracy - 0.8).abs() < 1e-12);
        // Means .7 and .9 of the splits; pooled, the three models would scatter by .23.
        assert!((summary[0].accuracy_sd - 0.02f64.sqrt()).abs() < 1e-12, "{summary:?}");
    }
}
