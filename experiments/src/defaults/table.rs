//! Means, and paired differences from the default with their intervals.

use std::fmt::Write as _;

use super::DefaultsConfig;
use super::record::{Comparison, Outcome};
use crate::replay::quality::Quality;
use crate::statistics::paired;
use crate::tables::{aligned, head, quoted};

type Metric = (&'static str, fn(&Quality) -> f64);

const METRICS: [Metric; 4] = [
    ("accuracy", |metrics| metrics.accuracy),
    ("AUC", |metrics| metrics.auc.unwrap_or(f64::NAN)),
    ("sensitivity", |metrics| metrics.sensitivity.unwrap_or(f64::NAN)),
    ("loss", |metrics| metrics.loss),
];

fn values(outcome: &Outcome, metric: fn(&Quality) -> f64) -> Vec<f64> {
    outcome.metrics.iter().map(metric).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A table a dataset: the default's means, and of every other variant how it differs. A difference whose interval leaves out zero is
/// marked.
pub fn markdown(comparisons: &[Comparison], config: &DefaultsConfig) -> String {
    let DefaultsConfig { institutions, partition, first_seed, .. } = config;
    let mut text = String::new();
    for Comparison { dataset, outcomes } in comparisons {
        let Some((default, others)) = outcomes.split_first() else { continue };
        let seeds = default.metrics.len();
        let _ = writeln!(
            text,
            "`{dataset}`, {institutions} institutions, partition `{partition}`, {seeds} seeds from {first_seed}: means of the \
             default; differences from it, seed by seed, with 95 % intervals\n"
        );
        let mut rows = vec![head("", METRICS.map(|(name, _)| name))];
        let means = METRICS.map(|(_, metric)| format!("{:.4}", mean(&values(default, metric))));
        rows.push(head(&default.variant.name(), means));
        for other in others {
            let cell = |(_, metric): Metric| {
                let pairs = values(other, metric).into_iter().zip(values(default, metric));
                paired(pairs).map_or_else(|| "-".to_owned(), |difference| difference.shown(4))
            };
            rows.push(head(&other.variant.name(), METRICS.map(cell)));
        }
        text += &aligned(&rows);
        text.push('\n');
    }
    text += "\\* the interval leaves out zero\n";
    text
}

/// One line a dataset, variant and seed.
pub fn csv(comparisons: &[Comparison], first_seed: u64) -> String {
    let mut text = "dataset,variant,seed,accuracy,auc,sensitivity,loss\n".to_owned();
    for Comparison { dataset, outcomes } in comparisons {
        for Outcome { variant, metrics } in outcomes {
            for (place, metrics) in (0..).zip(metrics) {
                let seed = first_seed.wrapping_add(place);
                let optional =
                    |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
                let Quality { accuracy, auc, sensitivity, loss } = metrics;
                let (area, found) = (optional(*auc), optional(*sensitivity));
                let (dataset, variant) = (quoted(dataset), quoted(&variant.name()));
                let _ =
                    writeln!(text, "{dataset},{variant},{seed},{accuracy},{area},{found},{loss}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use consilium_datasets::Partitioning;

    use super::super::Variant;
    use super::*;

    #[test]
    fn a_difference_that_is_surely_none_is_not_marked() {
        let outcome = |variant, accuracies: [f64; 3]| Outcome {
            variant,
            metrics: accuracies
                .map(|accuracy| Quality { accuracy, auc: None, sensitivity: None, loss: 0.5 })
                .to_vec(),
        };
        let comparison = Comparison {
            dataset: "pima".into(),
            outcomes: vec![
                outcome(Variant::Default, [0.7, 0.8, 0.75]),
                outcome(Variant::Batch(8), [0.71, 0.79, 0.76]),
                outcome(Variant::Batch(32), [0.61, 0.70, 0.66]),
            ],
        };
        let config = DefaultsConfig {
            datasets: vec!["pima".into()],
            institutions: 10,
            partition: Partitioning::Random,
            first_seed: 100,
            seeds: 3,
        };
        let text = markdown(std::slice::from_ref(&comparison), &config);
        assert!(text.contains("10 institutions, partition `random`, 3 seeds from 100"), "{text}");
        let line = |name| text.lines().find(|line| line.contains(name)).unwrap();
        assert!(
            !line("batches of 8").contains('*') && line("batches of 32").contains('*'),
            "{text}"
        );
        let csv = csv(&[comparison], 100);
        assert_eq!(csv.lines().count(), 1 + 9);
        assert!(csv.contains("pima,default,102,0.75,,,0.5\n"), "{csv}");
    }
}
