//! The numbers of one cell.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cells::Cell;
use super::limits::Limit;

/// How a row came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// In a process of its own.
    Measured,
    /// Linearly, from the largest measured row of the same baseline and party.
    Extrapolated,
    /// Not at all; the note says why.
    LeftOut,
    /// It was tried; the note says what went wrong.
    Failed,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Extrapolated => "extrapolated",
            Self::LeftOut => "left_out",
            Self::Failed => "failed",
        }
    }
}

/// A row of `bench.csv`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What.
    #[serde(flatten)]
    pub cell: Cell,
    /// How it came about.
    pub kind: Kind,
    /// Repetitions after the warm-up.
    pub repetitions: usize,
    /// Median wall time, in seconds.
    pub median_s: Option<f64>,
    /// Shortest wall time, in seconds.
    pub min_s: Option<f64>,
    /// Median of the processor time of a repetition, all threads together, in seconds.
    pub cpu_s: Option<f64>,
    /// Wall time of the warm-up, in seconds.
    pub warm_up_s: Option<f64>,
    /// Peak resident memory of the process, in kB.
    pub peak_kb: Option<u64>,
    /// Bytes that the party sends.
    pub bytes_up: Option<u64>,
    /// Bytes that it is sent.
    pub bytes_down: Option<u64>,
    /// Medians of its parts, in seconds.
    pub parts: BTreeMap<String, f64>,
    /// What it runs into next.
    pub limit: Option<Limit>,
    /// Why it is left out, what went wrong, or what it was extrapolated from.
    pub note: String,
}

impl Row {
    pub(crate) fn empty(cell: Cell, kind: Kind, note: String) -> Self {
        Self {
            cell,
            kind,
            repetitions: 0,
            median_s: None,
            min_s: None,
            cpu_s: None,
            warm_up_s: None,
            peak_kb: None,
            bytes_up: None,
            bytes_down: None,
            parts: BTreeMap::new(),
            limit: None,
            note,
        }
    }
}
