//! What is counted of rows, whatever it is counted for.

/// Numbers of rows, and sums of fractions in \[0, 1\], one a row. Of one site, or of all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quantities {
    /// Numbers of rows.
    pub counts: Vec<u64>,
    /// Sums of fractions.
    pub sums: Vec<f64>,
}
