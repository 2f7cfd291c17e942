//! Every simulation in order, and the files that come of it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use consilium_datasets::Dataset;
use rayon::prelude::*;

use super::attacks::{Attack, Defence};
use super::config::{AttackConfig, Limits};
use super::record::{AttackRow, SummaryRow, attack_csv, summarise};
use super::simulation::{Cell, measure};
use super::{files, plot, report};
use crate::ExperimentError;
use crate::output::{OutputDirectory, Producer};
use crate::progress::Progress;

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
    let output = OutputDirectory::claim(directory, Producer::Attack)?;
    let rows = simulate_all(config, dataset, progress)?;
    let summary = summarise(&rows);
    output.write(files::CSV, attack_csv(&rows).as_bytes())?;
    output.write(files::FIGURE, plot::figure(&summary, config)?.as_bytes())?;
    output.write(files::REPORT, report::markdown(&summary, config).as_bytes())?;
    Ok(summary)
}
