//! From where an institution goes on after a restart, and what it keeps for that.

use std::sync::PoisonError;

use consilium_audit::{CheckedModel, execution::Execution, follow::Follower};
use consilium_hash::StateRoot;
use consilium_ledger::VerifiedHeader;
use consilium_proto::v1::FollowerSnapshot;
use tracing::{info, warn};

use super::Institution;
use crate::{
    ClientError,
    state::snapshot::{self, Kept, Unusable},
};

/// A state that becomes of use once a sealed header names it.
#[derive(Debug)]
pub(crate) struct Unvouched {
    snapshot: FollowerSnapshot,
    root: StateRoot,
}

impl Institution {
    /// Goes on from the kept state, where there is one that the chain vouches for; else from the genesis, and nothing is lost
    /// but time.
    pub(crate) fn resume(&mut self) {
        match self.resumed() {
            Ok(Some((follower, execution))) => {
                let (from, of) = (execution.height(), self.history.len());
                info!(from, of, "goes on from a kept state");
                self.follower = follower;
                self.execution = Some(execution);
            }
            Ok(None) => {}
            Err(error) => {
                warn!(%error, "the kept state is not used: the chain is read from its beginning");
            }
        }
    }

    fn resumed(&mut self) -> Result<Option<(Follower, Execution)>, Unusable> {
        let genesis = &self.files.genesis_entry;
        let Some(kept) = snapshot::load(&self.directory, genesis, &self.history)? else {
            return Ok(None);
        };
        let Kept { execution, records, records_hash } = kept;
        let mut duties = self.duties.lock().unwrap_or_else(PoisonError::into_inner);
        if !duties.reaches(records, &records_hash).unwrap_or(false) {
            return Err(Unusable::Memory);
        }
        let model = CheckedModel::of(&execution);
        let stored = self.stored.as_ref().filter(|stored| stored.step() == model.step());
        if stored.is_some_and(|stored| stored.model() != model.model()) {
            return Err(Unusable::Model);
        }
        let Some(follower) = self.follower_after(&execution) else { return Ok(None) };
        drop(duties);
        self.model = model;
        Ok(Some((follower, execution)))
    }

    /// A follower that has read what was executed; `None` where that ends while something is being made.
    pub(crate) fn follower_after(&self, execution: &Execution) -> Option<Follower> {
        Follower::resume(self.parameters.clone(), self.files.genesis_entry.clone(), execution)
    }

    /// An execution to go on with: of the kept state, or of nothing.
    pub(crate) fn begin_execution(&self) -> Result<Execution, ClientError> {
        let files = &self.files;
        match snapshot::load(&self.directory, &files.genesis_entry, &self.history) {
            Ok(Some(Kept { execution, .. })) => Ok(execution),
            Ok(None) | Err(_) => Ok(Execution::found(&files.genesis_entry, &files.initial_model)?),
        }
    }

    /// Takes note of the state after the block at `height`, if it has been executed up to there and rests.
    pub(crate) fn note_state(&mut self, height: u64) {
        let executed = self.execution.as_ref().filter(|execution| execution.height() == height + 1);
        let Some((state, root)) = executed.and_then(Execution::snapshot) else { return };
        let duties = self.duties.lock().unwrap_or_else(PoisonError::into_inner);
        // What the chain holds and the memory does not would not be found again.
        let Some((records, hash)) = duties.reach() else { return };
        let records_hash = hash.to_vec();
        let state = Some(state);
        let snapshot = FollowerSnapshot { height: height + 1, state, records, records_hash };
        self.unvouched = Some(Unvouched { snapshot, root });
    }

    /// The state that was noted, if this is the header that names it.
    pub(crate) fn vouched(&mut self, header: &VerifiedHeader) -> Option<FollowerSnapshot> {
        let noted = self.unvouched.take_if(|noted| noted.snapshot.height <= header.height)?;
        let is_named = (noted.snapshot.height, noted.root) == (header.height, header.state_root);
        is_named.then_some(noted.snapshot)
    }
}
