//! A row's values as numbers, column by column.

use crate::column::{FeatureColumn, Values, row_of};
use crate::error::{DatasetError, shortened, some_of};
use crate::fitting::Fitted;

/// A fitted column bound to the values it is to code.
pub(crate) enum Coder<'a> {
    Numeric {
        name: &'a str,
        values: &'a [Option<f64>],
        median: f64,
        mean: f64,
        standard_deviation: f64,
    },
    /// `places`: the indicator column of each of the dataset's categories, `None` for one that is unknown to the preprocessor and that no
    /// other stands for.
    Categorical {
        codes: &'a [Option<usize>],
        places: Vec<Option<usize>>,
        missing: Option<usize>,
        width: usize,
    },
}

impl<'a> Coder<'a> {
    /// Binds `fitted` to the column of that name; `file` names them in errors.
    pub(crate) fn new(
        fitted: &'a Fitted,
        file: &str,
        columns: &'a [FeatureColumn],
    ) -> Result<Self, DatasetError> {
        let file = || file.to_owned();
        let column = || shortened(fitted.name());
        let wrong = |expected| DatasetError::WrongKind { file: file(), column: column(), expected };
        let values =
            columns.iter().find(|column| column.name == fitted.name()).map(|column| &column.values);
        match (fitted, values) {
            (_, None) => Err(DatasetError::MissingColumn {
                file: file(),
                column: column(),
                role: "a feature by the preprocessor",
                header: some_of(columns.iter().map(|column| column.name.as_str()), 12),
            }),
            (
                Fitted::Numeric { name, median, mean, standard_deviation },
                Some(Values::Numeric(values)),
            ) => {
                let median = *median;
                let mean = *mean;
                let standard_deviation = *standard_deviation;
                Ok(Self::Numeric { name, values, median, mean, standard_deviation })
            }
            (
                Fitted::Categorical { categories: known, other, missing_is_category, .. },
                Some(Values::Categorical { categories, codes }),
            ) => {
                let width = fitted.width();
                let other = other.as_ref().map(|_| known.len());
                let place = |category| known.iter().position(|one| one == category).or(other);
                Ok(Self::Categorical {
                    codes,
                    places: categories.iter().map(place).collect(),
                    // The last one of all.
                    missing: missing_is_category.then_some(width.saturating_sub(1)),
                    width,
                })
            }
            (Fitted::Numeric { .. }, Some(_)) => Err(wrong("numeric")),
            (Fitted::Categorical { .. }, Some(_)) => Err(wrong("categorical")),
        }
    }

    /// Rows of unknown categories, and without a value, that become zeros throughout.
    pub(crate) fn unplaced(&self) -> (usize, usize) {
        let Self::Categorical { codes, places, missing, .. } = self else { return (0, 0) };
        let is_unknown = |code: usize| places.get(code).copied().flatten().is_none();
        let unknown = codes.iter().flatten().filter(|&&code| is_unknown(code)).count();
        let absent = codes.iter().filter(|code| code.is_none()).count();
        (unknown, if missing.is_some() { 0 } else { absent })
    }

    /// Appends the columns of one row.
    pub(crate) fn code(
        &self,
        row: usize,
        file: &str,
        features: &mut Vec<f32>,
    ) -> Result<(), DatasetError> {
        match self {
            Self::Numeric { name, values, median, mean, standard_deviation } => {
                let value = values.get(row).copied().flatten().unwrap_or(*median);
                let standardised = ((value - mean) / standard_deviation) as f32;
                if !standardised.is_finite() {
                    let file = file.to_owned();
                    let column = shortened(name);
                    return Err(DatasetError::OutOfRange { file, row: row_of(row), column });
                }
                features.push(standardised);
            }
            Self::Categorical { codes, places, missing, width } => {
                let place = match codes.get(row).copied().flatten() {
                    Some(code) => places.get(code).copied().flatten(),
                    None => *missing,
                };
                features.extend(
                    (0..*width).map(|column| if Some(column) == place { 1.0 } else { 0.0 }),
                );
            }
        }
        Ok(())
    }
}
