//! Figures and report of a replay, drawn from its CSVs alone.

use std::fs;
use std::path::Path;

use super::config::ReplayConfig;
use super::report::Report;
use super::summary::{SummaryRow, summarise};
use super::{figures, files, reading};
use crate::ExperimentError;
use crate::output::{read_if_there, write};

/// Draws figures and report from what lies in `directory`, and returns where the curves end.
///
/// # Errors
/// [`ExperimentError::File`] or [`ExperimentError::Record`] for what is missing or damaged.
pub fn draw(directory: &Path) -> Result<Vec<SummaryRow>, ExperimentError> {
    let path = directory.join(files::CONFIG);
    let Ok(text) = fs::read_to_string(&path) else {
        let shown = directory.display();
        return Err(ExperimentError::Invalid(format!(
            "{shown} holds no config.toml: give the directory of a replay"
        )));
    };
    let config = ReplayConfig::from_toml(&text)
        .map_err(|e| ExperimentError::Record { path, reason: e.to_string() })?;
    let rows = reading::read_accuracy(&directory.join(files::ACCURACY))?;
    let rounds = read_if_there(&directory.join(files::ROUNDS))?;

    let summary = summarise(&rows);
    let dataset = Path::new(&config.dataset)
        .file_stem()
        .map_or_else(|| config.dataset.clone().into(), |s| s.to_string_lossy());
    let figure5 = figures::figure5(&rows, &dataset)?;
    let figure6 = figures::figure6(&rows, &dataset, config.malicious)?;
    let report = Report {
        config: &config,
        summary: &summary,
        figure5: &figure5,
        figure6: &figure6,
        rounds: rounds.as_deref(),
        ledger: &directory.join(files::LEDGER).display().to_string(),
    };
    write(directory, files::REPORT, report.html()?.as_bytes())?;
    write(directory, files::FIGURE5, figure5.as_bytes())?;
    write(directory, files::FIGURE6, figure6.as_bytes())?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_what_is_not_a_run_names_the_missing_file() {
        let directory = tempfile::tempdir().unwrap();
        let error = draw(directory.path()).unwrap_err();
        assert!(error.to_string().contains("config.toml"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
