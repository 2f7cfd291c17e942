//! Both measurements, and the files that come of them.

use std::path::Path;

use serde::Serialize;

use super::config::InsuranceConfig;
use super::record::{BytesRow, TimesRow, bytes_csv, times_csv};
use super::{files, plot, report, times, wire};
use crate::ExperimentError;
use crate::bench::machine::Machine;
use crate::output::{OutputDirectory, Producer};
use crate::progress::Progress;

/// What a run has measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurements {
    /// What was asked for.
    pub config: InsuranceConfig,
    /// Where it was measured.
    pub machine: Machine,
    /// The four stages.
    pub times: Vec<TimesRow>,
    /// The three stages.
    pub bytes: Vec<BytesRow>,
}

/// Measures, writes the run's files into `directory` and returns what was measured.
///
/// # Errors
/// The first thing that stops it, see [`ExperimentError`].
pub fn run(
    config: &InsuranceConfig,
    directory: &Path,
    progress: &Progress,
) -> Result<Measurements, ExperimentError> {
    let output = OutputDirectory::claim(directory, Producer::Insurance)?;
    // By itself, before anything else runs in this process.
    let times = times::measure(config, progress)?;
    let bytes = wire::measure(config, progress)?;
    let machine = Machine::current();
    let measured = Measurements { config: config.clone(), machine, times, bytes };
    output.write(files::TIMES, times_csv(&measured.times).as_bytes())?;
    output.write(files::BYTES, bytes_csv(&measured.bytes).as_bytes())?;
    output.write(files::FIGURE, plot::figure(&measured)?.as_bytes())?;
    output.write(files::REPORT, report::markdown(&measured).as_bytes())?;
    Ok(measured)
}

/// For tests.
#[cfg(test)]
pub(super) fn example() -> Measurements {
    let (times, bytes) = super::record::example();
    let config = InsuranceConfig::new(2, 1, 1, 100).unwrap();
    Measurements { config, machine: Machine::example(), times, bytes }
}
