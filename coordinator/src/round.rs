//! What the coordinator has to say next, whole: the schedule is the contract's, and what only this process has is added
//! to it: the certificate of a sum, and the blobs that a closed round names.

use consilium_contract::{
    Contract, Phase,
    schedule::{Due, Situation, blobs, due},
};
use consilium_crypto::{EvaluationKey, mask::VerifiedHeader};
use consilium_proto::v1::{CloseCollection, transaction::Action};

use crate::CoordinatorError;

/// The coordinator's next transaction, and the blobs that it names.
#[derive(Debug, PartialEq)]
pub(crate) struct Next {
    pub(crate) action: Action,
    pub(crate) blobs: Vec<Vec<u8>>,
}

/// The next transaction, if it is time for one.
///
/// # Errors
/// [`CoordinatorError::NotOpened`] for a sum that does not open, [`CoordinatorError::Refused`] for one that cannot be
/// certified: defects, both.
pub(crate) fn next(
    contract: &Contract,
    key: &EvaluationKey,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let not_opened = |detail| CoordinatorError::NotOpened { step: contract.step(), detail };
    let opened = match contract.phase() {
        Phase::Opening(opening) => opening.outcome(),
        _ => None,
    };
    if let Some(Err(error)) = opened {
        return Err(not_opened(error.to_string()));
    }
    Ok(match (due(contract, situation), opened) {
        (Some(Due::Order(action)), Some(Ok(opened))) => {
            let (sums, model) = blobs(opened)
                .ok_or_else(|| not_opened("a sum does not fit four bytes".to_owned()))?;
            Some(Next { action, blobs: vec![sums, model] })
        }
        (Some(Due::Order(action)), _) => Some(Next { action, blobs: Vec::new() }),
        (Some(Due::CloseCollection { time_ms }), _) => {
            let action = Action::CloseCollection(certify(contract, key, time_ms)?);
            Some(Next { action, blobs: Vec::new() })
        }
        (None, Some(Ok(_))) => return Err(not_opened("a sum does not fit four bytes".to_owned())),
        (None, _) => None,
    })
}

/// The sum of the encrypted keys of all accepted updates, with its certificate.
fn certify(
    contract: &Contract,
    key: &EvaluationKey,
    time_ms: u64,
) -> Result<CloseCollection, CoordinatorError> {
    let refused = |reason| CoordinatorError::Refused { action: "CloseCollection", reason };
    let Phase::Collecting(collecting) = contract.phase() else {
        return Err(refused("no updates are taken".to_owned()));
    };
    let headers: Vec<&VerifiedHeader> = collecting.accepted().iter().collect();
    let evaluation = key
        .evaluate(collecting.round(), &headers)
        .map_err(|error| refused(error.to_string()))?
        .encode();
    Ok(CloseCollection { step: contract.step(), attempt: contract.attempt(), evaluation, time_ms })
}
