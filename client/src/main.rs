//! `consilium-client`: an institution, an auditor, or a look at where an institution stands.

mod commands;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use consilium_audit::commands::{LedgerAudit, show_evidence, verify_evidence};
use consilium_cli::{command_line, failure::finish, logging, version};
use consilium_crypto::TEST_FEATURES;

use commands::{
    account::{ACCOUNT, Account},
    audit::{own, replay},
    backup::{BACKUP, Backup, RESTORE, Restore},
    data::{CHECK_DATA, check},
    keys::{Install, Request},
    model::export,
    personal::Personal,
    predict::{PREDICT, Predict},
    preflight::{PREFLIGHT, Preflight},
    rows::statistics as statistics_of,
    run::Run,
    state::{compare_heads, export_head, show, watch},
};

const EXIT_CODES: &str = "\
Exit codes:
  0  the run is finished, or everything holds
  1  the run or the audit failed: the message says why
  2  a value or a file given is not usable
  3  the coordinator has signed another history than the one on disk, or one that does not hold, or lost blocks
  4  the coordinator has sealed a sum, announced a model or recorded an entry that must not be, or left out what it had
     accepted
  5  the run goes on without this institution: it is revoked, or has no place in it
  6  the coordinator serves another run at that address; whom that of its own run has answered before tries again
  7  another process of this institution is running on this machine; beside one on another it waits

With 3 and 4, the message names the file of evidence, wherever there is something that convinces others: `evidence verify`
needs nothing but the genesis beside it. It exits with 0 if the file convicts somebody, 1 if it convicts nobody, 2 if a
file cannot be used. An audit that fails writes such a file where --evidence says.

Everything that was begun survives a crash: start the same command again with the same --state.";

/// An institution in a verified federated run. It connects outwards only, and takes nobody's word for what it can check.
#[derive(Parser)]
#[command(
    name = "consilium-client",
    version = version(env!("CARGO_PKG_VERSION"), TEST_FEATURES),
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make this institution's keys in a folder of its own, and a request for the authority to certify them.
    Request(Request),
    /// Put what the authority has sent beside the keys, after checking all of it against them.
    Install(Install),
    /// Look whether everything that a run needs is there, and say what to do where it is not.
    #[command(after_help = PREFLIGHT)]
    Preflight(Preflight),
    /// Take part until every step of the genesis is closed.
    #[command(after_help = EXIT_CODES)]
    Run(Box<Run>),
    /// Copy this institution's state directory, also while it takes part.
    #[command(after_help = BACKUP)]
    Backup(Backup),
    /// Put a backup of a state directory where there is none.
    #[command(after_help = RESTORE)]
    Restore(Restore),
    /// Print the medians, means and deviations of rows that may be public, for `run --statistics` everywhere.
    Statistics {
        /// The rows: a dataset schema (TOML, naming its CSV), `pima` or `wdbc`.
        #[arg(long, value_name = "FILE.toml")]
        data: String,
        /// The data dictionary that all have agreed on, whose columns and categories the statistics then have.
        #[arg(long, value_name = "DICTIONARY.toml")]
        dictionary: Option<PathBuf>,
    },
    /// Compare this institution's rows with the data dictionary that all have agreed on, before any key exists.
    #[command(after_help = CHECK_DATA)]
    CheckData {
        /// This institution's rows: a dataset schema (TOML, naming its CSV), `pima`, `wdbc` or `digits`.
        #[arg(long, value_name = "SCHEMA.toml")]
        data: String,
        /// The dictionary: `consilium-authority dictionary` drafts one.
        #[arg(long, value_name = "DICTIONARY.toml")]
        dictionary: PathBuf,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Verify a run: everything in its ledger, what is new in it, or what became of the own updates.
    #[command(after_help = EXIT_CODES)]
    Audit {
        /// A coordinator's ledger, not open elsewhere. It is only read.
        #[arg(long, value_name = "DIR", required_unless_present = "mine")]
        ledger: Option<PathBuf>,
        /// Replay the ledger through the contract and verify everything in it. This is what is done where nothing else is
        /// asked for.
        #[arg(long, conflicts_with_all = ["since", "mine"])]
        full: bool,
        /// Replay the ledger, and verify no proof of an update again up to this height, which an earlier audit with the
        /// same --state has verified.
        #[arg(long, value_name = "HEIGHT", requires = "state", conflicts_with = "mine")]
        since: Option<u64>,
        /// Ask the own copy of the chain, in milliseconds, whether every own update was counted, once, in a sum that a
        /// quorum has countersigned.
        #[arg(long, requires_all = ["state", "ceremony"], conflicts_with = "ledger")]
        mine: bool,
        /// The directory in which this audit leaves what a later one can go on from; with --mine, the --state of `run`.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Where the copy to work on is made, and removed again.
        #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
        scratch: PathBuf,
        /// An institution's folder of the ceremony: the ledger must be of its run. Without it, the genesis in the ledger
        /// is taken as it is.
        #[arg(long, value_name = "DIR")]
        ceremony: Option<PathBuf>,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
        /// Where a file of evidence is written if the audit fails at a block that convicts the coordinator.
        #[arg(long, value_name = "FILE")]
        evidence: Option<PathBuf>,
    },
    /// Hold and send units whose number nobody else reads.
    #[command(subcommand, after_help = ACCOUNT)]
    Account(Account),
    /// What convicts the coordinator or an institution of a broken rule.
    #[command(after_help = EXIT_CODES)]
    Evidence {
        #[command(subcommand)]
        command: EvidenceCommand,
    },
    /// Show the others the head of the own chain, and compare theirs with it: whoever was shown another history finds out.
    #[command(subcommand)]
    Head(Head),
    /// Write the best model that this institution has checked, or the last one where none was measured: safetensors with all that
    /// `predict` needs, and a model card beside it.
    Model {
        /// This institution's folder of the ceremony.
        #[arg(long, value_name = "DIR")]
        ceremony: PathBuf,
        /// Its state directory.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The file to write.
        #[arg(long, value_name = "FILE", default_value = "model.safetensors")]
        out: PathBuf,
        /// The last model, also where the run has measured models and another one was better.
        #[arg(long)]
        last: bool,
        #[command(flatten)]
        personal: Personal,
    },
    /// Apply a finished model to new rows.
    #[command(after_help = PREDICT)]
    Predict(Predict),
    /// Say where an institution stands, from its own files.
    Status {
        /// This institution's folder of the ceremony.
        #[arg(long, value_name = "DIR")]
        ceremony: PathBuf,
        /// Its state directory.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Say it again every two seconds, until the run is finished.
        #[arg(long)]
        watch: bool,
    },
}

#[derive(Subcommand)]
enum Head {
    /// Write the last head that the coordinator has signed, with the cosignatures under it and the own one, as a note
    /// (c2sp.org/tlog-checkpoint).
    Export {
        /// This institution's folder of the ceremony.
        #[arg(long, value_name = "DIR")]
        ceremony: PathBuf,
        /// Its state directory.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The file to write. Without it: standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Compare heads of other institutions with the own chain, and with each other.
    #[command(after_help = EXIT_CODES)]
    Compare {
        /// This institution's folder of the ceremony.
        #[arg(long, value_name = "DIR")]
        ceremony: PathBuf,
        /// Its state directory.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// What others have exported.
        #[arg(required = true, value_name = "FILE")]
        theirs: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum EvidenceCommand {
    /// Work out whom a file of evidence convicts, and of what, from the genesis alone.
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

fn main() -> ExitCode {
    let cli: Cli = match command_line::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    logging::start_as(match &cli.command {
        Command::Run(run) => run.log_format(),
        _ => logging::LogFormat::Text,
    });
    let done = match cli.command {
        Command::Request(request) => request.execute(),
        Command::Install(install) => install.execute(),
        Command::Preflight(preflight) => preflight.execute(),
        Command::Run(run) => run.execute(),
        Command::Backup(backup) => backup.execute(),
        Command::Restore(restore) => restore.execute(),
        Command::Statistics { data, dictionary } => statistics_of(&data, dictionary.as_deref()),
        Command::CheckData { data, dictionary, json } => check(&data, &dictionary, json),
        Command::Audit { mine: true, ceremony: Some(ceremony), state: Some(state), .. } => {
            own(&ceremony, &state)
        }
        Command::Audit { ledger, scratch, ceremony, json, since, state, evidence, .. } => {
            let ledger = ledger.unwrap_or_default();
            let audit = LedgerAudit { ledger, scratch, chain_id: None, state, since, evidence };
            replay(ceremony.as_deref(), audit).map(|report| match json {
                true => format!("{:#}\n", serde_json::json!(report)),
                false => format!("{report}\n"),
            })
        }
        Command::Evidence { command: EvidenceCommand::Verify { genesis, file } } => {
            verify_evidence(&genesis, &file)
        }
        Command::Evidence { command: EvidenceCommand::Show { file } } => show_evidence(&file),
        Command::Account(command) => commands::account::run(command),
        Command::Head(Head::Export { ceremony, state, out }) => {
            export_head(&ceremony, &state, out.as_deref())
        }
        Command::Head(Head::Compare { ceremony, state, theirs }) => {
            compare_heads(&ceremony, &state, &theirs)
        }
        Command::Status { ceremony, state, watch: true } => watch(&ceremony, &state),
        Command::Status { ceremony, state, .. } => show(&ceremony, &state),
        Command::Model { ceremony, state, out, last, personal } => {
            export(&ceremony, &state, &out, last, &personal)
        }
        Command::Predict(arguments) => arguments.execute(),
    };
    finish::<Cli>(done)
}
