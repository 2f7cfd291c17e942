//! Training: mini-batches of shuffled rows, binary cross-entropy on the logit, SGD or Adam.

use burn::nn::loss::{BinaryCrossEntropyLoss, BinaryCrossEntropyLossConfig};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use consilium_datasets::Table;
use consilium_proto::v1;
use rand_core::RngCore;
use serde::{Deserialize, Serialize};

use crate::network::{Network, device};
use crate::weights::finite;
use crate::{Architecture, LearningError, permutation};

/// How the parameters follow the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Plain stochastic gradient descent.
    Sgd,
    /// Adam (Kingma and Ba, ICLR 2015) with β₁ = 0.9, β₂ = 0.999, ε = 1e-5.
    Adam,
}

/// Hyper-parameters of local training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// SGD or Adam.
    pub optimiser: Optimiser,
    /// Step size, positive.
    pub learning_rate: f64,
    /// Rows a gradient step, at least one; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the rows in one call to [`train`], at least one.
    pub local_epochs: usize,
}

impl TrainingConfig {
    /// As a plan holds it.
    #[must_use]
    pub fn to_plan(&self) -> v1::Training {
        let optimiser = match self.optimiser {
            Optimiser::Sgd => v1::Optimiser::Sgd,
            Optimiser::Adam => v1::Optimiser::Adam,
        };
        v1::Training {
            optimiser: optimiser.into(),
            learning_rate: self.learning_rate,
            batch_size: u32::try_from(self.batch_size).unwrap_or(u32::MAX),
            local_epochs: u32::try_from(self.local_epochs).unwrap_or(u32::MAX),
        }
    }

    /// # Errors
    /// [`LearningError::TrainingConfig`] naming the first hyper-parameter outside its range.
    pub fn check(&self) -> Result<(), LearningError> {
        let error = |name, expected, got: String| {
            Err(LearningError::TrainingConfig { name, expected, got })
        };
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return error("learning_rate", "a positive number", self.learning_rate.to_string());
        }
        if self.batch_size == 0 {
            return error("batch_size", "1 or more", "0".into());
        }
        if self.local_epochs == 0 {
            return error("local_epochs", "1 or more", "0".into());
        }
        Ok(())
    }
}

/// # Errors
/// [`LearningError::NoRows`] or [`LearningError::TableShape`] unless every row has the network's inputs and a label.
pub(super) fn check_table(architecture: &Architecture, table: &Table) -> Result<(), LearningError> {
    let expected = architecture.inputs();
    if table.rows == 0 {
        return Err(LearningError::NoRows);
    }
    let fits = table.width == expected && table.labels.len() == table.rows;
    if fits && table.features.len() == expected * table.rows {
        return Ok(());
    }
    let rows = table.rows;
    let features = table.features.len();
    let labels = table.labels.len();
    Err(LearningError::TableShape { expected, rows, features, labels })
}

/// A network in training: parameters together with the optimiser's state, which lives from epoch to epoch.
pub struct Learner {
    architecture: Architecture,
    config: TrainingConfig,
    network: Network,
    optimiser: ModuleOptimizer,
    loss: BinaryCrossEntropyLoss,
    device: Device,
}

impl Learner {
    /// Starts from flat `parameters` with a fresh optimiser.
    ///
    /// # Errors
    /// [`LearningError::ParameterCount`], [`LearningError::TrainingConfig`].
    pub fn new(
        architecture: &Architecture,
        parameters: &[f32],
        config: &TrainingConfig,
    ) -> Result<Self, LearningError> {
        config.check()?;
        let device = device().autodiff();
        Ok(Self {
            network: Network::new(architecture, parameters, &device)?,
            optimiser: match config.optimiser {
                Optimiser::Sgd => SgdConfig::new().init(),
                Optimiser::Adam => AdamConfig::new().init(),
            },
            loss: BinaryCrossEntropyLossConfig::new().with_logits(true).init(&device),
            architecture: architecture.clone(),
            config: config.clone(),
            device,
        })
    }

    /// One pass over the rows in an order drawn from `rng`.
    ///
    /// # Errors
    /// [`LearningError::TableShape`], [`LearningError::NoRows`].
    pub fn epoch(&mut self, table: &Table, rng: &mut impl RngCore) -> Result<(), LearningError> {
        check_table(&self.architecture, table)?;
        // Owned here, so that every step but the first changes it in place.
        let mut network = self.network.clone();
        for rows in permutation(rng, table.rows).chunks(self.config.batch_size) {
            let loss = batch_loss(&network, &self.loss, table, rows, &self.device);
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = self.optimiser.step(self.config.learning_rate, network, gradients);
        }
        self.network = network;
        Ok(())
    }

    /// The parameters as they stand, flat.
    ///
    /// # Errors
    /// [`LearningError::NonFinite`] once training has diverged.
    pub fn parameters(&self) -> Result<Vec<f32>, LearningError> {
        let parameters = self.network.parameters();
        finite(&parameters)?;
        Ok(parameters)
    }
}

/// Mean loss over the given rows of `table`, which has been checked.
fn batch_loss(
    network: &Network,
    loss: &BinaryCrossEntropyLoss,
    table: &Table,
    rows: &[usize],
    device: &Device,
) -> Tensor<1> {
    let features: Vec<f32> = rows
        .iter()
        .flat_map(|&row| table.features.iter().skip(row * table.width).take(table.width))
        .copied()
        .collect();
    let labels: Vec<i32> = rows
        .iter()
        .filter_map(|&row| table.labels.get(row))
        .map(|&label| i32::from(label > 0.5))
        .collect();
    let inputs =
        Tensor::<2>::from_data(TensorData::new(features, [rows.len(), table.width]), device);
    let targets = Tensor::<2, Int>::from_data(TensorData::new(labels, [rows.len(), 1]), device);
    loss.forward(network.forward(inputs), targets)
}

/// Trains flat `parameters` for `config.local_epochs` passes with a fresh optimiser; the same input, `rng` included,
/// gives the same bytes.
///
/// # Errors
/// Everything of [`Learner`]; [`LearningError::NonFinite`] if training diverged.
pub fn train(
    architecture: &Architecture,
    parameters: &[f32],
    table: &Table,
    config: &TrainingConfig,
    rng: &mut impl RngCore,
) -> Result<Vec<f32>, LearningError> {
    let mut learner = Learner::new(architecture, parameters, config)?;
    for _ in 0..config.local_epochs {
        learner.epoch(table, rng)?;
    }
    learner.parameters()
}

#[cfg(test)]
mod tests;
