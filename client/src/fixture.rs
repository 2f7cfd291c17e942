//! The run in memory that tests of `consilium-audit` use, with what an institution keeps on its disk.

use std::path::Path;

use crate::state::history::History;

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
