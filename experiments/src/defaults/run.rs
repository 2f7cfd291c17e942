//! Federations in plain arithmetic over seeds.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use consilium_authority::Protection;
use consilium_client::prepare::difference;
use consilium_datasets::{Dataset, Partitioning};
use consilium_learning::LocalTrainer;
use rayon::prelude::*;

use super::Variant;
use super::record::{Comparison, Outcome};
use super::table::{csv, markdown};
use crate::ExperimentError;
use crate::output::{OutputDirectory, Producer};
use crate::progress::Progress;
use crate::replay::plain::fed_avg;
use crate::replay::quality::Quality;
use crate::replay::{Choice, Federation, ReplayConfig, load_dataset};

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultsConfig {
    /// Names of bundled datasets, or paths of schemas.
    pub datasets: Vec<String>,
    /// Institutions of each federation.
    pub institutions: usize,
    /// How they come to their rows.
    pub partition: Partitioning,
    /// The first seed; the others follow it.
    pub first_seed: u64,
    /// How many of them, at least two.
    pub seeds: usize,
}

/// Compares, writes what came of it into `directory`, and returns the tables.
///
/// # Errors
/// As [`compare`]; [`ExperimentError::Occupied`] and [`ExperimentError::File`] for the directory.
pub fn run(
    config: &DefaultsConfig,
    directory: &Path,
    progress: &Progress,
) -> Result<String, ExperimentError> {
    let output = OutputDirectory::claim(directory, Producer::Defaults)?;
    let comparisons = compare(config, progress)?;
    let tables = markdown(&comparisons, config);
    output.write("defaults.csv", csv(&comparisons, config.first_seed).as_bytes())?;
    output.write("defaults.md", tables.as_bytes())?;
    Ok(tables)
}

/// Trains every variant on every seed of every dataset, on all cores; what comes out depends on neither their number nor the order.
///
/// # Errors
/// [`ExperimentError::Invalid`] for fewer than two seeds; [`ExperimentError::Dataset`], [`ExperimentError::Learning`].
pub fn compare(
    config: &DefaultsConfig,
    progress: &Progress,
) -> Result<Vec<Comparison>, ExperimentError> {
    if config.seeds < 2 {
        return Err(ExperimentError::Invalid(format!(
            "--seeds is {}; an interval needs at least 2",
            config.seeds
        )));
    }
    let done = AtomicUsize::new(0);
    let of_dataset = |name: &String| {
        let dataset = load_dataset(name)?;
        let jobs: Vec<(Variant, u64)> = Variant::ALL
            .into_iter()
            .flat_map(|variant| (0..config.seeds as u64).map(move |place| (variant, place)))
            .collect();
        let metrics = jobs
            .par_iter()
            .map(|(variant, place)| {
                let seed = config.first_seed.wrapping_add(*place);
                let metrics = federate(config, name, &dataset, *variant, seed)?;
                progress.advance(done.fetch_add(1, Ordering::Relaxed) + 1);
                Ok(metrics)
            })
            .collect::<Result<Vec<_>, ExperimentError>>()?;
        let outcomes = Variant::ALL.into_iter().zip(metrics.chunks(config.seeds));
        let outcomes = outcomes
            .map(|(variant, metrics)| Outcome { variant, metrics: metrics.to_vec() })
            .collect();
        Ok(Comparison { dataset: name.clone(), outcomes })
    };
    config.datasets.iter().map(of_dataset).collect()
}

/// The last global model of honest institutions, on the test rows of a split.
fn federate(
    config: &DefaultsConfig,
    name: &str,
    dataset: &Dataset,
    variant: Variant,
    seed: u64,
) -> Result<Quality, ExperimentError> {
    let choice = Choice {
        dataset: name.to_owned(),
        institutions: config.institutions,
        partition: config.partition.clone(),
        malicious: 0,
        // Nothing is encrypted here, and so nothing needs a threshold.
        protection: Protection { allow_threshold_one: true },
        seed,
        ..Choice::default()
    };
    let mut config = ReplayConfig::resolve(choice, dataset)?;
    variant.apply(&mut config.epochs, &mut config.local);
    let federation = Federation::new(&config, dataset)?;
    let trainers = federation.trainers()?;
    let mut global = federation.initial.clone();
    for step in 1..=config.epochs as u64 {
        let local = |trainer: &LocalTrainer| Ok(difference(&trainer.fit(step, &global)?, &global));
        let updates = trainers.iter().map(local).collect::<Result<Vec<_>, ExperimentError>>()?;
        global = fed_avg(&global, &updates, &federation.weights);
    }
    federation.quality(&global)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plain::{self, Malicious};
    use crate::replay::recorder::Recorder;

    fn ten() -> DefaultsConfig {
        DefaultsConfig {
            datasets: vec!["pima".into()],
            institutions: 10,
            partition: Partitioning::Random,
            first_seed: 1,
            seeds: 1,
        }
    }

    #[test]
    fn the_default_is_the_federation_that_a_replay_calls_plain_and_honest() {
        let dataset = load_dataset("pima").unwrap();
        let choice = Choice { malicious: 0, seed: 5, ..Choice::default() };
        let config = ReplayConfig::resolve(choice, &dataset).unwrap();
        let federation = Federation::new(&config, &dataset).unwrap();
        let mut recorder = Recorder::in_memory();
        let global = plain::run(&federation, Malicious::Honest, &mut recorder).unwrap();
        let metrics = federate(&ten(), "pima", &dataset, Variant::Default, 5).unwrap();
        assert_eq!(metrics, federation.quality(&global).unwrap());
    }

    #[test]
    fn one_seed_has_no_interval_and_is_refused() {
        let error = compare(&ten(), &Progress::silent()).unwrap_err();
        assert!(error.to_string().contains("at least 2"), "{error}");
    }
}
