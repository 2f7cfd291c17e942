//! What is left of a dataset for learning: numbers.

/// Rows ready for learning.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Standardised features, row-major, `[rows, width]`.
    pub features: Vec<f32>,
    /// 1 for a positive row, else 0; of several classes the place of its own; of a number where in its plausible range it
    /// lies. `[rows]`.
    pub labels: Vec<f32>,
    /// Number of rows.
    pub rows: usize,
    /// Features in a row, at least 1.
    pub width: usize,
}

impl Table {
    /// The rows in order: features `[width]` and label.
    pub fn iter(&self) -> impl Iterator<Item = (&[f32], f32)> {
        self.features.chunks_exact(self.width.max(1)).zip(self.labels.iter().copied())
    }

    /// Number of positive rows.
    pub fn positives(&self) -> usize {
        self.labels.iter().filter(|&&label| label > 0.5).count()
    }
}
