//! Taking part.

use std::{
    fmt::Display,
    fs::{File, TryLockError},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use consilium_cli::{Failure, logging::LogFormat, version::warning};
use consilium_client::{
    ClientError, Institution, Outcome, Verification, agreed_dictionary, policy::Policy,
    state::description,
};
use consilium_contract::Parameters;
use consilium_crypto::TEST_FEATURES;
use consilium_identity::{InstitutionFiles, layout::CERTIFICATE};
use rand_core::{OsRng, RngCore as _};

use super::{
    failure, log,
    metrics::Metrics,
    participant::participant,
    reach::PlainTcp,
    rows::{Rows, rows},
    trainer::OwnTrainer,
};

#[derive(Args)]
pub(crate) struct Run {
    /// This institution's folder, in which its certificate is installed.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Where this institution keeps its chain, its memory as a trustee and its model. Back it up; never copy it to
    /// run twice.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The coordinator.
    #[arg(long, value_name = "https://HOST:PORT")]
    coordinator: String,
    #[command(flatten)]
    plain: PlainTcp,
    /// This institution's rows: a dataset schema (TOML, naming its CSV), `pima` or `wdbc`.
    #[arg(long, value_name = "FILE.toml")]
    data: String,
    /// Medians, means and deviations that the institutions have agreed on, as `statistics` prints them. Without it:
    /// those of the rows of all, where the run counts them; otherwise those of the own rows, and features of different
    /// institutions then differ in scale.
    #[arg(long, value_name = "FILE.toml")]
    statistics: Option<PathBuf>,
    /// Seed of shuffling and rounding, never of encryption or noise. Drawn at random where it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// What is verified of every sum before it is opened or trained on: the proofs of all updates and the state that
    /// the chain leads to, or the proofs of so many updates, drawn at random once the sum is sealed. All costs as much
    /// as the coordinator's own verification, and the bodies are downloaded. COUNT is for models too large for that;
    /// what is not drawn is believed: one institution misses one false update of m with probability 1 - COUNT/m, and k
    /// institutions all miss it with probability (1 - COUNT/m)^k; and whether an honest update was refused is seen
    /// by nobody but its author.
    #[arg(long, value_name = "all|COUNT", default_value = "all", value_parser = verification)]
    verify: Verification,
    /// What this site takes part in (TOML): a run that has it otherwise is refused before the coordinator is spoken to.
    /// docs/deploying.md names the options.
    #[arg(long, value_name = "FILE.toml")]
    policy: Option<PathBuf>,
    /// Give up once this institution has waited for so many seconds in which the coordinator brought nothing new, whether it
    /// could be reached or not. Its own work does not count. Without it: never.
    #[arg(long, value_name = "SECONDS")]
    give_up_after: Option<u64>,
    /// Show how this institution stands to its own monitoring: Prometheus' text format at http://ADDRESS/metrics. Nothing of its
    /// rows but their number is in it; it asks nobody who he is. [default where it is given without an address:
    /// 127.0.0.1:7422]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:7422")]
    metrics: Option<SocketAddr>,
    /// How lines of the log look.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(flatten)]
    own: OwnTrainer,
}

/// `all`, or how many updates of a sum.
fn verification(text: &str) -> Result<Verification, String> {
    match text {
        "all" => Ok(Verification::All),
        count => match count.parse() {
            Ok(count) if count > 0 => Ok(Verification::Sample(count)),
            _ => Err("expected all, or a number of updates from 1 on".to_owned()),
        },
    }
}

impl Run {
    /// How lines of the log look.
    pub(crate) fn log_format(&self) -> LogFormat {
        self.log_format
    }

    pub(crate) fn execute(&self) -> Result<String, Failure> {
        let Self { ceremony, state, coordinator, data, statistics, own, .. } = self;
        let rows = rows(ceremony, data, statistics.as_deref())?;
        let plain = self.plain.or_of(ceremony, coordinator);
        plain.check(coordinator)?;
        let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
        let _alone = alone(ceremony)?;
        let seed = self.seed.unwrap_or_else(|| OsRng.next_u64());
        let Rows { number, columns, positive, kind, description, remarks } = rows;
        self.refuse_by_policy(&files, &columns)?;
        let (participant, stopper) = participant(&files, data, number, kind, own, seed)?;
        let parameters = files.parameters.clone();
        let observer = Box::new(log::round_closed);
        let institution = Institution::new(files, state, coordinator, participant, observer);
        let mut institution = institution.map_err(|error| match error {
            ClientError::State { .. } => Failure::unusable(error),
            error => failure(error),
        })?;
        if let Some(description) = &description {
            description::store(description, state).map_err(Failure::unusable)?;
        }
        institution = institution.verifying(self.verify);
        if let Some(seconds) = self.give_up_after {
            institution = institution.give_up_after(Duration::from_secs(seconds));
        }
        if let Some(warning) = warning(TEST_FEATURES) {
            tracing::warn!("{warning}");
        }
        // Whoever has labelled patients otherwise than the schema says sees it here, before anything is sent.
        if let Some(positive) = positive {
            tracing::info!("{positive} of {number} rows are positive");
        }
        remarks.tell();
        tracing::info!(
            dimension = parameters.dimension,
            bound = %parameters.promise(),
            "taking part"
        );
        if let Some(privacy) = &parameters.privacy {
            tracing::info!(
                "every update carries noise of variance {}; a whole run costs {}",
                privacy.terms().variance,
                privacy.plan()
            );
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
        let metrics =
            self.metrics.map(|address| (address, Metrics::new(number as u64, parameters.steps)));
        if let Some((_, metrics)) = &metrics {
            institution = institution.also_observed_by(Box::new(metrics.clone()));
        }
        let outcome = runtime.block_on(async {
            if let Some((address, metrics)) = &metrics {
                metrics.show(*address).await.map_err(Failure::unusable)?;
            }
            Ok(institution.run().await)
        })?;
        if let (Err(_), Some(stopper)) = (&outcome, &stopper) {
            // A step that is still being trained is of no use, and would be waited for.
            stopper.stop();
        }
        Ok(how_it_ended(&outcome.map_err(failure)?, &parameters))
    }
}

impl Run {
    /// Refuses a run that this site's policy does not take.
    fn refuse_by_policy(
        &self,
        files: &InstitutionFiles,
        columns: &[String],
    ) -> Result<(), Failure> {
        let Some(path) = &self.policy else { return Ok(()) };
        let named = |error: &dyn Display| Failure::unusable(format!("{}: {error}", path.display()));
        let policy = Policy::load(path).map_err(|error| named(&error))?;
        let dictionary = agreed_dictionary(files).map_err(failure)?;
        let hash = dictionary.map(|dictionary| dictionary.hash());
        let columns = (!self.own.reads_rows()).then_some(columns);
        let objections = policy.objections(&files.parameters, hash.as_ref(), columns);
        if objections.is_empty() {
            return Ok(());
        }
        let objections: Vec<String> = objections.iter().map(ToString::to_string).collect();
        Err(named(&format!(
            "this site does not take part in such a run: {}",
            objections.join("; ")
        )))
    }
}

/// Keeps other processes of the same institution out, whatever their state directories. Nothing is written: the folder may be
/// one that this user can only read.
fn alone(ceremony: &Path) -> Result<File, Failure> {
    let path = ceremony.join(CERTIFICATE);
    let file = File::open(&path).map_err(|error| {
        Failure::unusable(format!(
            "cannot open {}: {error}; give a folder that this user can read",
            path.display()
        ))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failure(ClientError::Locked { path })),
        // Some file systems have no locks: the state directory has one, and the coordinator sees two.
        Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn how_it_ended(outcome: &Outcome, parameters: &Parameters) -> String {
    let Outcome { steps, height, privacy, .. } = outcome;
    let blocks = height + 1;
    let is_early = *steps < parameters.steps;
    let early = match privacy {
        Some(spent) if is_early => format!("the privacy budget ends the run: {spent}; "),
        Some(spent) => format!("{spent}; "),
        None if is_early => "evaluations improved no more, which ends the run; ".to_owned(),
        None => String::new(),
    };
    format!("{steps} rounds closed and checked; {early}the chain has {blocks} blocks\n")
}
