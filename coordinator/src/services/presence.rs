//! Which process of each institution follows the run: one identity that runs twice is noticed.
//!
//! Two processes that do not share their memory could answer for two sums of one step. The first one goes on undisturbed,
//! whatever comes after it; the second one is told, and so is the operator here. A process that connects again is known by
//! the bytes that it names itself by, and is not kept waiting by its own broken connection.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use consilium_hash::Pseudonym;

use crate::error::CallError;

/// A process names itself by no more bytes.
const MAX_PROCESS_BYTES: usize = 16;

/// The institutions that follow, each by one process, and by how many streams.
#[derive(Debug, Default)]
pub(crate) struct Present(Mutex<BTreeMap<Pseudonym, (Vec<u8>, usize)>>);

/// That an institution follows, until it is dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    present: Arc<Present>,
    name: Pseudonym,
}

impl Present {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Pseudonym, (Vec<u8>, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process of this institution follows.
    ///
    /// # Errors
    /// [`CallError::RunsElsewhere`] while another one does.
    pub(crate) fn enter(
        self: &Arc<Self>,
        name: Pseudonym,
        mut process: Vec<u8>,
    ) -> Result<Presence, CallError> {
        process.truncate(MAX_PROCESS_BYTES);
        let mut entries = self.entries();
        let (known, streams) = entries.entry(name).or_insert_with(|| (process.clone(), 0));
        if *known != process {
            tracing::warn!(
                institution = %name.short(),
                "a second process of this institution has connected, and was refused: one identity runs once"
            );
            return Err(CallError::RunsElsewhere(name));
        }
        *streams += 1;
        drop(entries);
        Ok(Presence { present: Arc::clone(self), name })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut entries = self.present.entries();
        if let Some((_, streams)) = entries.get_mut(&self.name) {
            *streams -= 1;
            if *streams == 0 {
                entries.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused_until_the_first_has_gone_and_the_first_may_connect_again() {
        let present = Arc::new(Present::default());
        let name = Pseudonym([1; 32]);
        let first = present.enter(name, vec![1]).unwrap();
        let again = present.enter(name, vec![1]).unwrap();
        assert!(present.enter(Pseudonym([2; 32]), vec![2]).is_ok(), "another institution");
        drop(first);
        assert!(
            matches!(present.enter(name, vec![2]), Err(CallError::RunsElsewhere(of)) if of == name)
        );
        drop(again);
        assert!(present.enter(name, vec![2]).is_ok());
    }
}
