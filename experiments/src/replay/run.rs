//! A replay from beginning to end.

use std::path::Path;

use consilium_datasets::Dataset;
use consilium_learning::{Card, TrainedModel};

use super::config::ReplayConfig;
use super::draw::draw;
use super::federation::Federation;
use super::plain::Malicious;
use super::quality::Quality;
use super::record::{AccuracyRow, Experiment, rounds_csv};
use super::recorder::Recorder;
use super::summary::Summary;
use super::{alone, centralised, files, logistic, plain, quantised, verified};
use crate::ExperimentError;
use crate::output::{OutputDirectory, Producer};
use crate::progress::Progress;

/// Runs every scheme, writes the run's files into `directory` and returns where the curves end. The encrypted federation trains
/// on the first split, everything in the clear on all of them; `accuracy.csv` grows meanwhile.
///
/// # Errors
/// The first thing that stops it, see [`ExperimentError`].
pub fn run(
    config: &ReplayConfig,
    dataset: &Dataset,
    directory: &Path,
    progress: &Progress,
) -> Result<Summary, ExperimentError> {
    let first = Federation::new(config, dataset)?;
    let scratch = tempfile::tempdir().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    let output = prepare(directory)?;
    output.write(files::CONFIG, config.to_toml()?.as_bytes())?;
    let mut recorder = Recorder::growing(&output, files::ACCURACY)?;

    progress.phase("verified FL", config.epochs);
    let promise = config.promise();
    let influence = config.influence();
    progress.note(&format!(
        "verified FL: {promise}; one institution moves it by {influence} in a step at most"
    ));
    if let Some(warning) = promise.warning() {
        progress.note(&format!("verified FL: warning: {warning}"));
    }
    let ledger = output.join(files::LEDGER);
    let verified = verified::run(&first, &ledger, scratch.path(), &mut recorder, progress)?;
    output.write(files::ROUNDS, rounds_csv(&verified.rounds).as_bytes())?;
    let model = trained(&first, verified.model, recorder.rows())?;
    output.write(files::MODEL, &model.to_bytes()?)?;
    output.write(files::CARD, card(&first, &model).as_bytes())?;

    progress.phase("in the clear, split by split", config.splits);
    in_the_clear(&first, model.step as usize, &mut recorder)?;
    progress.advance(1);
    for split in 1..config.splits {
        let federation = Federation::on_split(config, dataset, split)?;
        in_the_clear(&federation, model.step as usize, &mut recorder)?;
        progress.advance(split + 1);
    }
    draw(directory)
}

/// Every scheme that needs no encryption, on one split. What the verified federation computes runs for as many rounds as it ran:
/// a privacy budget may have ended it.
fn in_the_clear(
    federation: &Federation,
    rounds: usize,
    recorder: &mut Recorder,
) -> Result<(), ExperimentError> {
    logistic::run(federation, recorder)?;
    centralised::run(federation, recorder)?;
    alone::run(federation, recorder)?;
    plain::run(federation, Malicious::Honest, recorder)?;
    if !federation.malicious.is_empty() {
        plain::run(federation, Malicious::Absent, recorder)?;
        plain::run(federation, Malicious::Poisoning, recorder)?;
    }
    quantised::run(federation, rounds, recorder)?;
    Ok(())
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
    if let Some(AccuracyRow { quality, .. }) = last {
        let Quality { accuracy, auc, sensitivity, loss } = *quality;
        let known = [
            ("accuracy", Some(accuracy)),
            ("AUC", auc),
            ("sensitivity", sensitivity),
            ("loss", Some(loss)),
        ];
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

    fn small(directory: &Path, bound: BoundKind) -> Result<Summary, ExperimentError> {
        let dataset = Dataset::bundled("pima").unwrap();
        let bound = BoundChoice { bound, ..BoundChoice::default() };
        let choice = Choice { epochs: 3, splits: 2, bound, ..Choice::default() };
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
    fn every_scheme_in_the_clear_is_measured_on_every_split_and_the_file_grows_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(files::ACCURACY);
        let follow = || fs::read_to_string(&path).unwrap_or_default();
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            let run = scope.spawn(|| small(directory.path(), BoundKind::Norm).unwrap());
            while !run.is_finished() {
                seen.push(follow());
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let whole = follow();
        // Each is what will be there in the end, up to the end of a line.
        assert!(seen.iter().all(|text| whole.starts_with(text) && !text.ends_with(',')));
        let lengths: std::collections::BTreeSet<_> =
            seen.iter().map(|text| text.lines().count()).collect();
        assert!(lengths.len() > 3, "{lengths:?}");

        let last = |experiment: Experiment, split: usize| {
            let start = format!("{},{split},", experiment.name());
            whole.lines().filter(|line| line.starts_with(&start)).count()
        };
        for experiment in Experiment::ALL {
            let lines = [0, 1].map(|split| last(experiment, split));
            match experiment {
                Experiment::Verified => assert!(lines[0] > 0 && lines[1] == 0),
                _ => assert!(lines[0] > 0 && lines[0] == lines[1], "{experiment:?}: {lines:?}"),
            }
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
