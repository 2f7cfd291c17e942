//! How institutions train: flags, and what they come to.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use consilium_proto::training::check_training;
use consilium_proto::v1::{Cosine, Optimiser, Schedule, StepDecay, Training, schedule::Fall};

use crate::AuthorityError;

/// Optimisers by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OptimiserName {
    /// Stochastic gradient descent.
    Sgd,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    Adamw,
}

/// How a learning rate falls over the steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ScheduleChoice {
    /// Not at all.
    #[default]
    Constant,
    /// Along half a cosine to this share of it in the last step.
    Cosine(f64),
    /// Multiplied by a factor every so many steps.
    Steps(f64, u64),
}

impl FromStr for ScheduleChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let read = match parts.as_slice() {
            ["constant"] => Some(Self::Constant),
            ["cosine", share] => share.parse().ok().map(Self::Cosine),
            ["steps", factor, every] => {
                factor.parse().ok().zip(every.parse().ok()).map(|(f, e)| Self::Steps(f, e))
            }
            _ => None,
        };
        read.ok_or_else(|| {
            "expected constant, cosine:SHARE (cosine:0.1 ends at a tenth) or steps:FACTOR:STEPS (steps:0.5:20 halves it every 20)"
                .to_owned()
        })
    }
}

/// The local training of a run that says nothing else: AdamW with a weight decay of 1, which docs/defaults.md has the reasons for.
#[must_use]
pub fn default_training() -> Training {
    Training {
        optimiser: Optimiser::Adamw.into(),
        learning_rate: 0.01,
        batch_size: 16,
        local_epochs: 1,
        weight_decay: 1.0,
        ..Training::default()
    }
}

/// What a command line says about local training; the rest is the caller's default.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct TrainingFlags {
    /// Optimiser of the local training [default: adamw].
    #[arg(long, value_enum)]
    pub optimiser: Option<OptimiserName>,
    /// Its learning rate [default: 0.01; 0.001 in a replay with convolutions].
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// How the learning rate changes over the steps of the run: constant, cosine:SHARE, which ends at that share of it, or
    /// steps:FACTOR:STEPS, which multiplies it every so many steps [default: constant].
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<ScheduleChoice>,
    /// Steps in which the learning rate rises before that [default: 0].
    #[arg(long, value_name = "STEPS")]
    pub warmup_steps: Option<u32>,
    /// Rows of a batch [default: 16].
    #[arg(long)]
    pub batch_size: Option<u32>,
    /// Passes over an institution's rows in a round [default: 1].
    #[arg(long)]
    pub local_epochs: Option<u32>,
    /// With adamw: what every gradient step takes off each parameter, times the learning rate [default: 1; 0 with any other
    /// optimiser].
    #[arg(long, value_name = "LAMBDA")]
    pub weight_decay: Option<f64>,
    /// FedProx: how strongly local training is held near the global model, for institutions whose rows differ; 0 is plain
    /// averaging [default: 0].
    #[arg(long, value_name = "MU")]
    pub proximal: Option<f64>,
    /// What a row of each class counts in the loss: of two classes a negative and a positive row, of several a number for each
    /// in the dictionary's order [default: the same].
    #[arg(long, value_delimiter = ',', num_args = 1.., value_name = "N,N,...")]
    pub class_weights: Vec<f64>,
}

impl TrainingFlags {
    /// The training of a run with so many steps, where `defaults` say what no flag does.
    ///
    /// # Errors
    /// [`AuthorityError::Plan`], [`AuthorityError::Bound`] naming the value that cannot work.
    pub fn over(&self, defaults: Training, steps: u64) -> Result<Training, AuthorityError> {
        let mut training = defaults;
        if let Some(optimiser) = self.optimiser {
            training.optimiser = match optimiser {
                OptimiserName::Sgd => Optimiser::Sgd,
                OptimiserName::Adam => Optimiser::Adam,
                OptimiserName::Adamw => Optimiser::Adamw,
            }
            .into();
        }
        training.learning_rate = self.learning_rate.unwrap_or(training.learning_rate);
        training.batch_size = self.batch_size.unwrap_or(training.batch_size);
        training.local_epochs = self.local_epochs.unwrap_or(training.local_epochs);
        // Only AdamW decays weights: whoever chooses another optimiser has not asked for the default's decay.
        let is_decaying = training.optimiser() == Optimiser::Adamw;
        let usual = if is_decaying { training.weight_decay } else { 0.0 };
        training.weight_decay = self.weight_decay.unwrap_or(usual);
        training.proximal = self.proximal.unwrap_or(training.proximal);
        let fall = match self.schedule.unwrap_or_default() {
            ScheduleChoice::Constant => None,
            ScheduleChoice::Cosine(final_share) => {
                Some(Fall::Cosine(Cosine { final_share, steps }))
            }
            ScheduleChoice::Steps(factor, every_steps) => {
                Some(Fall::StepDecay(StepDecay { factor, every_steps }))
            }
        };
        let warmup_steps = self.warmup_steps.unwrap_or(0);
        // A schedule that changes nothing is none, so that the same training has one encoding.
        if fall.is_some() || warmup_steps > 0 {
            training.schedule = Some(Schedule { warmup_steps, fall });
        }
        if !self.class_weights.is_empty() {
            training.class_weights.clone_from(&self.class_weights);
        }
        check_training(&training)?;
        Ok(training)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Training {
        Training {
            optimiser: Optimiser::Adam.into(),
            learning_rate: 0.01,
            batch_size: 16,
            local_epochs: 1,
            ..Training::default()
        }
    }

    #[test]
    fn without_a_flag_nothing_is_added_and_every_flag_changes_its_own_value() {
        let none = TrainingFlags::default();
        assert_eq!(none.over(defaults(), 60).unwrap(), defaults());
        let constant = Some(ScheduleChoice::Constant);
        let said = TrainingFlags { schedule: constant, warmup_steps: Some(0), ..none };
        assert_eq!(said.over(defaults(), 60).unwrap(), defaults());
        let all = TrainingFlags {
            optimiser: Some(OptimiserName::Adamw),
            learning_rate: Some(0.1),
            schedule: Some("cosine:0.2".parse().unwrap()),
            warmup_steps: Some(4),
            batch_size: Some(8),
            local_epochs: Some(2),
            weight_decay: Some(1.0),
            proximal: Some(0.5),
            class_weights: vec![1.0, 2.0],
        };
        let fall = Some(Fall::Cosine(Cosine { final_share: 0.2, steps: 60 }));
        let expected = Training {
            optimiser: Optimiser::Adamw.into(),
            learning_rate: 0.1,
            batch_size: 8,
            local_epochs: 2,
            weight_decay: 1.0,
            schedule: Some(Schedule { warmup_steps: 4, fall }),
            proximal: 0.5,
            class_weights: vec![1.0, 2.0],
        };
        assert_eq!(all.over(defaults(), 60).unwrap(), expected);
    }

    #[test]
    fn another_optimiser_does_not_take_the_decay_of_the_default_with_it() {
        for optimiser in [OptimiserName::Sgd, OptimiserName::Adam] {
            let flags = TrainingFlags { optimiser: Some(optimiser), ..TrainingFlags::default() };
            assert_eq!(flags.over(default_training(), 60).unwrap().weight_decay, 0.0);
        }
        let none = TrainingFlags::default();
        assert_eq!(none.over(default_training(), 60).unwrap(), default_training());
        let none_of_it = TrainingFlags { weight_decay: Some(0.0), ..TrainingFlags::default() };
        assert_eq!(none_of_it.over(default_training(), 60).unwrap().weight_decay, 0.0);
    }

    #[test]
    fn what_cannot_be_trained_is_refused_by_its_name() {
        let none = TrainingFlags::default;
        for (flags, says) in [
            (TrainingFlags { weight_decay: Some(1.0), ..none() }, "weight decay is 1"),
            (TrainingFlags { proximal: Some(-1.0), ..none() }, "proximal term is -1"),
            (TrainingFlags { learning_rate: Some(0.0), ..none() }, "learning rate is 0"),
            (TrainingFlags { class_weights: vec![1.0, 0.0], ..none() }, "class weight is 0"),
            (
                TrainingFlags { schedule: Some(ScheduleChoice::Cosine(0.0)), ..none() },
                "final share of the learning rate is 0",
            ),
            (
                TrainingFlags { schedule: Some(ScheduleChoice::Steps(2.0, 5)), ..none() },
                "decay of the learning rate is 2",
            ),
        ] {
            let error = flags.over(defaults(), 60).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn a_schedule_is_read_from_text_and_anything_else_is_answered_with_what_to_write() {
        assert_eq!("constant".parse(), Ok(ScheduleChoice::Constant));
        assert_eq!("cosine:0.1".parse(), Ok(ScheduleChoice::Cosine(0.1)));
        assert_eq!("steps:0.5:20".parse(), Ok(ScheduleChoice::Steps(0.5, 20)));
        for text in ["", "cosine", "cosine:x", "steps:0.5", "steps:0.5:-1", "linear:2"] {
            let error = text.parse::<ScheduleChoice>().unwrap_err();
            assert!(error.contains("expected constant, cosine:SHARE"), "{text}: {error}");
        }
    }
}
