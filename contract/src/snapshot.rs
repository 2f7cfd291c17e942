//! The state of a run that rests, as bytes: what a node goes on from without applying the chain again.
//!
//! Taken only where nothing is being made, so that nothing of a half-made round or committee is in it. It is trusted no
//! further than the chain goes: what comes out has the state root that a sealed header names, or does not come out. Besides
//! what the root lists, a state has what follows from the transactions that it names (TLS keys of certificates, which
//! faults are paid for): for that the node's own disk answers.
//!
//! There is one encoding of a state: reading takes nothing that is not written again byte for byte.

use std::sync::Arc;

use consilium_crypto::DiscreteLogTable;
use consilium_hash::{ReceiptsHash, StateRoot};
use consilium_proto::v1::StateSnapshot;
use thiserror::Error;

use crate::{
    contract::{Contract, read_genesis},
    enrolment::roster::Roster,
    exchange::Exchange,
    keygen::Succession,
    malformed::{Malformed, malformed},
    parameters::GenesisError,
    phase::Phase,
    root::state_root,
    round::{Findings, model::Model, pause::Pausing},
    state::State,
};

/// Why a snapshot is of no use.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The genesis is none.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A part of it means nothing.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is written another way.
    #[error("the snapshot is not in its one encoding")]
    NotCanonical,
    /// It is of another state than the chain.
    #[error("the snapshot is of a state with root {found}, the chain says {expected}")]
    StateRoot {
        /// What a sealed header names.
        expected: StateRoot,
        /// What the snapshot comes to.
        found: StateRoot,
    },
}

impl Contract {
    /// The state, where nothing is being made.
    pub fn snapshot(&self) -> Option<StateSnapshot> {
        let State {
            // From the genesis, and what no later decision depends on.
            parameters: _,
            table: _,
            expected: _,
            succession,
            roster,
            exchange,
            model,
            findings,
            phase,
            step,
            attempt,
            time_ms,
            pausing,
            receipts,
        } = &self.state;
        let is_finished = match phase {
            Phase::Idle => false,
            Phase::Finished => true,
            Phase::Keygen(_) | Phase::Collecting(_) | Phase::Sealed(_) | Phase::Opening(_) => {
                return None;
            }
        };
        let (institutions, barred) = roster.snapshot();
        let (is_paused, pause_request) = pausing.parts();
        Some(StateSnapshot {
            step: *step,
            attempt: *attempt,
            time_ms: *time_ms,
            receipts: receipts.to_vec(),
            is_finished,
            model: model.to_bytes(),
            findings: Some(findings.message()),
            institutions,
            barred,
            succession: Some(succession.snapshot()?),
            exchange: Some(exchange.snapshot()),
            is_paused,
            pause_request,
        })
    }

    /// The contract of this run in the state that [`Self::snapshot`] gave. `expected` is the state root that the sealed header
    /// of the next block names.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn resume(
        genesis_entry: &[u8],
        snapshot: StateSnapshot,
        expected: StateRoot,
        table: Arc<DiscreteLogTable>,
    ) -> Result<Self, SnapshotError> {
        let (parameters, _) = read_genesis(genesis_entry)?;
        let model = Model::from_bytes(&snapshot.model, &parameters);
        let findings = snapshot.findings.clone().unwrap_or_default();
        let findings = Findings::from_message(findings, &parameters);
        let state = State {
            succession: Succession::resume(snapshot.succession.clone().unwrap_or_default())?,
            roster: Roster::resume(&snapshot.institutions, &snapshot.barred)?,
            exchange: Exchange::resume(snapshot.exchange.clone().unwrap_or_default(), &parameters)?,
            model: model.ok_or(Malformed("model"))?,
            findings: findings.ok_or(Malformed("findings"))?,
            phase: if snapshot.is_finished { Phase::Finished } else { Phase::Idle },
            step: snapshot.step,
            attempt: snapshot.attempt,
            time_ms: snapshot.time_ms,
            pausing: Pausing::of(snapshot.is_paused, snapshot.pause_request),
            receipts: ReceiptsHash::try_from(snapshot.receipts.as_slice())
                .map_err(malformed("chain of receipts"))?,
            table,
            expected: None,
            parameters,
        };
        let found = state_root(&state);
        if found != expected {
            return Err(SnapshotError::StateRoot { expected, found });
        }
        let contract = Self { state };
        if contract.snapshot() != Some(snapshot) {
            return Err(SnapshotError::NotCanonical);
        }
        Ok(contract)
    }
}
