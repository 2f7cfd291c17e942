//! Figures and report of a replay, drawn from its CSVs alone.

use std::path::Path;

use super::config::ReplayConfig;
use super::report::Report;
use super::summary::Summary;
use super::{figures, files, reading};
use crate::ExperimentError;
use crate::output::{OutputDirectory, Producer};

/// Draws figures and report from what lies in `directory`, and returns where the curves end.
///
/// # Errors
/// [`ExperimentError::NoOutput`] for a directory that no replay has written; [`ExperimentError::File`] or
/// [`ExperimentError::Record`] for what is missing or damaged.
pub fn draw(directory: &Path) -> Result<Summary, ExperimentError> {
    let output = OutputDirectory::open(directory, Producer::Replay)?;
    let path = output.join(files::CONFIG);
    let Some(text) = output.read_if_there(files::CONFIG)? else {
        return Err(ExperimentError::Record { path, reason: "no such file".into() });
    };
    let config = ReplayConfig::from_toml(&text)
        .map_err(|e| ExperimentError::Record { path, reason: e.to_string() })?;
    let rows = reading::read_accuracy(&output.join(files::ACCURACY))?;
    let rounds = output.read_if_there(files::ROUNDS)?;

    let summary = Summary::of(&rows);
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
        ledger: &output.join(files::LEDGER).display().to_string(),
    };
    output.write(files::REPORT, report.html()?.as_bytes())?;
    output.write(files::FIGURE5, figure5.as_bytes())?;
    output.write(files::FIGURE6, figure6.as_bytes())?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::MARKER;
    use crate::output::tests::{contents, site};
    use crate::replay::record::ACCURACY_HEADER;
    use crate::replay::{Choice, load_dataset};

    #[test]
    fn drawing_what_is_not_a_run_names_the_missing_file() {
        let directory = tempfile::tempdir().unwrap();
        let error = draw(directory.path()).unwrap_err();
        assert!(error.to_string().contains(MARKER), "{error}");
        assert_eq!(error.exit_code(), 2);
        OutputDirectory::claim(directory.path(), Producer::Replay).unwrap();
        let error = draw(directory.path()).unwrap_err();
        assert!(error.to_string().contains("config.toml"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn nothing_is_drawn_into_a_directory_that_no_replay_has_written_whatever_it_holds() {
        let (site, _) = site();
        let config = ReplayConfig::resolve(Choice::default(), &load_dataset("pima").unwrap());
        let config = config.unwrap().to_toml().unwrap();
        std::fs::write(site.path().join(files::CONFIG), config).unwrap();
        std::fs::write(site.path().join(files::ACCURACY), ACCURACY_HEADER).unwrap();
        let before = contents(site.path());
        let error = draw(site.path()).unwrap_err();
        assert!(matches!(error, ExperimentError::NoOutput { .. }), "{error}");
        assert_eq!(contents(site.path()), before);
    }
}
