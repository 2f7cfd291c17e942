//! Both experiments from start to end.

use std::path::PathBuf;

use super::measure::{Extent, Results, measure};
use super::ours::Ours;
use super::pairing_form::{DigitBits, Repaired};
#[cfg(feature = "peers")]
use super::peers::{Groth16, Spartan, Stark};
use super::prover::Prover;
use super::ranges::Ranges;
use super::{files, plot, report};
use crate::ExperimentError;
use crate::output::{OutputDirectory, Producer};
use crate::progress::Progress;

/// Which experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Experiment {
    /// Running times of prover and verifier.
    Figure4,
    /// Sizes of proofs.
    Table1,
}

/// What to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Which experiment.
    pub experiment: Experiment,
    /// How much is measured.
    pub extent: Extent,
    /// Where the files go.
    pub directory: PathBuf,
}

/// What a run says on stdout.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// For readers.
    pub page: String,
    /// The same for programs.
    pub json: serde_json::Value,
}

/// Measures every system of this build, and writes the files of the experiment.
///
/// # Errors
/// [`ExperimentError::Bench`] where a system does not do what it should, [`ExperimentError::File`] and
/// [`ExperimentError::Occupied`] where nothing can be written.
pub fn run(options: &Options, progress: &Progress) -> Result<Said, ExperimentError> {
    let producer = match options.experiment {
        Experiment::Figure4 => Producer::Figure4,
        Experiment::Table1 => Producer::Table1,
    };
    let output = OutputDirectory::claim(&options.directory, producer)?;
    // One thread is the whole pool of everything that would use more.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(ExperimentError::bench("a thread"))?;
    let results = pool.install(|| measure(&provers()?, options.extent, progress))?;
    let page = write(options.experiment, &results, &output)?;
    Ok(Said { page, json: report::json(&results) })
}

/// Those that this build has, in the order of the tables.
fn provers() -> Result<Vec<Box<dyn Prover>>, ExperimentError> {
    let mut provers: Vec<Box<dyn Prover>> = vec![
        Box::new(Ours::new()?),
        Box::new(Repaired::new(DigitBits::Four)),
        Box::new(Repaired::new(DigitBits::Eight)),
        Box::new(Ranges::new()),
    ];
    provers.extend(peers()?);
    Ok(provers)
}

#[cfg(feature = "peers")]
fn peers() -> Result<Vec<Box<dyn Prover>>, ExperimentError> {
    Ok(vec![Box::new(Groth16::new()?), Box::new(Spartan::new()?), Box::new(Stark::new())])
}

#[cfg(not(feature = "peers"))]
fn peers() -> Result<Vec<Box<dyn Prover>>, ExperimentError> {
    Ok(Vec::new())
}

fn write(
    experiment: Experiment,
    results: &Results,
    output: &OutputDirectory,
) -> Result<String, ExperimentError> {
    let csv = report::csv(results);
    match experiment {
        Experiment::Figure4 => {
            let page = report::figure_4_page(results);
            output.write(files::FIGURE_4_CSV, csv.as_bytes())?;
            output.write(files::FIGURE_4, plot::figure_4(results)?.as_bytes())?;
            output.write(files::FIGURE_4_PAGE, page.as_bytes())?;
            Ok(page)
        }
        Experiment::Table1 => {
            let page = report::table_1_page(results);
            output.write(files::TABLE_1_CSV, csv.as_bytes())?;
            output.write(files::TABLE_1_FIGURE, plot::table_1(results)?.as_bytes())?;
            output.write(files::TABLE_1, page.as_bytes())?;
            Ok(page)
        }
    }
}
