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
            await_trustees(contract, "sealed", sealed.countersigners().len(), sealed.committee().quorum(), situation)
        }
        Phase::Opening(opening) => match opening.outcome() {
            None => {
                await_trustees(contract, "opening", opening.shares().len(), opening.committee().threshold(), situation)
            }
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

#[cfg(test)]
mod tests {
    use consilium_authority::{Ceremony, CeremonySpec};
    use consilium_contract::{Body, CandidateTransaction, parameters::Layers, transaction::sign};
    use consilium_crypto::{DiscreteLogTable, Hash, signature::SigningKey};
    use consilium_proto::v1::{Enrol, Revoke};
    use rand_core::OsRng;

    use super::*;

    const TIMEOUT_MS: u64 = 1_000;

    fn ceremony() -> Ceremony {
        let layers = Layers { inputs: 1, hidden: vec![] };
        let mut spec = CeremonySpec::new(layers, vec![0.0; 2], vec![1; 4]);
        spec.collection_timeout_ms = TIMEOUT_MS;
        Ceremony::hold(&spec, &mut OsRng).unwrap()
    }

    fn contract(ceremony: &Ceremony, enrolled: usize) -> Contract {
        let table = DiscreteLogTable::shared();
        let mut contract = Contract::found(&ceremony.genesis_entry, &ceremony.initial_model, table).unwrap();
        for files in ceremony.institutions.iter().take(enrolled) {
            let action = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
            apply(&mut contract, &files.signing, Some(&files.identity.pseudonym), action);
        }
        contract
    }

    fn apply(contract: &mut Contract, key: &SigningKey, author: Option<&Hash>, action: Action) {
        let signed = sign(key, &contract.parameters().chain_id, author, action);
        let transaction = CandidateTransaction::parse(signed).unwrap();
        assert!(contract.apply(&transaction, Body::None).unwrap().is_accepted());
    }

    fn at(now_ms: u64) -> Situation {
        Situation { now_ms, phase_since_ms: 0, enrolment_over: false, verifying: false, max_retries: 1 }
    }

    fn next(ceremony: &Ceremony, contract: &Contract, situation: &Situation) -> Option<Action> {
        due(contract, &ceremony.coordinator.evaluation, situation).unwrap().map(|next| next.action)
    }

    #[test]
    fn the_first_round_opens_with_everyone_or_after_the_timeout_with_a_quorum() {
        let ceremony = ceremony();
        let over = Situation { enrolment_over: true, ..at(5) };
        for (enrolled, in_time, late) in [(2, false, false), (3, false, true), (4, true, true)] {
            let contract = contract(&ceremony, enrolled);
            assert_eq!(next(&ceremony, &contract, &at(5)).is_some(), in_time, "{enrolled} in time");
            assert_eq!(next(&ceremony, &contract, &over).is_some(), late, "{enrolled} after the timeout");
        }
    }

    #[test]
    fn a_collection_ends_at_its_deadline_but_not_before_what_arrived_in_time_is_verified() {
        let ceremony = ceremony();
        let mut contract = contract(&ceremony, 4);
        let open = next(&ceremony, &contract, &at(100)).unwrap();
        apply(&mut contract, &ceremony.coordinator.signing, None, open);
        assert_eq!(next(&ceremony, &contract, &at(100 + TIMEOUT_MS - 1)), None);
        let verifying = Situation { verifying: true, ..at(100 + TIMEOUT_MS) };
        assert_eq!(next(&ceremony, &contract, &verifying), None);
        let abandon = Abandon { step: 0, attempt: 0, time_ms: 100 + TIMEOUT_MS };
        assert_eq!(next(&ceremony, &contract, &at(100 + TIMEOUT_MS)), Some(Action::Abandon(abandon)));
    }

    #[test]
    fn a_run_that_too_few_may_still_submit_to_ends_with_an_error_that_says_so() {
        let ceremony = ceremony();
        let mut contract = contract(&ceremony, 4);
        for files in ceremony.institutions.iter().take(2) {
            let revoke = Revoke { pseudonym: files.identity.pseudonym.to_vec() };
            apply(&mut contract, ceremony.authority_key(), None, Action::Revoke(revoke));
        }
        let error = due(&contract, &ceremony.coordinator.evaluation, &at(5)).unwrap_err();
        assert!(matches!(error, CoordinatorError::TooFewInstitutions { step: 0, able: 2, needed: 3 }), "{error}");
    }
}
