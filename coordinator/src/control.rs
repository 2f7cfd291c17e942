//! The socket beside the ledger's folder, by which programs on this machine ask a running node for what only it can do: it has
//! the ledger open.
//!
//! One question a connection, answered when it is done, one after another. Whoever runs as the node's user may ask.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{self, Path},
    sync::Arc,
    time::Duration,
};

use consilium_ledger::{LedgerError, Store};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream as Connection},
    time::timeout,
};

use crate::{
    CoordinatorError,
    backup::{BackedUp, copy},
    restore::beside,
    shared::Shared,
};

/// What the name of the socket has more than that of the folder.
const SUFFIX: &str = ".control";

/// And that of the folder in which it is made.
const MAKING_SUFFIX: &str = ".control.new";

/// The longest question, and how long one may take to come.
const QUESTION_BYTES: u64 = 8 << 10;
const QUESTION_TIME: Duration = Duration::from_secs(10);

/// Answers until the node ends. A node without such a socket works all the same.
pub(crate) async fn serve(ledger: &Path, shared: Arc<Shared>) {
    let (Ok(path), Ok(making)) = (beside(ledger, SUFFIX), beside(ledger, MAKING_SUFFIX)) else {
        return;
    };
    let listener = match listen(&path, &making) {
        Ok(listener) => listener,
        Err(error) => {
            let path = path.display();
            return tracing::warn!(%path, %error, "no socket: backups only while it is stopped");
        }
    };
    let mut progress = shared.progress();
    loop {
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            ended = progress.wait_for(|progress| progress.ended) => {
                drop(ended);
                break;
            }
        };
        let Ok((connection, _)) = connection else { continue };
        if let Err(error) = answer(connection, &shared).await {
            tracing::debug!(%error, "a question on the socket went away");
        }
    }
    let _ = fs::remove_file(&path);
}

/// Makes the socket where nobody else can reach it, and puts it in its place once it is its owner's alone.
fn listen(path: &Path, making: &Path) -> io::Result<UnixListener> {
    // Of a process that was killed: the ledger's lock says that no other one listens.
    let _ = fs::remove_dir_all(making);
    fs::DirBuilder::new().mode(0o700).create(making)?;
    let socket = making.join("socket");
    let listener = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
    fs::rename(&socket, path)?;
    fs::remove_dir(making)?;
    Ok(listener)
}

async fn answer(mut connection: Connection, shared: &Arc<Shared>) -> io::Result<()> {
    let mut question = Vec::new();
    let asked = (&mut connection).take(QUESTION_BYTES);
    tokio::pin!(asked);
    timeout(QUESTION_TIME, asked.read_to_end(&mut question)).await??;
    let to = Path::new(OsStr::from_bytes(&question)).to_owned();
    let from = Arc::clone(shared);
    let copied = tokio::task::spawn_blocking(move || copy(&from.store, &to)).await;
    let answer = match copied {
        Ok(Ok(BackedUp { blocks, new })) => {
            tracing::info!(blocks, new, "backed up");
            format!("{blocks} {new}")
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    connection.write_all(answer.as_bytes()).await?;
    connection.shutdown().await
}

/// Backs up a ledger into a folder, which is created or added to. Where a coordinator has the ledger open, that one does it.
///
/// # Errors
/// [`CoordinatorError::Config`] where a folder is not what it should be, [`CoordinatorError::Ledger`].
pub fn backup(ledger: &Path, to: &Path) -> Result<BackedUp, CoordinatorError> {
    if !Store::exists(ledger) {
        let at = ledger.display();
        return Err(CoordinatorError::Config(format!("{at} holds no ledger; give its folder")));
    }
    match Store::open(ledger) {
        Ok(store) => {
            let copied = copy(&store, to);
            store.close()?;
            copied
        }
        Err(LedgerError::Locked { .. }) => ask_for_backup(ledger, to),
        Err(error) => Err(error.into()),
    }
}

/// Has the node that has this ledger open back it up into a folder.
///
/// # Errors
/// [`CoordinatorError::Config`] saying why there is no backup.
fn ask_for_backup(ledger: &Path, to: &Path) -> Result<BackedUp, CoordinatorError> {
    let at = beside(ledger, SUFFIX)?;
    let unanswered = |error: io::Error| {
        CoordinatorError::Config(format!(
            "the ledger is open, and the process that has it does not answer at {}: {error}; stop it first",
            at.display()
        ))
    };
    let ask = || {
        let mut connection = UnixStream::connect(&at)?;
        connection.write_all(path::absolute(to)?.as_os_str().as_bytes())?;
        connection.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(unanswered)?;
    let counts: Option<Vec<u64>> = answer.split(' ').map(|count| count.parse().ok()).collect();
    match counts.as_deref() {
        Some(&[blocks, new]) => Ok(BackedUp { blocks, new }),
        _ => Err(CoordinatorError::Config(format!("the coordinator made no backup: {answer}"))),
    }
}
