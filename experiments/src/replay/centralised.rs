//! Figure 5: all rows in one place, several independent runs.

use consilium_datasets::{Dataset, Preprocessor};
use consilium_learning::{Learner, evaluate, generator};

use super::config::ReplayConfig;
use super::federation::sub_seed;
use super::record::{AccuracyRow, Experiment};
use crate::ExperimentError;
use crate::progress::Progress;

/// Trains `repeats` models, each on a split and from initial parameters of its own, and evaluates every epoch on the
/// run's own test rows.
///
/// # Errors
/// [`ExperimentError::Dataset`], [`ExperimentError::Learning`].
pub fn run(
    config: &ReplayConfig,
    dataset: &Dataset,
    progress: &Progress,
) -> Result<Vec<AccuracyRow>, ExperimentError> {
    let mut rows = Vec::with_capacity(config.repeats * config.epochs);
    for run in 0..config.repeats {
        let part = [run as u64];
        let split = dataset
            .split(config.test_fraction, sub_seed(config.seed, "centralised split", &part))?;
        let preprocessor = Preprocessor::fit(dataset, &split.train)?;
        let train = preprocessor.transform(dataset, &split.train)?;
        let test = preprocessor.transform(dataset, &split.test)?;
        let architecture = config.architecture(dataset, preprocessor.width())?;
        let initial =
            architecture.initial(sub_seed(config.seed, "centralised initial parameters", &part));
        let mut order = generator("centralised shuffle", config.seed, &part);
        let mut learner = Learner::new(&architecture, &initial, &config.centralised)?;
        for epoch in 1..=config.epochs {
            learner.epoch(&train, &mut order)?;
            let metrics = evaluate(&architecture, &learner.parameters()?, &test)?;
            rows.push(AccuracyRow {
                experiment: Experiment::Centralised,
                run,
                institution: None,
                epoch,
                metrics,
            });
        }
        progress.advance(run + 1);
    }
    Ok(rows)
}
