//! Handshakes with those who connect, below whatever accepts their connections and above whatever serves them.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};

use crate::refusal::why_refused;

/// How long a handshake may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Handshakes at once; a further connection is closed. Whoever accepts them limits how many come from one address.
const HANDSHAKES: usize = 1024;

/// Connections whose handshake is done, in the order in which they are; `name` says whose they are, for the log. The peer's
/// certificate is in the request's extensions, as [`TlsConnectInfo`](tonic::transport::server::TlsConnectInfo) around what the
/// connections below have there.
pub fn secured<IO>(
    config: Arc<ServerConfig>,
    incoming: impl Stream<Item = io::Result<IO>> + Send + 'static,
    name: impl Fn(&IO) -> String + Send + 'static,
) -> impl Stream<Item = io::Result<TlsStream<IO>>>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let acceptor = TlsAcceptor::from(config);
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    let (done, ready) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut incoming = Box::pin(incoming);
        loop {
            let next = tokio::select! {
                next = incoming.next() => next,
                () = done.closed() => return,
            };
            let Some(connection) = next else { return };
            // What cannot be accepted is the peer's, or passes: the listener goes on.
            let Ok(connection) = connection else { continue };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let from = name(&connection);
            let handshake = acceptor.accept(connection);
            let done = done.clone();
            tokio::spawn(async move {
                let outcome = timeout(DEADLINE, handshake).await;
                drop(place);
                match outcome {
                    Ok(Ok(stream)) => {
                        // Nobody takes it where the server has ended.
                        let _ = done.send(Ok(stream)).await;
                    }
                    Ok(Err(error)) => {
                        let reason = why_refused(&error);
                        tracing::info!(%from, %reason, "a connection was refused");
                    }
                    Err(_) => tracing::info!(%from, "a handshake did not end in time"),
                }
            });
        }
    });
    ReceiverStream::new(ready)
}
