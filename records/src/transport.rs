//! HTTP/2 without encryption, outwards. What is secret is sealed before it gets here; everything else is plain.

use std::time::Duration;

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
    Ok(endpoint
        .connect_timeout(CONNECT_DEADLINE)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true))
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
