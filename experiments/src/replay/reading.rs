//! `accuracy.csv`, read back.

use std::path::Path;
use std::sync::Arc;

use consilium_learning::Metrics;
use polars::prelude::{CsvReadOptions, DataType, PolarsResult, Schema, SerReader};

use super::record::{ACCURACY_HEADER, AccuracyRow, Experiment};
use crate::ExperimentError;

/// Reads `accuracy.csv` back.
///
/// # Errors
/// [`ExperimentError::Record`] naming the file and what is wrong with it.
pub fn read_accuracy(path: &Path) -> Result<Vec<AccuracyRow>, ExperimentError> {
    let refused = |reason: String| ExperimentError::Record { path: path.to_owned(), reason };
    if !path.is_file() {
        return Err(refused("no such file".into()));
    }
    let rows = parse_accuracy(path)
        .map_err(|e| refused(e.to_string().lines().next().unwrap_or_default().to_owned()))?;
    rows.into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| refused(format!("expected rows of {ACCURACY_HEADER}")))
}

/// `None` where a field that must be there is empty or out of range.
fn parse_accuracy(path: &Path) -> PolarsResult<Vec<Option<AccuracyRow>>> {
    let schema = Schema::from_iter([
        ("experiment".into(), DataType::String),
        ("run".into(), DataType::Int64),
        ("institution".into(), DataType::Int64),
        ("epoch".into(), DataType::Int64),
        ("accuracy".into(), DataType::Float64),
        ("auc".into(), DataType::Float64),
        ("loss".into(), DataType::Float64),
    ]);
    let options = CsvReadOptions::default()
        .with_has_header(true)
        .with_schema_overwrite(Some(Arc::new(schema)));
    let table = options.try_into_reader_with_file_path(Some(path.to_owned()))?.finish()?;
    let integers = |name| -> PolarsResult<Vec<Option<i64>>> {
        Ok(table.column(name)?.i64()?.iter().collect())
    };
    let numbers = |name| -> PolarsResult<Vec<Option<f64>>> {
        Ok(table.column(name)?.f64()?.iter().collect())
    };
    let experiments = table.column("experiment")?.str()?.iter();
    let runs = integers("run")?;
    let institutions = integers("institution")?;
    let epochs = integers("epoch")?;
    let accuracies = numbers("accuracy")?;
    let aucs = numbers("auc")?;
    let losses = numbers("loss")?;
    let counts = runs.into_iter().zip(institutions).zip(epochs);
    let metrics = accuracies.into_iter().zip(aucs).zip(losses);
    let rows = experiments.zip(counts).zip(metrics).map(
        |((name, ((run, institution), epoch)), ((accuracy, auc), loss))| {
            let experiment =
                Experiment::ALL.into_iter().find(|experiment| Some(experiment.name()) == name)?;
            let institution = institution.map(usize::try_from).transpose().ok()?;
            let run = usize::try_from(run?).ok()?;
            let epoch = usize::try_from(epoch?).ok()?;
            let metrics = Metrics { accuracy: accuracy?, auc, loss: loss? };
            metrics.accuracy.is_finite().then_some(AccuracyRow {
                experiment,
                run,
                institution,
                epoch,
                metrics,
            })
        },
    );
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::record::accuracy_csv;

    fn rows() -> Vec<AccuracyRow> {
        let mut rows = Vec::new();
        for epoch in 1..=5 {
            let metrics = Metrics { accuracy: 0.5 + epoch as f64 / 20.0, auc: None, loss: 0.25 };
            for run in 0..3 {
                let experiment = Experiment::Centralised;
                let institution = None;
                rows.push(AccuracyRow { experiment, run, institution, epoch, metrics });
            }
            for institution in [1, 4, 8] {
                for experiment in [Experiment::Alone, Experiment::Plain] {
                    rows.push(AccuracyRow {
                        experiment,
                        run: 0,
                        institution: Some(institution),
                        epoch,
                        metrics,
                    });
                }
            }
        }
        rows
    }

    fn read(text: &str) -> Result<Vec<AccuracyRow>, ExperimentError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accuracy.csv");
        std::fs::write(&path, text).unwrap();
        read_accuracy(&path)
    }

    #[test]
    fn what_was_recorded_is_read_back() {
        assert_eq!(read(&accuracy_csv(&rows())).unwrap(), rows());
    }

    #[test]
    fn a_damaged_csv_is_refused_in_one_line() {
        let wrong_name = format!("{ACCURACY_HEADER}\nmagic,0,,1,0.5,,0.5\n");
        let hole = format!("{ACCURACY_HEADER}\nalone,0,,1,,,0.5\n");
        let text = format!("{ACCURACY_HEADER}\nalone,0,,one,0.5,,0.5\n");
        for bad in [wrong_name.as_str(), &hole, &text, "a,b\n1,2\n", ""] {
            let error = read(bad).unwrap_err();
            assert!(matches!(error, ExperimentError::Record { .. }), "{error}");
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
        assert!(read_accuracy(Path::new("/nonexistent/accuracy.csv")).is_err());
    }
}
