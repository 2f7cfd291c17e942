//! The socket beside the ledger's folder, by which programs on this machine ask a running node for what only it can do: it has
//! the ledger open.
//!
//! One question a connection, answered when it is done, one after another. Whoever runs as the node's user may ask.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, net::UnixStream},
    path::{self, Path},
    sync::Arc,
    time::Duration,
};

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

/// The longest question, and how long one may take to come.
const QUESTION_BYTES: u64 = 8 << 10;
const QUESTION_TIME: Duration = Duration::from_secs(10);

/// Answers until the node ends. A node without such a socket works all the same.
pub(crate) async fn serve(ledger: &Path, shared: Arc<Shared>) {
    let Ok(path) = beside(ledger, SUFFIX) else { return };
    // Of a process that was killed: the ledger's lock says that no other one listens.
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).and_then(|listener| {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map(|()| listener)
    });
    let listener = match listener {
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

/// Has the node that has this ledger open back it up into a folder.
///
/// # Errors
/// [`CoordinatorError::Config`] saying why there is no backup.
pub(crate) fn ask_for_backup(ledger: &Path, to: &Path) -> Result<BackedUp, CoordinatorError> {
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
