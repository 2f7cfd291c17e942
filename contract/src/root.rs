//! The state root: one hash over everything that later decisions depend on.
//!
//! SHA-256 over a label and the fields in a fixed order, each fixed in width or preceded by its count. Among them is the
//! hash chain of the receipts: it names every transaction with what came of it, and so binds what follows from those
//! alone and is not listed.

use consilium_hash::StateRoot;
use sha2::{Digest, Sha256};

use crate::{phase::Phase, state::State};

const LABEL: &[u8] = b"consilium/v1/state";

pub(crate) fn state_root(state: &State) -> StateRoot {
    let mut hasher = Sha256::new_with_prefix(LABEL);
    hasher.update(state.parameters.chain_id);
    hasher.update(state.step.to_be_bytes());
    hasher.update(state.attempt.to_be_bytes());
    hasher.update(state.time_ms.to_be_bytes());
    state.pausing.hash_into(&mut hasher);
    hasher.update(state.model.hash());
    hasher.update(state.receipts);
    hasher.update(count(state.roster.len()));
    for (pseudonym, institution) in state.roster.iter() {
        hasher.update(pseudonym);
        hasher.update(institution.certificate.signing_key.encode());
        hasher.update(institution.certificate.trustee_index.to_be_bytes());
        hasher.update(institution.certificate.rows.to_be_bytes());
        hasher.update(institution.credit.to_be_bytes());
        hasher.update([u8::from(institution.revoked)]);
        hasher.update(institution.missed.to_be_bytes());
    }
    hasher.update(count(state.roster.barred().len()));
    for pseudonym in state.roster.barred() {
        hasher.update(pseudonym);
    }
    hasher.update(state.succession.hash());
    hasher.update(state.exchange.hash());
    state.findings.hash_into(&mut hasher);
    phase(&state.phase, &mut hasher);
    StateRoot(hasher.finalize().into())
}

fn phase(phase: &Phase, hasher: &mut Sha256) {
    match phase {
        Phase::Idle => hasher.update([0]),
        Phase::Collecting(collecting) => {
            hasher.update([1]);
            hasher.update(collecting.opened_ms().to_be_bytes());
            hasher.update(count(collecting.verdicts().len()));
            for (pseudonym, reason) in collecting.verdicts() {
                hasher.update(pseudonym);
                hasher.update((*reason as i32).to_be_bytes());
            }
            hasher.update(count(collecting.accepted().len()));
            for header in collecting.accepted() {
                hasher.update(header.hash());
            }
        }
        Phase::Sealed(sealed) => {
            hasher.update([2]);
            hasher.update(sealed.evaluation().hash());
            hasher.update(sealed.sealed_block().copied().unwrap_or_default());
            hasher.update(count(sealed.countersigners().len()));
            for trustee in sealed.countersigners() {
                hasher.update(trustee);
            }
        }
        Phase::Opening(opening) => {
            hasher.update([3]);
            hasher.update(opening.evaluation().hash());
            hasher.update(opening.sealed_block());
            hasher.update(count(opening.countersigners().len()));
            for trustee in opening.countersigners() {
                hasher.update(trustee);
            }
            hasher.update(count(opening.shares().len()));
            for share in opening.shares() {
                hasher.update(share.index().to_be_bytes());
            }
            if let Some(Ok(opened)) = opening.outcome() {
                hasher.update(opened.model.hash());
            }
        }
        Phase::Keygen(keygen) => {
            hasher.update([6]);
            hasher.update(keygen.hash());
        }
        Phase::Finished => hasher.update([4]),
    }
}

fn count(length: usize) -> [u8; 8] {
    (length as u64).to_be_bytes()
}
