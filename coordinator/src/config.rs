//! What an operator chooses. Everything that the institutions must agree on is in the genesis instead.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use consilium_identity::CoordinatorFiles;
use consilium_ledger::MAX_ENTRIES;
use consilium_transport::{Guests, Presented, ServerConfig, server_config};

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

/// How peers reach a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Plain TCP, for simulations and tests: only on a loopback address.
    Plain,
    /// TLS 1.3 with certificates of the run.
    Tls {
        /// Whether who has none reads the ledger, and makes statements about sharing.
        guests: Guests,
    },
    /// Both, told apart by how a connection begins; plain TCP only on a loopback address. For runs whose keys were all made in one
    /// place, so that there is nothing that TLS could keep.
    Both,
}

/// What secures the connections of a node.
pub(crate) enum Security {
    Plain,
    Tls(Arc<ServerConfig>),
    Both(Arc<ServerConfig>),
}

/// Everything that a node is started with.
pub struct Config {
    /// The coordinator's folder of the ceremony.
    pub files: CoordinatorFiles,
    /// Folder of the ledger; created where it does not exist.
    pub ledger: PathBuf,
    /// Folder that remembers what the coordinator's key has sealed: that of the ceremony, beside the key. `None` for a run
    /// that nobody goes on with.
    pub memory: Option<PathBuf>,
    /// Whether the operator says that this is the run's first start. An existing ledger is an error then.
    pub new: bool,
    /// Whether all blocks of a ledger are verified and applied again, not only those since its snapshot.
    pub verify_all: bool,
    /// How long a node that goes on from a ledger holds back what it would seal, until a quorum of institutions has shown
    /// that they hold no block which the ledger lacks.
    pub hearing: Duration,
    /// Entries at which a block is sealed.
    pub block_entries: usize,
    /// Age of its oldest entry at which a block is sealed.
    pub block_age: Duration,
    /// How long the making of the key waits for all institutions to enrol, counted from the node's start; after that it
    /// begins with a quorum.
    pub enrolment_timeout: Duration,
    /// How long to serve after the last round.
    pub linger: Linger,
    /// How peers reach it.
    pub transport: Transport,
    /// Where the node shows what it does, over HTTP and to whoever can reach it; nowhere, if nobody says where.
    pub metrics: Option<SocketAddr>,
    /// What every call is held to.
    pub limits: Limits,
    /// Where the time comes from.
    pub clock: Box<dyn Clock>,
    /// Is told what happens and what it cost.
    pub observer: Option<Observer>,
}

impl Config {
    /// The defaults: plain TCP, nothing remembered outside of the ledger, 15 seconds of hearing, blocks of 20 entries or five seconds, a
    /// minute for enrolment, half a minute of linger.
    pub fn new(files: CoordinatorFiles, ledger: PathBuf) -> Self {
        Self {
            files,
            ledger,
            memory: None,
            new: false,
            verify_all: false,
            hearing: Duration::from_secs(15),
            block_entries: 20,
            block_age: Duration::from_secs(5),
            enrolment_timeout: Duration::from_secs(60),
            linger: Linger::AtMost(Duration::from_secs(30)),
            transport: Transport::Plain,
            metrics: None,
            limits: Limits::default(),
            clock: Box::new(SystemClock::new()),
            observer: None,
        }
    }

    /// What a node that listens on this address secures connections with.
    ///
    /// # Errors
    /// [`CoordinatorError::Config`] for plain TCP that other machines could reach, or keys that cannot be presented.
    pub(crate) fn security(&self, address: &SocketAddr) -> Result<Security, CoordinatorError> {
        let tls = |guests| {
            let presented = Presented::coordinator(&self.files);
            server_config(&self.files.parameters, &presented, guests)
                .map(Arc::new)
                .map_err(|error| CoordinatorError::Config(error.to_string()))
        };
        match self.transport {
            Transport::Plain if address.ip().is_loopback() => Ok(Security::Plain),
            Transport::Plain => Err(CoordinatorError::Config(format!(
                "plain TCP on {address}, which other machines can reach; leave out --plain, or listen on 127.0.0.1"
            ))),
            Transport::Tls { guests } => tls(guests).map(Security::Tls),
            Transport::Both if address.ip().is_loopback() => {
                tls(Guests::Refused).map(Security::Both)
            }
            Transport::Both => tls(Guests::Refused).map(Security::Tls),
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
