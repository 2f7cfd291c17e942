//! Hyper-parameters of local training, and the way between them and the plan that a genesis carries.

use consilium_proto::training::{PlanError, check_training};
use consilium_proto::v1;
use serde::{Deserialize, Serialize};

use crate::{LearningError, Schedule};

/// How the parameters follow the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Plain stochastic gradient descent.
    Sgd,
    /// Adam (Kingma and Ba, ICLR 2015) with β₁ = 0.9, β₂ = 0.999, ε = 1e-5.
    Adam,
    /// The same with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019,
    /// algorithm 2): every gradient step also multiplies all parameters, biases among them, by 1 − η·λ.
    AdamW,
}

/// Hyper-parameters of local training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// SGD, Adam or AdamW.
    pub optimiser: Optimiser,
    /// Step size η, positive.
    pub learning_rate: f64,
    /// Rows a gradient step, at least one; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the rows in one call to [`train`](crate::train), at least one.
    pub local_epochs: usize,
    /// λ of AdamW, below 1 / η; 0 with any other optimiser.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight_decay: f64,
    /// μ of FedProx (Li et al., "Federated optimization in heterogeneous networks", MLSys 2020, eq. 2): the loss has
    /// μ/2·‖w − w_global‖² besides. 0 is plain averaging.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub proximal: f64,
    /// What a row of each class counts in the loss, `[classes]`, of two the negative one first; the same where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_weights: Vec<f64>,
    /// How the learning rate changes over the steps of a run; not at all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl TrainingConfig {
    /// The four that every training has: a constant learning rate, no decay, no proximal term, rows that count the same.
    #[must_use]
    pub fn new(
        optimiser: Optimiser,
        learning_rate: f64,
        batch_size: usize,
        local_epochs: usize,
    ) -> Self {
        Self {
            optimiser,
            learning_rate,
            batch_size,
            local_epochs,
            weight_decay: 0.0,
            proximal: 0.0,
            class_weights: Vec::new(),
            schedule: None,
        }
    }

    /// As a plan holds it.
    #[must_use]
    pub fn to_plan(&self) -> v1::Training {
        let optimiser = match self.optimiser {
            Optimiser::Sgd => v1::Optimiser::Sgd,
            Optimiser::Adam => v1::Optimiser::Adam,
            Optimiser::AdamW => v1::Optimiser::Adamw,
        };
        v1::Training {
            optimiser: optimiser.into(),
            learning_rate: self.learning_rate,
            batch_size: u32::try_from(self.batch_size).unwrap_or(u32::MAX),
            local_epochs: u32::try_from(self.local_epochs).unwrap_or(u32::MAX),
            weight_decay: self.weight_decay,
            schedule: self.schedule.map(Schedule::to_plan),
            proximal: self.proximal,
            class_weights: self.class_weights.clone(),
        }
    }

    /// As it stands in a plan.
    ///
    /// # Errors
    /// [`LearningError::TrainingConfig`] naming the first hyper-parameter outside its range.
    pub fn from_plan(training: &v1::Training) -> Result<Self, LearningError> {
        check_training(training).map_err(refused)?;
        let optimiser = match training.optimiser() {
            v1::Optimiser::Adamw => Optimiser::AdamW,
            v1::Optimiser::Adam => Optimiser::Adam,
            // Checked training names one of the three.
            v1::Optimiser::Sgd | v1::Optimiser::Unspecified => Optimiser::Sgd,
        };
        Ok(Self {
            optimiser,
            learning_rate: training.learning_rate,
            batch_size: training.batch_size as usize,
            local_epochs: training.local_epochs as usize,
            weight_decay: training.weight_decay,
            proximal: training.proximal,
            class_weights: training.class_weights.clone(),
            schedule: training.schedule.map(Schedule::from_plan),
        })
    }

    /// The learning rate of a step of the run, counted from 0.
    #[must_use]
    pub fn rate_at(&self, step: u64) -> f64 {
        let share = self.schedule.map_or(1.0, |schedule| schedule.share(step));
        // Ever smaller, and never nothing, which no optimiser takes.
        (self.learning_rate * share).max(f64::MIN_POSITIVE)
    }

    /// The hyper-parameters of one step of the run, counted from 0.
    #[must_use]
    pub fn at_step(&self, step: u64) -> Self {
        Self { learning_rate: self.rate_at(step), schedule: None, ..self.clone() }
    }

    /// # Errors
    /// [`LearningError::TrainingConfig`] naming the first hyper-parameter outside its range.
    pub fn check(&self) -> Result<(), LearningError> {
        check_training(&self.to_plan()).map_err(refused)
    }
}

fn refused(error: PlanError) -> LearningError {
    match error {
        PlanError::OutOfRange { field, actual, expected } => {
            LearningError::TrainingConfig { name: field, expected, got: actual }
        }
        other => LearningError::Plan(other),
    }
}
