//! A replay from beginning to end.

use std::path::Path;

use consilium_datasets::Dataset;
use consilium_learning::{Card, Metrics, TrainedModel};

use super::config::ReplayConfig;
use super::draw::draw;
use super::federation::Federation;
use super::record::{AccuracyRow, Experiment, accuracy_csv, rounds_csv};
use super::summary::SummaryRow;
use super::{alone, centralised, files, plain, verified};
use crate::ExperimentError;
use crate::output::{OutputDirectory, Producer};
use crate::progress::Progress;

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
    let output = prepare(directory)?;
    output.write(files::CONFIG, config.to_toml()?.as_bytes())?;

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
    let promise = config.promise();
    let influence = config.influence();
    progress.note(&format!(
        "verified FL: {promise}; one institution moves it by {influence} in a step at most"
    ));
    if let Some(warning) = promise.warning() {
        progress.note(&format!("verified FL: warning: {warning}"));
    }
    let verified =
        verified::run(&federation, &output.join(files::LEDGER), scratch.path(), progress)?;
    accuracy.extend(verified.rows);
    output.write(files::ACCURACY, accuracy_csv(&accuracy).as_bytes())?;
    output.write(files::ROUNDS, rounds_csv(&verified.rounds).as_bytes())?;
    let model = trained(&federation, verified.model, &accuracy)?;
    output.write(files::MODEL, &model.to_bytes()?)?;
    output.write(files::CARD, card(&federation, &model).as_bytes())?;
    draw(directory)
}

/// The last verified model, with its metrics on the test rows. It names no chain: a ledger's keys are drawn anew each time, and a
/// seed gives the same file.
fn trained(
    federation: &Federation,
    parameters: Vec<f32>,
    accuracy: &[AccuracyRow],
) -> Result<TrainedModel, ExperimentError> {
    let of_global =
        |row: &&AccuracyRow| row.experiment == Experiment::Verified && row.institution.is_none();
    let last = accuracy.iter().filter(of_global).max_by_key(|row| row.epoch);
    let step = last.map_or(0, |row| row.epoch as u64);
    let Federation { architecture, description, .. } = federation;
    let mut model = TrainedModel::new(architecture.clone(), parameters, description.clone(), step)?;
    if let Some(AccuracyRow { metrics: Metrics { accuracy, auc, loss }, .. }) = last {
        let known = [("accuracy", Some(*accuracy)), ("AUC", *auc), ("loss", Some(*loss))];
        let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        model.metrics = known.collect();
    }
    Ok(model)
}

fn card(federation: &Federation, model: &TrainedModel) -> String {
    let Federation { config, test, .. } = federation;
    let card = Card {
        model,
        run: format!(
            "A simulation: {} institutions in one process on the rows of `{}`, {} of them malicious.",
            config.institutions, config.dataset, config.malicious
        ),
        rounds: config.epochs as u64,
        participants: Vec::new(),
        bound: config.promise().to_string(),
        privacy: config.privacy.map(|privacy| {
            format!(
                "noise that follows from the seed and hides nothing, at ε ≤ {}",
                f64::from(privacy.epsilon_milli) / 1e3
            )
        }),
        measured_on: Some(format!("{} test rows, which nobody trained on", test.rows)),
    };
    card.to_string()
}

/// Makes `directory` ready for a new run: what a former run left is removed.
fn prepare(directory: &Path) -> Result<OutputDirectory, ExperimentError> {
    let output = OutputDirectory::claim(directory, Producer::Replay)?;
    for name in [
        files::ACCURACY,
        files::ROUNDS,
        files::MODEL,
        files::CARD,
        files::FIGURE5,
        files::FIGURE6,
        files::REPORT,
        files::LEDGER,
    ] {
        output.remove(name)?;
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::MARKER;
    use crate::output::tests::{contents, site};
    use crate::replay::Choice;
    use consilium_authority::{BoundChoice, BoundKind};
    use std::fs;

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
            let repeatable = [
                files::CONFIG,
                files::ACCURACY,
                files::MODEL,
                files::CARD,
                files::FIGURE5,
                files::FIGURE6,
            ];
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
            assert!(report.contains("One institution moves its model by"));
        }
    }

    #[test]
    fn a_directory_with_somebody_elses_files_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.txt"), "words").unwrap();
        let (site, before) = site();
        for directory in [directory.path(), site.path()] {
            let error = small(directory, BoundKind::Auto).unwrap_err();
            assert_eq!(error.exit_code(), 2);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(contents(site.path()), before);
    }

    #[test]
    fn a_new_run_replaces_the_files_of_the_last_one_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path()).unwrap();
        let file = |name: &str| directory.path().join(name);
        for name in [files::ACCURACY, files::REPORT, "notes.txt"] {
            fs::write(file(name), name).unwrap();
        }
        fs::create_dir(file(files::LEDGER)).unwrap();
        fs::write(file(files::LEDGER).join("db"), "blocks").unwrap();
        prepare(directory.path()).unwrap();
        let left: Vec<_> = contents(directory.path()).into_keys().collect();
        assert_eq!(left, [file(MARKER), file("notes.txt")]);
        assert!(!file(files::LEDGER).exists());
    }
}
