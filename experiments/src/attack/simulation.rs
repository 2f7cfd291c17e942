//! One federation under one attack, on quantised values exactly as the contract computes them, without the encryption.
//!
//! The malicious are judged as the contract judges them: what the proofs exclude is rejected and costs a credit, and
//! one without any left is expelled. The models are those of the encrypted federation, bit for bit (`tests/attack.rs`).

use consilium_client::prepare::{Participant, PrepareError, Quantisation, difference};
use consilium_contract::roster::INITIAL_CREDIT;
use consilium_crypto::Quantiser;
use consilium_learning::{LearningError, LocalTrainer, TrainError, evaluate};

use super::attacker::Attacker;
use super::attacks::{Attack, Defence, Delivery, Limit};
use super::backdoor::Trigger;
use super::record::AttackRow;
use crate::ExperimentError;
use crate::replay::Federation;
use crate::replay::plain::{fed_avg, fed_avg_quantised};
use crate::replay::rows::of_class;

/// One simulation. How many are malicious is the federation's, and so is the seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// What the malicious send.
    pub attack: Attack,
    /// How it meets the defence.
    pub delivery: Delivery,
    /// What is held against them.
    pub defence: Defence,
    /// The bound; for [`Defence::Plain`] only what [`Attack::AtBound`] is measured by.
    pub limit: Limit,
}

/// Where a simulation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The last global model, flat.
    pub model: Vec<f32>,
    /// Updates of malicious institutions that went into a sum.
    pub accepted: usize,
    /// Updates of malicious institutions that did not.
    pub rejected: usize,
}

/// Trains the federation to its last epoch.
///
/// # Errors
/// [`ExperimentError::Learning`], [`ExperimentError::Quantise`].
pub fn simulate(federation: &Federation, cell: Cell) -> Result<Outcome, ExperimentError> {
    match cell.defence {
        Defence::Plain => in_floats(federation, cell),
        Defence::Parameter | Defence::Norm => quantised(federation, cell),
    }
}

/// Simulates `cell` and measures the last model on the common test rows.
///
/// # Errors
/// Those of [`simulate`].
pub fn measure(federation: &Federation, cell: Cell) -> Result<AttackRow, ExperimentError> {
    let Federation { config, architecture, test, .. } = federation;
    let Outcome { model, accepted, rejected } = simulate(federation, cell)?;
    let accuracy =
        |table: &_| evaluate(architecture, &model, table).map(|metrics| metrics.accuracy);
    Ok(AttackRow {
        attack: cell.attack,
        delivery: cell.delivery,
        defence: cell.defence,
        malicious: federation.malicious.len(),
        seed: config.seed,
        accuracy: accuracy(test)?,
        balanced_accuracy: (accuracy(&of_class(test, true))? + accuracy(&of_class(test, false))?)
            / 2.0,
        backdoor_success: accuracy(&Trigger::choose(&federation.tables).victims(test))?,
        accepted,
        rejected,
    })
}

/// Honest participants under `limit`, in order.
fn honest(federation: &Federation, limit: Limit) -> Result<Vec<Participant>, ExperimentError> {
    let summands = u32::try_from(federation.tables.len()).unwrap_or(u32::MAX);
    let participant = |(institution, (trainer, &weight)): (u64, (LocalTrainer, &f64))| {
        let own = federation.own_bound(limit.bound, institution as usize);
        let quantiser = Quantiser::new(limit.bound, limit.clip, weight, summands)?.within(own);
        let stage = Quantisation::new(quantiser, federation.config.seed, institution);
        Ok(Participant::new(trainer, stage))
    };
    let trainers = federation.trainers()?.into_iter();
    (0..).zip(trainers.zip(&federation.weights)).map(participant).collect()
}

/// Everyone, in order, as the encrypted federation takes them.
///
/// # Errors
/// Those of [`Attacker::new`].
pub fn participants(
    federation: &Federation,
    cell: Cell,
) -> Result<Vec<Participant>, ExperimentError> {
    let participants = honest(federation, cell.limit)?.into_iter().enumerate();
    let participants = participants.map(|(institution, participant)| {
        if !federation.malicious.contains(&institution) {
            return Ok(participant);
        }
        let attack = (cell.attack, cell.delivery);
        Ok(Attacker::new(federation, institution, attack, cell.limit)?.participant())
    });
    participants.collect()
}

fn quantised(federation: &Federation, cell: Cell) -> Result<Outcome, ExperimentError> {
    let config = &federation.config;
    let mut participants = participants(federation, cell)?;
    let mut credit = vec![INITIAL_CREDIT; participants.len()];
    let mut outcome = Outcome { model: federation.initial.clone(), accepted: 0, rejected: 0 };
    for step in 1..=config.epochs as u64 {
        let mut updates = Vec::with_capacity(participants.len());
        let mut weights = Vec::with_capacity(participants.len());
        let everyone =
            participants.iter_mut().zip(&mut credit).zip(&federation.weights).enumerate();
        for (institution, ((participant, credit), &weight)) in everyone {
            let is_malicious = usize::from(federation.malicious.contains(&institution));
            if *credit == 0 {
                outcome.rejected += is_malicious;
                continue;
            }
            let update = match participant.local_update(step, &outcome.model) {
                // It sits the step out.
                Err(PrepareError::Train(TrainError::NonFinite { .. })) => continue,
                update => update?.quantised,
            };
            let own = federation.own_bound(cell.limit.bound, institution);
            if (Limit { bound: own, ..cell.limit }).admits(update.as_slice()) {
                outcome.accepted += is_malicious;
                updates.push(update);
                weights.push(weight);
            } else {
                outcome.rejected += is_malicious;
                *credit -= 1;
            }
        }
        if updates.len() >= config.min_updates as usize {
            let Limit { bound, clip } = cell.limit;
            outcome.model = fed_avg_quantised(&outcome.model, &updates, &weights, bound, clip)?;
        }
    }
    Ok(outcome)
}

/// The institutions that train in plain averaging.
enum Party {
    Honest(LocalTrainer),
    Malicious(Attacker),
}

fn in_floats(federation: &Federation, cell: Cell) -> Result<Outcome, ExperimentError> {
    let parties = federation.trainers()?.into_iter().enumerate().map(|(institution, trainer)| {
        if !federation.malicious.contains(&institution) {
            return Ok(Party::Honest(trainer));
        }
        let attacker =
            Attacker::new(federation, institution, (cell.attack, cell.delivery), cell.limit)?;
        Ok(Party::Malicious(attacker))
    });
    let parties = parties.collect::<Result<Vec<_>, ExperimentError>>()?;
    let mut model = federation.initial.clone();
    let mut accepted = 0;
    for step in 1..=federation.config.epochs as u64 {
        let mut updates = Vec::with_capacity(parties.len());
        for party in &parties {
            let update = match party {
                Party::Honest(trainer) => {
                    trainer.fit(step, &model).map(|local| difference(&local, &model))
                }
                Party::Malicious(attacker) => {
                    accepted += 1;
                    attacker.plain_update(step, &model)
                }
            };
            updates.push(match update {
                // Where an attack has driven training out of the finite numbers, the model stays what it was given.
                Err(LearningError::NonFinite { .. }) => vec![0.0; model.len()],
                update => update?,
            });
        }
        model = fed_avg(&model, &updates, &federation.weights);
    }
    Ok(Outcome { model, accepted, rejected: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::config::test_federation as federation;
    use crate::replay::plain::{self, Malicious};
    use crate::replay::recorder::Recorder;

    fn outcome(malicious: usize, attack: Attack, delivery: Delivery, defence: Defence) -> Outcome {
        let (federation, limits) = federation(malicious);
        simulate(&federation, Cell { attack, delivery, defence, limit: limits.of(defence) })
            .unwrap()
    }

    #[test]
    fn with_nobody_malicious_floats_are_plain_averaging() {
        let (federation, _) = federation(0);
        let mut recorder = Recorder::in_memory();
        let model = plain::run(&federation, Malicious::Honest, &mut recorder).unwrap();
        assert_eq!(outcome(0, Attack::None, Delivery::Naive, Defence::Plain).model, model);
    }

    #[test]
    fn scaling_in_floats_is_the_replays_poison() {
        let (federation, _) = federation(2);
        let mut recorder = Recorder::in_memory();
        let poisoned = plain::run(&federation, Malicious::Poisoning, &mut recorder).unwrap();
        let scaled = outcome(2, Attack::Scaling, Delivery::Naive, Defence::Plain).model;
        assert!(
            poisoned.iter().zip(&scaled).all(|(a, b)| (a - b).abs() <= 1e-3 * a.abs().max(1.0))
        );
    }

    #[test]
    fn whoever_leaves_the_bound_is_rejected_and_expelled_and_leaves_the_model_of_the_honest() {
        let (federation, limits) = federation(2);
        for defence in [Defence::Parameter, Defence::Norm] {
            let limit = limits.of(defence);
            let naive = outcome(2, Attack::Scaling, Delivery::Naive, defence);
            assert_eq!((naive.accepted, naive.rejected), (0, 2 * federation.config.epochs));
            let mut model = federation.initial.clone();
            let mut honest = honest(&federation, limit).unwrap();
            for step in 1..=federation.config.epochs as u64 {
                let everyone = honest
                    .iter_mut()
                    .enumerate()
                    .filter(|(k, _)| !federation.malicious.contains(k));
                let (updates, weights): (Vec<_>, Vec<_>) = everyone
                    .map(|(k, trainer)| {
                        (
                            trainer.local_update(step, &model).unwrap().quantised,
                            federation.weights[k],
                        )
                    })
                    .unzip();
                model =
                    fed_avg_quantised(&model, &updates, &weights, limit.bound, limit.clip).unwrap();
            }
            assert_eq!(naive.model, model, "{defence:?}");
            let bounded = outcome(2, Attack::Scaling, Delivery::Bounded, defence);
            assert_eq!((bounded.accepted, bounded.rejected), (2 * federation.config.epochs, 0));
            assert_ne!(bounded.model, model);
        }
    }
}
