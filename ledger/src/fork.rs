//! Two headers of two histories, as evidence.

use crate::seal::{SealedHeader, Validators};

/// Evidence that the coordinator signed two histories: two headers at one height, or one header and a successor of
/// another at the next height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The height at which the histories differ.
    pub height: u64,
    /// The header on the chain of the one who noticed.
    pub ours: SealedHeader,
    /// The header, at the same height or the next, that belongs to another history.
    pub theirs: SealedHeader,
}

impl Fork {
    /// Whether this convicts the coordinator: both seals hold, and no chain contains both headers.
    pub fn verify(&self, validators: &Validators) -> bool {
        let ours = &self.ours;
        let theirs = &self.theirs;
        let signed = [ours, theirs].iter().all(|sealed| sealed.verify(validators).is_ok());
        let same_height =
            theirs.header.height == ours.header.height && theirs.hash() != ours.hash();
        let successor_of_another = Some(theirs.header.height) == ours.header.height.checked_add(1)
            && theirs.header.previous != ours.hash();
        signed && self.height == ours.header.height && (same_height || successor_of_another)
    }
}
