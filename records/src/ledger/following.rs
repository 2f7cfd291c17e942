//! A party's copy of the chain, kept up to date in the background; statements, and waiting for what they bring about.

use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use consilium_contract::{Parameters, transaction::sign};
use consilium_hash::Pseudonym;
use consilium_ledger::Block;
use consilium_proto::v1::{Reason, transaction::Action};
use rand_core::{OsRng, RngCore};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{sleep, timeout_at},
};
use tracing::debug;

use super::{connection::Connection, copy::Ledger};
use crate::{RecordsError, error::Result, party::Party, transport::check_coordinator};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How far the copy has come.
#[derive(Debug, Clone, Default)]
struct Progress {
    height: u64,
    /// What the coordinator called its last block on this connection has been read.
    is_caught_up: bool,
    /// Why the following has ended: exit code and message.
    stopped: Option<(u8, String)>,
}

/// See the module.
pub struct Following {
    party: Arc<Party>,
    coordinator: String,
    parameters: Arc<Parameters>,
    /// Written by the following alone, one block at a time.
    ledger: RwLock<Ledger>,
    progress: watch::Sender<Progress>,
}

impl Following {
    /// Opens the party's copy and follows the coordinator at an address from where it ends.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub async fn start(party: Arc<Party>, coordinator: &str) -> Result<Arc<Self>> {
        check_coordinator(coordinator)?;
        let opened = Arc::clone(&party);
        let ledger = blocking(move || Ledger::open(&opened)).await??;
        let following = Arc::new(Self {
            parameters: Arc::clone(&party.parameters),
            party,
            coordinator: coordinator.to_owned(),
            progress: watch::Sender::new(Progress {
                height: ledger.height(),
                ..Progress::default()
            }),
            ledger: RwLock::new(ledger),
        });
        tokio::spawn(Arc::clone(&following).follow());
        Ok(following)
    }

    /// Whose copy it is.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// The ledger as it stands.
    pub fn ledger(&self) -> RwLockReadGuard<'_, Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger as it stands now, for whoever acts on what it has not taken back.
    ///
    /// # Errors
    /// [`RecordsError::Unreachable`] while the coordinator's last block is not read: a withdrawal could be in it.
    pub fn current(&self) -> Result<RwLockReadGuard<'_, Ledger>> {
        if self.progress.borrow().is_caught_up {
            return Ok(self.ledger());
        }
        Err(RecordsError::Unreachable {
            who: "the ledger".to_owned(),
            problem:
                "this party cannot see what was withdrawn, and does nothing meanwhile; try again"
                    .to_owned(),
        })
    }

    /// Follows, across connections, until nothing of this coordinator can be read any more.
    async fn follow(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let height = self.progress.borrow().height;
            let Err(error) = self.follow_once().await;
            self.progress.send_modify(|progress| progress.is_caught_up = false);
            if !error.is_transient() {
                let stopped = Some((error.exit_code(), error.to_string()));
                self.progress.send_modify(|progress| progress.stopped = stopped);
                return;
            }
            debug!(%error, "the coordinator is tried again");
            let went_well = self.progress.borrow().height > height;
            pause = if went_well { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            // So that those who lost the coordinator together do not come back together.
            sleep(
                pause / 2 + pause.mul_f64(f64::from(OsRng.next_u32()) / f64::from(u32::MAX) / 2.0),
            )
            .await;
        }
    }

    async fn follow_once(self: &Arc<Self>) -> Result<Infallible> {
        let mut connection = Connection::open(&self.coordinator, &self.party.parameters).await?;
        let (from, last) = {
            let ledger = self.ledger();
            // Its own last block comes again, and must be the same.
            (ledger.height().saturating_sub(1), ledger.head())
        };
        let mut blocks = connection.subscribe(from, last.as_ref()).await?;
        let head = connection.head().await?;
        self.ledger.write().unwrap_or_else(PoisonError::into_inner).compare(&head)?;
        loop {
            let height = self.ledger().height();
            let is_caught_up = height > head.header.height;
            self.progress.send_modify(|progress| {
                progress.height = height;
                progress.is_caught_up = is_caught_up;
            });
            let block = blocks.next().await?;
            let following = Arc::clone(self);
            blocking(move || following.take(&block)).await??;
        }
    }

    fn take(&self, block: &Block) -> Result<()> {
        self.ledger.write().unwrap_or_else(PoisonError::into_inner).take(block)
    }

    /// Waits until the chain shows something.
    ///
    /// # Errors
    /// [`RecordsError::Waited`], and what has ended the following.
    pub async fn until<T>(
        &self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&Ledger) -> Option<T>,
    ) -> Result<T> {
        let until = tokio::time::Instant::now() + patience;
        let mut progress = self.progress.subscribe();
        loop {
            let Progress { is_caught_up, stopped, .. } = progress.borrow_and_update().clone();
            // An old copy shows what may have been taken back since.
            if is_caught_up && let Some(found) = look(&self.ledger()) {
                return Ok(found);
            }
            if let Some((code, message)) = stopped {
                return Err(match code {
                    3 => RecordsError::Convicted(message),
                    4 => RecordsError::refused("the coordinator", message),
                    _ => RecordsError::Interrupted(message),
                });
            }
            let waited =
                RecordsError::Waited { what: what.to_owned(), seconds: patience.as_secs() };
            match timeout_at(until, progress.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(waited),
            }
        }
    }

    /// Waits until everything has been read that the coordinator has shown.
    ///
    /// # Errors
    /// As [`until`](Self::until).
    pub async fn caught_up(&self, patience: Duration) -> Result<()> {
        self.until("the coordinator's last block", patience, |_| Some(())).await
    }

    /// Waits for the next block; returns at once where the following has ended.
    pub async fn changed(&self) {
        let mut progress = self.progress.subscribe();
        progress.mark_unchanged();
        if progress.borrow().stopped.is_none() {
            let _ = progress.changed().await;
        }
    }

    /// Why the following has ended, once it has.
    pub fn stopped(&self) -> Option<RecordsError> {
        let stopped = self.progress.borrow().stopped.clone();
        stopped.map(|(code, message)| match code {
            3 => RecordsError::Convicted(message),
            _ => RecordsError::Interrupted(message),
        })
    }

    /// Waits until the ledger knows this party, and returns its pseudonym.
    ///
    /// # Errors
    /// As [`until`](Self::until).
    pub async fn name(&self, patience: Duration) -> Result<Pseudonym> {
        let key = self.party.signing.verifying_key();
        let what = "this party's admission on the ledger (`consilium-authority admit-participant`)";
        self.until(what, patience, |ledger| ledger.name_of(&key)).await
    }

    /// Says something on the ledger, again and again until it is answered. That it has taken effect, the chain shows.
    ///
    /// # Errors
    /// [`RecordsError::Refused`] with the contract's reason, unless it knows the statement already.
    pub async fn say(&self, author: &Pseudonym, action: Action, patience: Duration) -> Result<()> {
        let signed = sign(&self.party.signing, &self.parameters.chain_id, Some(author), action);
        let start = Instant::now();
        loop {
            let said = async {
                let mut connection =
                    Connection::open(&self.coordinator, &self.party.parameters).await?;
                connection.say(signed.clone(), &self.parameters).await
            };
            match said.await {
                // The same statement may have come through before the connection broke.
                Ok(Reason::Accepted | Reason::Duplicate) => return Ok(()),
                Ok(reason) => {
                    return Err(RecordsError::refused("the ledger", explain(reason)));
                }
                Err(error) if error.is_transient() && start.elapsed() < patience => {
                    debug!(%error, "said again");
                    sleep(FIRST_PAUSE * 5).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A reason as people read it.
fn explain(reason: Reason) -> String {
    let meaning = match reason {
        Reason::Expelled => "three false statements were proven of this party",
        Reason::Revoked => "the authority has revoked this party",
        Reason::UnknownInstitution => "the ledger does not know this party",
        Reason::UnknownParticipant => "it names somebody whom the ledger does not know",
        Reason::NoGroup => "no group has been founded yet (`consilium-authority found-group`)",
        Reason::WrongEpoch => "the group has gone on to another epoch; try again",
        Reason::Withdrawn => "the consent was withdrawn before",
        Reason::UnknownConsent => "there is no such consent",
        _ => return reason.as_str_name().to_owned(),
    };
    format!("{meaning} ({})", reason.as_str_name())
}

/// Work that would keep a thread of the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| RecordsError::Interrupted(error.to_string()))
}
