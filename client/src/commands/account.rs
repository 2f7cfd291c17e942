//! An institution's account of hidden quantities.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Args, Subcommand};
use consilium_cli::Failure;
use consilium_client::account::{AccountError, Desk, Done};
use consilium_exchange::quantity::Deposit;
use consilium_hash::Pseudonym;
use consilium_identity::{InstitutionFiles, disk, write_file};

use super::reach::PlainTcp;

/// What `account` is, at the end of its help.
pub(crate) const ACCOUNT: &str = "\
An account holds units whose number nobody but its institution reads: the ledger has them encrypted, with proofs that nobody
sends more than it has. It shows who sends to whom, when, and how often. Units come in by deposits that the authority has
signed (`consilium-authority approve-deposit`), move by transfers, and wait at their receiver until it rolls them in: so
nothing that others send disturbs a transfer in the making.

The first time:
  1. account open
  2. account deposit --amount N --out request.bin, which goes to the authority; its answer: account deposit --approved FILE
  3. account roll
  4. account transfer --to PSEUDONYM --amount N, and the receiver: account roll

Each statement is on disk before it is sent. Whatever stops a command: give the same command again, and the same bytes are
sent; nothing is paid twice. Keys and balance are in STATE/account: back it up, and never copy it to use it twice.

Exit codes are those of `consilium-client`; 2 also where a rule refuses an order before anything is sent.";

/// Whose account, and where the ledger is.
#[derive(Args)]
pub(crate) struct Place {
    /// This institution's folder of the ceremony.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Its state directory: that of `run`, which may be running.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

#[derive(Args)]
pub(crate) struct Reach {
    #[command(flatten)]
    place: Place,
    /// The coordinator. Its word is not taken for anything: the ledger is verified here.
    #[arg(long, value_name = "https://HOST:PORT")]
    coordinator: String,
    #[command(flatten)]
    plain: PlainTcp,
    /// Give up where the ledger has not shown what became of a statement for so many seconds. A block is sealed after a
    /// minute at the latest, as coordinators are usually run.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    give_up_after: u64,
}

#[derive(Subcommand)]
pub(crate) enum Account {
    /// Make keys and open the account. The institution has enrolled, which `run` does.
    Open {
        #[command(flatten)]
        reach: Reach,
    },
    /// Ask for a deposit, or make one that the authority has signed.
    ///
    /// A request holds the amount: hand it to the authority over a channel that keeps secrets. Between request and deposit
    /// the account must say nothing else.
    #[command(group = ArgGroup::new("step").required(true).args(["amount", "approved"]))]
    Deposit {
        #[command(flatten)]
        reach: Reach,
        /// Units to ask for.
        #[arg(long, value_name = "UNITS", requires = "out")]
        amount: Option<u32>,
        /// The file to write the request to; it must not exist.
        #[arg(long, value_name = "FILE", requires = "amount")]
        out: Option<PathBuf>,
        /// The deposit that the authority has signed (`consilium-authority approve-deposit`).
        #[arg(long, value_name = "FILE")]
        approved: Option<PathBuf>,
    },
    /// Send units to another institution.
    Transfer {
        #[command(flatten)]
        reach: Reach,
        /// The receiver's pseudonym: 64 hexadecimal digits; `status` lists those who have an account.
        #[arg(long, value_name = "PSEUDONYM", value_parser = pseudonym)]
        to: Pseudonym,
        /// How many.
        #[arg(long, value_name = "UNITS")]
        amount: u32,
    },
    /// Make what has come in part of the balance.
    Roll {
        #[command(flatten)]
        reach: Reach,
    },
    /// Prove that the balance is below 2^32, so that the account can be credited 65,535 times again.
    Rebase {
        #[command(flatten)]
        reach: Reach,
    },
    /// Say what the account holds, and who else has one.
    Status {
        #[command(flatten)]
        place: Place,
        /// Read what is new at this coordinator first. Without it: the blocks on the own disk.
        #[arg(long, value_name = "https://HOST:PORT")]
        coordinator: Option<String>,
        #[command(flatten)]
        plain: PlainTcp,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

fn pseudonym(text: &str) -> Result<Pseudonym, String> {
    let digit = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(digit).collect();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Pseudonym).ok_or_else(|| "expected 64 hexadecimal digits".to_owned())
}

pub(crate) fn run(command: Account) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::failed)?;
    runtime.block_on(carry_out(command))
}

async fn carry_out(command: Account) -> Result<String, Failure> {
    match command {
        Account::Open { reach } => {
            let mut desk = reach.desk()?;
            let done = desk.open_account().await;
            told(&desk, done)
        }
        Account::Deposit { reach, amount, out, approved } => {
            let mut desk = reach.desk()?;
            match (amount, out, approved) {
                (Some(amount), Some(out), None) => ask(&mut desk, amount, &out).await,
                (_, _, Some(approved)) => {
                    let bytes = disk::read(&approved, Deposit::LEN).map_err(Failure::unusable)?;
                    let deposit = Deposit::decode(&bytes).map_err(|error| {
                        Failure::unusable(format!("{}: {error}", approved.display()))
                    })?;
                    let done = desk.deposit(deposit).await;
                    told(&desk, done)
                }
                _ => Err(Failure::unusable("give --amount with --out, or --approved")),
            }
        }
        Account::Transfer { reach, to, amount } => {
            let mut desk = reach.desk()?;
            let done = desk.transfer(to, amount).await;
            told(&desk, done)
        }
        Account::Roll { reach } => {
            let mut desk = reach.desk()?;
            let done = desk.roll().await;
            told(&desk, done)
        }
        Account::Rebase { reach } => {
            let mut desk = reach.desk()?;
            let done = desk.rebase().await;
            told(&desk, done)
        }
        Account::Status { place, coordinator, plain, json } => {
            // Nobody is asked at the address that stands for none.
            let address = coordinator.as_deref().unwrap_or("https://localhost");
            let plain = if coordinator.is_some() { plain } else { PlainTcp::default() };
            let mut desk = place.desk(address, plain, Duration::ZERO)?;
            if coordinator.is_some() {
                desk.catch_up().await.map_err(refused)?;
            }
            let holding = desk.holding().map_err(refused)?;
            Ok(if json { format!("{:#}\n", holding.to_json()) } else { holding.to_string() })
        }
    }
}

async fn ask(desk: &mut Desk, amount: u32, out: &Path) -> Result<String, Failure> {
    desk.catch_up().await.map_err(refused)?;
    let request = desk.ask_for_deposit(amount).map_err(refused)?;
    write_file(out, &request.encode()).map_err(Failure::unusable)?;
    Ok(format!(
        "the request is in {}: hand it to the authority, and keep it secret\n",
        out.display()
    ))
}

/// Says what has been done, and only then forgets the statement: whoever is stopped in between asks again, and hears the
/// same.
fn told(desk: &Desk, done: Result<Done, AccountError>) -> Result<String, Failure> {
    let mut out = io::stdout().lock();
    let mut say = |done: &Done| {
        let begun = if done.was_begun { ", as an earlier command had begun to" } else { "" };
        let Done { order, height, .. } = done;
        writeln!(out, "done: {order}{begun} (block {height})").and_then(|()| out.flush())
    };
    if let Some(earlier) = desk.earlier() {
        say(earlier).map_err(Failure::failed)?;
    }
    say(&done.map_err(refused)?).map_err(Failure::failed)?;
    desk.forget().map_err(refused)?;
    Ok(String::new())
}

impl Reach {
    fn desk(&self) -> Result<Desk, Failure> {
        self.place.desk(&self.coordinator, self.plain, Duration::from_secs(self.give_up_after))
    }
}

impl Place {
    fn desk(
        &self,
        coordinator: &str,
        plain: PlainTcp,
        patience: Duration,
    ) -> Result<Desk, Failure> {
        let plain = plain.or_of(&self.ceremony, coordinator);
        plain.check(coordinator)?;
        let files = InstitutionFiles::load(&self.ceremony).map_err(Failure::unusable)?;
        let connector = plain.connector(coordinator, &files)?;
        Desk::open(files, &self.state, connector, patience).map_err(refused)
    }
}

fn refused(error: AccountError) -> Failure {
    Failure::new(error.exit_code(), error.to_string())
}
