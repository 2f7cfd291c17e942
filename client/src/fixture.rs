//! For unit tests: what an institution of a world of the test kit keeps on its disk, and what it has read.

use std::{path::Path, sync::Arc};

use consilium_audit::follow::{Closed, Follower, Phase, SealedSum};
use consilium_hash::{ConfirmationHash, QualifiedHash, SecretsName};
use consilium_testkit::World;

use crate::state::{
    history::History,
    memory::{Memory, Place},
};

/// A world with institutions that have disks.
pub(crate) trait Kept {
    /// Puts the share of an institution where its program looks for it.
    fn lend_share(&self, institution: usize, state: &Path);

    /// A memory of a state directory that has lost nothing: the first committee was confirmed with it.
    fn memory(&self, directory: &Path) -> Memory;

    /// A state directory that holds all blocks.
    fn history(&self, directory: &Path) -> History;

    /// A follower that has read every block, and the last round closed on the way.
    fn follow(&self) -> (Follower, Option<Closed>);

    /// What a follower sees sealed.
    fn sealed_sum(&self) -> Arc<SealedSum> {
        match self.follow().0.phase() {
            Phase::Sealed(sealed) => Arc::clone(&sealed.sum),
            other => panic!("nothing is sealed in {}", other.name()),
        }
    }
}

impl Kept for World {
    fn lend_share(&self, institution: usize, state: &Path) {
        std::fs::create_dir_all(state).unwrap();
        let path = state.join(format!("share-{}.key", self.committee().number));
        let share = self.shares[institution].as_ref().unwrap();
        std::fs::write(path, &*share.to_bytes()).unwrap();
    }

    fn memory(&self, directory: &Path) -> Memory {
        let mut memory = Memory::open(directory, self.chain_id()).unwrap();
        if !memory.is_certain() {
            memory.catch_up(false, None, &[]).unwrap();
            memory.keep_secrets(Place::default(), &SecretsName([7; 32])).unwrap();
            memory.swear_dealings(Place::default(), &QualifiedHash([7; 32])).unwrap();
            memory.swear_committee(Place::default(), 0, &ConfirmationHash([7; 32])).unwrap();
        }
        memory
    }

    fn history(&self, directory: &Path) -> History {
        let mut history = History::open(directory, self.parameters()).unwrap();
        for block in &self.blocks {
            history.record(block).unwrap();
        }
        history.flush().wait().unwrap();
        history
    }

    fn follow(&self) -> (Follower, Option<Closed>) {
        let parameters = Arc::new(self.parameters().clone());
        let mut follower = Follower::new(parameters, self.ceremony.genesis_entry.clone());
        let mut last = None;
        for (block, header) in self.blocks.iter().zip(self.chain.headers()) {
            last = follower.read(block, header).unwrap().or(last);
        }
        (follower, last)
    }
}
