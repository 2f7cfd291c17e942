//! One split of the data dealt to institutions: the stage on which every scheme of figure 6 plays.

use consilium_client::prepare::{Participant, Quantisation};
use consilium_crypto::{Bound, Noise, quantise::share};
use consilium_datasets::{Dataset, Preprocessor, Table};
use consilium_learning::{
    Architecture, Description, LocalTrainer, StatisticsOf, generator, permutation,
};
use rand_core::RngCore;

use super::config::ReplayConfig;
use crate::ExperimentError;

/// Honest institutions whose models figure 6 shows.
pub const OBSERVED: usize = 3;

/// Institutions with their rows, the common test rows, and which role each plays.
///
/// Preprocessing uses the statistics of all training rows, as in the papers' experiments; hospitals would agree on
/// public statistics instead.
pub struct Federation {
    /// The replay this belongs to.
    pub config: ReplayConfig,
    /// Network of all institutions.
    pub architecture: Architecture,
    /// Initial global model, flat.
    pub initial: Vec<f32>,
    /// Rows of every institution.
    pub tables: Vec<Table>,
    /// Rows held out from training.
    pub test: Table,
    /// What turns a row into inputs.
    pub description: Description,
    /// ω_k = n_k / max n.
    pub weights: Vec<f64>,
    /// Institutions that send poisoned updates, ascending.
    pub malicious: Vec<usize>,
    /// Honest institutions drawn at random to be looked at, ascending: three, or all if there are fewer.
    pub observed: Vec<usize>,
}

/// Loads a bundled dataset by its name, any other by the path of its schema.
///
/// # Errors
/// [`ExperimentError::Dataset`].
pub fn load_dataset(name: &str) -> Result<Dataset, ExperimentError> {
    Ok(Dataset::open(name)?)
}

/// A separate seed for a named part of a replay.
#[must_use]
pub fn sub_seed(seed: u64, label: &str, parts: &[u64]) -> u64 {
    generator(label, seed, parts).next_u64()
}

impl Federation {
    /// Splits, fits the preprocessing on the training rows, deals them and draws the parts: one random order of the
    /// institutions, of which the first `malicious` are malicious and the next three are observed.
    ///
    /// # Errors
    /// [`ExperimentError::Dataset`], e.g. for fewer rows than institutions; [`ExperimentError::Learning`] for an
    /// architecture that cannot be.
    pub fn new(config: &ReplayConfig, dataset: &Dataset) -> Result<Self, ExperimentError> {
        let split = dataset.split(config.test_fraction, config.seed)?;
        let preprocessor = Preprocessor::fit(dataset, &split.train)?;
        let shares =
            config.partition.deal(dataset, &split.train, config.institutions, config.seed)?;
        let tables: Vec<Table> = shares
            .iter()
            .map(|rows| preprocessor.transform(dataset, rows))
            .collect::<Result<_, _>>()?;
        let largest = tables.iter().map(|table| table.rows).max().unwrap_or(1).max(1);
        let architecture = config.architecture(dataset, preprocessor.width())?;

        let mut parts =
            permutation(&mut generator("parts", config.seed, &[]), config.institutions).into_iter();
        let mut malicious: Vec<usize> = parts.by_ref().take(config.malicious).collect();
        let mut observed: Vec<usize> = parts.take(OBSERVED).collect();
        malicious.sort_unstable();
        observed.sort_unstable();
        Ok(Self {
            initial: architecture.initial(config.seed),
            weights: tables.iter().map(|table| table.rows as f64 / largest as f64).collect(),
            test: preprocessor.transform(dataset, &split.test)?,
            description: Description::of(dataset, preprocessor, StatisticsOf::Agreed, None),
            config: config.clone(),
            architecture,
            tables,
            malicious,
            observed,
        })
    }

    /// Honest trainers of all institutions, in order.
    ///
    /// # Errors
    /// [`ExperimentError::Learning`].
    pub fn trainers(&self) -> Result<Vec<LocalTrainer>, ExperimentError> {
        let trainer = |(institution, table): (u64, &Table)| {
            let architecture = self.architecture.clone();
            let local = self.config.local.clone();
            let seed = self.config.seed;
            let trainer = LocalTrainer::new(architecture, table.clone(), local, seed, institution)?;
            // Epochs count from 1.
            Ok(trainer.counting_from(1))
        };
        (0..).zip(&self.tables).map(trainer).collect()
    }

    /// The share that an institution has of a bound without noise.
    #[must_use]
    pub fn own_bound(&self, bound: Bound, institution: usize) -> Bound {
        let rows = |table: &Table| table.rows as u64;
        let max_rows = self.tables.iter().map(rows).max().unwrap_or(1);
        let own = self.tables.get(institution).map_or(max_rows, rows);
        share(bound, own, max_rows, self.config.dimension)
    }

    /// All institutions as honest participants, in order.
    ///
    /// # Errors
    /// [`ExperimentError::Quantise`] without headroom for n updates.
    pub fn participants(&self) -> Result<Vec<Participant>, ExperimentError> {
        let config = &self.config;
        let summands = u32::try_from(config.institutions).unwrap_or(u32::MAX);
        let participant = |(institution, (trainer, &weight)): (u64, (LocalTrainer, &f64))| {
            let own = self.own_bound(config.quantised_bound(), institution as usize);
            let bound = config.quantised_bound();
            let quantiser = config.mask.kind().quantiser(bound, config.clip, weight, summands)?;
            let quantiser = match config.privacy {
                Some(_) => quantiser,
                None => quantiser.within(own),
            };
            let stage = Quantisation::new(quantiser, config.seed, institution);
            let Some(privacy) = &config.privacy else {
                return Ok(Participant::new(trainer, stage));
            };
            // From the seed, so that replays repeat: a simulation of noise that institutions keep to themselves.
            let rng = generator("noise", config.seed, &[institution]);
            let noise = Noise::simulated(privacy.variance, config.bound, rng)?;
            Ok(Participant::new(trainer, stage.with_noise(noise)))
        };
        (0..).zip(self.trainers()?.into_iter().zip(&self.weights)).map(participant).collect()
    }
}

#[cfg(test)]
mod tests {
    use consilium_authority::Protection;
    use consilium_datasets::Partitioning;

    use super::*;
    use crate::replay::Choice;

    fn federation(choice: Choice) -> Federation {
        let dataset = load_dataset(&choice.dataset).unwrap();
        Federation::new(&ReplayConfig::resolve(choice, &dataset).unwrap(), &dataset).unwrap()
    }

    #[test]
    fn every_training_row_belongs_to_one_institution_and_the_largest_has_weight_one() {
        let federation = federation(Choice::default());
        assert_eq!(
            federation.tables.iter().map(|t| t.rows).sum::<usize>() + federation.test.rows,
            768
        );
        assert_eq!(federation.weights.iter().copied().fold(0.0, f64::max), 1.0);
        assert_eq!(federation.architecture.parameter_count(), 289);
    }

    #[test]
    fn the_observed_institutions_are_honest_and_distinct() {
        for seed in 0..20 {
            let federation = federation(Choice { seed, ..Choice::default() });
            assert_eq!((federation.malicious.len(), federation.observed.len()), (2, 3));
            assert!(federation.observed.iter().all(|k| !federation.malicious.contains(k)));
            assert!(federation.observed.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn a_skewed_federation_has_hospitals_of_its_sizes_and_the_config_knows_them() {
        let partition = Partitioning::Quantity(0.5);
        let federation = federation(Choice { partition, ..Choice::default() });
        let rows: Vec<u64> = federation.tables.iter().map(|table| table.rows as u64).collect();
        assert_eq!(rows, federation.config.rows);
        assert!(rows.iter().max() > rows.iter().min().map(|least| 3 * least).as_ref());
        assert_eq!(rows.iter().sum::<u64>() as usize + federation.test.rows, 768);
    }

    #[test]
    fn two_institutions_are_both_observed() {
        assert_eq!(
            federation(Choice {
                institutions: 2,
                malicious: 0,
                protection: Protection { allow_threshold_one: true },
                ..Choice::default()
            })
            .observed,
            [0, 1]
        );
    }
}
