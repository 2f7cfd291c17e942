//! The run in memory that tests of `consilium-audit` use, with what an institution keeps on its disk.

use std::path::Path;

use crate::state::{
    history::History,
    memory::{Memory, Place},
};

#[allow(dead_code, reason = "what the tests of the other crate need")]
#[path = "../../audit/src/fixture.rs"]
mod world;

pub(crate) use world::*;

impl World {
    /// Puts the share of an institution where its program looks for it.
    pub(crate) fn lend_share(&self, institution: usize, state: &Path) {
        std::fs::create_dir_all(state).unwrap();
        let path = state.join(format!("share-{}.key", self.committee().number));
        std::fs::write(path, &*self.shares[institution].to_bytes()).unwrap();
    }

    /// A memory of a state directory that has lost nothing: the first committee was confirmed with it.
    pub(crate) fn memory(&self, directory: &Path) -> Memory {
        let mut memory = Memory::open(directory, self.chain_id()).unwrap();
        if !memory.is_certain() {
            memory.catch_up(false, None, &[]).unwrap();
            memory.keep_secrets(Place::default(), &[7; 32]).unwrap();
            memory.swear_dealings(Place::default(), &[7; 32]).unwrap();
            memory.swear_committee(Place::default(), 0, &[7; 32]).unwrap();
        }
        memory
    }

    /// A state directory that holds all blocks.
    pub(crate) fn history(&self, directory: &Path) -> History {
        let mut history = History::open(directory, &self.ceremony.parameters).unwrap();
        for block in &self.blocks {
            history.record(block).unwrap();
        }
        history.flush().wait().unwrap();
        history
    }
}
