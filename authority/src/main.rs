//! `consilium-authority`: holds a local ceremony, shows what a genesis says, and speaks for the authority in a run.

mod counting;
mod delivery;
mod draft;
mod facts;
mod founded;
mod inputs;
mod sharing;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use consilium_authority::{
    AgreedDictionary, AuthorityError, AuthorityFiles, BoundChoice, Ceremony, CeremonySpec,
    PrivacyFlags, Protection, ServerOptimiserFlags, TrainingFlags, default_min_threshold,
    default_min_updates, read_transaction,
};
use consilium_cli::{Failure, command_line, failure, version, version::warning};
use consilium_contract::parameters::{Parameters, honest_shares, largest_threshold};
use consilium_crypto::TEST_FEATURES;
use consilium_identity::{FilesError, institution_folder};
use consilium_privacy::Run;
use consilium_proto::training::{Convolution, Head, Layers};
use rand_core::OsRng;

use counting::Counting;
use delivery::{Authority, Delivery, deliver, hand_over, refused};
use draft::{DRAFT, draft};
use facts::{facts, text_of};
use founded::{Founded, OwnProgram, network};
use inputs::Inputs;

/// Verifies identities and certifies keys of a federated run, and says who takes part in it.
///
/// In this release the ceremony is local: this program makes the institutions' signing keys. Whoever runs it, or reads
/// the directory before the folders are handed out, can sign as any institution. Use it where everyone trusts its
/// operator with that: simulations, trials, tests. The decryption key is not made here: the institutions make it among
/// themselves, on the chain, and nobody ever holds it.
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
    /// Holds a ceremony and writes its directory: one folder for each party, private files with mode 0600.
    ///
    /// Hand `coordinator/` to the coordinator and each `institution-NN/` to its institution, over a channel that keeps
    /// secrets, then delete them here. `authority/` stays; its pseudonyms.toml is the only map from pseudonyms to names.
    /// No folder has any part of the decryption key: the institutions make it once they have enrolled.
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
    /// Registers an institution that joins a run, and writes its folder.
    ///
    /// Hand the folder to the institution, as those of `init`. It enrols itself when it starts. As many take part at a
    /// time as the genesis says: where all places are taken, revoke another one first. To hold a share of the
    /// decryption key it has to be a member of the next committee.
    Admit(Admit),
    /// Revokes an institution, for good: its updates are taken no longer.
    ///
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
        /// Address of the coordinator, http://HOST:PORT.
        #[arg(long, value_name = "URL")]
        coordinator: String,
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

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Args)]
struct Admit {
    #[command(flatten)]
    authority: Authority,
    /// Rows that the institution trains on, at most as many as the largest of `init`.
    #[arg(long)]
    rows: u64,
    /// Its name in pseudonyms.toml [default: institution-NN with its number].
    #[arg(long)]
    name: Option<String>,
    /// Folder to create; it must not exist [default: a folder of that name beside the authority's].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct Init {
    /// Number of institutions, n.
    #[arg(long)]
    institutions: u32,
    /// Rows that each institution trains on, in order: its weight in the mean. One number stands for all.
    #[arg(long, value_delimiter = ',', required = true)]
    rows: Vec<u64>,
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    own_program: OwnProgram,
    #[command(flatten)]
    counting: Counting,
    #[command(flatten)]
    server_optimiser: ServerOptimiserFlags,
    /// Where rows are square images, their pixels row by row: values of a pixel after each convolution of 3 by 3 pixels,
    /// which come before the hidden layers.
    #[arg(long, value_delimiter = ',', num_args = 0.., value_name = "N,N,...")]
    convolution: Vec<u32>,
    /// Values of a pixel of these images: 1 where they are grey.
    #[arg(long, default_value_t = 1, requires = "convolution")]
    image_channels: u32,
    /// Sizes of the hidden layers; no number at all is logistic regression.
    #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "16,8")]
    hidden: Vec<u32>,
    /// Model to start from: what `consilium-client model` writes (safetensors with layers.N.weight [inputs, outputs] and
    /// layers.N.bias, or the names under --tensors), or d floats of four bytes, little-endian, in that order. Drawn at
    /// random where none is given.
    #[arg(long, alias = "initial", value_name = "FILE")]
    initial_model: Option<PathBuf>,
    /// Shares that open a sum, t [default: the largest with n ≥ 3t − 2].
    #[arg(long)]
    threshold: Option<u32>,
    /// Accepted updates that a sum needs, t + 1 to n [default: half of the institutions, at least t + 1].
    #[arg(long)]
    min_updates: Option<u32>,
    /// Rows that the institutions of a sum have at least, together; with fewer the round waits [default: a quarter of the
    /// rows of all institutions].
    #[arg(long)]
    min_rows: Option<u64>,
    #[command(flatten)]
    bound: BoundChoice,
    #[command(flatten)]
    privacy: PrivacyFlags,
    /// Improvements of the model until the run is finished.
    #[arg(long, default_value_t = 60)]
    steps: u64,
    /// The least time that a round waits for updates, and a stage of making a committee for its members. With too few of
    /// them it goes on waiting.
    #[arg(long, default_value_t = 30_000)]
    collection_timeout_ms: u64,
    /// Attempts at passing the key on before the committee that holds it goes on; it is tried again after the next round.
    #[arg(long, default_value_t = 3)]
    max_attempts: u32,
    /// Closed rounds after which the shares of the decryption key are refreshed; 0 for never.
    #[arg(long, default_value_t = 0)]
    refresh_steps: u64,
    /// The smallest threshold that a later committee may have: to no fewer can the key ever be passed on [default: t − 1,
    /// at least 2 where t is].
    #[arg(long)]
    min_threshold: Option<u32>,
    #[command(flatten)]
    protection: Protection,
    #[command(flatten)]
    training: TrainingFlags,
    /// Directory to create; it must not exist.
    #[arg(long)]
    out: PathBuf,
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
        Command::Admit(arguments) => admit(arguments).map_err(refused),
        Command::Revoke { authority, institution, delivery } => {
            revoke(&authority, &institution, &delivery)
        }
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
        Command::Send { file, coordinator } => read_transaction(&file)
            .map_err(Failure::unusable)
            .and_then(|signed| deliver(signed, &coordinator, None)),
    };
    failure::finish::<Cli>(outcome.map(|text| format!("{text}\n")))
}

fn admit(
    Admit { authority: Authority { dir }, rows, name, out }: Admit,
) -> Result<String, AuthorityError> {
    let mut authority = AuthorityFiles::load(&dir)?;
    let name = name.unwrap_or_else(|| institution_folder(authority.next_number()));
    let out = out.unwrap_or_else(|| dir.with_file_name(&name));
    if out.symlink_metadata().is_ok() {
        return Err(FilesError::Exists(out).into());
    }
    let files = authority.admit(&name, rows, &mut OsRng)?;
    // The number first: a crash in between wastes it, and never gives it twice.
    authority.record(&dir)?;
    files.write(&out)?;
    let number = files.identity.trustee_index;
    let pseudonym = files.identity.pseudonym;
    let out = out.display();
    Ok(format!(
        "number {number}, pseudonym {pseudonym}\nwritten to {out}: hand it to {name}, then delete it there"
    ))
}

fn revoke(
    authority: &Authority,
    institution: &str,
    delivery: &Delivery,
) -> Result<String, Failure> {
    let authority = AuthorityFiles::load(&authority.dir).map_err(Failure::unusable)?;
    hand_over(authority.revoke(institution).map_err(refused)?, delivery, &authority)
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

fn init(arguments: &Init) -> Result<String, String> {
    let rows = match arguments.rows.as_slice() {
        [rows] => (0..arguments.institutions).map(|_| *rows).collect(),
        rows => rows.to_vec(),
    };
    if rows.len() != arguments.institutions as usize {
        let given = rows.len();
        let expected = arguments.institutions;
        return Err(format!(
            "--rows has {given} numbers; give one for each of the {expected} institutions, or one for all"
        ));
    }
    let channels = arguments.convolution.clone();
    let convolution = (!channels.is_empty())
        .then_some(Convolution { image_channels: arguments.image_channels, channels });
    let hidden = arguments.hidden.clone();
    let (inputs, dictionary) = arguments.inputs.resolve()?;
    // What is predicted follows from the target that all have agreed on; without one it is one of two classes.
    let head = dictionary.as_ref().map_or(Head::Binary, AgreedDictionary::head);
    let layers = Layers { inputs, convolution, hidden, head };
    let initial = arguments.initial_model.as_deref();
    let Founded { program, dimension, model } =
        arguments.own_program.found(initial)?.map_or_else(|| network(&layers, initial), Ok)?;
    let largest = rows.iter().copied().max().unwrap_or(1);
    let defaults = CeremonySpec::new(layers, model, rows);
    let training = arguments.training.over(defaults.training, arguments.steps);
    let training = training.map_err(|error| error.to_string())?;
    let threshold = arguments.threshold.unwrap_or(defaults.threshold);
    let min_updates = arguments
        .min_updates
        .unwrap_or_else(|| default_min_updates(arguments.institutions, threshold));
    let run = Run {
        dimension,
        norm: 0,
        institutions: arguments.institutions,
        honest: honest_shares(min_updates, threshold),
        most_honest: honest_shares(
            min_updates,
            arguments.min_threshold.unwrap_or_else(|| default_min_threshold(threshold)),
        ),
        steps: arguments.steps,
    };
    let bounded = arguments.privacy.bounded(&arguments.bound, run, &training, largest);
    let (bound, clip, privacy) = bounded.map_err(|error| error.to_string())?;
    let mask = arguments.bound.mask.resolve(dimension).map_err(|error| error.to_string())?;
    let spec = CeremonySpec {
        threshold,
        min_updates,
        min_rows: arguments.min_rows.unwrap_or(defaults.min_rows),
        bound,
        mask,
        clip,
        privacy,
        steps: arguments.steps,
        collection_timeout_ms: arguments.collection_timeout_ms,
        max_attempts: arguments.max_attempts,
        refresh_steps: arguments.refresh_steps,
        min_threshold: arguments.min_threshold.unwrap_or_else(|| default_min_threshold(threshold)),
        protection: arguments.protection,
        training,
        program,
        statistics: arguments.counting.statistics(dictionary.as_ref()),
        evaluation: arguments.counting.evaluation(dictionary.as_ref())?,
        server_optimiser: arguments
            .server_optimiser
            .resolve()
            .map_err(|error| error.to_string())?,
        dictionary,
        ..defaults
    };
    let ceremony = Ceremony::hold(&spec, &mut OsRng).map_err(|error| error.to_string())?;
    ceremony.write(&arguments.out).map_err(|error| error.to_string())?;
    let mut text = text_of(&ceremony.parameters);
    let influence = ceremony.parameters.influence().most(&spec.rows);
    text += &format!("\n{:<22} {influence} in a step, at most", "one institution moves");
    text += &format!(
        "\n\nwritten to {}: hand out coordinator/ and {} to {}, then delete them there",
        arguments.out.display(),
        institution_folder(1),
        institution_folder(arguments.institutions),
    );
    if let Some(warning) = warning(TEST_FEATURES) {
        text += &format!("\nwarning: {warning}");
    }
    if let Some(warning) = ceremony.parameters.mask_warning() {
        text += &format!("\nwarning: {warning}");
    }
    if let Some(warning) = ceremony.parameters.promise().warning() {
        text += &format!("\nwarning: {warning}");
    }
    if spec.min_updates < 2 * spec.threshold {
        text += &format!(
            "\nwarning: min_updates {} is below 2t = {}: t trustees could be most of a sum's contributors",
            spec.min_updates,
            2 * spec.threshold,
        );
    }
    Ok(text)
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
