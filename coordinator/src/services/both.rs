//! TLS and plain TCP on one socket of this machine, told apart by the first byte that comes.

use std::{io, time::Duration};

use tokio::{
    sync::mpsc::{self, Sender},
    time::timeout,
};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::connections::{Connection, Incoming};

/// How a TLS connection begins: with a record of its handshake. HTTP/2 in the plain begins with a `P`.
const HANDSHAKE: u8 = 22;
/// How long a connection may take to begin.
const DEADLINE: Duration = Duration::from_secs(10);

/// Connections of one kind.
pub(super) type OfAKind = ReceiverStream<io::Result<Connection>>;

/// Those that begin with TLS, and the others.
pub(super) fn divided(mut incoming: Incoming) -> (OfAKind, OfAKind) {
    let (secure, secure_ones) = mpsc::channel(1);
    let (plain, plain_ones) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                next = incoming.next() => next,
                // The server has ended.
                () = secure.closed() => return,
            };
            let Some(connection) = next else { return };
            // What cannot be accepted is the peer's, or passes: the listener goes on.
            let Ok(connection) = connection else { continue };
            tokio::spawn(pass(connection, secure.clone(), plain.clone()));
        }
    });
    (ReceiverStream::new(secure_ones), ReceiverStream::new(plain_ones))
}

/// A connection that says nothing is dropped.
async fn pass(
    connection: Connection,
    secure: Sender<io::Result<Connection>>,
    plain: Sender<io::Result<Connection>>,
) {
    let Ok(Ok(first)) = timeout(DEADLINE, connection.first_byte()).await else { return };
    let kind = if first == HANDSHAKE { secure } else { plain };
    // Nobody takes it where the server has ended.
    let _ = kind.send(Ok(connection)).await;
}
