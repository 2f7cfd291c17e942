//! What the contract does not make of the last of a chain of blocks, from the genesis on.
//!
//! The reader runs every block, proofs included, as the coordinator does that recovers. The coordinator is convicted by
//! the first entry that is no transaction or may not stand on a chain, and by the first header that names a state to which
//! the blocks before it do not lead: of that block the header alone matters. It has signed all of them, and a coordinator
//! that follows the protocol records by the same rule and seals nothing but what the contract made of it.

use std::{borrow::Cow, collections::HashMap, convert::Infallible};

use consilium_contract::{
    Contract, ExecuteError, Parameters,
    execute::{LoadError, body_hash, end, execute},
    transaction::parse_entry,
};
use consilium_crypto::DiscreteLogTable;
use consilium_hash::BlobHash;
use consilium_ledger::{Block, HeaderChain, LedgerError, Store, blob_hash};
use consilium_proto::{
    EVIDENCE_BYTES,
    v1::{Charge, ReplayEvidence, evidence::Statements},
};
use rand_core::OsRng;

use super::{Evidence, EvidenceError, Genesis, Verdict, nothing};

pub(super) fn judge(
    evidence: &ReplayEvidence,
    genesis: Genesis<'_>,
) -> Result<Verdict, EvidenceError> {
    let Genesis { entry, parameters } = genesis;
    let blobs: HashMap<BlobHash, &[u8]> =
        evidence.blobs.iter().map(|blob| (blob_hash(blob), blob.as_slice())).collect();
    let initial = blobs
        .get(&BlobHash(parameters.initial_model.0))
        .ok_or_else(|| nothing("the initial model is missing"))?;
    let mut contract = Contract::found(entry, initial, DiscreteLogTable::shared())?;
    let mut chain = HeaderChain::new(genesis.validators());
    for (height, bytes) in evidence.blocks.iter().enumerate() {
        let block = Block::decode(bytes).map_err(nothing)?;
        // A header that does not follow is for the history to show.
        let header = chain.append_block(&block).map_err(nothing)?.clone();
        if header.height != height as u64 {
            return Err(nothing("a block stands twice"));
        }
        // Whether a body is needed, the contract says; one that is missing convicts nobody.
        let body = |address: &BlobHash| {
            let blob = blobs.get(address).map(|blob| Cow::Borrowed(*blob));
            Ok::<_, Infallible>(blob)
        };
        let ran = if height > 0 {
            execute(&mut contract, &block, &header, body, &mut OsRng).map(|_| ())
        } else if block.entries == [entry] {
            end(&mut contract, &header);
            Ok(())
        } else {
            return Ok(Verdict::coordinator(
                Charge::BadEntry,
                "block 0 is not the genesis of this run",
            ));
        };
        match ran {
            Ok(()) => {}
            Err(LoadError::Block(error)) if error.convicts_the_coordinator() => {
                let charge = match &error {
                    ExecuteError::StateRoot { .. } => Charge::BadState,
                    ExecuteError::Entry { .. } => Charge::BadEntry,
                };
                return Ok(Verdict::coordinator(charge, format!("block {height}: {error}")));
            }
            Err(error) => return Err(nothing(error)),
        }
    }
    Err(nothing("the contract makes of these blocks what they say"))
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
    evidence
        .blobs
        .extend(store.get_blob(&BlobHash(parameters.initial_model.0)).map_err(unreadable)?);
    let mut length = evidence.blobs.iter().map(Vec::len).sum::<usize>();
    for at in 0..=height {
        let block = store
            .get_block(at)
            .map_err(unreadable)?
            .ok_or_else(|| nothing(format!("block {at} is missing")))?;
        for (transaction, _) in block.entries.iter().filter_map(|entry| parse_entry(entry).ok()) {
            let Some(address) = body_hash(&transaction) else { continue };
            if let Some(body) = store.get_blob(&address).map_err(unreadable)? {
                length += body.len();
                evidence.blobs.push(body);
            }
        }
        let bytes = block.encode().map_err(|error| unreadable(error.into()))?;
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
