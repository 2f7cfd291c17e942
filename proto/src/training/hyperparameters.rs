//! What a model can be trained with.

use super::PlanError;
use crate::v1::{Cosine, Optimiser, Schedule, StepDecay, Training, schedule::Fall};

/// Largest weight of a class, and 1 / the smallest: rarer classes than one row in a thousand are not learned by weighing
/// them more.
const MAX_CLASS_WEIGHT: f64 = 1_000.0;

/// Most steps of a rising learning rate, and between two falls: more is a slip of the keyboard.
const MAX_SCHEDULE_STEPS: u64 = 1 << 32;

/// Whether a model of any shape can be trained like this.
///
/// # Errors
/// [`PlanError::OutOfRange`]: the first value that cannot work.
pub fn check_training(training: &Training) -> Result<(), PlanError> {
    let &Training { learning_rate, weight_decay, proximal, .. } = training;
    let is_rate = learning_rate.is_finite() && learning_rate > 0.0;
    require(is_rate, "learning rate", &learning_rate, "a finite number above 0")?;
    let Training { batch_size, local_epochs, .. } = training;
    require(*batch_size > 0, "batch size", batch_size, "at least 1")?;
    require(*local_epochs > 0, "local epochs", local_epochs, "at least 1")?;
    let optimiser = training.optimiser();
    let is_known = optimiser != Optimiser::Unspecified;
    let known = "SGD (1), Adam (2) or AdamW (3)";
    require(is_known, "optimiser", &training.optimiser, known)?;
    if optimiser == Optimiser::Adamw {
        // A step multiplies by 1 − η·λ, which has to keep the sign.
        let is_decay = weight_decay >= 0.0 && weight_decay * learning_rate < 1.0;
        let allowed = "0 or more, and less than 1 / learning rate";
        require(is_decay, "weight decay", &weight_decay, allowed)?;
    } else {
        let allowed = "0 with this optimiser: AdamW is the one that decays weights";
        require(weight_decay == 0.0, "weight decay", &weight_decay, allowed)?;
    }
    let is_proximal = proximal.is_finite() && proximal >= 0.0;
    require(is_proximal, "proximal term", &proximal, "a finite number, 0 or more")?;
    let range = 1.0 / MAX_CLASS_WEIGHT..=MAX_CLASS_WEIGHT;
    for weight in &training.class_weights {
        require(range.contains(weight), "class weight", weight, "0.001 to 1000")?;
    }
    training.schedule.as_ref().map_or(Ok(()), check_schedule)
}

fn check_schedule(schedule: &Schedule) -> Result<(), PlanError> {
    let warmup = u64::from(schedule.warmup_steps);
    match schedule.fall {
        None => Ok(()),
        Some(Fall::Cosine(Cosine { final_share, steps })) => {
            let is_share = final_share > 0.0 && final_share <= 1.0;
            let allowed = "above 0, and at most 1: the last step learns something too";
            require(is_share, "final share of the learning rate", &final_share, allowed)?;
            let is_long = steps > warmup && steps <= MAX_SCHEDULE_STEPS;
            let allowed = "more than the steps in which the learning rate rises";
            require(is_long, "steps of the learning rate's schedule", &steps, allowed)
        }
        Some(Fall::StepDecay(StepDecay { factor, every_steps })) => {
            let is_factor = factor > 0.0 && factor < 1.0;
            require(is_factor, "decay of the learning rate", &factor, "above 0 and below 1")?;
            let is_period = (1..=MAX_SCHEDULE_STEPS).contains(&every_steps);
            require(is_period, "steps between two decays", &every_steps, "1 or more")
        }
    }
}

fn require(
    holds: bool,
    field: &'static str,
    actual: &dyn ToString,
    expected: &str,
) -> Result<(), PlanError> {
    if holds {
        return Ok(());
    }
    let actual = actual.to_string();
    Err(PlanError::OutOfRange { field, actual, expected: expected.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training() -> Training {
        Training {
            optimiser: Optimiser::Adamw.into(),
            learning_rate: 0.01,
            batch_size: 16,
            local_epochs: 1,
            weight_decay: 1.0,
            schedule: None,
            proximal: 1.0,
            class_weights: vec![0.5, 2.0],
        }
    }

    fn cosine(final_share: f64, steps: u64) -> Option<Schedule> {
        Some(Schedule { warmup_steps: 3, fall: Some(Fall::Cosine(Cosine { final_share, steps })) })
    }

    fn decay(factor: f64, every_steps: u64) -> Option<Schedule> {
        let fall = Some(Fall::StepDecay(StepDecay { factor, every_steps }));
        Some(Schedule { warmup_steps: 0, fall })
    }

    #[test]
    fn every_optimiser_and_schedule_that_can_work_is_taken() {
        let warmup = Some(Schedule { warmup_steps: 5, fall: None });
        for schedule in [None, warmup, cosine(0.1, 60), cosine(1.0, 4), decay(0.5, 1)] {
            assert_eq!(check_training(&Training { schedule, ..training() }), Ok(()));
        }
        for optimiser in [Optimiser::Sgd, Optimiser::Adam, Optimiser::Adamw] {
            let optimiser = optimiser.into();
            let plain = Training { optimiser, weight_decay: 0.0, ..training() };
            assert_eq!(check_training(&plain), Ok(()));
        }
    }

    #[test]
    fn what_no_optimiser_can_work_with_is_refused_by_its_name() {
        let adam = Optimiser::Adam.into();
        for (expected, wrong) in [
            ("weight decay is 1; expected 0 with", Training { optimiser: adam, ..training() }),
            ("weight decay is 100;", Training { weight_decay: 100.0, ..training() }),
            ("weight decay is -1;", Training { weight_decay: -1.0, ..training() }),
            ("weight decay is NaN;", Training { weight_decay: f64::NAN, ..training() }),
            ("optimiser is 4;", Training { optimiser: 4, ..training() }),
            ("proximal term is inf;", Training { proximal: f64::INFINITY, ..training() }),
            ("proximal term is -1;", Training { proximal: -1.0, ..training() }),
            ("class weight is 0;", Training { class_weights: vec![0.0, 1.0], ..training() }),
            ("class weight is NaN;", Training { class_weights: vec![1.0, f64::NAN], ..training() }),
            ("final share of the", Training { schedule: cosine(0.0, 60), ..training() }),
            ("final share of the", Training { schedule: cosine(1.5, 60), ..training() }),
            ("steps of the learning", Training { schedule: cosine(0.5, 3), ..training() }),
            ("steps of the learning", Training { schedule: cosine(0.5, u64::MAX), ..training() }),
            ("decay of the learning", Training { schedule: decay(1.0, 5), ..training() }),
            ("decay of the learning", Training { schedule: decay(f64::NAN, 5), ..training() }),
            ("steps between two", Training { schedule: decay(0.5, 0), ..training() }),
        ] {
            let error = check_training(&wrong).unwrap_err().to_string();
            assert!(error.starts_with(expected), "expected {expected:?} in {error:?}");
        }
    }
}
