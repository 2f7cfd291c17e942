//! What a node's observer is told, and what an institution may say besides the truth.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use consilium_coordinator::{Config, Event};
use consilium_proto::v1::{Contribute, SignedTransaction, contribute::Part, transaction::Action};

use tokio::time::sleep;

use super::{Follower, Institution};

/// As an operator runs it: receipts come when a block is full or a stage ends.
pub fn unhurried(config: &mut Config) {
    config.block_age = Duration::from_secs(60);
}

/// What the observer is told.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    pub fn of(&self, config: &mut Config) {
        let seen = Arc::clone(&self.0);
        config.observer = Some(Box::new(move |event| seen.lock().unwrap().push(event)));
    }

    /// What `pick` makes of each of them.
    pub fn map<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.0.lock().unwrap().iter().filter_map(pick).collect()
    }

    /// The first that `pick` makes something of, also one that is still to come.
    pub async fn until<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> T {
        for _ in 0..1_000 {
            if let Some(picked) = self.map(&pick).into_iter().next() {
                return picked;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("the event never came")
    }
}

/// A contribution of this institution's in the present stage, whatever it says.
pub fn says(institution: &Institution, follower: &Follower, part: Part) -> SignedTransaction {
    let keygen = follower.keygen().expect("a ceremony");
    institution.sign(Action::Contribute(Contribute {
        committee: keygen.number(),
        attempt: keygen.attempt(),
        basis: keygen.basis().to_vec(),
        part: Some(part),
    }))
}
