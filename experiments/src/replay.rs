//! A replay from beginning to end, and drawing it again.

use std::fs;
use std::path::Path;

use consilium_authority::promise;
use consilium_client::learning::to_safetensors;
use consilium_datasets::Dataset;

use crate::progress::Progress;
use crate::record::{accuracy_csv, rounds_csv};
use crate::report::Report;
use crate::summary::{SummaryRow, summarise};
use crate::{ExperimentError, Federation, ReplayConfig, alone, centralised, plain, plot, verified};

/// File names inside a run's directory.
pub mod files {
    /// Everything resolved.
    pub const CONFIG: &str = "config.toml";
    /// Quality of every model after every epoch.
    pub const ACCURACY: &str = "accuracy.csv";
    /// What happened in each round of the verified federation.
    pub const ROUNDS: &str = "rounds.csv";
    /// The last model of the verified federation.
    pub const MODEL: &str = "model.safetensors";
    /// The coordinator's ledger of the verified federation.
    pub const LEDGER: &str = "ledger";
    /// Centralised training.
    pub const FIGURE5: &str = "fig5.svg";
    /// Alone, plain and verified.
    pub const FIGURE6: &str = "fig6.svg";
    /// All of it on one page.
    pub const REPORT: &str = "report.html";
}

/// Runs every scheme, writes the run's files into `directory` and returns where the curves end.
///
/// # Errors
/// The first thing that stops it, see [`ExperimentError`].
pub fn run(
    config: &ReplayConfig,
    dataset: &Dataset,
    directory: &Path,
    progress: &Progress,
) -> Result<Vec<SummaryRow>, ExperimentError> {
    let federation = Federation::new(config, dataset)?;
    let scratch = tempfile::tempdir().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    prepare(directory)?;
    write(directory, files::CONFIG, config.to_toml()?.as_bytes())?;

    progress.phase("centralised", config.repeats);
    let mut accuracy = centralised::run(config, dataset, progress)?;
    progress.phase("alone", federation.observed.len());
    accuracy.extend(alone::run(&federation, progress)?);
    progress.phase("plain FL, nobody malicious", config.epochs);
    let (honest, _) = plain::run(&federation, false, progress)?;
    accuracy.extend(honest);
    if config.malicious > 0 {
        progress.phase("plain FL", config.epochs);
        let (poisoned, _) = plain::run(&federation, true, progress)?;
        accuracy.extend(poisoned);
    }

    progress.phase("verified FL", config.epochs);
    progress.note(&format!("verified FL: {}", promise(config.bound, config.clip)));
    let verified =
        verified::run(&federation, &directory.join(files::LEDGER), scratch.path(), progress)?;
    accuracy.extend(verified.rows);
    write(directory, files::ACCURACY, accuracy_csv(&accuracy).as_bytes())?;
    write(directory, files::ROUNDS, rounds_csv(&verified.rounds).as_bytes())?;
    write(directory, files::MODEL, &to_safetensors(&federation.architecture, &verified.model)?)?;
    draw(directory)
}

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
    let rows = plot::read_accuracy(&directory.join(files::ACCURACY))?;
    let rounds = read_if_there(&directory.join(files::ROUNDS))?;

    let summary = summarise(&rows);
    let dataset = Path::new(&config.dataset)
        .file_stem()
        .map_or_else(|| config.dataset.clone().into(), |s| s.to_string_lossy());
    let figure5 = plot::figure5(&rows, &dataset)?;
    let figure6 = plot::figure6(&rows, &dataset, config.malicious)?;
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

/// Makes `directory` where there is none. One that holds anything else than a run, which `mark` is a file of, is refused, so
/// that nobody's files are overwritten.
pub(crate) fn claim(directory: &Path, mark: &str) -> Result<(), ExperimentError> {
    fs::create_dir_all(directory).map_err(ExperimentError::file(directory))?;
    let empty = fs::read_dir(directory).map_err(ExperimentError::file(directory))?.next().is_none();
    if !empty && !directory.join(mark).is_file() {
        let shown = directory.display();
        return Err(ExperimentError::Invalid(format!(
            "{shown} holds something else than a run: choose another --out"
        )));
    }
    Ok(())
}

/// Makes `directory` ready for a new run: what a former run left is removed.
fn prepare(directory: &Path) -> Result<(), ExperimentError> {
    claim(directory, files::CONFIG)?;
    let outputs = [
        files::ACCURACY,
        files::ROUNDS,
        files::MODEL,
        files::FIGURE5,
        files::FIGURE6,
        files::REPORT,
    ];
    for path in outputs.map(|name| directory.join(name)) {
        gone(&path, fs::remove_file(&path))?;
    }
    let ledger = directory.join(files::LEDGER);
    gone(&ledger, fs::remove_dir_all(&ledger))
}

/// What is not there need not be removed.
fn gone(path: &Path, removed: std::io::Result<()>) -> Result<(), ExperimentError> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ExperimentError::file(path)(error))
        }
        _ => Ok(()),
    }
}

/// Writes one of a run's files.
pub(crate) fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), ExperimentError> {
    let path = directory.join(name);
    fs::write(&path, bytes).map_err(ExperimentError::file(&path))
}

fn read_if_there(path: &Path) -> Result<Option<String>, ExperimentError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ExperimentError::file(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Choice;
    use consilium_authority::{BoundChoice, BoundKind};

    fn small(directory: &Path, bound: BoundKind) -> Result<Vec<SummaryRow>, ExperimentError> {
        let dataset = Dataset::bundled("pima").unwrap();
        let bound = BoundChoice { bound, ..BoundChoice::default() };
        let choice = Choice { epochs: 3, repeats: 2, bound, ..Choice::default() };
        let config = ReplayConfig::resolve(choice, &dataset).unwrap();
        run(&config, &dataset, directory, &Progress::silent())
    }

    fn bytes(directory: &Path, name: &str) -> Vec<u8> {
        fs::read(directory.join(name)).unwrap()
    }

    #[test]
    fn the_same_seed_twice_gives_the_same_bytes_under_either_bound_and_drawing_again_changes_nothing()
     {
        for bound in [BoundKind::Parameter, BoundKind::Norm] {
            let directory = tempfile::tempdir().unwrap();
            let read = |names: &[&str]| -> Vec<_> {
                names.iter().map(|name| bytes(directory.path(), name)).collect()
            };
            // The report shows how long the rounds took, so two runs differ in it.
            let repeatable =
                [files::CONFIG, files::ACCURACY, files::MODEL, files::FIGURE5, files::FIGURE6];
            small(directory.path(), bound).unwrap();
            let first = read(&repeatable);
            let summary = small(directory.path(), bound).unwrap();
            for ((name, first), second) in repeatable.iter().zip(&first).zip(read(&repeatable)) {
                assert!(*first == second, "{name} differs between two runs ({bound:?})");
            }

            let drawn = [files::FIGURE5, files::FIGURE6, files::REPORT];
            let before = read(&drawn);
            assert_eq!(draw(directory.path()).unwrap(), summary);
            assert!(
                before == read(&drawn),
                "drawing again changed a figure or the report ({bound:?})"
            );
            let report = String::from_utf8(bytes(directory.path(), files::REPORT)).unwrap();
            let says = if bound == BoundKind::Norm {
                "at most 2.78·B"
            } else {
                "none of an update that is accepted"
            };
            assert!(report.contains(says), "{says}");
        }
    }

    #[test]
    fn a_directory_with_somebody_elses_files_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.txt"), "words").unwrap();
        let error = small(directory.path(), BoundKind::Auto).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn drawing_what_is_not_a_run_names_the_missing_file() {
        let directory = tempfile::tempdir().unwrap();
        let error = draw(directory.path()).unwrap_err();
        assert!(error.to_string().contains("config.toml"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
