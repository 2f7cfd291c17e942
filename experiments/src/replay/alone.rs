//! An institution that never federates: it trains on its own rows, epoch after epoch.

use consilium_learning::{Learner, TrainingConfig, evaluate, generator};

use super::federation::Federation;
use super::record::{AccuracyRow, Experiment};
use crate::ExperimentError;
use crate::progress::Progress;

/// Trains every observed institution by itself from the common initial model with the local hyper-parameters. Its
/// optimiser keeps its state from epoch to epoch, as it does for anybody who trains alone.
///
/// # Errors
/// [`ExperimentError::Learning`].
pub fn run(
    federation: &Federation,
    progress: &Progress,
) -> Result<Vec<AccuracyRow>, ExperimentError> {
    let Federation { config, architecture, .. } = federation;
    let mut rows = Vec::new();
    for (done, &institution) in federation.observed.iter().enumerate() {
        let Some(table) = federation.tables.get(institution) else {
            continue;
        };
        let mut order = generator("alone shuffle", config.seed, &[institution as u64]);
        // There is no global model to stay near.
        let local = TrainingConfig { proximal: 0.0, ..config.local.clone() };
        let mut learner = Learner::new(architecture, &federation.initial, &local)?;
        for epoch in 1..=config.epochs {
            for _ in 0..config.local.local_epochs {
                learner.epoch(table, &mut order)?;
            }
            let metrics = evaluate(architecture, &learner.parameters()?, &federation.test)?;
            let institution = Some(institution);
            rows.push(AccuracyRow {
                experiment: Experiment::Alone,
                run: 0,
                institution,
                epoch,
                metrics,
            });
        }
        progress.advance(done + 1);
    }
    Ok(rows)
}
