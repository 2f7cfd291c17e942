//! The seam between learning and an institution.

use std::error::Error;

use consilium_datasets::{Table, scorecard::Form, survey::Quantities};

use crate::evaluation::logits;
use crate::training::check_table;
use crate::{Architecture, LearningError, TrainingConfig, generator, train};

/// Why there is no model to make an update of. The institution sits the step out, and its log has the reason.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Training left the finite numbers.
    #[error(
        "parameter {index} became {value} in training: lower the learning rate, or check the rows for extreme values"
    )]
    NonFinite {
        /// Position in the flat parameter vector.
        index: usize,
        /// The value found.
        value: f32,
    },
    /// The trainer trains another model.
    #[error("the trainer returned {got} parameters, expected {expected}: it trains another model")]
    ParameterCount {
        /// Parameters of the global model.
        expected: usize,
        /// Parameters that came.
        got: usize,
    },
    /// The run asks for what this trainer does not do.
    #[error(
        "the trainer cannot {0}, which the run asks for: give it rows under the run's dictionary"
    )]
    Unable(&'static str),
    /// Whatever else has stopped the trainer.
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
}

impl From<LearningError> for TrainError {
    fn from(error: LearningError) -> Self {
        match error {
            LearningError::NonFinite { index, value } => Self::NonFinite { index, value },
            other => Self::Failed(other.into()),
        }
    }
}

/// What trains a model on an institution's rows: this crate's [`LocalTrainer`], or another program.
///
/// A trainer sees the global model and returns a local one; it never sees the bound, the noise or a key. What becomes of
/// its model is the institution's own stage, which no trainer can leave out: difference, weight, clipping, rounding and
/// noise, then encryption and proofs.
///
/// What an implementation must keep to:
///
/// - **It may block.** It is called on a thread of its own, from which nothing else waits. The round waits no longer than
///   the genesis' collection timeout, though: a model that comes later is thrown away with its round.
/// - **It returns as many parameters as it was given, all of them finite.** The institution checks both and sits the step
///   out where they do not hold; nothing of such a model is sent.
/// - **It repeats.** The same step and global model give the same parameters, bit for bit, given the trainer's seed: a
///   step is tried again after a crash or in another attempt, and two different updates of one step would tell the
///   others more than one. It may be called for any step, also for an earlier one again, and keeps no state between calls
///   that its result depends on.
pub trait Trainer: Send {
    /// The local model of `step`, trained from the flat parameters of the `global` one.
    ///
    /// # Errors
    /// [`TrainError`] if there is none; the institution then sits the step out.
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError>;

    /// Counts of the rows that it trains on, where the run sums statistics before the first model.
    ///
    /// # Errors
    /// [`TrainError`] if there are none; the institution then sits the step out.
    fn survey(&mut self) -> Result<Quantities, TrainError> {
        Err(TrainError::Unable("count its rows"))
    }

    /// Takes the counts of all institutions' rows, which are verified, before it first trains or evaluates in a run that sums them.
    ///
    /// # Errors
    /// [`TrainError`] where rows cannot be scaled by them.
    fn agree(&mut self, _statistics: &Quantities) -> Result<(), TrainError> {
        Err(TrainError::Unable("scale its rows by agreed statistics"))
    }

    /// Counts how good a model is on rows that it does not train on ([`scorecard`](consilium_datasets::scorecard)).
    ///
    /// # Errors
    /// [`TrainError`] if that cannot be said; the institution then sits the step out.
    fn evaluate(&mut self, _model: &[f32]) -> Result<Quantities, TrainError> {
        Err(TrainError::Unable("evaluate on rows that it holds out"))
    }
}

impl Trainer for Box<dyn Trainer> {
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.as_mut().train(step, global)
    }

    fn survey(&mut self) -> Result<Quantities, TrainError> {
        self.as_mut().survey()
    }

    fn agree(&mut self, statistics: &Quantities) -> Result<(), TrainError> {
        self.as_mut().agree(statistics)
    }

    fn evaluate(&mut self, model: &[f32]) -> Result<Quantities, TrainError> {
        self.as_mut().evaluate(model)
    }
}

/// Trains honestly on the institution's own rows.
#[derive(Clone)]
pub struct LocalTrainer {
    architecture: Architecture,
    table: Table,
    held_out: Option<Table>,
    config: TrainingConfig,
    seed: u64,
    institution: u64,
    first_step: u64,
}

impl LocalTrainer {
    /// `institution` is any number that tells the institutions of a run apart: it separates their shuffling under one
    /// `seed`.
    ///
    /// # Errors
    /// [`LearningError::TableShape`], [`LearningError::NoRows`], [`LearningError::TrainingConfig`].
    pub fn new(
        architecture: Architecture,
        table: Table,
        config: TrainingConfig,
        seed: u64,
        institution: u64,
    ) -> Result<Self, LearningError> {
        config.check()?;
        check_table(&architecture, &table)?;
        Ok(Self { architecture, table, held_out: None, config, seed, institution, first_step: 0 })
    }

    /// Measures models on these rows, which it does not train on. There may be none of them.
    ///
    /// # Errors
    /// [`LearningError::TableShape`].
    pub fn holding_out(self, table: Table) -> Result<Self, LearningError> {
        if table.rows > 0 {
            check_table(&self.architecture, &table)?;
        }
        Ok(Self { held_out: Some(table), ..self })
    }

    /// The same in a run whose first step has another number than 0, which is where its learning rate begins.
    #[must_use]
    pub fn counting_from(self, first_step: u64) -> Self {
        Self { first_step, ..self }
    }

    /// The local model of `step`. The order of the rows follows from seed, institution and step, so a repeated attempt at
    /// a step trains the same model.
    ///
    /// # Errors
    /// [`LearningError::ParameterCount`], [`LearningError::NonFinite`].
    pub fn fit(&self, step: u64, global: &[f32]) -> Result<Vec<f32>, LearningError> {
        let mut order = generator("shuffle", self.seed, &[self.institution, step]);
        let config = self.config.at_step(step.saturating_sub(self.first_step));
        train(&self.architecture, global, &self.table, &config, &mut order)
    }
}

impl Trainer for LocalTrainer {
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        Ok(self.fit(step, global)?)
    }

    fn evaluate(&mut self, model: &[f32]) -> Result<Quantities, TrainError> {
        let Some(table) = &self.held_out else {
            return Err(TrainError::Unable("evaluate without rows that it holds out"));
        };
        let logits = if table.rows == 0 {
            Vec::new()
        } else {
            logits(&self.architecture, model, &table.features)?
        };
        Ok(Form::from(self.architecture.head()).count(&logits, &table.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimiser, evaluate};
    use consilium_datasets::{Dataset, Preprocessor};

    fn pima() -> (Table, Table) {
        let dataset = Dataset::bundled("pima").unwrap();
        let split = dataset.split(0.2, 42).unwrap();
        let preprocessor = Preprocessor::fit(&dataset, &split.train).unwrap();
        let table = |rows| preprocessor.transform(&dataset, rows).unwrap();
        (table(&split.train), table(&split.test))
    }

    fn config(local_epochs: usize) -> TrainingConfig {
        TrainingConfig::new(Optimiser::Adam, 0.01, 32, local_epochs)
    }

    fn trainer(architecture: &Architecture, institution: u64) -> LocalTrainer {
        LocalTrainer::new(architecture.clone(), pima().0, config(1), 42, institution).unwrap()
    }

    #[test]
    fn the_network_learns_pima() {
        let (rows, test) = pima();
        let architecture = Architecture::new(8, vec![16, 8]).unwrap();
        let initial = architecture.initial(42);
        let trained =
            train(&architecture, &initial, &rows, &config(20), &mut generator("order", 42, &[]))
                .unwrap();
        let before = evaluate(&architecture, &initial, &test).unwrap();
        let after = evaluate(&architecture, &trained, &test).unwrap();
        assert!(after.accuracy > 0.72, "{after:?}");
        assert!(after.auc.unwrap() > 0.78, "{after:?}");
        assert!(after.loss < before.loss, "{after:?} after {before:?}");
    }

    #[test]
    fn the_same_step_gives_the_same_model_and_another_step_or_institution_another() {
        let architecture = Architecture::new(8, vec![4]).unwrap();
        let global = architecture.initial(1);
        let run = |institution, step| {
            let mut trainer: Box<dyn Trainer> = Box::new(trainer(&architecture, institution));
            // Whatever was trained before.
            trainer.train(9, &global).unwrap();
            trainer.train(step, &global).unwrap()
        };
        assert_eq!(run(0, 1), run(0, 1));
        assert_ne!(run(0, 1), run(0, 2));
        assert_ne!(run(0, 1), run(1, 1));
    }

    #[test]
    fn a_global_model_that_is_not_finite_or_not_ours_is_an_error() {
        let architecture = Architecture::new(8, vec![4]).unwrap();
        let mut global = architecture.initial(1);
        let trainer = trainer(&architecture, 3);
        assert!(matches!(trainer.fit(1, &global[1..]), Err(LearningError::ParameterCount { .. })));
        global[0] = f32::NAN;
        assert!(matches!(trainer.fit(1, &global), Err(LearningError::NonFinite { .. })));
    }
}
