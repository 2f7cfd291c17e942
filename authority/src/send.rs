//! A signed transaction to the coordinator, and its receipt.

use std::{path::Path, time::Duration};

use consilium_contract::CandidateTransaction;
use consilium_identity::{FilesError, disk};
use consilium_proto::{
    ENTRY_BYTES, decode,
    v1::{Reason, SignedTransaction, federation_client::FederationClient, transaction::Action},
};
use tonic::transport::Endpoint;

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

/// Hands the authority's transaction to the coordinator at `address` (`http://HOST:PORT`) and waits for the receipt.
///
/// # Errors
/// [`AuthorityError::NotSent`] where nothing listens there, no receipt came, or the contract has rejected it;
/// [`AuthorityError::NotEnrolled`] where it names members who are not part of the run yet.
pub async fn send(address: &str, signed: SignedTransaction) -> Result<(), AuthorityError> {
    let failed =
        |problem: String| AuthorityError::NotSent { coordinator: address.to_owned(), problem };
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|_| failed("is no address; give http://HOST:PORT".to_owned()))?
        .connect_timeout(CONNECT_DEADLINE)
        .timeout(RECEIPT_DEADLINE);
    let channel = endpoint
        .connect()
        .await
        .map_err(|error| failed(format!("not reached ({error}); send it again")))?;
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
            Err(AuthorityError::NotEnrolled { coordinator: address.to_owned(), members })
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
            "it is revoked or admitted already, or its key is; or there is a group"
        }
        Reason::BadSignature => "it is of another run",
        Reason::WrongCommittee => "no committee of this run has so many members or that threshold",
        _ => return reason.as_str_name().to_owned(),
    };
    format!("{} ({meaning})", reason.as_str_name())
}
