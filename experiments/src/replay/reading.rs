//! `accuracy.csv`, read back.

use std::path::Path;
use std::sync::Arc;

use polars::prelude::{CsvReadOptions, DataType, PolarsResult, Schema, SerReader};

use super::quality::Quality;
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
        ("split".into(), DataType::Int64),
        ("institution".into(), DataType::Int64),
        ("epoch".into(), DataType::Int64),
        ("accuracy".into(), DataType::Float64),
        ("auc".into(), DataType::Float64),
        ("sensitivity".into(), DataType::Float64),
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
    let splits = integers("split")?;
    let institutions = integers("institution")?;
    let epochs = integers("epoch")?;
    let accuracies = numbers("accuracy")?;
    let aucs = numbers("auc")?;
    let sensitivities = numbers("sensitivity")?;
    let losses = numbers("loss")?;
    let counts = splits.into_iter().zip(institutions).zip(epochs);
    let qualities = accuracies.into_iter().zip(aucs).zip(sensitivities).zip(losses);
    let rows = experiments.zip(counts).zip(qualities).map(
        |((name, ((split, institution), epoch)), (((accuracy, auc), sensitivity), loss))| {
            let experiment =
                Experiment::ALL.into_iter().find(|experiment| Some(experiment.name()) == name)?;
            let institution = institution.map(usize::try_from).transpose().ok()?;
            let split = usize::try_from(split?).ok()?;
            let epoch = usize::try_from(epoch?).ok()?;
            let quality = Quality { accuracy: accuracy?, auc, sensitivity, loss: loss? };
            quality.accuracy.is_finite().then_some(AccuracyRow {
                experiment,
                split,
                institution,
                epoch,
                quality,
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
        for (place, experiment) in Experiment::ALL.into_iter().enumerate() {
            for (split, institution) in [(0, None), (1, Some(place))] {
                let accuracy = 0.5 + place as f64 / 20.0;
                let auc = institution.map(|_| 0.25);
                let quality = Quality { accuracy, auc, sensitivity: auc, loss: 0.25 };
                rows.push(AccuracyRow { experiment, split, institution, epoch: 1, quality });
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
        let wrong_name = format!("{ACCURACY_HEADER}\nmagic,0,,1,0.5,,,0.5\n");
        let hole = format!("{ACCURACY_HEADER}\nalone,0,,1,,,,0.5\n");
        let text = format!("{ACCURACY_HEADER}\nalone,0,,one,0.5,,,0.5\n");
        for bad in [wrong_name.as_str(), &hole, &text, "a,b\n1,2\n", ""] {
            let error = read(bad).unwrap_err();
            assert!(matches!(error, ExperimentError::Record { .. }), "{error}");
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
        assert!(read_accuracy(Path::new("/nonexistent/accuracy.csv")).is_err());
    }
}
