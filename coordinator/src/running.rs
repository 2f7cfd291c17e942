//! All of it together: ledger, node, verifier and server, from start to end.

use std::{net::SocketAddr, sync::Arc, thread, time::Duration};

use consilium_cli::observing::listener;
use consilium_crypto::signature::SigningKey;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    Config, CoordinatorError, Ended,
    clock::millis,
    control, descriptors,
    executor::Executor,
    farewell::Farewell,
    founding::{self, Opened},
    gate::Gate,
    hearing::Hearing,
    inbox::{Command, NodeHandle},
    keys::Keys,
    node::Node,
    observatory::{Observatory, Shown},
    recover::{Recovered, Verify, recover},
    report::Report,
    services::serve,
    shared::Shared,
    snapshot::Snapshots,
    solo::{BlockRules, Solo},
    verify::Verifier,
};

/// Commands that wait for the node; senders wait beyond.
pub(crate) const QUEUE: usize = 256;

/// How long open calls may take to end after the node has.
const DRAIN: Duration = Duration::from_secs(2);

/// Starts nodes.
#[derive(Debug)]
pub struct Coordinator;

impl Coordinator {
    /// Recovers the ledger and serves on `listener`. Returns once the node answers.
    ///
    /// # Errors
    /// [`CoordinatorError`] where the ledger or the socket cannot be used.
    pub async fn start(
        mut config: Config,
        listener: TcpListener,
    ) -> Result<Running, CoordinatorError> {
        config.check()?;
        let address = listener.local_addr()?;
        let security = config.security(&address)?;
        let most = config.limits.connections.min(descriptors::for_connections());
        config.limits.connections = most;
        let ledger = config.ledger.clone();
        let window = match config.metrics {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        let metrics_address = window.as_ref().map(TcpListener::local_addr).transpose()?;
        let (commands, inbox) = mpsc::channel(QUEUE);
        let patience = config.block_age.saturating_add(config.limits.receipt_deadline);
        let verified = commands.clone();
        let (node, shared, signing) = tokio::task::spawn_blocking(move || {
            prepare(config, |shared| {
                let deliver = move |batch| verified.blocking_send(Command::Checked(batch)).is_ok();
                Verifier::start(shared, deliver)
            })
        })
        .await
        .map_err(|_| CoordinatorError::Died)??;

        let (shutdown, stopped) = oneshot::channel::<()>();
        let handle = NodeHandle::new(commands.clone(), patience);
        let server =
            tokio::spawn(serve(listener, Arc::clone(&shared), handle, signing, security, stopped));

        let asked = Arc::clone(&shared);
        tokio::spawn(async move { control::serve(&ledger, asked).await });
        let shown = Arc::clone(node.report.shown());
        let window = window.map(|window| tokio::spawn(show(window, shown)));
        // The node computes and writes for milliseconds at a time, so it has a thread of its own.
        let runtime = Handle::current();
        let (send_outcome, outcome) = oneshot::channel();
        thread::Builder::new().name("node".to_owned()).spawn(move || {
            let _ = send_outcome.send(runtime.block_on(node.run(inbox)));
        })?;
        let ended = tokio::spawn(async move {
            let outcome = outcome.await.unwrap_or(Err(CoordinatorError::Died));
            // Why the node ended says more than what closing ran into because of it.
            let closed = end(&shared, shutdown, server).await;
            if let Some(window) = window {
                window.abort();
            }
            outcome.and_then(|ended| closed.map(|()| ended))
        });
        Ok(Running { address, metrics_address, stopper: Stopper(commands), ended: Some(ended) })
    }
}

/// Opens the ledger and makes the node out of it.
pub(crate) fn prepare(
    config: Config,
    verifier: impl FnOnce(Arc<Shared>) -> Result<Verifier, CoordinatorError>,
) -> Result<(Node, Arc<Shared>, Arc<SigningKey>), CoordinatorError> {
    let Config { files, ledger, clock, observer, limits, .. } = config;
    let keys = Keys::new(files.signing, files.evaluation);
    let Opened { store, mut memory, origin } =
        founding::open(&ledger, config.memory.as_ref(), config.new)?;
    let store = Arc::new(store);
    let choice = if config.verify_all { Verify::All } else { Verify::SinceSnapshot };
    let (genesis, model) = (&files.genesis_entry, &files.initial_model);
    let recovered = recover(&store, &keys, genesis, model, &*clock, choice)?;
    let Recovered { contract, history, attendance, chain, catalogue, mut time } = recovered;
    founding::settle(&store, memory.as_mut(), origin)?;
    tracing::info!(
        blocks = chain.len(),
        step = contract.step(),
        phase = contract.phase().name(),
        chain = %contract.parameters().chain_id,
        "ledger verified"
    );
    let parameters = contract.parameters().clone();
    let sealing = keys.sealing.clone();
    let shared = Arc::new(Shared::new(parameters, limits, store, chain, catalogue, sealing));
    let verifier = verifier(Arc::clone(&shared))?;
    let signing = Arc::clone(&keys.signing);
    let now_ms = time.now_ms(&*clock);
    let rules = BlockRules { entries: config.block_entries, age_ms: millis(config.block_age) };
    let enrolment_timeout_ms = millis(config.enrolment_timeout);
    let executor = Executor::new(
        contract,
        attendance,
        keys.signing,
        keys.evaluation,
        enrolment_timeout_ms,
        now_ms,
    );
    let was_finished = executor.is_finished();
    shared.publish(shared.chain().len(), was_finished);
    let observatory = Observatory::new(&executor, Arc::clone(&shared), ledger, now_ms);
    let patience_ms = millis(config.hearing);
    let node = Node {
        hearing: Hearing::new(origin, executor.contract(), now_ms, patience_ms),
        gate: Gate::new(history, limits.rejections_per_attempt),
        report: Report::new(observer, observatory, executor.position(), now_ms),
        snapshots: Snapshots::new(&executor, &shared),
        executor,
        sequencer: Box::new(Solo::new(Arc::clone(&shared), keys.sealing, memory, rules)),
        farewell: Farewell::new(config.linger, was_finished, now_ms),
        shared: Arc::clone(&shared),
        verifier,
        clock,
        time,
    };
    Ok((node, shared, signing))
}

/// Shows what the node does, on a listener apart from the institutions'.
async fn show(window: TcpListener, shown: Arc<Shown>) {
    let past = Arc::clone(&shown);
    drop(tokio::task::spawn_blocking(move || past.remember()));
    listener::serve(window, move |path| shown.answer(path)).await;
}

/// Ends followers and calls, then closes the ledger with its seal.
async fn end(
    shared: &Arc<Shared>,
    shutdown: oneshot::Sender<()>,
    mut server: JoinHandle<Result<(), CoordinatorError>>,
) -> Result<(), CoordinatorError> {
    shared.end();
    let _ = shutdown.send(());
    let served = match timeout(DRAIN, &mut server).await {
        Ok(served) => served.unwrap_or(Err(CoordinatorError::Died)),
        Err(_) => {
            server.abort();
            Ok(())
        }
    };
    let shared = Arc::clone(shared);
    let closed = tokio::task::spawn_blocking(move || shared.store.close()).await;
    closed.map_err(|_| CoordinatorError::Died)??;
    served
}

/// Asks a node to stop.
#[derive(Debug, Clone)]
pub struct Stopper(mpsc::Sender<Command>);

impl Stopper {
    /// The node seals what is open, ends its calls and closes its ledger. A node that has ended does nothing.
    pub async fn stop(&self) {
        let _ = self.0.send(Command::Stop).await;
    }
}

/// A node that serves. Dropping it asks the node to stop.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    stopper: Stopper,
    ended: Option<JoinHandle<Result<Ended, CoordinatorError>>>,
}

impl Running {
    /// Where it listens; the port that was given where the listener asked for any.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it shows what it does, if anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// A handle that stops it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits until the run is over or the node is stopped.
    ///
    /// # Errors
    /// [`CoordinatorError`] saying why the run cannot go on.
    pub async fn finished(mut self) -> Result<Ended, CoordinatorError> {
        match self.ended.take() {
            Some(ended) => ended.await.unwrap_or(Err(CoordinatorError::Died)),
            None => Err(CoordinatorError::Died),
        }
    }

    /// Stops the node and waits until its ledger is closed.
    ///
    /// # Errors
    /// As [`Running::finished`].
    pub async fn stop(self) -> Result<Ended, CoordinatorError> {
        self.stopper.stop().await;
        self.finished().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where the queue is full, so many calls wait that the node will not be idle before it sees this gone.
        if self.ended.is_some() {
            let _ = self.stopper.0.try_send(Command::Stop);
        }
    }
}
