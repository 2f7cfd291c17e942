//! Training: mini-batches of shuffled rows, an optimiser, and what holds the model near the global one.

use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor, TensorData};
use consilium_datasets::Table;
use consilium_proto::training::Head;
use rand_core::RngCore;

use crate::loss::{Loss, Proximal};
use crate::network::{Network, device};
use crate::weights::finite;
use crate::{Architecture, LearningError, Optimiser, TrainingConfig, permutation};

/// # Errors
/// [`LearningError::NoRows`] or [`LearningError::TableShape`] unless every row has the network's inputs and a label;
/// [`LearningError::Label`] for a label that its head cannot predict.
pub(super) fn check_table(architecture: &Architecture, table: &Table) -> Result<(), LearningError> {
    let expected = architecture.inputs();
    if table.rows == 0 {
        return Err(LearningError::NoRows);
    }
    let fits = table.width == expected && table.labels.len() == table.rows;
    if fits && table.features.len() == expected * table.rows {
        return check_labels(architecture.head(), &table.labels);
    }
    let rows = table.rows;
    let features = table.features.len();
    let labels = table.labels.len();
    Err(LearningError::TableShape { expected, rows, features, labels })
}

fn check_labels(head: Head, labels: &[f32]) -> Result<(), LearningError> {
    let (wrong, expected) = match head {
        // Whatever is above one half is positive.
        Head::Binary => return Ok(()),
        Head::Classes(classes) => {
            let is_class =
                |label: f32| label.fract() == 0.0 && (0.0..classes as f32).contains(&label);
            let wrong = labels.iter().position(|&label| !is_class(label));
            (wrong, format!("one of {classes} classes"))
        }
        Head::Regression => {
            (labels.iter().position(|label| !label.is_finite()), "a finite number".to_owned())
        }
    };
    wrong.map_or(Ok(()), |row| Err(LearningError::Label { row, expected }))
}

/// A network in training: parameters together with the optimiser's state, which lives from epoch to epoch.
pub struct Learner {
    architecture: Architecture,
    config: TrainingConfig,
    learning_rate: f64,
    network: Network,
    optimiser: ModuleOptimizer,
    loss: Loss,
    proximal: Option<Proximal>,
    device: Device,
}

impl Learner {
    /// Starts from flat `parameters` with a fresh optimiser; a proximal term holds it near them. The learning rate is the
    /// first one of a schedule until [`at_step`](Self::at_step).
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
        let network = Network::new(architecture, parameters, &device)?;
        Ok(Self {
            proximal: Proximal::new(config.proximal, &network),
            network,
            optimiser: match config.optimiser {
                Optimiser::Sgd => SgdConfig::new().init(),
                // The same arithmetic without a decay, and then the same bytes.
                Optimiser::AdamW if config.weight_decay == 0.0 => AdamConfig::new().init(),
                Optimiser::Adam => AdamConfig::new().init(),
                Optimiser::AdamW => {
                    AdamWConfig::new().with_weight_decay(config.weight_decay as f32).init()
                }
            },
            loss: Loss::new(architecture.head(), config)?,
            architecture: architecture.clone(),
            learning_rate: config.rate_at(0),
            config: config.clone(),
            device,
        })
    }

    /// Takes the learning rate of a step of the run, counted from 0, and keeps the optimiser's state.
    pub fn at_step(&mut self, step: u64) {
        self.learning_rate = self.config.rate_at(step);
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
            let loss = match &self.proximal {
                Some(proximal) => loss + proximal.term(&network),
                None => loss,
            };
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = self.optimiser.step(self.learning_rate, network, gradients);
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
    loss: &Loss,
    table: &Table,
    rows: &[usize],
    device: &Device,
) -> Tensor<1> {
    let features: Vec<f32> = rows
        .iter()
        .flat_map(|&row| table.features.iter().skip(row * table.width).take(table.width))
        .copied()
        .collect();
    let labels: Vec<f32> = rows.iter().filter_map(|&row| table.labels.get(row)).copied().collect();
    let inputs =
        Tensor::<2>::from_data(TensorData::new(features, [rows.len(), table.width]), device);
    loss.mean(network.forward(inputs), &labels, device)
}

/// Trains flat `parameters` for `config.local_epochs` passes with a fresh optimiser; the same input, `rng` included,
/// gives the same bytes. The learning rate is that of a schedule's first step: see [`TrainingConfig::at_step`].
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
