//! `consilium attack`: what malicious institutions achieve against plain averaging, a bound on every parameter and a
//! bound on the norm; and against what bounds do not help.
//!
//! | file | concept |
//! | --- | --- |
//! | `attacks` | what is sent, how it meets the defence, what the defence admits |
//! | `attacker` | a malicious institution as a trainer |
//! | `backdoor` | the trigger, the rows poisoned with it, the rows that it is tried on |
//! | `simulation` | one federation under one attack, on quantised values as the contract computes them |
//! | `record` | `attack.csv`, means over the seeds |
//! | `plot` | `attack.svg` |
//! | `report` | the table, and what follows from it in words: `attack.md` |

pub mod attacker;
pub mod attacks;
pub mod backdoor;
pub mod plot;
pub mod record;
pub mod report;
pub mod simulation;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use consilium_authority::default_clip;
use consilium_crypto::Bound;
use consilium_datasets::Dataset;
use rayon::prelude::*;
use serde::Serialize;

pub use attacks::{Attack, Defence, Delivery, Limit};
use record::{AttackRow, SummaryRow, attack_csv, summarise};
use simulation::{Cell, measure};

use crate::config::Choice;
use crate::progress::Progress;
use crate::replay::{claim, write};
use crate::{ExperimentError, Federation, ReplayConfig};

/// File names inside a run's directory.
pub mod files {
    /// Every simulation.
    pub const CSV: &str = "attack.csv";
    /// The curves.
    pub const FIGURE: &str = "attack.svg";
    /// The table, and what it says.
    pub const REPORT: &str = "attack.md";
}

/// Institutions of every simulated federation.
pub const INSTITUTIONS: usize = 10;
const PARAMETER_BOUND: Bound = Bound::Parameter { bits: 8 };
/// B and N: rounding to B is far finer than what is rounded, so that the defences differ in what they bound alone.
const NORM_BOUND: Bound = Bound::Norm { norm: 5_600, projections: 256 };

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
        let training = federation.config.local.to_genesis();
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

    fn federation(
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

/// Runs every simulation, on all cores.
///
/// # Errors
/// The first thing that stops one, see [`ExperimentError`].
pub fn simulate_all(
    config: &AttackConfig,
    dataset: &Dataset,
    progress: &Progress,
) -> Result<Vec<AttackRow>, ExperimentError> {
    let mut federations = Vec::new();
    for &malicious in &config.malicious {
        for seed in (config.seed..).take(config.seeds) {
            federations.push(config.federation(dataset, seed, malicious)?);
        }
    }
    let mut work = Vec::new();
    for federation in &federations {
        let limits = Limits::new(federation);
        let attacks =
            if federation.malicious.is_empty() { &[Attack::None][..] } else { &Attack::ALL };
        for &attack in attacks {
            for defence in Defence::ALL {
                let limit = limits.of(defence);
                let deliveries = attack.deliveries(defence).iter();
                work.extend(
                    deliveries
                        .map(|&delivery| (federation, Cell { attack, delivery, defence, limit })),
                );
            }
        }
    }
    progress.phase("simulated federations", work.len());
    let done = AtomicUsize::new(0);
    let rows = work.into_par_iter().map(|(federation, cell)| {
        let row = measure(federation, cell);
        progress.advance(done.fetch_add(1, Ordering::Relaxed) + 1);
        row
    });
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    rows.sort_by_key(|row| (row.attack, row.defence, row.delivery, row.malicious, row.seed));
    Ok(rows)
}

/// Simulates, writes the run's files into `directory` and returns the means.
///
/// # Errors
/// The first thing that stops it, see [`ExperimentError`].
pub fn run(
    config: &AttackConfig,
    dataset: &Dataset,
    directory: &Path,
    progress: &Progress,
) -> Result<Vec<SummaryRow>, ExperimentError> {
    claim(directory, files::CSV)?;
    let rows = simulate_all(config, dataset, progress)?;
    let summary = summarise(&rows);
    write(directory, files::CSV, attack_csv(&rows).as_bytes())?;
    write(directory, files::FIGURE, plot::figure(&summary, config)?.as_bytes())?;
    write(directory, files::REPORT, report::markdown(&summary, config).as_bytes())?;
    Ok(summary)
}

/// A short federation on pima.
#[cfg(test)]
fn test_federation(malicious: usize) -> (Federation, Limits) {
    let config = AttackConfig::new("pima".into(), 5, 42, 1, false).unwrap();
    let federation = config.federation(&Dataset::bundled("pima").unwrap(), 42, malicious).unwrap();
    let limits = Limits::new(&federation);
    (federation, limits)
}
