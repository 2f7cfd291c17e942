//! Connecting: to the coordinator under TLS, as a guest, or in the plain on one machine; to other parties over HTTP/2 without
//! encryption, where what is secret is sealed before it gets here and everything else is plain.

use std::time::Duration;

use consilium_contract::Parameters;
use consilium_transport::{Refusal, Secure, is_loopback, is_secure};
use tonic::transport::{Channel, Endpoint};

use crate::{RecordsError, error::Result};

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long a short answer may take.
pub(crate) const READ_DEADLINE: Duration = Duration::from_secs(30);

/// Refuses what is no `http://HOST:PORT`; nothing at all is the address of one who does not serve.
///
/// # Errors
/// [`RecordsError::Unusable`].
pub fn check_address(address: &str) -> Result<()> {
    if address.is_empty() { Ok(()) } else { endpoint(address).map(drop) }
}

fn endpoint(address: &str) -> Result<Endpoint> {
    let wrong =
        || RecordsError::Unusable(format!("{address} is no address; give http://HOST:PORT"));
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| wrong())?;
    let uri = endpoint.uri();
    if address.len() > 256 || uri.scheme_str() != Some("http") || uri.host().is_none() {
        return Err(wrong());
    }
    Ok(tuned(endpoint).connect_timeout(CONNECT_DEADLINE))
}

fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
}

/// Connects to `who` at its address.
pub(crate) async fn connect(who: &str, address: &str) -> Result<Channel> {
    endpoint(address)?.connect().await.map_err(|error| {
        // tonic's own message is "transport error".
        let causes =
            std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let problem = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        RecordsError::Unreachable { who: format!("{who} at {address}"), problem }
    })
}

/// Refuses what is no address of a coordinator: `https://HOST:PORT`, or `http://HOST:PORT` on this machine.
///
/// # Errors
/// [`RecordsError::Unusable`].
pub fn check_coordinator(address: &str) -> Result<()> {
    let wrong = || {
        RecordsError::Unusable(format!(
            "{address} is no address of a coordinator; give https://HOST:PORT, or http://127.0.0.1:PORT with --plain"
        ))
    };
    if is_secure(address) {
        return Endpoint::from_shared(address.to_owned()).map(drop).map_err(|_| wrong());
    }
    let endpoint = endpoint(address).map_err(|_| wrong())?;
    if is_loopback(endpoint.uri()) { Ok(()) } else { Err(wrong()) }
}

/// Connects to the coordinator of a run. A participant has no certificate: what it says, it signs.
pub(crate) async fn connect_to_coordinator(
    who: &str,
    address: &str,
    parameters: &Parameters,
) -> Result<Channel> {
    if !is_secure(address) {
        return connect(who, address).await;
    }
    let unusable = |problem: String| RecordsError::Unusable(format!("{address}: {problem}"));
    let secure = Secure::to(address, parameters, None, tuned)
        .map_err(|error| unusable(error.to_string()))?
        .ok_or_else(|| unusable("is no address; give https://HOST:PORT".to_owned()))?;
    secure.connect().await.map_err(|refusal| {
        let who = format!("{who} at {address}");
        let problem = match refusal {
            Refusal::NoCertificate => {
                "it takes guests only where it is started with --open-ledger".to_owned()
            }
            refusal => refusal.to_string(),
        };
        RecordsError::Unreachable { who, problem }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_named_and_no_address_is_one_who_does_not_serve() {
        assert!(check_address("http://127.0.0.1:4000").is_ok() && check_address("").is_ok());
        for address in ["127.0.0.1:4000", "https://example.org", "ftp://example.org", "http://"] {
            let error = check_address(address).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{error}");
        }
    }
}
