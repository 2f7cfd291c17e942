//! File names inside the directory of a bench.

/// A row for every cell.
pub const CSV: &str = "bench.csv";
/// Everything.
pub const JSON: &str = "bench.json";
/// Time against parameters.
pub const FIGURE: &str = "bench.svg";
/// The tables.
pub const TABLE: &str = "bench.md";
/// A row for every bar.
pub const BARS: &str = "bars.csv";
