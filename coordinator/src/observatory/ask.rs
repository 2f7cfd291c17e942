//! The snapshot of a node that runs, or of a ledger that nobody has open.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use consilium_identity::CoordinatorFiles;
use consilium_ledger::Store;
use thiserror::Error;

use super::{Observatory, Snapshot, json};
use crate::{
    CoordinatorError, Limits, SystemClock,
    executor::Executor,
    keys::Keys,
    recover::{Recovered, Verify, recover},
    shared::Shared,
};

/// The longest answer that is read, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// How long connecting, and each read and write, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no status.
#[derive(Debug, Error)]
pub enum StatusError {
    /// Nobody answers.
    #[error(
        "{address}: {source}; give the address that the coordinator was started with as --metrics"
    )]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else answers.
    #[error("{address}: what answers is no coordinator's --metrics: {detail}")]
    NotAStatus {
        /// Where.
        address: SocketAddr,
        /// What is wrong with it.
        detail: String,
    },
}

/// What a node shows at its `--metrics` address: for a terminal, or as JSON.
///
/// # Errors
/// [`StatusError`].
pub fn status_of_node(address: SocketAddr, as_json: bool) -> Result<String, StatusError> {
    let answer = ask(address).map_err(|source| StatusError::Unreachable { address, source })?;
    let not_one = |detail: String| StatusError::NotAStatus { address, detail };
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| not_one("no HTTP".to_owned()))?;
    let first = head.lines().next().unwrap_or_default();
    if first.split(' ').nth(1) != Some("200") {
        return Err(not_one(first.chars().take(80).collect()));
    }
    let snapshot: Snapshot =
        serde_json::from_str(body).map_err(|error| not_one(error.to_string()))?;
    Ok(written(&snapshot, as_json))
}

fn ask(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer ends with the connection.
    write!(stream, "GET /status.json HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

/// What a ledger says that nobody has open, read from a copy in `scratch`. It is verified and executed as at a start.
///
/// # Errors
/// As a node's start.
pub fn status_of_ledger(
    files: CoordinatorFiles,
    ledger: &Path,
    scratch: &Path,
    as_json: bool,
) -> Result<String, CoordinatorError> {
    let store = Arc::new(Store::open_copy(ledger, scratch)?);
    let keys = Keys::new(files.signing, files.evaluation);
    let clock = SystemClock::new();
    let (genesis, initial) = (&files.genesis_entry, &files.initial_model);
    let recovered = recover(&store, &keys, genesis, initial, &clock, Verify::SinceSnapshot)?;
    let Recovered { contract, attendance, chain, catalogue, mut time, .. } = recovered;
    let head_ms = chain.head().map_or(0, |head| head.time_ms);
    let now_ms = time.now_ms(&clock);
    let parameters = contract.parameters().clone();
    let sealing = keys.sealing.clone();
    let shared = Shared::new(parameters, Limits::default(), store, chain, catalogue, sealing);
    let executor = Executor::new(contract, attendance, keys.signing, keys.evaluation, 0, head_ms);
    let observatory = Observatory::new(&executor, Arc::new(shared), PathBuf::from(ledger), now_ms);
    observatory.shown().remember();
    Ok(written(&observatory.shown().snapshot(), as_json))
}

fn written(snapshot: &Snapshot, as_json: bool) -> String {
    match as_json {
        true => json(snapshot) + "\n",
        false => snapshot.to_string(),
    }
}
