//! What the verified federation computes, without its encryption: on every split, where encryption would take too long.
//!
//! The same institutions clip, round and, where there is noise, blur the same updates with the same seeds, and the same function
//! decodes their sum. So the encrypted run of the first split ends with this model, bit for bit, as long as all that it rejects is
//! what the malicious send, and all of it (`tests/plaintext.rs` compares both). What a lattice mask leaves of its own noise is not in it.

use consilium_client::prepare::{LocalUpdate, Participant, PrepareError};
use consilium_learning::TrainError;
use rayon::prelude::*;

use super::federation::Federation;
use super::plain::fed_avg_quantised;
use super::record::{AccuracyRow, Experiment};
use super::recorder::Recorder;
use crate::ExperimentError;

/// Averages the quantised updates of the honest institutions for so many rounds. Records the observed institutions' local models
/// and the global model, epoch by epoch, and returns the last global one.
///
/// # Errors
/// [`ExperimentError::Learning`], [`ExperimentError::Prepare`], [`ExperimentError::Quantise`]; those of [`Recorder::record`].
pub fn run(
    federation: &Federation,
    rounds: usize,
    recorder: &mut Recorder,
) -> Result<Vec<f32>, ExperimentError> {
    let Federation { config, observed, split, .. } = federation;
    let participants = federation.participants()?.into_iter().zip(&federation.weights).enumerate();
    let mut honest: Vec<(usize, Participant, f64)> = participants
        .filter(|(institution, _)| !federation.malicious.contains(institution))
        .map(|(institution, (participant, &weight))| (institution, participant, weight))
        .collect();
    let mut global = federation.initial.clone();
    for epoch in 1..=rounds {
        let mut record = |institution: Option<usize>, model: &[f32]| {
            let quality = federation.quality(model)?;
            let experiment = Experiment::Quantised;
            let split = *split;
            recorder.record(AccuracyRow { experiment, split, institution, epoch, quality })
        };
        let sent = honest
            .par_iter_mut()
            .map(|(_, participant, _)| update(participant, epoch as u64, &global))
            .collect::<Result<Vec<_>, ExperimentError>>()?;
        let mut updates = Vec::with_capacity(sent.len());
        let mut weights = Vec::with_capacity(sent.len());
        for ((institution, _, weight), update) in honest.iter().zip(sent) {
            let Some(LocalUpdate { quantised, model, .. }) = update else { continue };
            if observed.contains(institution) {
                record(Some(*institution), &model)?;
            }
            updates.push(quantised);
            weights.push(*weight);
        }
        if !updates.is_empty() {
            let bound = config.quantised_bound();
            global = fed_avg_quantised(&global, &updates, &weights, bound, config.clip)?;
        }
        record(None, &global)?;
    }
    Ok(global)
}

/// The update of one institution; whoever's training leaves the finite numbers sits the step out.
fn update(
    participant: &mut Participant,
    step: u64,
    global: &[f32],
) -> Result<Option<LocalUpdate>, ExperimentError> {
    match participant.local_update(step, global) {
        Err(PrepareError::Train(TrainError::NonFinite { .. })) => Ok(None),
        update => Ok(Some(update?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plain::{self, Malicious};
    use crate::replay::{Choice, ReplayConfig, load_dataset};

    #[test]
    fn rounding_is_all_that_stands_between_it_and_plain_averaging_of_the_honest() {
        let dataset = load_dataset("pima").unwrap();
        let choice = Choice { epochs: 3, ..Choice::default() };
        let config = ReplayConfig::resolve(choice, &dataset).unwrap();
        let federation = Federation::on_split(&config, &dataset, 1).unwrap();
        let quantised = run(&federation, 3, &mut Recorder::in_memory()).unwrap();
        let averaged =
            |malicious| plain::run(&federation, malicious, &mut Recorder::in_memory()).unwrap();
        let distance = |model: &[f32]| {
            let squares = quantised.iter().zip(model).map(|(a, b)| f64::from(a - b).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let near = distance(&averaged(Malicious::Absent));
        let far = distance(&averaged(Malicious::Poisoning));
        assert!(near > 0.0 && near < 0.1 && far > 20.0 * near, "{near} {far}");
    }
}
