//! The seam between learning and the round: what an institution computes at home, ready to be encrypted.

use std::time::{Duration, Instant};

use consilium_crypto::{Noise, QuantisedUpdate, Quantiser};
use consilium_datasets::Table;

use super::training::check_table;
use super::{Architecture, LearningError, TrainingConfig, generator, train};

/// One institution's contribution to one step, before encryption. As private as its rows.
pub struct LocalUpdate {
    /// The weighted, clipped, rounded difference between the local and the global model, with its noise if there is any.
    pub quantised: QuantisedUpdate,
    /// Share that was clipped, in [0, 1]: of the coordinates, or of the norm.
    pub clipped_share: f64,
    /// Time spent on training.
    pub train: Duration,
    /// Time spent on quantising.
    pub quantise: Duration,
    /// The model the institution holds after its local epochs, flat.
    pub model: Vec<f32>,
}

// The model says what its institution's rows say; it does not go into a log.
impl std::fmt::Debug for LocalUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalUpdate").field("quantised", &self.quantised).finish_non_exhaustive()
    }
}

/// Whoever makes an institution's updates. The honest one is [`LocalTrainer`].
pub trait Trainer: Send {
    /// The update for `step`, starting from the flat parameters of the `global` model.
    ///
    /// # Errors
    /// A [`LearningError`] if no update can be made; the institution then sits the step out.
    fn local_update(&mut self, step: u64, global: &[f32]) -> Result<LocalUpdate, LearningError>;
}

/// Trains honestly on the institution's own rows.
pub struct LocalTrainer {
    architecture: Architecture,
    table: Table,
    config: TrainingConfig,
    quantiser: Quantiser,
    noise: Option<Noise>,
    seed: u64,
    institution: u64,
}

impl LocalTrainer {
    /// `institution` is any number that tells the institutions of a run apart: it separates their shuffling and
    /// rounding under one `seed`. The weight ω is the quantiser's.
    ///
    /// # Errors
    /// [`LearningError::TableShape`], [`LearningError::NoRows`], [`LearningError::TrainingConfig`].
    pub fn new(
        architecture: Architecture,
        table: Table,
        config: TrainingConfig,
        quantiser: Quantiser,
        seed: u64,
        institution: u64,
    ) -> Result<Self, LearningError> {
        config.check()?;
        check_table(&architecture, &table)?;
        Ok(Self { architecture, table, config, quantiser, noise: None, seed, institution })
    }

    /// Adds `noise` to every update. The quantiser's bound is then the norm before noise; the update has the noise's.
    #[must_use]
    pub fn with_noise(self, noise: Noise) -> Self {
        Self { noise: Some(noise), ..self }
    }

    /// Trains from the flat parameters of the `global` model and returns the local model. The order of the rows
    /// follows from seed, institution and step, so a repeated attempt at a step trains the same model.
    ///
    /// # Errors
    /// [`LearningError::ParameterCount`], [`LearningError::NonFinite`].
    pub fn train(&self, step: u64, global: &[f32]) -> Result<Vec<f32>, LearningError> {
        let mut order = generator("shuffle", self.seed, &[self.institution, step]);
        train(&self.architecture, global, &self.table, &self.config, &mut order)
    }
}

impl Trainer for LocalTrainer {
    fn local_update(&mut self, step: u64, global: &[f32]) -> Result<LocalUpdate, LearningError> {
        let start = Instant::now();
        let model = self.train(step, global)?;
        let train = start.elapsed();

        let start = Instant::now();
        let mut rounding = generator("rounding", self.seed, &[self.institution, step]);
        let (mut quantised, clipped_share) =
            self.quantiser.quantise(&difference(&model, global), &mut rounding)?;
        if let Some(noise) = &mut self.noise {
            quantised = noise.add(&quantised)?;
        }
        Ok(LocalUpdate { quantised, clipped_share, train, quantise: start.elapsed(), model })
    }
}

/// Δ = local − global, coordinate by coordinate.
#[must_use]
pub fn difference(local: &[f32], global: &[f32]) -> Vec<f32> {
    local.iter().zip(global).map(|(local, global)| local - global).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Optimiser;
    use super::*;
    use consilium_crypto::{Bound, Noise};
    use consilium_datasets::{Dataset, Preprocessor};

    const EIGHT: Bound = Bound::Parameter { bits: 8 };

    fn pima() -> (Table, Table) {
        let dataset = Dataset::bundled("pima").unwrap();
        let split = dataset.split(0.2, 42).unwrap();
        let preprocessor = Preprocessor::fit(&dataset, &split.train).unwrap();
        let table = |rows| preprocessor.transform(&dataset, rows).unwrap();
        (table(&split.train), table(&split.test))
    }

    fn config(local_epochs: usize) -> TrainingConfig {
        TrainingConfig {
            optimiser: Optimiser::Adam,
            learning_rate: 0.01,
            batch_size: 32,
            local_epochs,
        }
    }

    fn trainer(architecture: &Architecture, table: Table, quantiser: Quantiser) -> LocalTrainer {
        LocalTrainer::new(architecture.clone(), table, config(1), quantiser, 42, 3).unwrap()
    }

    #[test]
    fn the_network_learns_pima() {
        let (rows, test) = pima();
        let architecture = Architecture::new(8, vec![16, 8]).unwrap();
        let initial = architecture.initial(42);
        let trained =
            train(&architecture, &initial, &rows, &config(20), &mut generator("order", 42, &[]))
                .unwrap();
        let before = super::super::evaluate(&architecture, &initial, &test).unwrap();
        let after = super::super::evaluate(&architecture, &trained, &test).unwrap();
        assert!(after.accuracy > 0.72, "{after:?}");
        assert!(after.auc.unwrap() > 0.78, "{after:?}");
        assert!(after.loss < before.loss, "{after:?} after {before:?}");
    }

    #[test]
    fn an_update_is_the_weighted_difference_rounded_to_a_neighbouring_integer() {
        let clip = 0.25f32;
        let weight = 0.5f64;
        let architecture = Architecture::new(8, vec![16, 8]).unwrap();
        let global = architecture.initial(1);
        let mut trainer =
            trainer(&architecture, pima().0, Quantiser::new(EIGHT, clip, weight, 10).unwrap());
        let update = trainer.local_update(7, &global).unwrap();
        assert_eq!(update.model, trainer.train(7, &global).unwrap());
        let delta = difference(&update.model, &global);
        let mut clipped = 0;
        for (&q, &delta) in update.quantised.as_slice().iter().zip(&delta) {
            let weighted = weight * f64::from(delta);
            clipped += usize::from(weighted.abs() > f64::from(clip));
            let exact = weighted.clamp(-0.25, 0.25) / 0.25 * 127.0;
            assert!((q as f64 - exact).abs() < 1.0);
        }
        assert_eq!(update.quantised.as_slice().len(), 289);
        assert!((update.clipped_share - clipped as f64 / 289.0).abs() < 1e-12);
    }

    #[test]
    fn an_update_gets_its_noise_after_it_was_quantised_and_has_the_norm_of_the_run_only_then() {
        let architecture = Architecture::new(8, vec![4]).unwrap();
        let global = architecture.initial(1);
        let norm = |norm| Bound::Norm { norm, projections: 256 };
        let table = pima().0;
        let make = || {
            trainer(&architecture, table.clone(), Quantiser::new(norm(100), 0.25, 1.0, 10).unwrap())
        };
        let bare = make().local_update(1, &global).unwrap().quantised;
        assert_eq!(bare.bound(), norm(100));
        let mut noisy = make().with_noise(Noise::new(2_500, norm(5_600)).unwrap());
        let first = noisy.local_update(1, &global).unwrap().quantised;
        assert_eq!(first.bound(), norm(5_600));
        let noise =
            first.as_slice().iter().zip(bare.as_slice()).map(|(x, q)| ((x - q) * (x - q)) as f64);
        let variance = noise.sum::<f64>() / 41.0;
        // Its standard deviation is 2,500·√(2/41) = 552; under one seed the next noise is another.
        assert!((300.0..6_000.0).contains(&variance), "{variance}");
        assert!(noisy.local_update(1, &global).unwrap().quantised != first);
    }

    #[test]
    fn the_same_step_gives_the_same_update_and_another_step_or_institution_another() {
        let architecture = Architecture::new(8, vec![4]).unwrap();
        let global = architecture.initial(1);
        let (rows, _) = pima();
        let quantiser = Quantiser::new(EIGHT, 0.25, 1.0, 10).unwrap();
        let run = |institution, step| {
            let quantiser = quantiser.clone();
            let mut trainer = LocalTrainer::new(
                architecture.clone(),
                rows.clone(),
                config(1),
                quantiser,
                42,
                institution,
            )
            .unwrap();
            trainer.local_update(step, &global).unwrap().quantised.as_slice().to_vec()
        };
        assert_eq!(run(0, 1), run(0, 1));
        assert_ne!(run(0, 1), run(0, 2));
        assert_ne!(run(0, 1), run(1, 1));
    }

    #[test]
    fn a_global_model_that_is_not_finite_or_not_ours_is_an_error() {
        let architecture = Architecture::new(8, vec![4]).unwrap();
        let mut global = architecture.initial(1);
        let mut trainer =
            trainer(&architecture, pima().0, Quantiser::new(EIGHT, 0.25, 1.0, 10).unwrap());
        assert!(matches!(
            trainer.local_update(1, &global[1..]),
            Err(LearningError::ParameterCount { .. })
        ));
        global[0] = f32::NAN;
        assert!(matches!(trainer.local_update(1, &global), Err(LearningError::NonFinite { .. })));
    }

    #[test]
    fn neither_the_model_nor_the_update_shows_in_debug_output() {
        let architecture = Architecture::new(8, vec![4]).unwrap();
        let global = architecture.initial(1);
        let update =
            trainer(&architecture, pima().0, Quantiser::new(EIGHT, 0.25, 1.0, 10).unwrap())
                .local_update(1, &global);
        let shown = format!("{update:?}");
        assert!(!shown.contains("model") && !shown.contains("0."), "{shown}");
    }
}
