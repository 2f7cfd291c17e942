//! `consilium-audit`: for whoever has the genesis of a run and what others show of it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use consilium_audit::{
    AuditReport,
    commands::{self, HeadComparison, LedgerAudit},
};
use consilium_cli::{Failure, command_line, failure::finish, logging, version};
use consilium_contract::Parameters;
use consilium_crypto::TEST_FEATURES;
use consilium_hash::ChainId;

const EXIT_CODES: &str = "\
Exit codes:
  0  everything holds, or the file of evidence convicts somebody
  1  something does not hold: the message says what; or the file of evidence convicts nobody
  2  a value or a file given is not usable
  3  the coordinator has signed two histories, or the ledger is not the one that was audited before";

/// Verifies a run from the outside: a ledger, a file of evidence, signed heads. It needs the genesis and nobody's word.
#[derive(Parser)]
#[command(
    name = "consilium-audit",
    version = version(env!("CARGO_PKG_VERSION"), TEST_FEATURES),
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Replay a coordinator's ledger through the contract and verify everything in it.
    #[command(after_help = EXIT_CODES)]
    Audit {
        /// The ledger, not open elsewhere. It is only read.
        #[arg(long, value_name = "DIR")]
        ledger: PathBuf,
        /// The genesis of the run that the ledger must be of. Without it, the genesis in the ledger is taken as it is.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        /// Verify no proof of an update again up to this height, which an earlier audit with the same --state has verified.
        #[arg(long, value_name = "HEIGHT", requires = "state")]
        since: Option<u64>,
        /// The directory in which this audit leaves what a later one can go on from.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Where the copy to work on is made, and removed again.
        #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
        scratch: PathBuf,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
        /// Where a file of evidence is written if the audit fails at a block that convicts the coordinator.
        #[arg(long, value_name = "FILE")]
        evidence: Option<PathBuf>,
    },
    /// What convicts the coordinator or an institution of a broken rule.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Heads that the coordinator has signed.
    #[command(subcommand)]
    Head(HeadCommand),
}

#[derive(Subcommand)]
enum EvidenceCommand {
    /// Work out whom a file of evidence convicts, and of what, from the genesis alone.
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// The genesis of the run, as every party has it: genesis.bin of its folder of the ceremony.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// The file of evidence.
        #[arg(value_name = "EVIDENCE")]
        file: PathBuf,
    },
    /// Say what a file of evidence claims, verifying nothing.
    Show {
        /// The file of evidence.
        #[arg(value_name = "EVIDENCE")]
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum HeadCommand {
    /// Compare what institutions have exported with each other, and with a ledger where one is given.
    #[command(after_help = EXIT_CODES)]
    Compare {
        /// The genesis of the run.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// A coordinator's ledger, not open elsewhere. It is only read.
        #[arg(long, value_name = "DIR")]
        ledger: Option<PathBuf>,
        /// Where the copy to work on is made, and removed again.
        #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
        scratch: PathBuf,
        /// Where a file of evidence is written if the coordinator has signed two histories.
        #[arg(long, value_name = "FILE")]
        evidence: Option<PathBuf>,
        /// What institutions have exported.
        #[arg(required = true, value_name = "FILE")]
        heads: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let cli: Cli = match command_line::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    logging::start();
    finish::<Cli>(run(cli.command))
}

fn run(command: Command) -> Result<String, Failure> {
    match command {
        Command::Audit { ledger, genesis, since, state, scratch, json, evidence } => {
            let chain_id = genesis.as_deref().map(chain_id).transpose()?;
            let audit = LedgerAudit { ledger, scratch, chain_id, state, since, evidence };
            commands::audit_ledger(&audit).map(|report| printed(&report, json))
        }
        Command::Evidence(EvidenceCommand::Verify { genesis, file }) => {
            commands::verify_evidence(&genesis, &file)
        }
        Command::Evidence(EvidenceCommand::Show { file }) => commands::show_evidence(&file),
        Command::Head(HeadCommand::Compare { genesis, ledger, scratch, evidence, heads }) => {
            let comparison = HeadComparison { genesis, ledger, scratch, heads, evidence };
            let compared = commands::compare_heads(&comparison)?;
            Ok(compared.iter().map(|head| format!("{head}\n")).collect())
        }
    }
}

/// The run that a genesis founds.
fn chain_id(genesis: &Path) -> Result<ChainId, Failure> {
    let entry = commands::read_genesis(genesis)?;
    let parameters = Parameters::from_genesis_entry(&entry)
        .map_err(|error| Failure::unusable(format!("{}: {error}", genesis.display())))?;
    Ok(parameters.chain_id)
}

fn printed(report: &AuditReport, json: bool) -> String {
    if json { format!("{:#}\n", serde_json::json!(report)) } else { format!("{report}\n") }
}
