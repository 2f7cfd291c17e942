//! A trainer of tabular rows whose scales are agreed in the run itself.

use consilium_datasets::{
    Dataset, Preprocessor, Split, Table,
    dictionary::Dictionary,
    survey::{Quantities, Survey},
};

use crate::{TrainError, Trainer};

/// Makes a trainer of rows that are scaled: of those that it trains on, and of those that it holds out.
type Begin<T> = Box<dyn Fn(Table, Table) -> Result<T, TrainError> + Send>;

/// Rows under a dictionary, not yet scaled. It counts them, and becomes another trainer once the counts of all institutions are
/// summed and verified.
pub struct TabularTrainer<T> {
    dataset: Dataset,
    rows: Split,
    dictionary: Dictionary,
    begin: Begin<T>,
    scaled: Option<T>,
}

impl<T: Trainer> TabularTrainer<T> {
    /// Of a file that was opened under the dictionary: `rows` says which of its rows are trained on, and which are held out;
    /// `begin` gets both once they are scaled, in this order.
    pub fn new(
        dataset: Dataset,
        rows: Split,
        dictionary: Dictionary,
        begin: impl Fn(Table, Table) -> Result<T, TrainError> + Send + 'static,
    ) -> Self {
        Self { dataset, rows, dictionary, begin: Box::new(begin), scaled: None }
    }

    /// Scales the rows, so that it trains from now on.
    ///
    /// # Errors
    /// [`TrainError::Failed`] for a preprocessor that does not fit the file, or the model.
    pub fn scale(&mut self, preprocessor: &Preprocessor) -> Result<(), TrainError> {
        let table = |rows: &[usize]| preprocessor.transform(&self.dataset, rows);
        let train = table(&self.rows.train).map_err(failed)?;
        let held_out = table(&self.rows.test).map_err(failed)?;
        self.scaled = Some((self.begin)(train, held_out)?);
        Ok(())
    }

    fn scaled(&mut self) -> Result<&mut T, TrainError> {
        self.scaled.as_mut().ok_or(TrainError::Unable("train before its rows are scaled"))
    }
}

impl<T: Trainer> Trainer for TabularTrainer<T> {
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

#[cfg(test)]
mod tests {
    use consilium_datasets::{
        Source,
        scorecard::{Form, Scores},
    };

    use super::*;
    use crate::{Architecture, LocalTrainer, Optimiser, TrainingConfig};

    const DICTIONARY: &str = "\
format = 1
name = 'visits'
[target]
column = 'ill'
positive = ['1']
negative = ['0']
[[columns]]
name = 'glucose'
kind = 'number'
unit = 'mg/dL'
minimum = 0
maximum = 400
";

    /// Forty rows, ill from 160 on; every fourth is held out.
    fn trainer() -> TabularTrainer<LocalTrainer> {
        let dictionary = Dictionary::parse(DICTIONARY).unwrap();
        let csv: String = (0..40).map(|i| format!("{},{}\n", i * 8, u8::from(i >= 20))).collect();
        let schema = "name='t'\nfile='t.csv'\ntarget={column='ill', positive=1, negative=0}\n";
        let schema = consilium_datasets::Schema::parse(schema, "t.toml").unwrap();
        let source = Source::new(schema, "t.csv", format!("glucose,ill\n{csv}").into_bytes());
        let (dataset, _) = dictionary.open(&source).unwrap();
        let (test, train): (Vec<usize>, Vec<usize>) = (0..40).partition(|row| row % 4 == 0);
        let architecture = Architecture::new(1, vec![]).unwrap();
        let config = TrainingConfig::new(Optimiser::Adam, 0.05, 8, 20);
        let begin = move |train, held_out| {
            let trainer = LocalTrainer::new(architecture.clone(), train, config.clone(), 1, 1)?;
            Ok(trainer.holding_out(held_out)?)
        };
        TabularTrainer::new(dataset, Split { train, test }, dictionary, begin)
    }

    #[test]
    fn rows_are_counted_before_they_are_scaled_and_trained_on_only_after() {
        let mut trainer = trainer();
        assert!(matches!(trainer.train(0, &[0.0, 0.0]), Err(TrainError::Unable(_))));
        assert!(matches!(trainer.evaluate(&[0.0, 0.0]), Err(TrainError::Unable(_))));
        let counted = trainer.survey().unwrap();
        assert_eq!(counted.counts[..2], [30, 15]);
        trainer.agree(&counted).unwrap();
        let model = trainer.train(0, &[0.0, 0.0]).unwrap();
        let counted = trainer.evaluate(&model).unwrap();
        let Some(Scores::Binary(scores)) = Form::Binary.read(&counted) else { panic!() };
        assert_eq!((scores.rows, scores.auc), (10, Some(1.0)));
    }

    #[test]
    fn statistics_that_no_rows_can_have_scale_nothing() {
        let mut trainer = trainer();
        let mut counted = trainer.survey().unwrap();
        counted.counts[1] = 31;
        assert!(matches!(trainer.agree(&counted), Err(TrainError::Failed(_))));
        assert!(matches!(trainer.train(0, &[0.0, 0.0]), Err(TrainError::Unable(_))));
    }
}
