//! One validator, which orders alone and signs alone.
//!
//! It keeps no log. Its one statement at a height is the precommit in the block's certificate, which nobody sees before
//! the application has made the block durable; a crash before that leaves a signature that no other process has seen.

use consilium_hash::ChainId;
use ed25519_dalek::SigningKey;

use crate::{
    certificate::{Certificate, Decision},
    ordering::{Application, ConsensusError, Event, Ordering, Output},
    statement::Statement,
    validators::Seat,
};

/// The order of one.
pub struct Solo {
    chain_id: ChainId,
    key: SigningKey,
    height: u64,
    failed: bool,
}

impl Solo {
    /// Goes on at this height, the first that the application has not committed.
    pub fn new(chain_id: ChainId, key: SigningKey, height: u64) -> Self {
        Self { chain_id, key, height, failed: false }
    }

    fn decide<A: Application>(
        &mut self,
        application: &mut A,
        now_ms: u64,
    ) -> Result<Vec<Output>, ConsensusError> {
        let mut outputs = Vec::new();
        while application.has_work() {
            let proposed = application.propose(self.height, now_ms);
            let Some(header) = proposed.map_err(|e| ConsensusError::Application(e.into()))? else {
                break;
            };
            let precommit = Statement::precommit(self.height, 0, header.hash());
            let seat = Seat(0);
            let signature = precommit.sign(&self.chain_id, seat, &self.key).signature;
            let certificate = Certificate::new(0, vec![(seat, signature)]);
            let decision = Decision { header, certificate };
            application.commit(&decision).map_err(|e| ConsensusError::Application(e.into()))?;
            self.height = self.height.saturating_add(1);
            outputs.push(Output::Decided(decision));
        }
        Ok(outputs)
    }
}

impl<A: Application> Ordering<A> for Solo {
    fn height(&self) -> u64 {
        self.height
    }

    fn wake_ms(&self) -> Option<u64> {
        None
    }

    fn handle(
        &mut self,
        event: Event,
        application: &mut A,
        now_ms: u64,
    ) -> Result<Vec<Output>, ConsensusError> {
        if self.failed {
            return Err(ConsensusError::Failed);
        }
        match event {
            Event::Ready | Event::Time => {
                let outcome = self.decide(application, now_ms);
                self.failed = outcome.is_err();
                outcome
            }
            Event::Message(..) | Event::Decided(_) => Ok(Vec::new()),
        }
    }
}
