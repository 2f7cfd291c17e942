//! What the contract does not make of the last of a chain of blocks, from the genesis on.
//!
//! The reader applies every transaction to the contract, proofs included. The coordinator is convicted by the first
//! entry that is no transaction or must not stand on any chain, by the first transaction of its own that the contract
//! refuses, and by the first state root that its transactions do not lead to. It has signed all of them, and a
//! coordinator that follows the protocol seals nothing but what the contract made of it.

use std::collections::HashMap;

use consilium_contract::{
    Admission, Body, CandidateTransaction, Contract, Parameters, check_updates,
    transaction::parse_entry,
};
use consilium_crypto::{CandidateHeader, DiscreteLogTable, Hash};
use consilium_ledger::{Block, HeaderChain, LedgerError, Store, sha256};
use consilium_proto::{
    EVIDENCE_BYTES,
    v1::{Charge, ReplayEvidence, evidence::Statements, transaction::Action},
};
use rand_core::OsRng;

use super::{Evidence, EvidenceError, Genesis, Verdict, nothing};
use crate::digest::hex;

pub(super) fn judge(
    evidence: &ReplayEvidence,
    genesis: Genesis<'_>,
) -> Result<Verdict, EvidenceError> {
    let Genesis { entry, parameters } = genesis;
    let blobs: HashMap<Hash, &[u8]> =
        evidence.blobs.iter().map(|blob| (sha256(blob), blob.as_slice())).collect();
    let initial = blobs
        .get(&parameters.initial_model)
        .ok_or_else(|| nothing("the initial model is missing"))?;
    let mut contract = Contract::found(entry, initial, DiscreteLogTable::shared())?;
    let mut chain = HeaderChain::new(parameters.chain_id, genesis.coordinator()?);
    for (height, bytes) in evidence.blocks.iter().enumerate() {
        let block = Block::decode(bytes).map_err(nothing)?;
        // A header that does not follow is for the history to show.
        if chain.append_block(&block).map_err(nothing)?.height != height as u64 {
            return Err(nothing("a block stands twice"));
        }
        if height > 0 {
            if let Some(detail) = apply(&mut contract, &block, &blobs)? {
                return Ok(Verdict::coordinator(
                    Charge::BadEntry,
                    format!("block {height}, {detail}"),
                ));
            }
        } else if block.entries != [entry] {
            return Ok(Verdict::coordinator(
                Charge::BadEntry,
                "block 0 is not the genesis of this run",
            ));
        }
        let expected = contract.state_root();
        let found = block.header().state_root;
        if expected != found {
            let expected = hex(&expected);
            let found = hex(&found);
            let detail = format!(
                "block {height}: its transactions lead to state {expected}, its header says {found}"
            );
            return Ok(Verdict::coordinator(Charge::BadState, detail));
        }
        if let Some(header) = chain.head() {
            contract.end_block(header.into());
        }
    }
    Err(nothing("the contract makes of these blocks what they say"))
}

/// Applies a block's entries; the first that the coordinator cannot have recorded, in words.
fn apply(
    contract: &mut Contract,
    block: &Block,
    blobs: &HashMap<Hash, &[u8]>,
) -> Result<Option<String>, EvidenceError> {
    let mut entries = Vec::with_capacity(block.entries.len());
    for (index, entry) in block.entries.iter().enumerate() {
        match parse_entry(entry) {
            Ok(entry) => entries.push(entry),
            Err(error) => return Ok(Some(format!("entry {index} is no transaction: {error}"))),
        }
    }
    let body = |transaction: &CandidateTransaction| {
        let Action::SubmitUpdate(update) = transaction.action() else { return None };
        blobs.get(CandidateHeader::decode(&update.header).ok()?.body_hash()).copied()
    };
    let present = entries.iter().filter(|(_, body_missing)| !body_missing);
    let submissions: Vec<_> =
        present.filter_map(|(update, _)| Some((update, body(update)?))).collect();
    let mut checked: HashMap<Hash, _> = contract
        .committee()
        .map(|committee| check_updates(contract.parameters(), committee, &submissions, &mut OsRng))
        .unwrap_or_default()
        .into_iter()
        .map(|update| (update.transaction(), update))
        .collect();
    for (index, (transaction, body_missing)) in entries.iter().enumerate() {
        let body = match contract.admit(transaction) {
            Admission::Decided(_) => Body::None,
            Admission::NeedsBody { .. } if *body_missing => Body::Missing,
            Admission::NeedsBody { sha256, .. } => match checked.remove(&transaction.id()) {
                Some(update) => Body::Checked(update),
                None => return Err(nothing(format!("the body {} is missing", hex(&sha256)))),
            },
        };
        let receipt = contract.apply(transaction, body).map_err(nothing)?;
        let parameters = contract.parameters();
        let is_the_coordinators = transaction.author().is_none()
            && transaction.is_signed_by(&parameters.coordinator, &parameters.chain_id);
        if receipt.is_dropped() || (is_the_coordinators && !receipt.is_accepted()) {
            let id = hex(&transaction.id());
            let reason = receipt.reason.as_str_name();
            return Ok(Some(format!(
                "entry {index}: transaction {id} must not stand there: {reason}"
            )));
        }
    }
    Ok(None)
}

/// Evidence out of a copy of the coordinator's ledger whose block at `height` does not hold.
///
/// # Errors
/// [`EvidenceError::NotConvicting`] where nothing in it convicts the coordinator, [`EvidenceError::Malformed`] where it
/// cannot be read or is too large.
pub fn from_ledger(store: &Store, height: u64) -> Result<Evidence, EvidenceError> {
    let unreadable = |error: LedgerError| EvidenceError::Malformed(error.to_string());
    let first =
        store.get_block(0).map_err(unreadable)?.ok_or_else(|| nothing("there is no block"))?;
    let entry = first.entries.first().ok_or_else(|| nothing("block 0 is empty"))?;
    let parameters = Parameters::from_genesis_entry(entry)?;
    let mut evidence = ReplayEvidence::default();
    evidence.blobs.extend(store.get_blob(&parameters.initial_model).map_err(unreadable)?);
    let mut length = evidence.blobs.iter().map(Vec::len).sum::<usize>();
    for at in 0..=height {
        let block = store
            .get_block(at)
            .map_err(unreadable)?
            .ok_or_else(|| nothing(format!("block {at} is missing")))?;
        for (transaction, _) in block.entries.iter().filter_map(|entry| parse_entry(entry).ok()) {
            let Action::SubmitUpdate(update) = transaction.action() else { continue };
            let Ok(header) = CandidateHeader::decode(&update.header) else { continue };
            // Whether a body was needed, the contract says.
            if let Some(body) = store.get_blob(header.body_hash()).map_err(unreadable)? {
                length += body.len();
                evidence.blobs.push(body);
            }
        }
        let bytes = block.encode().map_err(unreadable)?;
        length += bytes.len();
        evidence.blocks.push(bytes);
        if length > EVIDENCE_BYTES {
            let detail = format!(
                "blocks and bodies up to block {at} are longer than {EVIDENCE_BYTES} bytes"
            );
            return Err(EvidenceError::Malformed(detail));
        }
    }
    Evidence::new(Statements::Replay(evidence), Genesis { entry, parameters: &parameters })
}
