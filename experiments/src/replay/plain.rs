//! Federated averaging in the clear (McMahan et al., AISTATS 2017): what verified federated learning is compared with.

use consilium_client::prepare::difference;
use consilium_crypto::quantise::{apply, decode};
use consilium_crypto::{Bound, QuantiseError, QuantisedUpdate};
use consilium_learning::{LearningError, LocalTrainer};
use rayon::prelude::*;

use super::adversary::POISON;
use super::federation::Federation;
use super::record::{AccuracyRow, Experiment};
use super::recorder::Recorder;
use crate::ExperimentError;

/// What the malicious institutions of a federation do in plain averaging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malicious {
    /// They are honest after all.
    Honest,
    /// They stay away.
    Absent,
    /// They send their honest update sign-flipped and scaled by ten, and nobody can tell.
    Poisoning,
}

impl Malicious {
    fn experiment(self) -> Experiment {
        match self {
            Self::Honest => Experiment::PlainHonest,
            Self::Absent => Experiment::PlainWithout,
            Self::Poisoning => Experiment::Plain,
        }
    }
}

/// Trains together in floats, without clipping, rounding, encryption or proof. Records the observed institutions' local models
/// and the global model, epoch by epoch, and returns the last global one.
///
/// # Errors
/// [`ExperimentError::Learning`]; those of [`Recorder::record`].
pub fn run(
    federation: &Federation,
    malicious: Malicious,
    recorder: &mut Recorder,
) -> Result<Vec<f32>, ExperimentError> {
    let Federation { config, observed, split, .. } = federation;
    let experiment = malicious.experiment();
    let is_malicious = |institution: usize| federation.malicious.contains(&institution);
    let members: Vec<(usize, LocalTrainer, f64)> = federation
        .trainers()?
        .into_iter()
        .zip(&federation.weights)
        .enumerate()
        .map(|(institution, (trainer, &weight))| (institution, trainer, weight))
        .filter(|member| malicious != Malicious::Absent || !is_malicious(member.0))
        .collect();
    let weights: Vec<f64> = members.iter().map(|member| member.2).collect();
    let mut global = federation.initial.clone();
    for epoch in 1..=config.epochs {
        let mut record = |institution: Option<usize>, model: &[f32]| {
            let quality = federation.quality(model)?;
            let split = *split;
            recorder.record(AccuracyRow { experiment, split, institution, epoch, quality })
        };
        let locals = members
            .par_iter()
            .map(|(_, trainer, _)| local_model(trainer, epoch as u64, &global))
            .collect::<Result<Vec<_>, LearningError>>()?;
        let mut updates = Vec::with_capacity(members.len());
        for ((institution, ..), local) in members.iter().zip(&locals) {
            if observed.contains(institution) {
                record(Some(*institution), local)?;
            }
            let mut delta = difference(local, &global);
            if malicious == Malicious::Poisoning && is_malicious(*institution) {
                delta.iter_mut().for_each(|value| *value *= f32::from(POISON));
            }
            updates.push(delta);
        }
        global = fed_avg(&global, &updates, &weights);
        record(None, &global)?;
    }
    Ok(global)
}

/// The model after the local epochs; where poisoning has driven training out of the finite numbers, the institution
/// keeps what it was given.
fn local_model(
    trainer: &LocalTrainer,
    step: u64,
    global: &[f32],
) -> Result<Vec<f32>, LearningError> {
    match trainer.fit(step, global) {
        Err(LearningError::NonFinite { .. }) => Ok(global.to_vec()),
        outcome => outcome,
    }
}

/// new = old + Σ ω_k·Δ_k / Σ ω_k, in f64 and rounded once.
#[must_use]
pub fn fed_avg(global: &[f32], updates: &[Vec<f32>], weights: &[f64]) -> Vec<f32> {
    let mut mean = vec![0.0f64; global.len()];
    let total: f64 = weights.iter().sum();
    for (update, weight) in updates.iter().zip(weights) {
        for (sum, &value) in mean.iter_mut().zip(update) {
            *sum += weight / total * f64::from(value);
        }
    }
    apply(global, &mean)
}

/// The model that the contract must arrive at, bit for bit, from the same quantised updates: their sums, decoded with the
/// weights ω of those who sent them. `bound` is that of the largest institution; with noise, the one before noise.
///
/// # Errors
/// [`QuantiseError`] for a bound or a c that cannot be.
pub fn fed_avg_quantised(
    global: &[f32],
    updates: &[QuantisedUpdate],
    weights: &[f64],
    bound: Bound,
    clip: f32,
) -> Result<Vec<f32>, QuantiseError> {
    let mut sums = vec![0i64; global.len()];
    for update in updates {
        for (sum, q) in sums.iter_mut().zip(update.as_slice()) {
            *sum += q;
        }
    }
    let mean = decode(&sums, bound, clip, weights.iter().sum())?;
    Ok(apply(global, &mean))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Choice, ReplayConfig, load_dataset};

    fn federation(choice: Choice) -> Federation {
        let dataset = load_dataset(&choice.dataset).unwrap();
        Federation::new(&ReplayConfig::resolve(choice, &dataset).unwrap(), &dataset).unwrap()
    }

    fn accuracy(federation: &Federation, malicious: Malicious) -> f64 {
        let global = run(federation, malicious, &mut Recorder::in_memory()).unwrap();
        federation.quality(&global).unwrap().accuracy
    }

    #[test]
    fn averaging_weighs_by_rows() {
        assert_eq!(
            fed_avg(&[1.0, 0.0], &[vec![1.0, 0.0], vec![-2.0, 3.0]], &[1.0, 0.5]),
            [1.0, 1.0]
        );
    }

    #[test]
    fn quantised_averaging_of_small_integers_is_known_by_hand() {
        // Σq = [4, −127]. A unit is c/127 with c = 1.27: 0.01·Σq/1.5 is [0.02667, −0.84667]. Under a norm of 151 in two
        // dimensions it is c/(√(151² − 1/2) − 1), with c = 1.5 as good as 0.01.
        let norm = Bound::Norm { norm: 151, projections: 256 };
        for (bound, clip) in [(Bound::parameter(8), 1.27), (norm, 1.5)] {
            let updates =
                [[3, -127], [1, 0]].map(|q| QuantisedUpdate::new(q.into(), bound).unwrap());
            let model = fed_avg_quantised(&[1.0, 1.0], &updates, &[1.0, 0.5], bound, clip).unwrap();
            assert!(
                (model[0] - 1.026_667).abs() < 1e-5 && (model[1] - 0.153_333).abs() < 1e-4,
                "{model:?}"
            );
        }
    }

    #[test]
    fn honest_averaging_learns_and_two_poisoners_of_ten_ruin_it() {
        let federation = federation(Choice { epochs: 30, ..Choice::default() });
        let honest = accuracy(&federation, Malicious::Honest);
        let poisoned = accuracy(&federation, Malicious::Poisoning);
        assert!(honest > 0.72, "{honest}");
        assert!(poisoned < honest - 0.05, "{poisoned} against {honest}");
    }

    #[test]
    fn whoever_stays_away_changes_nothing_by_what_it_has() {
        let mut federation = federation(Choice { epochs: 2, ..Choice::default() });
        let before = run(&federation, Malicious::Absent, &mut Recorder::in_memory()).unwrap();
        let place = federation.malicious[0];
        federation.tables[place].labels.iter_mut().for_each(|label| *label = 1.0 - *label);
        let after = run(&federation, Malicious::Absent, &mut Recorder::in_memory()).unwrap();
        assert_eq!(after, before);
        assert_ne!(
            run(&federation, Malicious::Honest, &mut Recorder::in_memory()).unwrap(),
            before
        );
    }
}
