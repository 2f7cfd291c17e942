//! A sum over an update that does not prove what it must.
//!
//! The coordinator's signed CloseCollection names, by hashes, everything that the verdict depends on: the header as an
//! input of its sum, the body through the header, the key through the round. So whoever wrote the file can choose none of
//! them, and no chain is needed: proofs either hold for these very bytes or they do not.
//!
//! An honest coordinator is never convicted. Its contract has verified this header and this body under this key before it
//! took them into a sum, and valid proofs hold for every reader. An institution that signs two bodies, another key, a
//! shorter body or a header of its own making finds no CloseCollection that names them.

use consilium_contract::{CandidateTransaction, Parameters};
use consilium_crypto::{
    Evaluation, PublicKey, UpdateError,
    mask::{CandidateHeader, CandidateUpdate, verify_updates},
};
use consilium_hash::HeaderHash;
use consilium_ledger::{blob_hash, sha256};
use consilium_proto::v1::{Charge, UnprovenEvidence, transaction::Action};
use rand_core::OsRng;

use super::{EvidenceError, Verdict, nothing};

pub(super) fn judge(
    statements: &UnprovenEvidence,
    parameters: &Parameters,
) -> Result<Verdict, EvidenceError> {
    let UnprovenEvidence { header, body, close, public_key } = statements;
    let close = close.clone().ok_or_else(|| nothing("a CloseCollection is needed"))?;
    let transaction = CandidateTransaction::parse(close).map_err(nothing)?;
    let Action::CloseCollection(close) = transaction.action() else {
        return Err(nothing("the transaction closes no collection"));
    };
    let is_the_coordinators = transaction.author().is_none()
        && transaction.is_signed_by(&parameters.coordinator, &parameters.chain_id);
    if !is_the_coordinators {
        return Err(nothing("the coordinator has not signed the CloseCollection"));
    }
    let (round, inputs) = Evaluation::peek(&close.evaluation).map_err(nothing)?;
    let name = HeaderHash(sha256(header));
    if !inputs.contains(&name) {
        return Err(nothing("the sum does not name the header"));
    }
    let key = PublicKey::decode(public_key).map_err(nothing)?;
    if key.hash() != round.key_hash {
        return Err(nothing("the key is not the one of the round"));
    }
    // From here on the coordinator answers for the bytes of the header, whatever they are.
    let step = round.step;
    let convicted = |error: UpdateError| {
        let detail = format!("the sum of step {step} holds update {name}: {error}");
        Verdict::coordinator(Charge::UnprovenUpdate, detail)
    };
    let header = match CandidateHeader::decode(header) {
        Ok(header) => header,
        Err(error) => return Ok(convicted(error)),
    };
    // Which round a header is of, the chain shows, and convicts of (`history`).
    if header.context().round != round {
        return Err(nothing("the header is of another round than the sum"));
    }
    if blob_hash(body) != header.body_hash() {
        return Err(nothing("the body is not the one that the header names"));
    }
    let candidate = match CandidateUpdate::parse(header, body, &parameters.form(step).update) {
        Ok(candidate) => candidate,
        Err(error) => return Ok(convicted(error)),
    };
    match verify_updates(&key, vec![candidate], &mut OsRng).pop() {
        Some(Err(error)) => Ok(convicted(error)),
        Some(Ok(_)) | None => Err(nothing("the update proves what it must")),
    }
}
