//! `consilium-authority`: founds a run, shows what a genesis says, and speaks for the authority while it goes on.

mod approval;
mod counting;
mod delivery;
mod draft;
mod facts;
mod founded;
mod init;
mod inputs;
mod parties;
mod sharing;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use consilium_authority::{AuthorityFiles, Protection};
use consilium_cli::{Failure, command_line, failure, version};
use consilium_contract::parameters::{Parameters, largest_threshold};
use consilium_crypto::TEST_FEATURES;
use consilium_proto::v1::SignedTransaction;

use approval::{Admit, Requests, admit, approve, list, renew, revoke};
use delivery::{Authority, Delivery, hand_over, refused, send_file};
use draft::{DRAFT, draft};
use facts::{facts, text_of};
use init::{Init, init};

/// Verifies identities and certifies keys of a federated run, and says who takes part in it.
///
/// Parties make their keys themselves and ask with requests, whose fingerprints they read out: this program never sees a
/// private key but the authority's own. Only with --make-keys-here, for simulations, does it make those of others. The
/// decryption key is made by the institutions among themselves, on the chain, and nobody ever holds it.
/// Nothing of the authority is needed while rounds run, unless institutions come or go.
#[derive(Parser)]
#[command(
    name = "consilium-authority",
    version = version(env!("CARGO_PKG_VERSION"), TEST_FEATURES),
    after_help = "Exit codes:\n  0  done\n  1  the result could not be printed\n  \
                  2  a bad value or file (one line says which)\n  \
                  3  the coordinator was not reached, or the contract rejected what it was sent (one line says why)"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Founds a run on the requests of its parties, or on those that an earlier run knows, and writes what each is to be sent.
    ///
    /// `authority/` stays here; its pseudonyms.toml is the only map from pseudonyms to names. `coordinator/` and the folders in
    /// `institutions/` hold nothing secret. With --make-keys-here it is a local ceremony instead, for simulations: one folder
    /// for each party with its private keys, to be handed out over a channel that keeps secrets and deleted here.
    Init(Box<Init>),
    /// Prints a draft of the data dictionary that all sites are to agree on, begun from one site's file.
    #[command(after_help = DRAFT)]
    Dictionary {
        /// The site's rows: a dataset schema (TOML, naming its CSV).
        #[arg(long, value_name = "SCHEMA.toml")]
        data: String,
        /// Rows that a category needs to be shown.
        #[arg(long, value_name = "ROWS", default_value_t = 10)]
        least_rows: usize,
    },
    /// Certifies institutions that join a run, from their requests, and writes what each is to be sent.
    ///
    /// An institution enrols itself when it starts. As many take part at a time as the genesis says: where all places are
    /// taken, revoke another one first. To hold a share of the decryption key it has to be a member of the next committee.
    Approve {
        #[command(flatten)]
        requests: Requests,
        /// Rows that each trains on, in the order of the requests, at most as many as the largest of `init`. One number stands
        /// for all.
        #[arg(long, value_delimiter = ',', required = true)]
        rows: Vec<u64>,
    },
    /// Certifies another key of the transport for institutions that are certified, from requests that
    /// `consilium-client request --renew` has made.
    ///
    /// The signing key stays, and so do number, rows and pseudonym: the chain holds them for good.
    Renew(Requests),
    /// Registers an institution whose keys are made here, for simulations, and writes its folder.
    ///
    /// Hand the folder to the institution over a channel that keeps secrets, then delete it here.
    Admit(Admit),
    /// Lists whom the authority has certified, and whom it has revoked.
    ///
    /// What of that the chain holds, it says itself: `consilium-client status`.
    List {
        #[command(flatten)]
        authority: Authority,
    },
    /// Revokes an institution, for good: its updates are taken no longer.
    ///
    /// This is of one run. In others that go on, revoke it as well; none that is founded on this one (`init --from`) takes it in.
    /// A share of the decryption key that it holds stays one until another committee takes the key over: see
    /// `change-committee`.
    Revoke {
        #[command(flatten)]
        authority: Authority,
        /// Its name in pseudonyms.toml, or its pseudonym.
        institution: String,
        #[command(flatten)]
        delivery: Delivery,
    },
    /// Holds the run: no further round opens until `resume`. A round that is open goes on to its end.
    Pause(Word),
    /// Lets a run that is paused go on.
    Resume(Word),
    /// Asks for another committee to hold the decryption key, from the next round on.
    ///
    /// The present committee passes the key on without anyone holding it; old shares open nothing that comes later.
    /// The first request for a number counts. If too few answer, the present committee stays.
    ChangeCommittee {
        #[command(flatten)]
        authority: Authority,
        /// Number of the committee that this asks for: one more than the present one's (`consilium-client status`).
        #[arg(long)]
        number: u32,
        /// Who is to hold the key: names in pseudonyms.toml or pseudonyms, in the order of their places.
        #[arg(long, value_delimiter = ',', required = true)]
        members: Vec<String>,
        /// Shares that open a sum, t [default: the largest with n ≥ 3t − 2 that the run allows].
        #[arg(long)]
        threshold: Option<u32>,
        #[command(flatten)]
        protection: Protection,
        #[command(flatten)]
        delivery: Delivery,
    },
    /// Admits somebody to sharing who is no institution: an owner of records, a proxy, an issuer.
    ///
    /// The request was made with `consilium-records init`, at its author's site. Have its fingerprint read to you by
    /// another way than the file took.
    AdmitParticipant {
        #[command(flatten)]
        authority: Authority,
        /// The request.
        #[arg(value_name = "REQUEST")]
        request: PathBuf,
        /// The fingerprint, as its author has read it out.
        #[arg(long)]
        fingerprint: String,
        #[command(flatten)]
        delivery: Delivery,
    },
    /// Founds the group in whose name records are asked for. There is one a run; its issuer and its opener are to be
    /// admitted as well.
    FoundGroup {
        #[command(flatten)]
        authority: Authority,
        /// Request of the issuer, who certifies members and revokes them.
        #[arg(long, value_name = "REQUEST")]
        issuer: PathBuf,
        /// Request of the opener, who says who has signed, with a proof.
        #[arg(long, value_name = "REQUEST")]
        opener: PathBuf,
        #[command(flatten)]
        delivery: Delivery,
    },
    /// Vouches for units that an institution pays into its account of hidden quantities.
    ///
    /// The request was made with `consilium-client account deposit`, and shows the amount, which the ledger never does: get
    /// it over a channel that keeps secrets. Sign only for what you have seen: every unit in a run has come in by this
    /// signature, and nothing else limits how many there are. What is written is for the institution, which sends it.
    ApproveDeposit {
        #[command(flatten)]
        authority: Authority,
        /// The request.
        #[arg(value_name = "REQUEST")]
        request: PathBuf,
        /// Whose account: its name in pseudonyms.toml, or its pseudonym.
        #[arg(long)]
        institution: String,
        /// Units that the authority has seen, as the request must say.
        #[arg(long, value_name = "UNITS")]
        amount: u32,
        /// File to write the signed deposit to; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sends a transaction that was written to a file.
    Send {
        /// The file.
        file: PathBuf,
        /// Address of the coordinator.
        #[arg(long, value_name = "https://HOST:PORT")]
        coordinator: String,
        /// Folder of the authority, or of an institution, whose certificate is shown to the coordinator.
        #[arg(long = "as", value_name = "FOLDER")]
        folder: Option<PathBuf>,
        /// Speak plain TCP with a coordinator on this machine that does so too, for simulations.
        #[arg(long)]
        plain: bool,
    },
    /// Prints what a genesis binds a run to.
    Show {
        /// A ceremony's directory or one party's folder: wherever a genesis.bin lies.
        dir: PathBuf,
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// A word of the authority's that needs nothing else.
#[derive(Args)]
struct Word {
    #[command(flatten)]
    authority: Authority,
    #[command(flatten)]
    delivery: Delivery,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn main() -> ExitCode {
    let cli: Cli = match command_line::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let outcome = match cli.command {
        Command::Init(arguments) => init(&arguments).map_err(Failure::unusable),
        Command::Show { dir, format } => show(&dir, format).map_err(Failure::unusable),
        Command::Dictionary { data, least_rows } => draft(&data, least_rows),
        Command::Approve { requests, rows } => approve(&requests, &rows),
        Command::Renew(requests) => renew(&requests),
        Command::List { authority } => list(&authority),
        Command::Admit(arguments) => admit(arguments).map_err(refused),
        Command::Revoke { authority, institution, delivery } => {
            revoke(&authority, &institution, &delivery)
        }
        Command::Pause(word) => word.say(AuthorityFiles::pause),
        Command::Resume(word) => word.say(AuthorityFiles::resume),
        Command::ChangeCommittee {
            authority,
            number,
            members,
            threshold,
            protection,
            delivery,
        } => change_committee(&authority, number, &members, threshold, protection, &delivery),
        Command::AdmitParticipant { authority, request, fingerprint, delivery } => {
            sharing::admit(&authority, &request, &fingerprint, &delivery)
        }
        Command::FoundGroup { authority, issuer, opener, delivery } => {
            sharing::found(&authority, &issuer, &opener, &delivery)
        }
        Command::ApproveDeposit { authority, request, institution, amount, out } => {
            sharing::approve_deposit(&authority, &request, &institution, amount, &out)
        }
        Command::Send { file, coordinator, folder, plain } => {
            send_file(&file, &coordinator, plain, folder.as_deref())
        }
    };
    failure::finish::<Cli>(outcome.map(|text| format!("{text}\n")))
}

impl Word {
    fn say(self, word: fn(&AuthorityFiles, u64) -> SignedTransaction) -> Result<String, Failure> {
        let authority = AuthorityFiles::load(&self.authority.dir).map_err(Failure::unusable)?;
        hand_over(word(&authority, now_ms()), &self.delivery, &authority)
    }
}

fn change_committee(
    authority: &Authority,
    number: u32,
    members: &[String],
    threshold: Option<u32>,
    protection: Protection,
    delivery: &Delivery,
) -> Result<String, Failure> {
    let authority = AuthorityFiles::load(&authority.dir).map_err(Failure::unusable)?;
    let largest = largest_threshold(u32::try_from(members.len()).unwrap_or(u32::MAX));
    let threshold =
        threshold.unwrap_or(largest.min(authority.parameters.min_updates.saturating_sub(1)));
    let change =
        authority.change_committee(number, members, threshold, now_ms()).map_err(refused)?;
    protection.check_committee(members.len(), threshold).map_err(refused)?;
    hand_over(change, delivery, &authority)
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn show(dir: &Path, format: Format) -> Result<String, String> {
    let path = dir.join("genesis.bin");
    let entry = fs::read(&path)
        .map_err(|error| format!("{}: {error}; give a ceremony's directory", path.display()))?;
    let parameters = Parameters::from_genesis_entry(&entry)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    match format {
        Format::Text => Ok(text_of(&parameters)),
        Format::Json => {
            let object: serde_json::Map<_, _> = facts(&parameters)
                .into_iter()
                .map(|(name, value)| (name.replace(' ', "_"), value))
                .collect();
            serde_json::to_string_pretty(&object).map_err(|error| error.to_string())
        }
    }
}
