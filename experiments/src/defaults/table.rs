//! Means, and paired differences from the default with their intervals.

use std::fmt::Write as _;

use consilium_learning::Metrics;

use super::record::{Comparison, Outcome};
use crate::tables::{aligned, head, quoted};

type Metric = (&'static str, fn(&Metrics) -> f64);

const METRICS: [Metric; 3] = [
    ("accuracy", |metrics| metrics.accuracy),
    ("AUC", |metrics| metrics.auc.unwrap_or(f64::NAN)),
    ("loss", |metrics| metrics.loss),
];

/// Quantile .975 of Student's t for 1 to 30 degrees of freedom; beyond them the normal one is near enough.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// Mean of paired differences, and the half width of its 95 % interval.
fn paired(ours: &[f64], theirs: &[f64]) -> (f64, f64) {
    let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|one| (one - mean) * (one - mean)).sum();
    let freedom = differences.len().saturating_sub(1);
    let t = T.get(freedom.saturating_sub(1)).copied().unwrap_or(1.96);
    (mean, t * (squares / (n - 1.0) / n).sqrt())
}

fn values(outcome: &Outcome, metric: fn(&Metrics) -> f64) -> Vec<f64> {
    outcome.metrics.iter().map(metric).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A table a dataset: the default's means, and of every other variant how it differs. A difference whose interval leaves out zero is
/// marked.
pub fn markdown(comparisons: &[Comparison]) -> String {
    let mut text = String::new();
    for Comparison { dataset, outcomes } in comparisons {
        let Some((default, others)) = outcomes.split_first() else { continue };
        let seeds = default.metrics.len();
        let _ = writeln!(
            text,
            "`{dataset}`, {seeds} seeds: means of the default; differences from it, seed by seed, with 95 % intervals\n"
        );
        let mut rows = vec![head("", METRICS.map(|(name, _)| name))];
        let means = METRICS.map(|(_, metric)| format!("{:.4}", mean(&values(default, metric))));
        rows.push(head(&default.variant.name(), means));
        for other in others {
            let cell = |(_, metric): Metric| {
                let (mean, half) = paired(&values(other, metric), &values(default, metric));
                let mark = if mean.abs() > half { " *" } else { "" };
                format!("{mean:+.4} ± {half:.4}{mark}")
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
    let mut text = "dataset,variant,seed,accuracy,auc,loss\n".to_owned();
    for Comparison { dataset, outcomes } in comparisons {
        for Outcome { variant, metrics } in outcomes {
            for (place, metrics) in (0..).zip(metrics) {
                let seed = first_seed.wrapping_add(place);
                let area = metrics.auc.map_or_else(String::new, |auc| auc.to_string());
                let Metrics { accuracy, loss, .. } = metrics;
                let (dataset, variant) = (quoted(dataset), quoted(&variant.name()));
                let _ = writeln!(text, "{dataset},{variant},{seed},{accuracy},{area},{loss}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Variant;
    use super::*;

    #[test]
    fn a_paired_interval_is_the_one_computed_by_hand() {
        // Differences 1, 2, 3: mean 2, deviation 1, t of two degrees of freedom.
        let (mean, half) = paired(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0]);
        assert_eq!(mean, 2.0);
        assert!((half - 4.303 / 3.0f64.sqrt()).abs() < 1e-12, "{half}");
    }

    #[test]
    fn a_difference_that_is_surely_none_is_not_marked() {
        let outcome = |variant, accuracies: [f64; 3]| Outcome {
            variant,
            metrics: accuracies.map(|accuracy| Metrics { accuracy, auc: None, loss: 0.5 }).to_vec(),
        };
        let comparison = Comparison {
            dataset: "pima".into(),
            outcomes: vec![
                outcome(Variant::Default, [0.7, 0.8, 0.75]),
                outcome(Variant::Batch(8), [0.71, 0.79, 0.76]),
                outcome(Variant::Batch(32), [0.61, 0.70, 0.66]),
            ],
        };
        let text = markdown(std::slice::from_ref(&comparison));
        let line = |name| text.lines().find(|line| line.contains(name)).unwrap();
        assert!(
            !line("batches of 8").contains('*') && line("batches of 32").contains('*'),
            "{text}"
        );
        let csv = csv(&[comparison], 100);
        assert_eq!(csv.lines().count(), 1 + 9);
        assert!(csv.contains("pima,default,102,0.75,,0.5\n"), "{csv}");
    }
}
