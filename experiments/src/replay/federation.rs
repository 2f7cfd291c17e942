//! One split of the data dealt to institutions: the stage on which every scheme plays. A scheme is given a [`Federation`] and no
//! dataset, so that all of them have the same rows.

use consilium_client::prepare::{Participant, Quantisation};
use consilium_crypto::{Bound, Noise, quantise::share};
use consilium_datasets::{Dataset, Preprocessor, Table};
use consilium_learning::{
    Architecture, Description, LocalTrainer, StatisticsOf, generator, permutation,
};
use rand_core::RngCore;

use super::config::ReplayConfig;
use super::quality::Quality;
use super::rows::together;
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
    /// Which of its splits this is, from 0.
    pub split: usize,
    /// Determines the split, the deal, the initial model, the order of the rows and rounding: that of the replay on the first
    /// split, on others one derived from it.
    pub seed: u64,
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
    /// The first split of a replay, see [`on_split`](Self::on_split).
    ///
    /// # Errors
    /// Those of [`on_split`](Self::on_split).
    pub fn new(config: &ReplayConfig, dataset: &Dataset) -> Result<Self, ExperimentError> {
        Self::on_split(config, dataset, 0)
    }

    /// Splits, fits the preprocessing on the training rows, deals them and draws the parts: one random order of the
    /// institutions, of which the first `malicious` are malicious and the next three are observed. The parts are the same on
    /// every split, so that a hospital that a column names is the same one on all of them.
    ///
    /// # Errors
    /// [`ExperimentError::Dataset`], e.g. for fewer rows than institutions; [`ExperimentError::Learning`] for an
    /// architecture that cannot be.
    pub fn on_split(
        config: &ReplayConfig,
        dataset: &Dataset,
        split: usize,
    ) -> Result<Self, ExperimentError> {
        let seed = match split {
            0 => config.seed,
            _ => sub_seed(config.seed, "split", &[split as u64]),
        };
        Self::seeded(config, dataset, split, seed)
    }

    fn seeded(
        config: &ReplayConfig,
        dataset: &Dataset,
        number: usize,
        seed: u64,
    ) -> Result<Self, ExperimentError> {
        let split = dataset.split(config.test_fraction, seed)?;
        let preprocessor = Preprocessor::fit(dataset, &split.train)?;
        let shares = config.partition.deal(dataset, &split.train, config.institutions, seed)?;
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
            initial: architecture.initial(seed),
            weights: tables.iter().map(|table| table.rows as f64 / largest as f64).collect(),
            test: preprocessor.transform(dataset, &split.test)?,
            description: Description::of(dataset, preprocessor, StatisticsOf::Agreed, None),
            config: config.clone(),
            split: number,
            seed,
            architecture,
            tables,
            malicious,
            observed,
        })
    }

    /// All training rows in one place.
    #[must_use]
    pub fn pooled(&self) -> Table {
        together(&self.tables)
    }

    /// How good a model of the federation's network is on the test rows.
    ///
    /// # Errors
    /// [`ExperimentError::Learning`].
    pub fn quality(&self, parameters: &[f32]) -> Result<Quality, ExperimentError> {
        Ok(Quality::of(&self.architecture, parameters, &self.test)?)
    }

    /// Honest trainers of all institutions, in order.
    ///
    /// # Errors
    /// [`ExperimentError::Learning`].
    pub fn trainers(&self) -> Result<Vec<LocalTrainer>, ExperimentError> {
        let trainer = |(institution, table): (u64, &Table)| {
            let architecture = self.architecture.clone();
            let local = self.config.local.clone();
            let table = table.clone();
            let trainer = LocalTrainer::new(architecture, table, local, self.seed, institution)?;
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
            let stage = Quantisation::new(quantiser, self.seed, institution);
            let Some(privacy) = &config.privacy else {
                return Ok(Participant::new(trainer, stage));
            };
            // From the seed, so that replays repeat: a simulation of noise that institutions keep to themselves.
            let rng = generator("noise", self.seed, &[institution]);
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

    fn splits(choice: Choice) -> Vec<Federation> {
        let dataset = load_dataset(&choice.dataset).unwrap();
        let config = ReplayConfig::resolve(choice, &dataset).unwrap();
        (0..3).map(|split| Federation::on_split(&config, &dataset, split).unwrap()).collect()
    }

    /// Rows of a table as bits, in an order of their own.
    fn sorted(table: &Table) -> Vec<Vec<u32>> {
        let bits = |(features, label): (&[f32], f32)| {
            features.iter().chain([&label]).map(|value| value.to_bits()).collect()
        };
        let mut rows: Vec<Vec<u32>> = table.iter().map(bits).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn what_is_pooled_is_what_the_institutions_of_the_split_have_and_no_test_row() {
        let dataset = load_dataset("pima").unwrap();
        for federation in splits(Choice::default()) {
            let split = dataset.split(federation.config.test_fraction, federation.seed).unwrap();
            let preprocessor = Preprocessor::fit(&dataset, &split.train).unwrap();
            let expected = preprocessor.transform(&dataset, &split.train).unwrap();
            assert_eq!(sorted(&federation.pooled()), sorted(&expected));
            assert_eq!(federation.test, preprocessor.transform(&dataset, &split.test).unwrap());
        }
    }

    #[test]
    fn splits_differ_in_rows_and_start_and_not_in_who_is_malicious_or_looked_at() {
        let [first, second, third] = splits(Choice::default()).try_into().ok().unwrap();
        assert_eq!(first.seed, first.config.seed);
        for (one, other) in [(&first, &second), (&second, &third)] {
            assert_ne!(one.test, other.test);
            assert_ne!(one.initial, other.initial);
            assert_eq!((&one.malicious, &one.observed), (&other.malicious, &other.observed));
        }
    }

    #[test]
    fn the_deal_skewed_by_size_under_seed_42_never_changes() {
        let partition = Partitioning::Quantity(0.5);
        let dataset = load_dataset("pima").unwrap();
        let all: Vec<usize> = (0..dataset.rows()).collect();
        let dealt = partition.deal(&dataset, &all, 4, 42).unwrap();
        let is_positive = |row: &&usize| dataset.labels()[**row] == 1.0;
        let counted =
            dealt.iter().map(|rows| (rows.iter().filter(is_positive).count(), rows.len()));
        // The smallest has a single row, of one class: it has to be able to take part.
        assert_eq!(counted.collect::<Vec<_>>(), [(0, 1), (135, 379), (88, 253), (45, 135)]);

        // A federation deals its training rows alone: other shares under the same seed.
        let choice = Choice { partition, institutions: 4, malicious: 0, ..Choice::default() };
        let tables = federation(choice).tables;
        let dealt: Vec<_> = tables.iter().map(|table| (table.positives(), table.rows)).collect();
        assert_eq!(dealt, [(0, 2), (83, 246), (60, 155), (71, 211)]);
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
