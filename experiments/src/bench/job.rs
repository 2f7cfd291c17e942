//! What one child process does.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::cells::Cell;
use super::comparison::Comparison;
use super::scheme::Scheme;

/// What one child process does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Makes a round of n updates, one by one, and stores it in the folder.
    Prepare {
        /// Whose bound.
        scheme: Scheme,
        /// d.
        dimension: u32,
        /// n.
        institutions: u32,
        /// Where to.
        folder: PathBuf,
    },
    /// Measures a cell; what works on a round finds it in the folder.
    Cell {
        /// Which.
        cell: Cell,
        /// The prepared round.
        folder: Option<PathBuf>,
    },
    /// Measures the primitives.
    Limits,
    /// What a bar compares.
    Compare(Comparison),
    /// What a comparison starts in processes of their own.
    Part(Part),
}

/// What a comparison starts in a process of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The replay's verified rounds with nobody malicious.
    Replay {
        /// n.
        institutions: usize,
        /// Rounds.
        rounds: usize,
        /// Where the ledger goes.
        ledger: PathBuf,
    },
    /// The coordinator of a federation of one process each.
    Coordinator(Seat),
    /// One of its institutions.
    Institution {
        /// Where it finds its files.
        seat: Seat,
        /// Its place, from 0.
        index: usize,
        /// Where the coordinator listens.
        address: String,
    },
}

/// What every process of a federation is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// Sizes of the model's hidden layers.
    pub hidden: Vec<usize>,
    /// Rounds.
    pub rounds: usize,
    /// Where ceremony, ledger and states are.
    pub folder: PathBuf,
}

/// A task with what its child process has to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What to do.
    pub task: Task,
    /// Cores that it may use.
    pub threads: usize,
    /// Seconds that repetitions may take together, roughly.
    pub budget_s: f64,
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.task {
            Task::Prepare { scheme, dimension, institutions, .. } => {
                write!(f, "making {institutions} updates, {}, d = {dimension}", scheme.name())
            }
            Task::Cell { cell, .. } => write!(f, "{cell}"),
            Task::Limits => f.write_str("primitives"),
            Task::Compare(comparison) => write!(f, "{comparison}"),
            Task::Part(Part::Replay { .. }) => f.write_str("replay"),
            Task::Part(Part::Coordinator(_)) => f.write_str("coordinator"),
            Task::Part(Part::Institution { index, .. }) => write!(f, "institution {index}"),
        }
    }
}
