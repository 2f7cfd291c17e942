//! A signed transaction to the coordinator, and its receipt.

use std::{path::Path, time::Duration};

use consilium_contract::{CandidateTransaction, Parameters};
use consilium_identity::{FilesError, disk};
use consilium_proto::{
    ENTRY_BYTES, decode,
    v1::{Reason, SignedTransaction, federation_client::FederationClient, transaction::Action},
};
use consilium_transport::{Presented, Secure, is_loopback};
use tonic::transport::{Channel, Endpoint};

use crate::{AuthorityError, enrolled::missing_members};

const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// The receipt comes once its block is durable: by default after a minute at the latest.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(150);

/// Reads a signed transaction that [`write_file`](consilium_identity::write_file) has written.
///
/// # Errors
/// [`FilesError`] naming the file.
pub fn read_transaction(path: &Path) -> Result<SignedTransaction, FilesError> {
    decode("signed transaction", &disk::read(path, ENTRY_BYTES)?, ENTRY_BYTES)
        .map_err(|error| FilesError::invalid(path, error.to_string()))
}

/// The coordinator, and how it is reached.
#[derive(Debug)]
pub struct Route {
    address: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Plain(Box<Endpoint>),
    Secure(Box<Secure>),
}

impl Route {
    /// Plain TCP to a coordinator on this machine, `http://HOST:PORT`.
    ///
    /// # Errors
    /// [`AuthorityError::NotSent`] for another address.
    pub fn plain(address: &str) -> Result<Self, AuthorityError> {
        let endpoint =
            Endpoint::from_shared(address.to_owned()).map_err(|_| no_address(address))?;
        if endpoint.uri().scheme_str() != Some("http") || !is_loopback(endpoint.uri()) {
            return Err(no_address(address));
        }
        let way = Way::Plain(Box::new(tuned(endpoint).connect_timeout(CONNECT_DEADLINE)));
        Ok(Self { address: address.to_owned(), way })
    }

    /// TLS to the coordinator of a run, `https://HOST:PORT`, with what a party of the run presents.
    ///
    /// # Errors
    /// [`AuthorityError::NotSent`] for another address, or what cannot be presented.
    pub fn secure(
        address: &str,
        parameters: &Parameters,
        presented: &Presented,
    ) -> Result<Self, AuthorityError> {
        let secure = Secure::to(address, parameters, Some(presented), tuned);
        let secure = secure.map_err(|error| not_sent(address, error.to_string()))?;
        let way = Way::Secure(Box::new(secure.ok_or_else(|| no_address(address))?));
        Ok(Self { address: address.to_owned(), way })
    }

    async fn connect(&self) -> Result<Channel, AuthorityError> {
        let failed = |problem: String| {
            not_sent(&self.address, format!("not reached ({problem}); send it again"))
        };
        match &self.way {
            Way::Plain(endpoint) => {
                endpoint.connect().await.map_err(|error| failed(error.to_string()))
            }
            Way::Secure(secure) => {
                secure.connect().await.map_err(|refusal| failed(refusal.to_string()))
            }
        }
    }
}

fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint.timeout(RECEIPT_DEADLINE)
}

fn not_sent(address: &str, problem: String) -> AuthorityError {
    AuthorityError::NotSent { coordinator: address.to_owned(), problem }
}

fn no_address(address: &str) -> AuthorityError {
    let problem = "is no address; give https://HOST:PORT, or http://127.0.0.1:PORT with --plain";
    not_sent(address, problem.to_owned())
}

/// Hands the authority's transaction to a coordinator on this machine, over plain TCP.
///
/// # Errors
/// As [`send_by`], and [`Route::plain`].
pub async fn send(address: &str, signed: SignedTransaction) -> Result<(), AuthorityError> {
    send_by(&Route::plain(address)?, signed).await
}

/// Hands the authority's transaction to the coordinator and waits for the receipt.
///
/// # Errors
/// [`AuthorityError::NotSent`] where nothing listens there, no receipt came, or the contract has rejected it;
/// [`AuthorityError::NotEnrolled`] where it names members who are not part of the run yet.
pub async fn send_by(route: &Route, signed: SignedTransaction) -> Result<(), AuthorityError> {
    let failed = |problem: String| not_sent(&route.address, problem);
    let channel = route.connect().await?;
    let asked = CandidateTransaction::parse(signed.clone());
    let answer = FederationClient::new(channel.clone()).administer(signed).await;
    let receipt = answer
        .map_err(|status| failed(format!("{}; send it again", status.message())))?
        .into_inner();
    match receipt.reason() {
        Reason::Accepted => Ok(()),
        Reason::UnknownInstitution => {
            // The receipt does not say who; the chain does.
            let members = match asked.as_ref().map(CandidateTransaction::action) {
                Ok(Action::ChangeCommittee(change)) => {
                    missing_members(channel, change).await.unwrap_or_default()
                }
                _ => Vec::new(),
            };
            if members.is_empty() {
                let reason = advice(Reason::UnknownInstitution);
                return Err(failed(format!("the contract rejected it: {reason}")));
            }
            Err(AuthorityError::NotEnrolled { coordinator: route.address.clone(), members })
        }
        reason => Err(failed(format!("the contract rejected it: {}", advice(reason)))),
    }
}

/// What a rejection of the authority's transaction means, and what to do.
fn advice(reason: Reason) -> String {
    let meaning = match reason {
        Reason::WrongStep => {
            "the committee's number is not one more than the present one's, or there is no committee yet"
        }
        Reason::UnknownInstitution => "a member has not enrolled yet",
        Reason::Revoked => "somebody whom it names is revoked",
        Reason::Duplicate => {
            "it is revoked, admitted, paused or resumed already, or its key is; or there is a group"
        }
        Reason::BadSignature => "it is of another run",
        Reason::WrongCommittee => "no committee of this run has so many members or that threshold",
        _ => return reason.as_str_name().to_owned(),
    };
    format!("{} ({meaning})", reason.as_str_name())
}
