//! Handshakes with those who connect, below whatever accepts their connections and above whatever serves them.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{AlertDescription, CertificateError, Error, OtherError, ServerConfig},
    server::TlsStream,
};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};

use crate::PeerError;

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

/// Why a handshake did not come about, in the words of whoever accepts connections: what was wrong with the certificate, and
/// not what TLS calls it.
fn why_refused(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            PeerError::OtherRun.to_string()
        }
        Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
            PeerError::OtherKey.to_string()
        }
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(error)))) => {
            error.to_string()
        }
        Some(Error::NoCertificatesPresented) => {
            "it presents no certificate, and this run has no guests".to_owned()
        }
        // The second is what this coordinator's own word for this run is answered with by who follows another one of it.
        Some(Error::AlertReceived(
            AlertDescription::UnknownCA | AlertDescription::CertificateUnknown,
        )) => "it follows another run than the one here".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_our_words() {
        let said = |error: Error| why_refused(&io::Error::new(io::ErrorKind::InvalidData, error));
        let other = PeerError::Malformed("it names no owner".to_owned());
        let cases = [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), "of another run"),
            (
                Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
                "names its owner's key as another one",
            ),
            (
                Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(other)))),
                "it names no owner",
            ),
            (Error::NoCertificatesPresented, "no certificate"),
            (Error::AlertReceived(AlertDescription::UnknownCA), "another run"),
            (Error::AlertReceived(AlertDescription::CertificateUnknown), "another run"),
        ];
        for (error, expected) in cases {
            let said = said(error);
            assert!(said.contains(expected), "{said} should say {expected}");
        }
    }
}
