//! A node without sockets and threads: all of it as tasks of one runtime, whose time may be virtual.
//!
//! Ledger, node and services are those of every node. What is left out is what stands between them and a socket: connections,
//! their limits, TLS; and the verifier takes one update at a time.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use consilium_hash::{BlobHash, Pseudonym};
use consilium_ledger::{Block, LedgerError};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};
use tonic::{
    body::Body,
    codegen::{
        Service as _,
        http::{Request, Response},
    },
    service::Routes,
};

use crate::{
    Config, CoordinatorError, Ended,
    inbox::{Command, NodeHandle},
    running::{QUEUE, prepare},
    services::{self, peer::Peer},
    shared::Shared,
    verify::{Tasks, Verifier},
};

/// A node that is called in memory.
pub struct Simulated {
    routes: Routes,
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    node: Mutex<Option<Ending>>,
    stopped: AbortHandle,
}

type Ending = JoinHandle<Result<Ended, CoordinatorError>>;

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

impl Simulated {
    /// Recovers the ledger and begins, with a verifier that takes so long for an update.
    ///
    /// # Errors
    /// [`CoordinatorError`] where the ledger cannot be used.
    pub fn start(config: Config, verifying: Duration) -> Result<Self, CoordinatorError> {
        config.check()?;
        let (commands, inbox) = mpsc::channel(QUEUE);
        let patience = config.block_age.saturating_add(config.limits.receipt_deadline);
        let checked = commands.clone();
        let (node, shared, signing) = prepare(config, |shared| {
            Ok(Verifier::Tasks(Tasks { shared, node: checked, time: verifying }))
        })?;
        let handle = NodeHandle::new(commands.clone(), patience);
        let routes = services::routes(Arc::clone(&shared), handle, signing).prepare();
        let told = Arc::clone(&shared);
        let node = tokio::spawn(async move {
            let ended = node.run(inbox).await;
            told.end();
            ended
        });
        let stopped = node.abort_handle();
        Ok(Self { routes, shared, commands, node: Mutex::new(Some(node)), stopped })
    }

    /// Answers a call as one that came over a connection with this institution's certificate.
    pub fn call(
        &self,
        institution: Pseudonym,
        mut request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + use<> {
        request.extensions_mut().insert(Peer::Institution(institution));
        let answer = self.routes.clone().call(request);
        async move { answer.await.unwrap_or_else(|error| match error {}) }
    }

    /// The durable blocks from a height on.
    pub fn blocks(&self, from: u64) -> impl Iterator<Item = Result<Block, LedgerError>> + '_ {
        self.shared.store.blocks(from)
    }

    /// A blob of the ledger.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn blob(&self, address: &BlobHash) -> Result<Option<Vec<u8>>, LedgerError> {
        self.shared.store.get_blob(address)
    }

    /// Asks the node to seal what is open, and to end.
    pub fn stop(&self) {
        let _ = self.commands.try_send(Command::Stop);
    }

    /// How the node ends, for whoever asks first; nothing where it was killed.
    pub fn ended(
        &self,
    ) -> impl Future<Output = Option<Result<Ended, CoordinatorError>>> + Send + use<> {
        let node = self.node.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { node?.await.ok() }
    }

    /// Ends the node where it stands, as a kill does. Its files are as they are.
    pub fn kill(&self) {
        self.stopped.abort();
        self.shared.end();
    }
}
