//! `consilium defaults` on the command line.

use std::path::PathBuf;

use clap::Args;
use consilium_datasets::Partitioning;

use crate::ExperimentError;
use crate::defaults::{self, DefaultsConfig, Variant};
use crate::progress::Progress;

#[derive(Args)]
#[command(after_help = FILES)]
pub(super) struct DefaultsArgs {
    /// Bundled datasets, or paths of schemas.
    #[arg(long, value_delimiter = ',', default_value = "pima,wdbc", value_name = "NAME,...")]
    datasets: Vec<String>,
    /// Institutions of each federation (2 to 128).
    #[arg(long, default_value_t = 10, value_name = "N")]
    institutions: usize,
    /// How the training rows are dealt to them, as `consilium replay --partition` takes it.
    #[arg(long, default_value_t, value_name = "HOW")]
    partition: Partitioning,
    /// Seeds of each variant, at least 2.
    #[arg(long, default_value_t = 20, value_name = "N")]
    seeds: usize,
    /// The first of them. The defaults were not chosen on these.
    #[arg(long, default_value_t = 7000, value_name = "SEED")]
    first_seed: u64,
    /// Directory for the files. An earlier run in it is replaced; one that holds anything else is refused.
    #[arg(long, default_value = "runs/defaults", value_name = "DIR")]
    out: PathBuf,
}

const FILES: &str = "Written into DIR:
  defaults.csv  accuracy, AUC, sensitivity and loss of every variant on every seed
  defaults.md   the tables, as on stdout";

impl DefaultsArgs {
    pub(super) fn execute(self) -> Result<String, ExperimentError> {
        let Self { datasets, institutions, partition, seeds, first_seed, out } = self;
        let progress = Progress::on_stderr();
        progress.phase("federations", datasets.len() * Variant::ALL.len() * seeds);
        let config = DefaultsConfig { datasets, institutions, partition, first_seed, seeds };
        let written = defaults::run(&config, &out, &progress);
        progress.finish();
        Ok(format!("{}\nfiles: {}\n", written?, out.display()))
    }
}
