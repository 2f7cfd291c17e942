//! What is simulated, and the bounds that updates are held against.

use consilium_authority::default_clip;
use consilium_crypto::Bound;
use consilium_datasets::Dataset;
use serde::Serialize;

use super::attacks::{Defence, Limit};
use crate::ExperimentError;
use crate::replay::{Choice, Federation, ReplayConfig};

/// Institutions of every simulated federation.
pub const INSTITUTIONS: usize = 10;
const PARAMETER_BOUND: Bound = Bound::parameter(8);
/// B and N: rounding to B is far finer than what is rounded, so that the defences differ in what they bound alone.
pub(crate) const NORM_BOUND: Bound = Bound::Norm { norm: 5_600, projections: 256 };

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackConfig {
    /// Name of a bundled dataset or path of a schema.
    pub dataset: String,
    /// Rounds of each federation.
    pub epochs: usize,
    /// Of the first federation; the others follow it one by one.
    pub seed: u64,
    /// Federations that each mean is taken over.
    pub seeds: usize,
    /// Numbers of malicious institutions.
    pub malicious: Vec<usize>,
}

/// The bounds of a federation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// On every parameter.
    pub parameter: Limit,
    /// On the norm.
    pub norm: Limit,
}

impl Limits {
    /// Both bounds with the clips that honest training gets where nobody chooses.
    #[must_use]
    pub fn new(federation: &Federation) -> Self {
        let dimension = u32::try_from(federation.initial.len()).unwrap_or(u32::MAX);
        let rows = federation.tables.iter().map(|table| table.rows as u64).max().unwrap_or(1);
        let training = federation.config.local.to_plan();
        let limit = |bound| Limit { bound, clip: default_clip(bound, dimension, &training, rows) };
        Self { parameter: limit(PARAMETER_BOUND), norm: limit(NORM_BOUND) }
    }

    /// The one that `defence` holds updates against; plain averaging holds them against none, and gets the
    /// parameters'.
    #[must_use]
    pub fn of(&self, defence: Defence) -> Limit {
        match defence {
            Defence::Plain | Defence::Parameter => self.parameter,
            Defence::Norm => self.norm,
        }
    }
}

impl AttackConfig {
    /// `quick`: fewer epochs, seeds and institutions at fault.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] naming the flag to change.
    pub fn new(
        dataset: String,
        epochs: usize,
        seed: u64,
        seeds: usize,
        quick: bool,
    ) -> Result<Self, ExperimentError> {
        if !(1..=1000).contains(&seeds) {
            return Err(ExperimentError::Invalid(format!(
                "--seeds must be from 1 to 1000, got {seeds}"
            )));
        }
        if seed.checked_add(seeds as u64).is_none_or(|last| i64::try_from(last).is_err()) {
            return Err(ExperimentError::Invalid(format!(
                "--seed must be below 2^63 by {seeds} or more, got {seed}"
            )));
        }
        Ok(if quick {
            Self {
                dataset,
                epochs: epochs.min(10),
                seed,
                seeds: seeds.min(2),
                malicious: vec![0, 2, 4],
            }
        } else {
            Self { dataset, epochs, seed, seeds, malicious: vec![0, 1, 2, 3, 4] }
        })
    }

    pub(crate) fn federation(
        &self,
        dataset: &Dataset,
        seed: u64,
        malicious: usize,
    ) -> Result<Federation, ExperimentError> {
        let name = self.dataset.clone();
        let epochs = self.epochs;
        let choice = Choice {
            dataset: name,
            epochs,
            malicious,
            seed,
            institutions: INSTITUTIONS,
            ..Choice::default()
        };
        Federation::new(&ReplayConfig::resolve(choice, dataset)?, dataset)
    }
}

/// A short federation on pima.
#[cfg(test)]
pub(crate) fn test_federation(malicious: usize) -> (Federation, Limits) {
    let config = AttackConfig::new("pima".into(), 5, 42, 1, false).unwrap();
    let federation = config.federation(&Dataset::bundled("pima").unwrap(), 42, malicious).unwrap();
    let limits = Limits::new(&federation);
    (federation, limits)
}
