//! `consilium insurance` on the command line.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use crate::ExperimentError;
use crate::insurance::{self, InsuranceConfig};
use crate::progress::Progress;

#[derive(Args)]
#[command(after_help = INSURANCE_FILES)]
pub(super) struct InsuranceArgs {
    /// Car owners, each with a policy, a repair and a claim over sockets (1 to 200). Times are measured for ten times as many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    users: usize,
    /// Insurers, among whom the owners are dealt (1 to 50).
    #[arg(long, default_value_t = 3, value_name = "N")]
    insurers: usize,
    /// Repair shops, likewise (1 to 50).
    #[arg(long, default_value_t = 5, value_name = "N")]
    shops: usize,
    /// Length of every policy and repair record, in bytes (1 to 1048576).
    #[arg(long, default_value_t = 1024, value_name = "N")]
    record_bytes: usize,
    /// Directory for the files. An earlier run in it is replaced; one that holds anything else is refused.
    #[arg(long, default_value = "runs/insurance", value_name = "DIR")]
    out: PathBuf,
    /// Form of the closing tables on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const INSURANCE_FILES: &str = "Written into DIR:
  times.csv      the four stages of liu2021's table 2, for one owner and for many
  bytes.csv      the three stages of its table 3, by connection
  insurance.svg  its figures 4 to 7, as measured
  insurance.md   the tables, as on stdout";

impl InsuranceArgs {
    pub(super) fn execute(&self) -> Result<String, ExperimentError> {
        let Self { users, insurers, shops, record_bytes, out, format } = self;
        let config = InsuranceConfig::new(*users, *insurers, *shops, *record_bytes)?;
        let progress = Progress::on_stderr();
        let measured = insurance::run(&config, out, &progress);
        progress.finish();
        let measured = measured?;
        Ok(match format {
            Format::Text => {
                let figure = out.join(insurance::files::FIGURE);
                format!("{}\nfigures: {}\n", insurance::text_table(&measured), figure.display())
            }
            Format::Json => {
                format!("{:#}\n", serde_json::json!({ "measured": measured, "out": out }))
            }
        })
    }
}
