//! Everything that an operator is shown, at one moment. What is said of it, in any form, follows from it alone.
//!
//! Names are the chain's pseudonyms. Nothing in it is secret: every institution follows the chain that most of it is on, and the
//! rest is how busy a machine is.

use std::collections::BTreeMap;

use consilium_cli::observing::Histogram;
use serde::{Deserialize, Serialize};

/// See the module. Times are milliseconds since the epoch, by the node's clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Version of the program.
    pub(crate) version: String,
    /// The run, in hexadecimal.
    pub(crate) chain: String,
    pub(crate) time_ms: u64,
    /// When the program was started.
    pub(crate) started_ms: u64,
    pub(crate) run: Run,
    pub(crate) waiting: Option<Waiting>,
    /// Those that are enrolled, in the order of their pseudonyms.
    pub(crate) institutions: Vec<Institution>,
    pub(crate) head: Option<Head>,
    pub(crate) committee: Option<Committee>,
    /// What the closed rounds have cost, where institutions add noise.
    pub(crate) budget: Option<Budget>,
    /// The last rounds that were closed or given up, oldest first.
    pub(crate) rounds: Vec<Round>,
    /// All evaluations, oldest first.
    pub(crate) evaluations: Vec<Evaluation>,
    /// The last rejections, oldest first.
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) counts: Counts,
    pub(crate) machine: Machine,
    #[serde(skip)]
    pub(crate) durations: Durations,
}

/// Where the run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The step that is being made, from 0, and so how many are closed.
    pub(crate) step: u64,
    /// Steps of the genesis.
    pub(crate) steps: u64,
    /// The try at the step, from 0.
    pub(crate) attempt: u32,
    /// `statistics`, `training` or `evaluation`.
    pub(crate) purpose: String,
    pub(crate) phase: String,
    /// Since when the run is in that phase.
    pub(crate) since_ms: u64,
    /// Whether it waits for institutions to show their last blocks before anything is signed.
    pub(crate) is_listening: bool,
    pub(crate) is_finished: bool,
    /// When a round was closed last; when the program was started, where none was since.
    pub(crate) last_round_ms: u64,
    /// Institutions of the genesis.
    pub(crate) places: u32,
    /// Updates that a sum needs.
    pub(crate) min_updates: u32,
}

/// For whom the run waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// For what, in words.
    pub(crate) what: String,
    pub(crate) since_ms: u64,
    pub(crate) present: usize,
    pub(crate) needed: usize,
    pub(crate) absent: Vec<String>,
}

/// One institution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Institution {
    /// Its pseudonym, in hexadecimal.
    pub(crate) name: String,
    /// Rows that its certificate names.
    pub(crate) rows: u64,
    pub(crate) credit: u32,
    pub(crate) full_credit: u32,
    pub(crate) is_revoked: bool,
    /// Whether it follows the chain now, and since when it does or does not.
    pub(crate) is_connected: bool,
    pub(crate) connected_since_ms: Option<u64>,
    /// Its place in the committee.
    pub(crate) seat: Option<u32>,
    /// What it has done in the present phase: `accepted`, `awaited`, a reason, or nothing that was asked of it.
    pub(crate) standing: Option<String>,
    /// When its last update was accepted, since the program was started.
    pub(crate) uploaded_ms: Option<u64>,
}

/// The last durable block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) height: u64,
    pub(crate) hash: String,
    /// When it was sealed; block 0 says nothing about it.
    pub(crate) time_ms: Option<u64>,
    /// The last block that institutions have countersigned, or are countersigning.
    pub(crate) countersigned: Option<Countersigned>,
}

/// A sealed block, and who has countersigned it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Countersigned {
    pub(crate) step: u64,
    pub(crate) block: String,
    pub(crate) needed: u32,
    pub(crate) by: Vec<String>,
    /// Since when it is there to be countersigned.
    pub(crate) since_ms: u64,
}

/// Who holds the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Committee {
    pub(crate) number: u32,
    pub(crate) members: Vec<String>,
    /// Shares that open a sum.
    pub(crate) threshold: u32,
    /// Countersignatures that come first.
    pub(crate) quorum: u32,
    /// Members that were not heard since the step before the present one began.
    pub(crate) silent: Vec<String>,
}

/// What noise has cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Budget {
    pub(crate) epsilon: f64,
    /// Everything about it, in words.
    pub(crate) says: String,
}

/// An attempt at a step that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) step: u64,
    pub(crate) attempt: u32,
    pub(crate) is_closed: bool,
    pub(crate) ended_ms: u64,
    pub(crate) accepted: u32,
    pub(crate) rejected: u32,
    pub(crate) collection_ms: u64,
    pub(crate) verify_ms: u64,
    pub(crate) aggregate_ms: u64,
    pub(crate) decrypt_ms: u64,
    pub(crate) ledger_ms: u64,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
}

/// How good the model was on rows that nobody trains on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    pub(crate) step: u64,
    pub(crate) rows: u64,
    pub(crate) loss: f64,
    /// Everything that the counts say, by name.
    pub(crate) scores: BTreeMap<String, f64>,
}

/// What was rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rejection {
    pub(crate) time_ms: u64,
    pub(crate) step: u64,
    /// Whose it was.
    pub(crate) author: Option<String>,
    /// What it was.
    pub(crate) what: String,
    pub(crate) reason: String,
    /// Whom it costs a credit.
    pub(crate) culprit: Option<String>,
}

/// What was counted since the program was started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) rounds_closed: u64,
    pub(crate) attempts_abandoned: u64,
    pub(crate) updates_accepted: u64,
    pub(crate) rejected: BTreeMap<String, u64>,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) refused: BTreeMap<String, u64>,
}

/// How busy the machine is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) connections: usize,
    pub(crate) most_connections: usize,
    pub(crate) followers: usize,
    pub(crate) ledger_bytes: u64,
    /// Free on the disk of the ledger, and how large that is.
    pub(crate) disk_free_bytes: Option<u64>,
    pub(crate) disk_bytes: Option<u64>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) descriptors: Option<u64>,
    pub(crate) most_descriptors: Option<u64>,
}

/// Durations since the program was started.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Durations {
    pub(crate) phases: BTreeMap<&'static str, Histogram>,
    pub(crate) verify: Histogram,
    pub(crate) flush: Histogram,
}
