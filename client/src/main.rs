//! `consilium-client`: an institution, an auditor, or a look at where an institution stands.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use consilium_audit::{
    AuditReport,
    commands::{self, LedgerAudit},
    mine::{self, Institution as Asking},
};
use consilium_cli::{Failure, command_line, failure::finish, logging};
use consilium_client::{
    ClientError, Institution, RoundReport, endpoint, head,
    prepare::{Participant, Quantisation},
    state::{history, model},
    status,
};
use consilium_contract::{Parameters, promise};
use consilium_datasets::{Dataset, Preprocessor, Table};
use consilium_identity::InstitutionFiles;
use consilium_learning::{LocalTrainer, TrainingPlan, to_safetensors};
use rand_core::{OsRng, RngCore};

const EXIT_CODES: &str = "\
Exit codes:
  0  the run is finished, or everything holds
  1  the run or the audit failed: the message says why
  2  a value or a file given is not usable
  3  the coordinator has signed another history than the one on disk, or one that does not hold, or lost blocks
  4  the coordinator has sealed a sum, announced a model or recorded an entry that must not be, or left out what it had
     accepted

With 3 and 4, the message names the file of evidence, wherever there is something that convinces others: `evidence verify`
needs nothing but the genesis beside it. It exits with 0 if the file convicts somebody, 1 if it convicts nobody, 2 if a
file cannot be used. An audit that fails writes such a file where --evidence says.

Everything that was begun survives a crash: start the same command again with the same --state.";

/// An institution in a verified federated run. It connects outwards only, and takes nobody's word for what it can check.
#[derive(Parser)]
#[command(name = "consilium-client", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take part until every step of the genesis is closed.
    #[command(after_help = EXIT_CODES)]
    Run {
        /// This institution's folder of the ceremony, for example ceremony/institution-01.
        #[arg(long, value_name = "DIR")]
        ceremony: PathBuf,
        /// Where this institution keeps its chain, its memory as a trustee and its model. Back it up; never copy it to
        /// run twice.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The coordinator.
        #[arg(long, value_name = "http://HOST:PORT")]
        coordinator: String,
        /// This institution's rows: a dataset schema (TOML, naming its CSV), `pima` or `wdbc`.
        #[arg(long, value_name = "FILE.toml")]
        data: String,
        /// Medians, means and deviations that the institutions have agreed on, as `statistics` prints them. Without it:
        /// those of the own rows, and features of different institutions then differ in scale.
        #[arg(long, value_name = "FILE.toml")]
        statistics: Option<PathBuf>,
        /// Seed of shuffling and rounding, never of encryption or noise. Drawn at random where it is not given.
        #[arg(long)]
        seed: Option<u64>,
        /// Give up where the coordinator has brought nothing new for so many seconds. Without it: never.
        #[arg(long, value_name = "SECONDS")]
        give_up_after: Option<u64>,
    },
    /// Print the medians, means and deviations of rows that may be public, for `run --statistics` everywhere.
    Statistics {
        /// The rows: a dataset schema (TOML, naming its CSV), `pima` or `wdbc`.
        #[arg(long, value_name = "FILE.toml")]
        data: String,
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
    /// What convicts the coordinator or an institution of a broken rule.
    #[command(after_help = EXIT_CODES)]
    Evidence {
        #[command(subcommand)]
        command: EvidenceCommand,
    },
    /// Show the others the head of the own chain, and compare theirs with it: whoever was shown another history finds out.
    #[command(subcommand)]
    Head(Head),
    /// Write the last model that this institution has checked, as safetensors.
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
    },
    /// Say where an institution stands, from its own files.
    Status {
        /// This institution's folder of the ceremony.
        #[arg(long, value_name = "DIR")]
        ceremony: PathBuf,
        /// Its state directory.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
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

fn failure(error: impl Into<ClientError>) -> Failure {
    let error = error.into();
    Failure::new(error.exit_code(), error.to_string())
}

fn main() -> ExitCode {
    let cli: Cli = match command_line::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    logging::start();
    let done = match cli.command {
        Command::Run { ceremony, state, coordinator, data, statistics, seed, give_up_after } => {
            let seed = seed.unwrap_or_else(|| OsRng.next_u64());
            let patience = give_up_after.map(Duration::from_secs);
            rows(&data, statistics.as_deref())
                .and_then(|table| take_part(&ceremony, &state, &coordinator, table, seed, patience))
        }
        Command::Statistics { data } => {
            load(&data).and_then(|dataset| fit(&dataset)?.to_toml().map_err(Failure::unusable))
        }
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
            commands::verify_evidence(&genesis, &file)
        }
        Command::Evidence { command: EvidenceCommand::Show { file } } => {
            commands::show_evidence(&file)
        }
        Command::Head(Head::Export { ceremony, state, out }) => {
            export_head(&ceremony, &state, out.as_deref())
        }
        Command::Head(Head::Compare { ceremony, state, theirs }) => {
            compare_heads(&ceremony, &state, &theirs)
        }
        Command::Status { ceremony, state } => show(&ceremony, &state),
        Command::Model { ceremony, state, out } => export(&ceremony, &state, &out),
    };
    finish::<Cli>(done)
}

fn take_part(
    ceremony: &Path,
    state: &Path,
    coordinator: &str,
    table: Table,
    seed: u64,
    patience: Option<Duration>,
) -> Result<String, Failure> {
    endpoint(coordinator).map_err(failure)?;
    let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
    let participant = participant(&files, table, seed)?;
    let parameters = files.parameters.clone();
    let privacy = parameters.privacy.clone();
    let observer = move |report: RoundReport| {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let update = report.update.unwrap_or_default();
        tracing::info!(
            step = report.step,
            epsilon = privacy
                .as_ref()
                .map(|privacy| tracing::field::display(privacy.epsilon(report.step + 1))),
            verdict = report.verdict.map_or("none", |reason| reason.as_str_name()),
            clipped_share = update.clipped_share,
            train_ms = ms(update.train),
            encrypt_ms = ms(update.encrypt),
            prove_ms = ms(update.prove),
            judge_ms = ms(report.judge),
            countersign_ms = ms(report.countersign),
            share_ms = ms(report.share),
            fetch_ms = ms(report.fetch),
            check_ms = ms(report.check),
            bytes_up = report.bytes_up,
            bytes_down = report.bytes_down,
            "round"
        );
    };
    let institution = Institution::new(files, state, coordinator, participant, Box::new(observer));
    let mut institution = institution.map_err(|error| match error {
        ClientError::State { .. } => Failure::unusable(error),
        error => failure(error),
    })?;
    if let Some(patience) = patience {
        institution = institution.give_up_after(patience);
    }
    tracing::info!(
        dimension = parameters.dimension,
        bound = promise(parameters.bound, parameters.clip),
        "taking part"
    );
    if let Some(privacy) = &parameters.privacy {
        tracing::info!(
            "every update carries noise of variance {}: {}",
            privacy.terms().variance,
            privacy.spent(0)
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let outcome = runtime.block_on(institution.run()).map_err(failure)?;
    let steps = outcome.steps;
    let blocks = outcome.height + 1;
    Ok(match &parameters.privacy {
        None => format!("{steps} rounds closed and checked; the chain has {blocks} blocks\n"),
        Some(privacy) => {
            let spent = privacy.spent(steps);
            let early =
                if steps < parameters.steps { "the privacy budget ends the run: " } else { "" };
            format!(
                "{steps} rounds closed and checked; {early}{spent}; the chain has {blocks} blocks\n"
            )
        }
    })
}

fn load(data: &str) -> Result<Dataset, Failure> {
    Dataset::open(data).map_err(Failure::unusable)
}

fn fit(dataset: &Dataset) -> Result<Preprocessor, Failure> {
    let all: Vec<usize> = (0..dataset.rows()).collect();
    Preprocessor::fit(dataset, &all).map_err(Failure::unusable)
}

/// All rows of the dataset, standardised by the agreed statistics, or by their own where none are given.
fn rows(data: &str, statistics: Option<&Path>) -> Result<Table, Failure> {
    let dataset = load(data)?;
    let preprocessor = match statistics {
        None => fit(&dataset)?,
        Some(path) => {
            let named = |error: &dyn std::fmt::Display| {
                Failure::unusable(format!("{}: {error}", path.display()))
            };
            let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
            Preprocessor::from_toml(&text).map_err(|error| named(&error))?
        }
    };
    let all: Vec<usize> = (0..dataset.rows()).collect();
    preprocessor.transform(&dataset, &all).map_err(Failure::unusable)
}

fn plan(parameters: &Parameters) -> Result<TrainingPlan, Failure> {
    TrainingPlan::agreed(&parameters.training, parameters.dimension).map_err(Failure::unusable)
}

/// The training and the preparation that genesis and certificate ask for.
fn participant(files: &InstitutionFiles, table: Table, seed: u64) -> Result<Participant, Failure> {
    let parameters = &files.parameters;
    let identity = &files.identity;
    if table.rows as u64 != identity.rows {
        let found = table.rows;
        let certified = identity.rows;
        return Err(Failure::new(
            2,
            format!(
                "the data has {found} rows, the certificate says {certified}: give the rows that were certified"
            ),
        ));
    }
    let TrainingPlan { architecture, config } = plan(parameters)?;
    let institution = u64::from(identity.trustee_index);
    let trainer = LocalTrainer::new(architecture, table, config, seed, institution);
    let preparation = Quantisation::of(files, seed).map_err(Failure::unusable)?;
    Ok(Participant::new(trainer.map_err(Failure::unusable)?, preparation))
}

fn show(ceremony: &Path, state: &Path) -> Result<String, Failure> {
    let files = files(ceremony, state)?;
    Ok(format!("{}\n", status(&files, state).map_err(failure)?))
}

/// The institution whose state directory exists.
fn files(ceremony: &Path, state: &Path) -> Result<InstitutionFiles, Failure> {
    let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
    if !state.is_dir() {
        return Err(Failure::unusable(format!(
            "{}: no such directory; give the --state of `run`",
            state.display()
        )));
    }
    Ok(files)
}

fn export_head(ceremony: &Path, state: &Path, out: Option<&Path>) -> Result<String, Failure> {
    let note = head::export(&files(ceremony, state)?, state).map_err(failure)?.encode();
    let Some(out) = out else { return Ok(note) };
    std::fs::write(out, note)
        .map_err(|error| Failure::unusable(format!("{}: {error}", out.display())))?;
    Ok(format!("the head is in {}: show it to the others\n", out.display()))
}

fn compare_heads(ceremony: &Path, state: &Path, theirs: &[PathBuf]) -> Result<String, Failure> {
    let compared = head::compare(&files(ceremony, state)?, state, theirs).map_err(failure)?;
    Ok(compared.iter().map(|head| format!("{head}\n")).collect())
}

fn export(ceremony: &Path, state: &Path, out: &Path) -> Result<String, Failure> {
    let parameters = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?.parameters;
    let checked = model::load(state, &parameters).map_err(failure)?.ok_or_else(|| {
        Failure::unusable(format!("{}: no round has been closed and checked yet", state.display()))
    })?;
    let bytes = to_safetensors(&plan(&parameters)?.architecture, checked.model().parameters())
        .map_err(Failure::unusable)?;
    std::fs::write(out, bytes)
        .map_err(|error| Failure::unusable(format!("{}: {error}", out.display())))?;
    Ok(format!("the model after {} rounds: {}\n", checked.step(), out.display()))
}

fn own(ceremony: &Path, state: &Path) -> Result<String, Failure> {
    let files = files(ceremony, state)?;
    let asking = Asking { pseudonym: files.identity.pseudonym, key: files.signing.verifying_key() };
    let blocks = history::blocks(state).map_err(Failure::failed)?;
    let mine = mine::audit_blocks(&files.parameters, asking, &blocks).map_err(Failure::failed)?;
    Ok(format!("{mine}\n"))
}

/// Replays the ledger, which must be of the run of the ceremony that is given.
fn replay(ceremony: Option<&Path>, audit: LedgerAudit) -> Result<AuditReport, Failure> {
    let files = ceremony.map(InstitutionFiles::load).transpose().map_err(Failure::unusable)?;
    let chain_id = files.map(|files| files.parameters.chain_id);
    commands::audit_ledger(&LedgerAudit { chain_id, ..audit })
}
