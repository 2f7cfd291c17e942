//! An institution that never federates: it trains on its own rows, and stops where its own rows say.

use consilium_datasets::Table;
use consilium_learning::{
    Learner, LearningError, TrainingConfig, evaluate, generator, permutation,
};
use rand_core::RngCore;
use rayon::prelude::*;

use super::federation::Federation;
use super::record::{AccuracyRow, Experiment};
use super::recorder::Recorder;
use super::rows::{places_of_class, select};
use crate::ExperimentError;

/// Share of its own rows that an institution chooses the number of its epochs by.
const VALIDATION: f64 = 0.2;

/// Trains every observed institution by itself from the common initial model with the local hyper-parameters, on all of its
/// rows and for as many epochs as `stop` says; in later epochs it has the model that it stopped with. Its optimiser keeps
/// its state from epoch to epoch, as it does for anybody who trains alone.
///
/// # Errors
/// [`ExperimentError::Learning`]; those of [`Recorder::record`].
pub fn run(federation: &Federation, recorder: &mut Recorder) -> Result<(), ExperimentError> {
    let Federation { config, observed, .. } = federation;
    let models: Vec<Vec<Vec<f32>>> = observed
        .par_iter()
        .map(|&institution| models(federation, institution))
        .collect::<Result<_, ExperimentError>>()?;
    for (&institution, models) in observed.iter().zip(models) {
        let mut quality = None;
        let mut models = models.into_iter();
        for epoch in 1..=config.epochs {
            if let Some(model) = models.next() {
                quality = Some(federation.quality(&model)?);
            }
            let Some(quality) = quality else { break };
            let experiment = Experiment::Alone;
            let split = federation.split;
            let institution = Some(institution);
            recorder.record(AccuracyRow { experiment, split, institution, epoch, quality })?;
        }
    }
    Ok(())
}

/// The models of an institution after each epoch until it stops.
fn models(federation: &Federation, institution: usize) -> Result<Vec<Vec<f32>>, ExperimentError> {
    let Some(table) = federation.tables.get(institution) else { return Ok(Vec::new()) };
    let (train, validation) = hold_out(table, federation.seed, institution);
    let epochs = stop(federation, institution, &train, &validation)?;
    let mut school = school(federation, institution, "alone shuffle")?;
    Ok((0..epochs).map(|_| school.epoch(table)).collect::<Result<_, _>>()?)
}

/// Parts an institution's rows into those that it trains on while it looks for the number of epochs and those that it measures
/// on: a fifth of each class, drawn at random. Something is left to train on.
fn hold_out(table: &Table, seed: u64, institution: usize) -> (Table, Table) {
    let mut rng = generator("alone validation", seed, &[institution as u64]);
    let mut train = Vec::new();
    let mut validation = Vec::new();
    for class in [false, true] {
        let members = places_of_class(table, class);
        let held_out = (VALIDATION * members.len() as f64).round() as usize;
        let order = permutation(&mut rng, members.len());
        let drawn = order.into_iter().filter_map(|place| members.get(place).copied());
        let drawn: Vec<usize> = drawn.collect();
        let (first, rest) = drawn.split_at(held_out.min(drawn.len()));
        validation.extend_from_slice(first);
        train.extend_from_slice(rest);
    }
    train.sort_unstable();
    validation.sort_unstable();
    (select(table, &train), select(table, &validation))
}

/// Early stopping (Prechelt, "Early stopping – but when?", 1998): the epoch after which the loss on `validation` was least of
/// a model that was trained on `train`, and all epochs where there is nothing to measure on.
fn stop(
    federation: &Federation,
    institution: usize,
    train: &Table,
    validation: &Table,
) -> Result<usize, ExperimentError> {
    let Federation { config, architecture, .. } = federation;
    if validation.rows == 0 {
        return Ok(config.epochs);
    }
    let mut school = school(federation, institution, "alone stopping")?;
    let mut best = (f64::INFINITY, config.epochs);
    for epoch in 1..=config.epochs {
        let loss = evaluate(architecture, &school.epoch(train)?, validation)?.loss;
        if loss < best.0 {
            best = (loss, epoch);
        }
    }
    Ok(best.1)
}

/// An institution's training from the initial model, epoch after epoch.
struct School<R> {
    learner: Learner,
    order: R,
    passes: usize,
    epochs: u64,
}

fn school(
    federation: &Federation,
    institution: usize,
    label: &str,
) -> Result<School<impl RngCore>, ExperimentError> {
    let Federation { config, architecture, initial, seed, .. } = federation;
    // There is no global model to stay near.
    let local = TrainingConfig { proximal: 0.0, ..config.local.clone() };
    Ok(School {
        learner: Learner::new(architecture, initial, &local)?,
        order: generator(label, *seed, &[institution as u64]),
        passes: local.local_epochs,
        epochs: 0,
    })
}

impl<R: RngCore> School<R> {
    /// The model after one more epoch on `table`.
    fn epoch(&mut self, table: &Table) -> Result<Vec<f32>, LearningError> {
        self.learner.at_step(self.epochs);
        self.epochs += 1;
        for _ in 0..self.passes {
            self.learner.epoch(table, &mut self.order)?;
        }
        self.learner.parameters()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::replay::{Choice, ReplayConfig, load_dataset};

    fn federation(choice: Choice) -> Federation {
        let dataset = load_dataset(&choice.dataset).unwrap();
        Federation::new(&ReplayConfig::resolve(choice, &dataset).unwrap(), &dataset).unwrap()
    }

    fn bits(table: &Table) -> Vec<Vec<u32>> {
        let bits = |(features, label): (&[f32], f32)| {
            features.iter().chain([&label]).map(|value| value.to_bits()).collect()
        };
        table.iter().map(bits).collect()
    }

    #[test]
    fn a_fifth_of_each_class_of_its_own_rows_chooses_the_epochs_and_none_of_them_trains_meanwhile()
    {
        let federation = federation(Choice::default());
        for (institution, table) in federation.tables.iter().enumerate() {
            let (train, validation) = hold_out(table, federation.seed, institution);
            let of_all = |part: &Table| part.rows as f64 / table.rows as f64;
            assert!((of_all(&validation) - 0.2).abs() < 0.03 && validation.positives() > 0);
            let mut together: Vec<_> = bits(&train).into_iter().chain(bits(&validation)).collect();
            let mut own = bits(table);
            together.sort_unstable();
            own.sort_unstable();
            assert_eq!(together, own);
        }
    }

    #[test]
    fn nothing_that_it_does_depends_on_the_test_rows() {
        let mut federation = federation(Choice { epochs: 12, ..Choice::default() });
        let institution = federation.observed[0];
        let before = models(&federation, institution).unwrap();
        // Other test rows with other labels: whoever looked at them would stop elsewhere.
        federation.test.labels.iter_mut().for_each(|label| *label = 1.0 - *label);
        federation.test.features.reverse();
        assert_eq!(models(&federation, institution).unwrap(), before);
        let table = &federation.tables[institution];
        let test: BTreeSet<_> = bits(&federation.test).into_iter().collect();
        assert!(bits(table).iter().all(|row| !test.contains(row)));
    }

    #[test]
    fn it_stops_where_its_validation_rows_say_and_keeps_that_model() {
        let federation = federation(Choice { epochs: 40, ..Choice::default() });
        let mut recorder = Recorder::in_memory();
        run(&federation, &mut recorder).unwrap();
        assert_eq!(recorder.rows().len(), 3 * 40);
        for &institution in &federation.observed {
            let epochs = models(&federation, institution).unwrap().len();
            assert!((1..40).contains(&epochs), "{epochs}");
            let own: Vec<_> =
                recorder.rows().iter().filter(|row| row.institution == Some(institution)).collect();
            assert!(own[epochs..].iter().all(|row| row.quality == own[epochs - 1].quality));
        }
    }

    #[test]
    fn a_single_row_has_nothing_to_hold_out_and_is_trained_on_to_the_end() {
        let table = Table { features: vec![1.0; 8], labels: vec![1.0], rows: 1, width: 8 };
        let (train, validation) = hold_out(&table, 1, 0);
        assert_eq!((train.rows, validation.rows), (1, 0));
        let federation = federation(Choice { epochs: 3, ..Choice::default() });
        assert_eq!(stop(&federation, 0, &train, &validation).unwrap(), 3);
    }
}
