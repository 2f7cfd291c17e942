//! How an institution reaches the coordinator: under TLS; in the plain on one machine, for simulations.

use std::{pin::Pin, time::Duration};

use consilium_identity::InstitutionFiles;
use consilium_transport::{Presented, Refusal, Secure, is_loopback};
use tonic::transport::{Channel, Endpoint};

use crate::ClientError;

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How an institution reaches the coordinator: in the plain, under TLS, or whichever of several nodes answers.
///
/// A connector opens a channel and answers for nothing that comes over it: whatever is received is verified. It gives up by
/// itself after a few seconds; it is asked again, and may then try another way.
pub trait Connector: Send + Sync {
    /// Opens a channel.
    fn connect(&self) -> Connecting<'_>;
}

/// A channel that is being opened.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Channel, ClientError>> + Send + 'a>>;

/// HTTP/2 without encryption to one address of this machine.
#[derive(Debug, Clone)]
pub struct Plain(Endpoint);

impl Plain {
    /// Checks an address, `http://HOST:PORT` with a loopback address as its host, without connecting.
    ///
    /// # Errors
    /// [`ClientError::Address`].
    pub fn to(address: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address { address: address.to_owned() };
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| wrong())?;
        let uri = endpoint.uri();
        if uri.scheme_str() != Some("http") || !is_loopback(uri) {
            return Err(wrong());
        }
        Ok(Self(tuned(endpoint).connect_timeout(CONNECT_DEADLINE)))
    }
}

impl Connector for Plain {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let channel = self.0.connect().await;
            channel.map_err(|error| ClientError::Unreachable(causes(&error)))
        })
    }
}

/// TLS 1.3 to the coordinator of the run, with the institution's certificate.
#[derive(Debug, Clone)]
pub struct Tls(Secure);

impl Tls {
    /// Checks an address, `https://HOST:PORT`, without connecting.
    ///
    /// # Errors
    /// [`ClientError::Address`], [`ClientError::NotAdmitted`] for a certificate that cannot be presented.
    pub fn to(address: &str, files: &InstitutionFiles) -> Result<Self, ClientError> {
        let presented = Presented::institution(files);
        Secure::to(address, &files.parameters, Some(&presented), tuned)
            .map_err(|error| ClientError::NotAdmitted(error.to_string()))?
            .map(Self)
            .ok_or_else(|| ClientError::Address { address: address.to_owned() })
    }
}

impl Connector for Tls {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            self.0.connect().await.map_err(|refusal| {
                let problem = refusal.to_string();
                if matches!(refusal, Refusal::OtherRun | Refusal::AnotherRun(_)) {
                    ClientError::OtherRun(problem)
                } else if refusal.is_final() {
                    ClientError::NotAdmitted(problem)
                } else {
                    ClientError::Unreachable(problem)
                }
            })
        })
    }
}

fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
}

/// An error with what caused it: tonic's own message is "transport error".
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_one_or_that_is_plain_and_of_another_machine_is_named() {
        for address in ["http://127.0.0.1:4000", "http://[::1]:4000", "http://localhost:4000"] {
            assert!(Plain::to(address).is_ok(), "{address}");
        }
        for address in [
            "127.0.0.1:4000",
            "https://example.org",
            "ftp://example.org",
            "",
            "http://",
            "http://10.0.0.1:4000",
            "http://example.org:4000",
        ] {
            let Err(error) = Plain::to(address) else { panic!("{address} was accepted") };
            assert!(matches!(error, ClientError::Address { .. }), "{address}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
