//! Figure 5: all rows in one place.

use consilium_learning::{Learner, generator};

use super::federation::Federation;
use super::record::{AccuracyRow, Experiment};
use super::recorder::Recorder;
use crate::ExperimentError;

/// Trains one model on the training rows of all institutions of the split, from the initial model that they have in common, and
/// evaluates every epoch.
///
/// # Errors
/// [`ExperimentError::Learning`]; those of [`Recorder::record`].
pub fn run(federation: &Federation, recorder: &mut Recorder) -> Result<(), ExperimentError> {
    let Federation { config, architecture, initial, split, seed, .. } = federation;
    let train = federation.pooled();
    let mut order = generator("centralised shuffle", *seed, &[]);
    let mut learner = Learner::new(architecture, initial, &config.centralised)?;
    for epoch in 1..=config.epochs {
        learner.epoch(&train, &mut order)?;
        let quality = federation.quality(&learner.parameters()?)?;
        let experiment = Experiment::Centralised;
        let split = *split;
        recorder.record(AccuracyRow { experiment, split, institution: None, epoch, quality })?;
    }
    Ok(())
}
