//! Whether everything that a run needs is there, before it is needed: each thing by itself, with what to do where it is not.
//!
//! What is on the own disk, the program looks at ([`Finding`]); here is what is on the way to the coordinator: its name, its port,
//! its certificate, its chain, its clock. Nothing is enrolled, submitted or remembered.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use consilium_cli::preflight::Finding;
use consilium_contract::Parameters;
use consilium_ledger::Header;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tonic::transport::Uri;

use crate::{ClientError, connection::Connection, connector::Connector};

/// How long a name, a port or an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clocks that differ by more make logs of two machines hard to read beside each other.
const TOLERATED: Duration = Duration::from_secs(10);

/// What is found on the way to the coordinator at this address, `https://HOST:PORT`. What comes after something that is missing is
/// skipped.
pub async fn way(
    address: &str,
    connector: &dyn Connector,
    parameters: &Parameters,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let outcome = walk(address, connector, parameters, &mut findings).await;
    if let Err(finding) = outcome {
        findings.push(finding);
    }
    for what in ["name", "port", "certificate", "run", "clock"] {
        if findings.iter().all(|finding| finding.what != what) {
            findings.push(Finding::skipped(what, "not reached"));
        }
    }
    findings
}

async fn walk(
    address: &str,
    connector: &dyn Connector,
    parameters: &Parameters,
    findings: &mut Vec<Finding>,
) -> Result<(), Finding> {
    let host = host_of(address)?;
    let addresses = resolve(&host).await?;
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    findings.push(Finding::good("name", format!("{host} is {}", shown.join(", "))));

    let reached = reach(&addresses).await?;
    findings.push(Finding::good("port", format!("{reached} takes connections")));

    let start = Instant::now();
    let (header, theirs_ms) = first_answer(connector, parameters).await?;
    let both_ways = start.elapsed();
    findings.push(Finding::good(
        "certificate",
        "the coordinator is the one that the genesis names, and takes this institution's certificate",
    ));
    let blocks = header.height + 1;
    let since = Duration::from_millis(theirs_ms.saturating_sub(header.time_ms)).as_secs();
    let newest = if header.height == 0 {
        "nobody has enrolled yet".to_owned()
    } else {
        format!("the newest was sealed {since} s ago")
    };
    let chain = parameters.chain_id.short();
    findings.push(Finding::good("run", format!("chain {chain} has {blocks} blocks: {newest}")));
    findings.push(compare_clocks(theirs_ms, both_ways));
    Ok(())
}

/// Host and port of an address.
fn host_of(address: &str) -> Result<String, Finding> {
    let uri: Option<Uri> = address.parse().ok();
    let authority = uri.as_ref().filter(|uri| uri.scheme().is_some()).and_then(Uri::authority);
    match authority.filter(|authority| authority.port().is_some()) {
        Some(authority) => Ok(authority.to_string()),
        None => Err(Finding::bad(
            "name",
            format!("{address} is no address"),
            "give --coordinator https://HOST:PORT",
        )),
    }
}

async fn resolve(host: &str) -> Result<Vec<SocketAddr>, Finding> {
    let advice = "ask the coordinator's operator for the name, and this site's network people whether it resolves here";
    let bad = |problem: String| Finding::bad("name", format!("{host}: {problem}"), advice);
    match timeout(PATIENCE, lookup_host(host)).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            if addresses.is_empty() { Err(bad("no address".to_owned())) } else { Ok(addresses) }
        }
        Ok(Err(error)) => Err(bad(error.to_string())),
        Err(_) => Err(bad(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// The first of the addresses that takes a connection.
async fn reach(addresses: &[SocketAddr]) -> Result<SocketAddr, Finding> {
    let mut problems = Vec::new();
    for address in addresses {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(*address),
            Ok(Err(error)) => problems.push(format!("{address}: {error}")),
            Err(_) => {
                problems.push(format!("{address}: no answer within {} s", PATIENCE.as_secs()))
            }
        }
    }
    Err(Finding::bad(
        "port",
        problems.join("; "),
        "is the coordinator started, and does it listen there? Does a firewall on either side let this site connect outwards to it?",
    ))
}

/// The newest sealed header that the coordinator shows, verified, and what its clock says, in milliseconds since the epoch.
async fn first_answer(
    connector: &dyn Connector,
    parameters: &Parameters,
) -> Result<(Header, u64), Finding> {
    let answer = async {
        let mut connection = Connection::open(connector, parameters).await?;
        connection.newest(&parameters.validators()).await
    };
    let outcome = timeout(PATIENCE, answer).await;
    let advice = match &outcome {
        Ok(Err(ClientError::NotAdmitted(_))) => {
            "show the authority the fingerprint of this institution's request, and install what it answers"
        }
        Ok(Err(ClientError::Malformed(_) | ClientError::OtherRun(_))) => {
            "whoever listens there is not the coordinator of this run: compare the chain id with the others"
        }
        _ => {
            "something else may listen there, or a proxy that ends TLS may be between: the coordinator's log says whom it refused"
        }
    };
    match outcome {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Finding::bad("certificate", error.to_string(), advice)),
        Err(_) => {
            let found = format!("no answer within {} s", PATIENCE.as_secs());
            Err(Finding::bad("certificate", found, advice))
        }
    }
}

/// The answer was made between question and arrival; half of that is what cannot be known.
fn compare_clocks(theirs_ms: u64, both_ways: Duration) -> Finding {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ours = now.saturating_sub(both_ways / 2);
    let apart = ours.abs_diff(Duration::from_millis(theirs_ms));
    let seconds = apart.as_secs_f64();
    if theirs_ms == 0 {
        return Finding::skipped("clock", "the coordinator does not say what its clock shows");
    }
    if apart <= TOLERATED {
        return Finding::good("clock", format!("{seconds:.1} s from the coordinator's"));
    }
    Finding::doubtful(
        "clock",
        format!("{seconds:.0} s from the coordinator's"),
        "nothing depends on it but logs, which will not fit together: let both machines follow a time server (NTP)",
    )
}

#[cfg(test)]
mod tests {
    use consilium_cli::preflight::Standing;

    use super::*;

    fn now_ms() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
    }

    #[test]
    fn a_clock_that_is_far_off_is_said_in_either_direction_and_one_that_is_not_is_not() {
        let at = |ms: u64| compare_clocks(ms, Duration::from_millis(40)).standing;
        assert_eq!(at(now_ms()), Standing::Good);
        assert_eq!(at(now_ms() - 60_000), Standing::Doubtful);
        assert_eq!(at(now_ms() + 60_000), Standing::Doubtful);
        assert_eq!(at(0), Standing::Skipped);
    }

    #[tokio::test]
    async fn a_name_that_there_is_not_and_a_port_that_nobody_listens_on_are_told_apart() {
        let unnamed = resolve("nobody.invalid:1").await.unwrap_err();
        assert!(
            unnamed.what == "name" && unnamed.found.starts_with("nobody.invalid:1: "),
            "{unnamed}"
        );
        let closed = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let refused = reach(&[closed]).await.unwrap_err();
        assert!(refused.what == "port" && refused.found.contains("refused"), "{refused}");
        for wrong in ["127.0.0.1:4000", "https://host", "", "https://"] {
            assert_eq!(host_of(wrong).unwrap_err().what, "name", "{wrong}");
        }
        assert_eq!(host_of("https://hub.example:7420").unwrap(), "hub.example:7420");
    }
}
