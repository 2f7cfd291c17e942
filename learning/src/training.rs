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
        for rows in permutation(rng, table.rows).chunks(self.config.batch_size) {
            let loss = batch_loss(&self.network, &self.loss, table, rows, &self.device);
            let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
            self.network =
                self.optimiser.step(self.config.learning_rate, self.network.clone(), gradients);
        }
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
mod tests {
    use super::*;
    use crate::generator;

    /// Rows whose label follows a curved boundary, features in [−1, 1].
    fn moons(rows: usize, width: usize, seed: u64) -> Table {
        let mut rng = generator("test rows", seed, &[]);
        let features: Vec<f32> =
            (0..rows * width).map(|_| crate::seed::uniform(&mut rng, 1.0)).collect();
        let labels = features
            .chunks(width)
            .map(|x| f32::from(u8::from(x[0] * x[0] + 0.5 * x[1] > 0.3)))
            .collect();
        Table { features, labels, rows, width }
    }

    fn config(optimiser: Optimiser) -> TrainingConfig {
        TrainingConfig { optimiser, learning_rate: 0.05, batch_size: 16, local_epochs: 3 }
    }

    /// Mean cross-entropy in f64, written out by hand: the oracle for burn's forward and backward pass.
    fn loss_by_hand(architecture: &Architecture, parameters: &[f64], table: &Table) -> f64 {
        let mut total = 0.0;
        for (features, label) in table.features.chunks(table.width).zip(&table.labels) {
            let mut activation: Vec<f64> = features.iter().map(|&x| f64::from(x)).collect();
            let mut offset = 0;
            for (layer, (fan_in, fan_out)) in architecture.layers().enumerate() {
                let bias = offset + fan_in * fan_out;
                let outputs = (0..fan_out).map(|o| {
                    let sum: f64 = (0..fan_in)
                        .map(|i| activation[i] * parameters[offset + i * fan_out + o])
                        .sum();
                    let output = sum + parameters[bias + o];
                    if layer < architecture.hidden().len() { output.max(0.0) } else { output }
                });
                activation = outputs.collect();
                offset = bias + fan_out;
            }
            let margin = if *label > 0.5 { activation[0] } else { -activation[0] };
            total += (-margin).exp().ln_1p();
        }
        total / table.rows as f64
    }

    fn gradient(architecture: &Architecture, parameters: &[f32], table: &Table) -> Vec<f32> {
        let learner = Learner::new(architecture, parameters, &config(Optimiser::Sgd)).unwrap();
        let rows: Vec<usize> = (0..table.rows).collect();
        let gradients =
            batch_loss(&learner.network, &learner.loss, table, &rows, &learner.device).backward();
        let mut flat = Vec::new();
        for layer in &learner.network.layers {
            flat.extend(layer.weight.val().grad(&gradients).unwrap().into_data().iter::<f32>());
            flat.extend(
                layer
                    .bias
                    .as_ref()
                    .unwrap()
                    .val()
                    .grad(&gradients)
                    .unwrap()
                    .into_data()
                    .iter::<f32>(),
            );
        }
        flat
    }

    #[test]
    fn the_gradient_equals_finite_differences_of_the_loss_written_out_by_hand() {
        let architecture = Architecture::new(3, vec![5, 4]).unwrap();
        let table = moons(20, 3, 1);
        let parameters: Vec<f32> = architecture.initial(5).iter().map(|p| p + 0.05).collect();
        let gradient = gradient(&architecture, &parameters, &table);
        let wide: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
        for j in 0..wide.len() {
            let at = |shift: f64| {
                let mut moved = wide.clone();
                moved[j] += shift;
                loss_by_hand(&architecture, &moved, &table)
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!(
                (f64::from(gradient[j]) - difference).abs() < 1e-5,
                "{j}: {} against {difference}",
                gradient[j]
            );
        }
        assert!(gradient.iter().any(|g| g.abs() > 1e-2));
    }

    #[test]
    fn a_step_of_sgd_over_all_rows_is_minus_learning_rate_times_gradient() {
        let architecture = Architecture::new(3, vec![4]).unwrap();
        let table = moons(12, 3, 2);
        let before = architecture.initial(6);
        let sgd = TrainingConfig { batch_size: 12, local_epochs: 1, ..config(Optimiser::Sgd) };
        let after =
            train(&architecture, &before, &table, &sgd, &mut generator("order", 1, &[])).unwrap();
        for ((after, before), gradient) in
            after.iter().zip(&before).zip(gradient(&architecture, &before, &table))
        {
            assert!((after - (before - 0.05 * gradient)).abs() < 1e-6);
        }
    }

    #[test]
    fn training_gives_the_same_bytes_on_every_run_and_every_thread() {
        let architecture = Architecture::new(4, vec![8, 8]).unwrap();
        let run = |optimiser, seed| {
            let mut rng = generator("order", seed, &[]);
            let trained = train(
                &architecture,
                &architecture.initial(1),
                &moons(61, 4, 3),
                &config(optimiser),
                &mut rng,
            );
            crate::model_blob(&trained.unwrap())
        };
        for optimiser in [Optimiser::Sgd, Optimiser::Adam] {
            let alone = run(optimiser, 9);
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| run(optimiser, 9))).collect();
                threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), alone));
            });
            assert_ne!(run(optimiser, 10), alone, "another order of the rows is another model");
        }
    }

    #[test]
    fn a_trained_model_stays_what_it_was() {
        // To four digits, not to the bit: the last bits belong to the processor's vector instructions.
        let architecture = Architecture::new(2, vec![3]).unwrap();
        let mut rng = generator("order", 1, &[]);
        let trained = train(
            &architecture,
            &architecture.initial(1),
            &moons(40, 2, 4),
            &config(Optimiser::Adam),
            &mut rng,
        );
        let expected = [
            -1.4156, -0.2398, -0.9371, -0.942, -0.8046, -1.1174, -0.2354, 0.2282, -0.3494, 0.0266,
            -0.261, 0.3583, 0.0394,
        ];
        let trained = trained.unwrap();
        assert_eq!(trained.len(), expected.len());
        assert!(trained.iter().zip(expected).all(|(p, e)| (p - e).abs() < 2e-4), "{trained:?}");
    }

    #[test]
    fn divergence_is_an_error_that_names_the_parameter() {
        let architecture = Architecture::new(2, vec![]).unwrap();
        let table = Table {
            features: vec![1e30, 1.0, -1e30, 1.0],
            labels: vec![1.0, 0.0],
            rows: 2,
            width: 2,
        };
        let reckless = TrainingConfig { learning_rate: 1e30, ..config(Optimiser::Sgd) };
        let outcome = train(
            &architecture,
            &[0.0, 0.0, 0.0],
            &table,
            &reckless,
            &mut generator("order", 1, &[]),
        );
        assert!(matches!(outcome, Err(LearningError::NonFinite { index: 0, .. })), "{outcome:?}");
    }

    #[test]
    fn tables_and_settings_that_do_not_fit_are_refused() {
        let architecture = Architecture::new(3, vec![4]).unwrap();
        let initial = architecture.initial(1);
        let attempt = |table: &Table, config: &TrainingConfig| {
            train(&architecture, &initial, table, config, &mut generator("order", 1, &[]))
                .unwrap_err()
        };
        let sgd = config(Optimiser::Sgd);
        assert!(matches!(
            attempt(&moons(5, 4, 1), &sgd),
            LearningError::TableShape { expected: 3, .. }
        ));
        let empty = Table { features: vec![], labels: vec![], rows: 0, width: 3 };
        assert!(matches!(attempt(&empty, &sgd), LearningError::NoRows));
        let mut ragged = moons(5, 3, 1);
        ragged.labels.pop();
        assert!(matches!(attempt(&ragged, &sgd), LearningError::TableShape { labels: 4, .. }));
        for bad in [
            TrainingConfig { learning_rate: f64::NAN, ..sgd.clone() },
            TrainingConfig { learning_rate: 0.0, ..sgd.clone() },
            TrainingConfig { batch_size: 0, ..sgd.clone() },
            TrainingConfig { local_epochs: 0, ..sgd.clone() },
        ] {
            assert!(matches!(attempt(&moons(5, 3, 1), &bad), LearningError::TrainingConfig { .. }));
        }
    }
}
