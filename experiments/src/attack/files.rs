//! File names inside the directory of an attack run.

/// Every simulation.
pub const CSV: &str = "attack.csv";
/// The curves.
pub const FIGURE: &str = "attack.svg";
/// The table, and what it says.
pub const REPORT: &str = "attack.md";
