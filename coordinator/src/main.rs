//! `consilium-coordinator`: one node.

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use consilium_cli::{command_line, logging};
use consilium_coordinator::{Config, Coordinator, CoordinatorError, Linger};
use consilium_identity::CoordinatorFiles;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Orders the institutions' transactions, runs the contract, keeps the ledger.
///
/// Needs the `coordinator` folder of a ceremony (`consilium-authority init`). Writes the ledger's first block if the
/// ledger is new, and goes on where it stands if it is not: after a crash, start it again with the same options.
/// What it holds certifies sums and signs blocks; it opens nothing. Institutions check everything it says.
///
/// The first line on stdout is the address it listens on. Progress goes to stderr; RUST_LOG=debug says more.
#[derive(Parser)]
#[command(
    name = "consilium-coordinator",
    version,
    after_help = "Exit codes:\n  0  every round is closed, or stopped by SIGTERM or SIGINT\n  \
                  1  the run cannot go on (one line says why); nothing acknowledged is lost\n  \
                  2  a bad value, file or address"
)]
struct Cli {
    /// Folder with coordinator.key, evaluation.key, genesis.bin and initial-model.bin.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Folder of the ledger; created if it does not exist.
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
    /// Entries at which a block is sealed; a phase's end always seals one.
    #[arg(long, default_value_t = 20)]
    block_entries: usize,
    /// Age in seconds at which a block is sealed.
    #[arg(long, default_value_t = 60)]
    block_age: u64,
    /// Seconds that the making of the key waits for institutions that have not enrolled, and a run that has too few for
    /// others to join.
    #[arg(long, default_value_t = 60)]
    enrolment_timeout: u64,
    /// Collection timeouts (in the genesis) for which a sealed sum waits for trustees, and a committee for its members to
    /// confirm it.
    #[arg(long, default_value_t = 10)]
    max_retries: u32,
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
    logging::start();
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(CoordinatorError::Network(error)),
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
                | CoordinatorError::Network(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(cli: Cli) -> Result<(), CoordinatorError> {
    let files = CoordinatorFiles::load(&cli.ceremony)?;
    std::fs::create_dir_all(&cli.ledger).map_err(|error| {
        CoordinatorError::Config(format!(
            "{}: {error}; give a folder that can be created",
            cli.ledger.display()
        ))
    })?;
    let config = Config {
        block_entries: cli.block_entries,
        block_age: Duration::from_secs(cli.block_age),
        enrolment_timeout: Duration::from_secs(cli.enrolment_timeout),
        max_retries: cli.max_retries,
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
