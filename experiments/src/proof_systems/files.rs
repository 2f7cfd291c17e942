//! File names inside the directories of `consilium figure4` and `consilium table1`.

/// A row for every system.
pub const FIGURE_4_CSV: &str = "figure4.csv";
/// Times of prover and verifier.
pub const FIGURE_4: &str = "figure4.svg";
/// What was measured, and the bars, for readers.
pub const FIGURE_4_PAGE: &str = "figure4.md";
/// A row for every system.
pub const TABLE_1_CSV: &str = "table1.csv";
/// Sizes, next to those that the paper prints.
pub const TABLE_1_FIGURE: &str = "table1.svg";
/// The table, for readers.
pub const TABLE_1: &str = "table1.md";
