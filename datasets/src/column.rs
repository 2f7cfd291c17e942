//! A column of a table, typed but neither imputed nor scaled.

/// A feature as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeatureColumn {
    pub(crate) name: String,
    pub(crate) values: Values,
}

/// The values of a feature, one per row; `None` is missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// Finite numbers within the range of `f32`.
    Numeric(Vec<Option<f64>>),
    /// Indices into the sorted, distinct categories.
    Categorical { categories: Vec<String>, codes: Vec<Option<usize>> },
}

/// The row of the file that has this index: the header is row 1.
pub(crate) fn row_of(index: usize) -> usize {
    index + 2
}
