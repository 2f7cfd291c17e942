//! The authority holds a run, and lets it go on.
//!
//! A round that is open goes on to its end, because a sum that is sealed is never given up, and so does the making of a
//! committee. What does not come while a run is paused is the next round.

use consilium_proto::v1::{Pause, Reason, Resume};
use sha2::{Digest, Sha256};

use crate::{
    handler::{Handler, Refusal, Said},
    state::State,
};

/// Whether the authority holds the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pausing {
    is_paused: bool,
    /// The largest request so far: no earlier one can be put on the chain after it.
    request: u64,
}

impl Pausing {
    /// Whether it is held, and the largest request so far.
    pub(crate) fn of(is_paused: bool, request: u64) -> Self {
        Self { is_paused, request }
    }

    /// What [`Self::of`] makes it of.
    pub(crate) fn parts(&self) -> (bool, u64) {
        (self.is_paused, self.request)
    }

    /// Whether no round may open.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// After a word of the authority's.
    ///
    /// # Errors
    /// Where it was said before the last one, or changes nothing.
    pub(crate) fn after(self, pauses: bool, request: u64) -> Result<Self, Reason> {
        if request <= self.request || pauses == self.is_paused {
            return Err(Reason::Duplicate);
        }
        Ok(Self { is_paused: pauses, request })
    }

    pub(crate) fn hash_into(&self, hasher: &mut Sha256) {
        hasher.update([u8::from(self.is_paused)]);
        hasher.update(self.request.to_be_bytes());
    }
}

impl Handler for Pause {
    type Read = ();
    type Effect = Pausing;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<Pausing, Refusal> {
        Ok(state.pausing.after(true, self.request)?)
    }

    fn execute(pausing: Pausing, state: &mut State) {
        state.pausing = pausing;
    }
}

impl Handler for Resume {
    type Read = ();
    type Effect = Pausing;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<Pausing, Refusal> {
        Ok(state.pausing.after(false, self.request)?)
    }

    fn execute(pausing: Pausing, state: &mut State) {
        state.pausing = pausing;
    }
}
