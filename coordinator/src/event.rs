//! What happened and what it cost, for an observer in the embedding program.

use std::{collections::BTreeMap, time::Duration};

use consilium_contract::schedule::Awaited;
use consilium_hash::{ModelHash, Pseudonym};
use consilium_proto::v1::Reason;

/// Is told every event, on the node's own thread: it should be quick.
pub type Observer = Box<dyn FnMut(Event) + Send>;

/// What a node tells its observer. Everything in it is durable.
#[derive(Debug, Clone)]
pub enum Event {
    /// A block is on disk.
    Block {
        /// Its height.
        height: u64,
        /// Its entries.
        entries: usize,
    },
    /// The run is in another phase.
    Phase {
        /// The step that is being made, from 0.
        step: u64,
        /// The try at it, from 0.
        attempt: u32,
        /// `collecting`, `sealed`, `opening`, `idle` or `finished`, or what the members of a committee that is
        /// being made are doing.
        phase: &'static str,
    },
    /// A committee holds the key: it has made it, or taken it over.
    Committee {
        /// Its number, from 0.
        number: u32,
        /// The try at it that succeeded, from 0.
        attempt: u32,
        /// How many it has.
        members: usize,
        /// How many of their shares open a sum.
        threshold: u32,
        /// Since it was begun, or since the node was started meanwhile; all attempts together.
        took: Duration,
    },
    /// An attempt at making a committee was given up: too few took part in time.
    KeygenAbandoned {
        /// Number of the committee.
        number: u32,
        /// The attempt, from 0.
        attempt: u32,
    },
    /// Fewer members of the committee were heard lately than a sum needs: the step may stall.
    FewTrustees {
        /// Members that were heard.
        heard: usize,
        /// Countersignatures that a sum needs.
        needed: usize,
        /// Pseudonyms of those that were not.
        silent: Vec<Pseudonym>,
    },
    /// The run waits, and has waited for long.
    Waiting(Awaited),
    /// A round is closed: the model has improved.
    RoundClosed(Box<RoundMetrics>),
    /// An attempt was given up with too few accepted updates.
    Abandoned(Box<RoundMetrics>),
}

/// One attempt at a step, as the coordinator saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoundMetrics {
    /// The step, from 0.
    pub step: u64,
    /// The try at it, from 0.
    pub attempt: u32,
    /// Updates in the sum.
    pub accepted: u32,
    /// Updates that were rejected and shares that prove a fault, by reason.
    pub rejected: BTreeMap<Reason, u32>,
    /// ε that the closed rounds have cost each institution, in thousandths, where they add noise.
    pub epsilon_milli: Option<u64>,
    /// SHA-256 of the model after the round.
    pub model: ModelHash,
    /// From OpenRound to CloseCollection.
    pub collection: Duration,
    /// Wall time of verifying updates, all batches together.
    pub verify: Duration,
    /// Batches in which the updates were verified.
    pub verify_batches: u32,
    /// Adding the encrypted keys, certifying the sum, and checking it.
    pub aggregate: Duration,
    /// Verifying shares, combining them and reading the sums off.
    pub decrypt: Duration,
    /// Appending and flushing blocks.
    pub ledger: Duration,
    /// Payload bytes from institutions.
    pub bytes_up: u64,
    /// Payload bytes to institutions.
    pub bytes_down: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whether every step of the genesis is closed.
    pub finished: bool,
    /// Closed rounds.
    pub steps: u64,
    /// SHA-256 of the last model.
    pub model: ModelHash,
}
