//! File names inside the directory of an insurance run.

/// What the four stages take: table 2, figures 4 and 6.
pub const TIMES: &str = "times.csv";
/// What goes over the wire: table 3, figures 5 and 7.
pub const BYTES: &str = "bytes.csv";
/// The figures.
pub const FIGURE: &str = "insurance.svg";
/// The tables.
pub const REPORT: &str = "insurance.md";
