//! What the coordinator itself has to say next: a function of the contract and the time, and of nothing else.

use consilium_contract::{
    Contract, Phase,
    model::encode_sums,
    phase::{Collecting, Opened},
};
use consilium_crypto::{EvaluationKey, VerifiedHeader};
use consilium_ledger::sha256;
use consilium_proto::v1::{Abandon, BlobRef, CloseCollection, CloseRound, OpenRound, transaction::Action};

use crate::CoordinatorError;

/// What the contract does not know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// Milliseconds since the epoch.
    pub(crate) now_ms: u64,
    /// When the run came into its present phase, or the node was started in it.
    pub(crate) phase_since_ms: u64,
    /// Whether the wait for institutions that have not enrolled is over.
    pub(crate) enrolment_over: bool,
    /// Whether a body that came before the deadline is still being verified.
    pub(crate) verifying: bool,
    /// Collection timeouts for which a sealed sum waits for trustees.
    pub(crate) max_retries: u32,
}

/// The coordinator's next transaction, and the blobs that it names.
#[derive(Debug, PartialEq)]
pub(crate) struct Next {
    pub(crate) action: Action,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl From<Action> for Next {
    fn from(action: Action) -> Self {
        Self { action, blobs: Vec::new() }
    }
}

/// The next transaction, if it is time for one.
///
/// # Errors
/// Where the run cannot go on: too few institutions, trustees that do not answer, a sum that does not open.
pub(crate) fn due(
    contract: &Contract,
    key: &EvaluationKey,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let parameters = contract.parameters();
    match contract.phase() {
        Phase::Idle => open(contract, situation),
        Phase::Collecting(collecting) => end_collection(contract, collecting, key, situation),
        Phase::Sealed(sealed) => {
            await_trustees(contract, "sealed", sealed.countersigners().len(), parameters.quorum, situation)
        }
        Phase::Opening(opening) => match opening.outcome() {
            None => await_trustees(contract, "opening", opening.shares().len(), parameters.threshold, situation),
            Some(Ok(opened)) => close(contract, opened, situation).map(Some),
            Some(Err(error)) => Err(CoordinatorError::NotOpened { step: contract.step(), detail: error.to_string() }),
        },
        Phase::Finished => Ok(None),
        Phase::Stopped => Err(CoordinatorError::Stopped { step: contract.step(), attempts: parameters.max_attempts }),
    }
}

fn open(contract: &Contract, situation: &Situation) -> Result<Option<Next>, CoordinatorError> {
    let (parameters, roster) = (contract.parameters(), contract.roster());
    let able = roster.iter().filter(|(_, institution)| institution.may_submit()).count();
    let everyone = roster.len() >= parameters.institutions as usize;
    let first = (contract.step(), contract.attempt()) == (0, 0);
    if !everyone && first && (!situation.enrolment_over || roster.len() < parameters.quorum as usize) {
        return Ok(None);
    }
    if able < parameters.min_updates as usize {
        let (step, needed) = (contract.step(), parameters.min_updates);
        return if everyone { Err(CoordinatorError::TooFewInstitutions { step, able, needed }) } else { Ok(None) };
    }
    let open = OpenRound {
        step: contract.step(),
        attempt: contract.attempt(),
        model_sha256: contract.model().hash().to_vec(),
        time_ms: situation.now_ms,
    };
    Ok(Some(Action::OpenRound(open).into()))
}

fn end_collection(
    contract: &Contract,
    collecting: &Collecting,
    key: &EvaluationKey,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let parameters = contract.parameters();
    let deadline_ms = collecting.opened_ms().saturating_add(parameters.collection_timeout_ms);
    // What arrived in time is not too late because the node was slow to verify it.
    let over = situation.now_ms >= deadline_ms && !situation.verifying;
    if !over && !collecting.is_complete(contract.roster()) {
        return Ok(None);
    }
    let (step, attempt, time_ms) = (contract.step(), contract.attempt(), situation.now_ms);
    if collecting.accepted().len() < parameters.min_updates as usize {
        return Ok(Some(Action::Abandon(Abandon { step, attempt, time_ms }).into()));
    }
    let headers: Vec<&VerifiedHeader> = collecting.accepted().iter().collect();
    let evaluation = key
        .evaluate(collecting.round(), &headers)
        .map_err(|error| CoordinatorError::Refused { action: "CloseCollection", reason: error.to_string() })?
        .encode();
    Ok(Some(Action::CloseCollection(CloseCollection { step, attempt, evaluation, time_ms }).into()))
}

fn close(contract: &Contract, opened: &Opened, situation: &Situation) -> Result<Next, CoordinatorError> {
    let step = contract.step();
    let sums = encode_sums(&opened.sums)
        .ok_or_else(|| CoordinatorError::NotOpened { step, detail: "a sum does not fit four bytes".to_owned() })?;
    let model = opened.model.to_bytes();
    let reference = |blob: &[u8]| BlobRef { sha256: sha256(blob).to_vec(), length: blob.len() as u64 };
    let action = Action::CloseRound(CloseRound {
        step,
        mask_key_sum: opened.mask_key_sum.encode().to_vec(),
        sums: Some(reference(&sums)),
        model: Some(reference(&model)),
        time_ms: situation.now_ms,
    });
    Ok(Next { action, blobs: vec![sums, model] })
}

/// A sealed step is never abandoned; the node only stops waiting for it.
fn await_trustees(
    contract: &Contract,
    phase: &'static str,
    present: usize,
    needed: u32,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let patience_ms = contract.parameters().collection_timeout_ms.saturating_mul(situation.max_retries.into());
    let waited_ms = situation.now_ms.saturating_sub(situation.phase_since_ms);
    if waited_ms < patience_ms {
        return Ok(None);
    }
    Err(CoordinatorError::TrusteesAbsent { step: contract.step(), phase, present, needed, waited_ms })
}
