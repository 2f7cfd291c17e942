//! `consilium simulate` on the command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::Format;
use crate::{
    ExperimentError,
    progress::Progress,
    simulate::{Config, Drop, Faults, Flood, simulate, text},
};

#[derive(Args)]
#[command(after_help = FILES)]
pub(super) struct SimulateArgs {
    /// Data whose rows the institutions get in turn.
    #[arg(long, default_value = "pima", value_parser = ["pima", "wdbc"])]
    dataset: String,
    /// Institutions, each a process of its own (2 to 128).
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=128))]
    institutions: u32,
    /// Rounds.
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    epochs: u64,
    /// Sizes of the hidden layers; without a number, logistic regression.
    #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "16,8", value_name = "N,N,...")]
    hidden: Vec<u32>,
    /// Kills an institution once so many steps are closed, and starts it again: 3@5. May be given many times.
    #[arg(long, value_name = "INSTITUTION@STEP")]
    drop: Vec<Drop>,
    /// Kills the coordinator once so many steps are closed, and starts it again. May be given many times.
    #[arg(long, value_name = "STEP")]
    kill_coordinator: Vec<u64>,
    /// What every byte takes longer between an institution and the coordinator, in each direction.
    #[arg(long, default_value_t = 0, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=60_000))]
    latency: u64,
    /// Packets in a hundred that are lost, and come 200 ms late because TCP sends them again.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT", value_parser = percent)]
    loss: f64,
    /// What strangers without a certificate do, five rounds of ten: how long rounds take in peace and meanwhile. May be given many
    /// times, and comes in turns.
    #[arg(long, value_enum, value_name = "KIND")]
    flood: Vec<Flood>,
    /// Have the coordinator show what it does meanwhile, on a page at http://ADDRESS: of each run in turn. [default where it is given
    /// without an address: 127.0.0.1:7421]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:7421")]
    metrics: Option<SocketAddr>,
    /// Determines the model; encryption always uses the operating system's randomness.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Directory for ceremonies, ledgers, states and logs. An earlier simulation in it is replaced; one that holds anything else
    /// is refused.
    #[arg(long, default_value = "runs/simulate", value_name = "DIR")]
    out: PathBuf,
    /// Form of the result on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const FILES: &str = "Written into DIR/federation:
  undisturbed/, disturbed/   ceremony, ledger, an institution's state and log each, the coordinator's log
Where something is done to the federation it runs twice, and both runs have to end with the same model, bit for bit.";

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=50.0).contains(percent));
    percent.ok_or_else(|| "expected 0 to 50".to_owned())
}

impl SimulateArgs {
    pub(super) fn execute(self) -> Result<String, ExperimentError> {
        let faults = Faults {
            drops: self.drop,
            kill_coordinator: self.kill_coordinator,
            latency_ms: self.latency,
            loss_percent: self.loss,
            floods: self.flood,
        };
        let config = Config {
            dataset: self.dataset,
            institutions: self.institutions,
            epochs: self.epochs,
            hidden: self.hidden,
            seed: self.seed,
            metrics: self.metrics,
            faults,
        };
        let progress = Progress::on_stderr();
        let simulation = simulate(&config, &self.out, &progress);
        progress.finish();
        let simulation = simulation?;
        Ok(match self.format {
            Format::Text => format!("{}files: {}\n", text(&simulation), self.out.display()),
            Format::Json => format!("{:#}\n", serde_json::json!(simulation)),
        })
    }
}
