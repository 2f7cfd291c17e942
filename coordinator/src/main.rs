//! `consilium-coordinator`: one node.

mod commands;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use consilium_cli::{
    command_line, failure::finish, logging, logging::LogFormat, version, version::warning,
};
use consilium_coordinator::{
    BackedUp, Config, Coordinator, CoordinatorError, Guests, Linger, Restored, Transport, backup,
    raise_descriptor_limit, restore,
};
use consilium_crypto::TEST_FEATURES;
use consilium_identity::{CoordinatorFiles, is_of_local_ceremony};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Orders the institutions' transactions, runs the contract, keeps the ledger. A process serves one run.
///
/// Needs a folder with its keys (`request`) and the genesis beside them (`install`), and remembers there what it has sealed.
/// Founds the ledger where this folder has never founded one, and goes on where it stands from then on: after a crash,
/// start it again with the same options. A ledger that lacks what was sealed is not gone on from.
/// What it holds certifies sums and signs blocks; it opens nothing. Institutions check everything it says.
///
/// The first line on stdout is the address it listens on. Progress goes to stderr; RUST_LOG=debug says more.
#[derive(Parser)]
#[command(
    name = "consilium-coordinator",
    version = version(env!("CARGO_PKG_VERSION"), TEST_FEATURES),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit codes:\n  0  every round is closed, or stopped by SIGTERM or SIGINT\n  \
                  1  the run cannot go on (one line says why); nothing acknowledged is lost\n  \
                  2  a bad value, file or address\n  \
                  3  the ledger lacks blocks that its own key has signed: restore it before going on"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    node: Option<NodeArguments>,
}

#[derive(Subcommand)]
enum Command {
    /// Make the coordinator's keys in a folder of its own, and a request for the authority to found a run with them.
    Request {
        /// How the coordinator is to be called: 1 to 64 letters, digits, - and _.
        #[arg(long)]
        name: String,
        /// Folder to create for the keys; it must not exist. Back it up, and let nobody else read it.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Put the genesis that the authority has sent beside the keys, after checking it against them.
    Install {
        /// The folder in which `request` has made the keys; with --keys-of one to create, for the next run.
        #[arg(long, value_name = "FOLDER")]
        ceremony: PathBuf,
        /// The folder that the authority has sent.
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// This coordinator's folder of an earlier run, whose keys it has in this one too. Refused where another authority has
        /// signed this run, or it names another coordinator.
        #[arg(long, value_name = "FOLDER")]
        keys_of: Option<PathBuf>,
    },
    /// Look whether everything that a coordinator needs is there, and say what to do where it is not.
    #[command(after_help = commands::PREFLIGHT)]
    Preflight(commands::Preflight),
    /// Back up a ledger, whether a coordinator has it open or not: the folder gets the blocks that it lacks, with all that they
    /// name, up to the last durable one.
    ///
    /// The folder is a ledger of its own, on another disk if it is to help. Give it to `restore` with --from, together with
    /// institutions' state directories: those have the blocks since. The keys are not in it: back up the folder of `request`
    /// once, apart from it.
    Backup {
        /// Folder of the ledger.
        #[arg(long, value_name = "DIR")]
        ledger: PathBuf,
        /// Folder of the backup: an earlier one of this ledger, or a new one.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Say where a run stands: of a coordinator that runs, or of the ledger of one that is stopped.
    Status(commands::Status),
    /// Rebuild a ledger from copies of it and from what institutions have followed.
    ///
    /// Every block is verified and executed again before the ledger is put in its place. Bodies of updates come from copies
    /// of the ledger and from institutions' state directories, which keep those that they have verified (the last rounds
    /// where there are many) and their own last one; what is missing is named. Stop the coordinator first, and start it
    /// without --new afterwards.
    Restore {
        /// Folder of the ceremony, as for the coordinator itself.
        #[arg(long, value_name = "DIR")]
        ceremony: PathBuf,
        /// Folder of the ledger to be rebuilt; there must be none.
        #[arg(long, value_name = "DIR")]
        ledger: PathBuf,
        /// A copy: a ledger's folder, an institution's state directory, or its blocks.bin. May be given many times.
        #[arg(long, value_name = "PATH", required = true)]
        from: Vec<PathBuf>,
    },
}

#[derive(Args)]
struct NodeArguments {
    /// Folder with coordinator.key, evaluation.key, tls.key, genesis.bin and initial-model.bin.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Folder of the ledger.
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,
    /// This is the run's first start: found its ledger, and ask nobody whether there is one already.
    #[arg(long)]
    new: bool,
    /// Verify and apply all blocks again, with every signature and proof, in the place of those since the last snapshot. After
    /// 10,000 rounds that takes minutes.
    #[arg(long)]
    verify_all: bool,
    /// Seconds that a node which did not found its ledger just now waits for a quorum of institutions to connect, before it
    /// signs anything: one that holds blocks which the ledger lacks says so.
    #[arg(long, default_value_t = 15)]
    hearing: u64,
    /// Speak plain TCP alone, for simulations and tests: only on a loopback address. In a run whose keys were all made in one place
    /// it is spoken there besides TLS, also without this.
    #[arg(long, conflicts_with = "open_ledger")]
    plain: bool,
    /// Let those who present no certificate read the ledger, and make statements about sharing. Without it only institutions
    /// that the authority has certified, and the authority, connect.
    #[arg(long)]
    open_ledger: bool,
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
    /// Show what the coordinator does, at http://ADDRESS: a page, /status.json, and /metrics for Prometheus. It is read-only and
    /// holds no secret, but asks nobody who he is: name an address that only your own network reaches. [default where it is
    /// given without an address: 127.0.0.1:7421]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:7421")]
    metrics: Option<SocketAddr>,
    /// How lines of the log look.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    /// Entries at which a block is sealed; a phase's end always seals one.
    #[arg(long, default_value_t = 20)]
    block_entries: usize,
    /// Age in seconds at which a block is sealed: what a kill can lose of a collection, whose authors then send it again.
    #[arg(long, default_value_t = 5)]
    block_age: u64,
    /// Seconds that the making of the key waits for all institutions to enrol; after that it begins with a quorum.
    #[arg(long, default_value_t = 60)]
    enrolment_timeout: u64,
    /// Seconds to serve after the last round, and after what was sent last, for those who have not seen its end; less
    /// where everyone has. An institution that lost the connection tries again every ten seconds.
    #[arg(long, default_value_t = 30)]
    linger: u64,
    /// Serve the ledger after the last round until stopped.
    #[arg(long, conflicts_with = "linger")]
    serve: bool,
}

fn main() -> ExitCode {
    let cli: Cli = match command_line::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    logging::start_as(cli.node.as_ref().map(|node| node.log_format).unwrap_or_default());
    let outcome = match cli {
        Cli { command: Some(Command::Restore { ceremony, ledger, from }), .. } => {
            rebuild(&ceremony, &ledger, &from)
        }
        Cli { command: Some(Command::Backup { ledger, to }), .. } => {
            backup(&ledger, &to).map(|BackedUp { blocks, new }| {
                tracing::info!(blocks, new, "backed up");
            })
        }
        Cli { command: Some(Command::Request { name, out }), .. } => {
            return finish::<Cli>(commands::request(&name, &out));
        }
        Cli { command: Some(Command::Install { ceremony, from, keys_of }), .. } => {
            return finish::<Cli>(commands::install(&ceremony, &from, keys_of.as_deref()));
        }
        Cli { command: Some(Command::Preflight(preflight)), .. } => {
            return finish::<Cli>(preflight.execute());
        }
        Cli { command: Some(Command::Status(status)), .. } => {
            return finish::<Cli>(status.execute());
        }
        Cli { node: Some(arguments), .. } => serve(arguments),
        Cli { .. } => {
            let what = "give --ceremony and --ledger, or a subcommand";
            let error = Cli::command().error(ErrorKind::MissingRequiredArgument, what);
            return command_line::refuse::<Cli>(&error);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command_line::complain::<Cli>(&error);
            match error {
                CoordinatorError::Config(_)
                | CoordinatorError::Files(_)
                | CoordinatorError::Genesis(_)
                | CoordinatorError::OtherRun
                | CoordinatorError::Memory { .. }
                | CoordinatorError::DamagedMemory { .. }
                | CoordinatorError::InUse { .. }
                | CoordinatorError::Network(_) => ExitCode::from(2),
                CoordinatorError::LacksBlocks { .. } => ExitCode::from(3),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn rebuild(ceremony: &Path, ledger: &Path, from: &[PathBuf]) -> Result<(), CoordinatorError> {
    let files = CoordinatorFiles::load(ceremony)?;
    let Restored { blocks, step, phase } = restore(&files, ceremony, ledger, from)?;
    tracing::info!(blocks, step, phase, "rebuilt; start the coordinator as before");
    Ok(())
}

fn serve(arguments: NodeArguments) -> Result<(), CoordinatorError> {
    raise_descriptor_limit();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(arguments))
}

async fn run(cli: NodeArguments) -> Result<(), CoordinatorError> {
    let files = CoordinatorFiles::load(&cli.ceremony)?;
    if let Some(warning) = warning(TEST_FEATURES) {
        tracing::warn!("{warning}");
    }
    let config = Config {
        new: cli.new,
        verify_all: cli.verify_all,
        transport: match (cli.plain, cli.open_ledger) {
            (true, _) => Transport::Plain,
            (false, false) if is_of_local_ceremony(&cli.ceremony) => Transport::Both,
            (false, true) => Transport::Tls { guests: Guests::Welcome },
            (false, false) => Transport::Tls { guests: Guests::Refused },
        },
        memory: Some(cli.ceremony),
        hearing: Duration::from_secs(cli.hearing),
        metrics: cli.metrics,
        block_entries: cli.block_entries,
        block_age: Duration::from_secs(cli.block_age),
        enrolment_timeout: Duration::from_secs(cli.enrolment_timeout),
        linger: if cli.serve {
            Linger::Forever
        } else {
            Linger::AtMost(Duration::from_secs(cli.linger))
        },
        ..Config::new(files, cli.ledger)
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = Coordinator::start(config, TcpListener::bind(cli.listen).await?).await?;
    if let Some(address) = running.metrics_address() {
        tracing::info!("what happens here is shown at http://{address}");
    }
    // Nor must a stdout that nobody reads.
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "{}", running.address()).and_then(|()| stdout.flush());

    let stopper = running.stopper();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stopper.stop().await;
    });
    let ended = running.finished().await?;
    tracing::info!(steps = ended.steps, finished = ended.finished, "ended");
    Ok(())
}
