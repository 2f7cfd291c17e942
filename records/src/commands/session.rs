//! A party that has caught up with the ledger, and how its command ends.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use consilium_cli::Failure;
use consilium_hash::Pseudonym;
use consilium_records::{
    RecordsError,
    card::Card,
    error::Result,
    ledger::Following,
    party::{Party, Role},
};
use consilium_transport::check_choice;

/// Whose command it is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// This party's folder, as `init` has made it. Back it up; never copy it to run twice.
    #[arg(long, value_name = "DIR")]
    pub(crate) party: PathBuf,
    /// The coordinator. Its word is not taken for anything: the ledger is verified here.
    #[arg(long, value_name = "https://HOST:PORT")]
    pub(crate) coordinator: String,
    /// Speak plain TCP with a coordinator on this machine that does so too, for simulations.
    #[arg(long)]
    plain: bool,
    /// Give up where the ledger or another party has not answered for so many seconds. A block is sealed after a minute at
    /// the latest, as coordinators are usually run.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    give_up_after: u64,
}

/// A party at the coordinator's last block.
pub(crate) struct Session {
    pub(crate) following: Arc<Following>,
    pub(crate) name: Pseudonym,
    pub(crate) patience: Duration,
}

impl Place {
    fn patience(&self) -> Duration {
        Duration::from_secs(self.give_up_after)
    }

    /// Follows the ledger, for a party of this role or, without one, of any.
    pub(crate) async fn follow(&self, role: Option<Role>) -> Result<Arc<Following>> {
        check_choice(&self.coordinator, self.plain)
            .map_err(|problem| RecordsError::Unusable(format!("--coordinator: {problem}")))?;
        let party = match role {
            Some(role) => Party::load_as(&self.party, role)?,
            None => Party::load(&self.party)?,
        };
        Following::start(Arc::new(party), &self.coordinator).await
    }

    /// As [`follow`](Self::follow); returns once the party is admitted and has read the last block.
    pub(crate) async fn open(&self, role: Option<Role>) -> Result<Session> {
        let following = self.follow(role).await?;
        let patience = self.patience();
        let name = following.name(patience).await?;
        following.caught_up(patience).await?;
        Ok(Session { following, name, patience })
    }
}

impl Session {
    pub(crate) fn party(&self) -> &Party {
        self.following.party()
    }

    pub(crate) fn card(&self, path: &std::path::Path) -> Result<Card> {
        Card::load(path, &self.following.ledger())
    }
}

/// Runs what a command does, to its result or the reason why there is none.
pub(crate) fn run(
    work: impl Future<Output = Result<String>>,
) -> std::result::Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let done = runtime.block_on(work).map_err(failure);
    // A copy of the ledger that is being read needs nobody's patience any more.
    runtime.shutdown_timeout(Duration::from_secs(5));
    done
}

pub(crate) fn failure(error: RecordsError) -> Failure {
    let code = error.exit_code();
    Failure::new(code, error.to_string())
}

/// A value as people or as scripts read it.
pub(crate) fn shown(json: bool, value: serde_json::Value, text: impl FnOnce() -> String) -> String {
    if json { format!("{value:#}\n") } else { text() }
}

/// 32 bytes in hexadecimal digits.
pub(crate) fn hash(text: &str) -> std::result::Result<[u8; 32], String> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("{text} has not 64 hexadecimal digits"))
}
