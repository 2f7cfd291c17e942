//! A trainer of tabular rows whose scales are agreed in the run itself.

use consilium_datasets::{
    Dataset, Preprocessor, Split,
    dictionary::Dictionary,
    survey::{Quantities, Survey},
};

use crate::{LocalTrainer, TrainError, Trainer, TrainingPlan};

/// Rows under a dictionary, not yet scaled. It counts them, and becomes a [`LocalTrainer`] once the counts of all institutions are
/// summed and verified.
pub struct TabularTrainer {
    dataset: Dataset,
    rows: Split,
    dictionary: Dictionary,
    plan: TrainingPlan,
    seed: u64,
    institution: u64,
    scaled: Option<LocalTrainer>,
}

impl TabularTrainer {
    /// Of a file that was opened under the dictionary: `rows` says which of its rows are trained on, and which are held out.
    /// Seed and institution as in [`LocalTrainer::new`].
    pub fn new(
        dataset: Dataset,
        rows: Split,
        dictionary: Dictionary,
        plan: TrainingPlan,
        seed: u64,
        institution: u64,
    ) -> Self {
        Self { dataset, rows, dictionary, plan, seed, institution, scaled: None }
    }

    /// Scales the rows, so that it trains from now on.
    ///
    /// # Errors
    /// [`TrainError::Failed`] for a preprocessor that does not fit the file, or the model.
    pub fn scale(&mut self, preprocessor: &Preprocessor) -> Result<(), TrainError> {
        let table = |rows: &[usize]| preprocessor.transform(&self.dataset, rows);
        let table =
            (table(&self.rows.train).map_err(failed)?, table(&self.rows.test).map_err(failed)?);
        let (train, held_out) = table;
        let TrainingPlan { architecture, config } = self.plan.clone();
        let trainer = LocalTrainer::new(architecture, train, config, self.seed, self.institution)?;
        self.scaled = Some(trainer.holding_out(held_out)?);
        Ok(())
    }

    fn scaled(&mut self) -> Result<&mut LocalTrainer, TrainError> {
        self.scaled.as_mut().ok_or(TrainError::Unable("train before its rows are scaled"))
    }
}

impl Trainer for TabularTrainer {
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.scaled()?.train(step, global)
    }

    fn survey(&mut self) -> Result<Quantities, TrainError> {
        Survey::of(&self.dictionary).take(&self.dataset, &self.rows.train).map_err(failed)
    }

    fn agree(&mut self, statistics: &Quantities) -> Result<(), TrainError> {
        let statistics = Survey::of(&self.dictionary).read(statistics).map_err(failed)?;
        let preprocessor = Preprocessor::agreed(&self.dictionary, &statistics.numbers());
        self.scale(&preprocessor.map_err(failed)?)
    }

    fn evaluate(&mut self, model: &[f32]) -> Result<Quantities, TrainError> {
        self.scaled()?.evaluate(model)
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> TrainError {
    TrainError::Failed(Box::new(error))
}
