//! For unit tests: what a follower makes of a world of the test kit.

use std::sync::Arc;

use consilium_proto::v1::SignedTransaction;
use consilium_testkit::World;

use crate::follow::{Closed, FollowError, Follower, Phase, SealedSum};

/// A world with somebody who follows it.
pub(crate) trait Followed {
    /// A follower that has read every block, and the last round closed on the way.
    fn follow(&self) -> (Follower, Option<Closed>) {
        self.try_follow().unwrap()
    }

    /// The same, where the follower may refuse a block.
    fn try_follow(&self) -> Result<(Follower, Option<Closed>), FollowError>;

    /// What the follower says of a block with this transaction after the ones there are.
    fn refuses(&mut self, transaction: SignedTransaction) -> String;

    /// What a follower sees sealed.
    fn sealed_sum(&self) -> Arc<SealedSum> {
        match self.follow().0.phase() {
            Phase::Sealed(sealed) => Arc::clone(&sealed.sum),
            other => panic!("nothing is sealed in {}", other.name()),
        }
    }
}

impl Followed for World {
    fn try_follow(&self) -> Result<(Follower, Option<Closed>), FollowError> {
        let parameters = Arc::new(self.parameters().clone());
        let mut follower = Follower::new(parameters, self.ceremony.genesis_entry.clone());
        let mut last = None;
        for (block, header) in self.blocks.iter().zip(self.chain.headers()) {
            last = follower.read(block, header)?.or(last);
        }
        Ok((follower, last))
    }

    fn refuses(&mut self, transaction: SignedTransaction) -> String {
        self.forge(vec![transaction]);
        let Err(FollowError::Entry { height, index: 0, detail, .. }) = self.try_follow() else {
            panic!("accepted")
        };
        assert_eq!(height + 1, self.chain.len());
        self.retract();
        detail
    }
}
