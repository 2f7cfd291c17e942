//! Where a scheme ends on each split.

use std::collections::BTreeMap;

use serde::Serialize;

use super::quality::Quality;
use super::record::{AccuracyRow, Experiment};
use crate::statistics::mean_and_sd;

/// Whose models a line of the summary is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A model of all rows in one place.
    Pooled,
    /// The observed institutions' models after their local epochs.
    Institutions,
    /// The global model.
    Global,
}

/// A scheme's models on one split after its last epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// How many there are.
    pub models: usize,
    /// Last epoch.
    pub epoch: usize,
    /// Means over the models; of AUC and sensitivity over those that have one.
    pub quality: Quality,
}

/// Where an experiment ends on each split that it was recorded on.
#[must_use]
pub fn ends(rows: &[AccuracyRow], experiment: Experiment, scope: Scope) -> BTreeMap<usize, End> {
    let mut splits = BTreeMap::<usize, Vec<&AccuracyRow>>::new();
    for row in rows.iter().filter(|row| row.experiment == experiment && scope_of(row) == scope) {
        splits.entry(row.split).or_default().push(row);
    }
    let end = |(split, rows): (usize, Vec<&AccuracyRow>)| {
        let epoch = rows.iter().map(|row| row.epoch).max()?;
        let last: Vec<Quality> =
            rows.iter().filter(|row| row.epoch == epoch).map(|row| row.quality).collect();
        Some((split, End { models: last.len(), epoch, quality: mean_quality(&last)? }))
    };
    splits.into_iter().filter_map(end).collect()
}

/// Means of metrics; `None` of nothing.
#[must_use]
pub fn mean_quality(models: &[Quality]) -> Option<Quality> {
    let mean = |value: fn(&Quality) -> Option<f64>| {
        let values: Vec<f64> = models.iter().filter_map(value).collect();
        mean_and_sd(&values).map(|(mean, _)| mean)
    };
    Some(Quality {
        accuracy: mean(|quality| Some(quality.accuracy))?,
        auc: mean(|quality| quality.auc),
        sensitivity: mean(|quality| quality.sensitivity),
        loss: mean(|quality| Some(quality.loss))?,
    })
}

fn scope_of(row: &AccuracyRow) -> Scope {
    match (row.experiment, row.institution) {
        (Experiment::Logistic | Experiment::Centralised, _) => Scope::Pooled,
        (_, Some(_)) => Scope::Institutions,
        (_, None) => Scope::Global,
    }
}
