//! The cells of the table: who works, for how many parameters, under which scheme.

use serde::{Deserialize, Serialize};

use super::scheme::Scheme;
use crate::ExperimentError;

/// Parameters of the models, d. 1,024 stands for a thousand, as in the peers' papers.
pub const DIMENSIONS: [u32; 7] = [300, 1_024, 3_000, 10_000, 30_000, 100_000, 1_000_000];
/// Institutions in a round, n.
pub const INSTITUTIONS: [u32; 2] = [10, 50];
/// Updates that a coordinator or an auditor holds at once; more arrive one batch after the other.
pub const BATCH: u32 = 10;

/// Who works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// An institution: encrypts and proves its update.
    Client,
    /// Decodes and verifies n updates, ten folded at a time, adds them up and certifies the sum of the keys.
    Coordinator,
    /// An institution that verifies all n updates of a sum before it countersigns, ten folded at a time: live verification.
    Verifier,
    /// Verifies n signed headers and the sum, countersigns, verifies a quorum of countersignatures, gives its share.
    Trustee,
    /// Verifies t shares, combines them and reads the d sums off.
    Opening,
    /// An institution, before it trains on the new model: adds n masked updates and checks the sums against them.
    Check,
    /// A whole round again: what coordinator and opening do, with every signature, from the stored bytes.
    Auditor,
}

impl Party {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Client,
        Self::Coordinator,
        Self::Verifier,
        Self::Trustee,
        Self::Opening,
        Self::Check,
        Self::Auditor,
    ];

    /// Name in the CSV and the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Coordinator => "coordinator",
            Self::Verifier => "verifier",
            Self::Trustee => "trustee",
            Self::Opening => "opening",
            Self::Check => "check",
            Self::Auditor => "auditor",
        }
    }
}

/// One row of the CSV. A client works for itself: its `institutions` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// What protects the updates.
    pub scheme: Scheme,
    /// Who works.
    pub party: Party,
    /// d.
    pub dimension: u32,
    /// n.
    pub institutions: u32,
    /// Cores that may be used.
    pub threads: usize,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, party, dimension, institutions, threads } = self;
        write!(f, "{} {}, d = {dimension}, n = {institutions}, ", party.name(), scheme.name())?;
        write!(f, "{threads} core{}", if *threads == 1 { "" } else { "s" })
    }
}

/// The baseline has nothing that this party does.
pub(crate) fn no_such(party: Party) -> ExperimentError {
    ExperimentError::bench(party.name())("this baseline has no such party")
}
