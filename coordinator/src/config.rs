//! What an operator chooses. Everything that the institutions must agree on is in the genesis instead.

use std::{fmt, path::PathBuf, time::Duration};

use consilium_identity::CoordinatorFiles;
use consilium_ledger::MAX_ENTRIES;

use crate::{Clock, CoordinatorError, Limits, Observer, SystemClock};

/// How long a node serves after the last round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linger {
    /// Until as many as are enrolled have followed the run to its end and nobody has subscribed for a second, or until
    /// nobody has been sent anything for so long.
    AtMost(Duration),
    /// Until it is told to stop.
    Forever,
}

/// Everything that a node is started with.
pub struct Config {
    /// The coordinator's folder of the ceremony.
    pub files: CoordinatorFiles,
    /// Folder of the ledger; created where it does not exist.
    pub ledger: PathBuf,
    /// Entries at which a block is sealed.
    pub block_entries: usize,
    /// Age of its oldest entry at which a block is sealed.
    pub block_age: Duration,
    /// How long the making of the key waits for institutions that have not enrolled, and a run that has too few for others
    /// to join, counted from the node's start.
    pub enrolment_timeout: Duration,
    /// Collection timeouts for which a sealed sum waits for trustees, and a committee for its members to confirm it, before
    /// the node gives up.
    pub max_retries: u32,
    /// How long to serve after the last round.
    pub linger: Linger,
    /// What every call is held to.
    pub limits: Limits,
    /// Where the time comes from.
    pub clock: Box<dyn Clock>,
    /// Is told what happens and what it cost.
    pub observer: Option<Observer>,
}

impl Config {
    /// The defaults: blocks of 20 entries or a minute, a minute for enrolment, ten retries, half a minute of linger.
    pub fn new(files: CoordinatorFiles, ledger: PathBuf) -> Self {
        Self {
            files,
            ledger,
            block_entries: 20,
            block_age: Duration::from_secs(60),
            enrolment_timeout: Duration::from_secs(60),
            max_retries: 10,
            linger: Linger::AtMost(Duration::from_secs(30)),
            limits: Limits::default(),
            clock: Box::new(SystemClock::new()),
            observer: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), CoordinatorError> {
        // A block that a phase ends holds the coordinator's own transaction as well.
        if (1..MAX_ENTRIES).contains(&self.block_entries) {
            Ok(())
        } else {
            let actual = self.block_entries;
            let most = MAX_ENTRIES - 1;
            Err(CoordinatorError::Config(format!(
                "{actual} entries a block; 1 to {most} are possible"
            )))
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("ledger", &self.ledger)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
