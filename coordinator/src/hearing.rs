//! Whether others hold blocks that this ledger lacks, before anything is signed.
//!
//! The file beside the key does not help where it is as old as the ledger: both come back when a machine is set up again
//! from one snapshot. Institutions show their last block when they connect. So a node that has just been started holds
//! back what would be sealed until enough of them have been heard, or until those that are there have had the time to
//! connect. Names are not proven at this point: whoever pretends to be an institution spares the operator no mistake,
//! and gains nothing by it.

use std::collections::BTreeSet;

use consilium_contract::Contract;
use consilium_hash::Pseudonym;

use crate::{error::names, founding::Origin};

/// How often a node that waits says so.
const REMINDER_MS: u64 = 30_000;

/// Owned by the node's thread.
pub(crate) struct Hearing {
    /// Whose word counts; `None` for whoever gives a name, where nobody is enrolled yet.
    enrolled: Option<BTreeSet<Pseudonym>>,
    needed: usize,
    heard: BTreeSet<Pseudonym>,
    /// When the wait ends all the same.
    until_ms: Option<u64>,
    said_ms: Option<u64>,
}

impl Hearing {
    /// Nobody has to be heard where this is the first start; a quorum of those who are enrolled otherwise, or all of them
    /// while they are fewer. Where nothing vouches for a ledger, the wait for them has no end.
    pub(crate) fn new(origin: Origin, contract: &Contract, now_ms: u64, patience_ms: u64) -> Self {
        let parameters = contract.parameters();
        let present = contract.roster().iter().filter(|(_, institution)| !institution.revoked);
        let enrolled: BTreeSet<Pseudonym> = present.map(|(name, _)| *name).collect();
        let everyone = parameters.institutions as usize;
        let needed = match origin {
            Origin::Founded { is_declared: true } => 0,
            _ if enrolled.is_empty() => everyone,
            _ => enrolled.len().min(parameters.quorum as usize),
        };
        let is_unvouched =
            matches!(origin, Origin::Continued { is_vouched_for: false }) && !enrolled.is_empty();
        let until_ms = (!is_unvouched).then_some(now_ms.saturating_add(patience_ms));
        let enrolled = (!enrolled.is_empty()).then_some(enrolled);
        Self { enrolled, needed, heard: BTreeSet::new(), until_ms, said_ms: None }
    }

    /// An institution has shown its last block, which this ledger holds, or has none.
    pub(crate) fn hear(&mut self, name: Pseudonym) {
        let counts = self.enrolled.as_ref().is_none_or(|enrolled| enrolled.contains(&name));
        if counts && self.heard.len() < self.needed {
            self.heard.insert(name);
        }
    }

    /// Whether the node may go on. Says, now and then, for whom it waits.
    pub(crate) fn is_over(&mut self, now_ms: u64) -> bool {
        let heard = self.heard.len();
        let needed = self.needed;
        if heard >= needed {
            return true;
        }
        if self.until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
            tracing::warn!(heard, needed, "goes on without having heard from the others");
            return true;
        }
        let is_due =
            self.said_ms.is_none_or(|said_ms| now_ms.saturating_sub(said_ms) >= REMINDER_MS);
        if is_due {
            self.said_ms = Some(now_ms);
            let missing = self.enrolled.iter().flatten().filter(|name| !self.heard.contains(*name));
            let absent = names(&missing.copied().collect::<Vec<_>>());
            tracing::info!(
                heard,
                needed,
                %absent,
                "waits for institutions to show their last blocks, before it signs anything"
            );
        }
        false
    }
}
