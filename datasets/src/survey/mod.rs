//! Statistics of the rows of all sites, from counts that each site takes and somebody sums.
//!
//! A site counts its rows: all of them, the positive ones or those of each class, and for every column of the dictionary the rows
//! of each category or of each of [`BINS`] equal parts of the plausible range; of a number it also sums the values and their
//! squares, scaled so that the range is \[0, 1\]. No site's counts need be seen: sums of them over all sites give medians, means
//! and deviations.
//!
//! The median comes out of the bins, interpolated; it stands for missing values alone. Mean and deviation are those of the imputed
//! rows, as [`Preprocessor::fit`](crate::Preprocessor::fit) has them.

mod read;
#[cfg(test)]
mod tests;

pub use read::{CategoryStatistics, ColumnStatistics, Statistics, SurveyError};

pub use crate::scorecard::Quantities;

use crate::column::Values;
use crate::dataset::Dataset;
use crate::dictionary::{Column, Dictionary, Kind};
use crate::error::{DatasetError, some_of};
use crate::scorecard::Form;

/// Parts of a column's plausible range whose rows are counted.
pub const BINS: usize = 32;

/// What all sites count under one dictionary, in one order.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    form: Form,
    columns: Vec<Column>,
}

impl Survey {
    /// The survey of a dictionary.
    pub fn of(dictionary: &Dictionary) -> Self {
        let form = dictionary.target().kind.form();
        Self { form, columns: dictionary.columns().to_vec() }
    }

    /// Numbers of rows that are counted: all; the positive ones, or those of each of several classes, or none where the target is
    /// a number; then column by column the bins of a number, or the categories of a category in the order of its inputs.
    pub fn counts(&self) -> usize {
        1 + self.classes() + self.columns.iter().map(counts_of).sum::<usize>()
    }

    /// Classes whose rows are counted.
    fn classes(&self) -> usize {
        match self.form {
            Form::Binary => 1,
            Form::Classes(classes) => classes,
            Form::Number => 0,
        }
    }

    /// Sums of fractions: of every number its values, then their squares.
    pub fn sums(&self) -> usize {
        2 * self.columns.iter().filter(|column| matches!(column.kind, Kind::Number { .. })).count()
    }

    /// Counts `rows` of a site's file that was opened under the dictionary.
    ///
    /// # Errors
    /// [`DatasetError::NoSuchRow`]; [`DatasetError::MissingColumn`] or [`DatasetError::WrongKind`] for a file that was not.
    pub fn take(&self, dataset: &Dataset, rows: &[usize]) -> Result<Quantities, DatasetError> {
        let mut classes = vec![0; self.classes()];
        for &row in rows {
            let label = dataset.label(row)?;
            let place = match self.form {
                Form::Binary => (label > 0.5).then_some(0),
                Form::Classes(_) => Some(label as usize),
                Form::Number => None,
            };
            place
                .and_then(|place| classes.get_mut(place))
                .into_iter()
                .for_each(|count| *count += 1);
        }
        let counts = std::iter::once(rows.len() as u64).chain(classes).collect();
        let mut taken = Quantities { counts, sums: Vec::new() };
        for column in &self.columns {
            take_column(column, dataset, rows, &mut taken)?;
        }
        Ok(taken)
    }
}

fn counts_of(column: &Column) -> usize {
    match &column.kind {
        Kind::Number { .. } => BINS,
        Kind::Category { .. } => column.kind.width(),
    }
}

fn take_column(
    column: &Column,
    dataset: &Dataset,
    rows: &[usize],
    taken: &mut Quantities,
) -> Result<(), DatasetError> {
    let file = dataset.file.clone();
    let of_file = dataset.columns.iter().find(|found| found.name == column.name);
    let of_file = of_file.ok_or_else(|| DatasetError::MissingColumn {
        file: file.clone(),
        column: column.name.clone(),
        role: "a feature by the dictionary",
        header: some_of(dataset.feature_names(), 12),
    })?;
    let wrong = |expected| DatasetError::WrongKind { file, column: column.name.clone(), expected };
    match (&column.kind, &of_file.values) {
        (Kind::Number { minimum, maximum, .. }, Values::Numeric(values)) => {
            let known = rows.iter().filter_map(|&row| values.get(row).copied().flatten());
            let mut bins = vec![0; BINS];
            let (mut sum, mut squares) = (0.0, 0.0);
            for value in known {
                let fraction = fraction(value, *minimum, *maximum);
                sum += fraction;
                squares += fraction * fraction;
                if let Some(bin) = bins.get_mut(bin(fraction)) {
                    *bin += 1;
                }
            }
            taken.counts.extend(bins);
            taken.sums.extend([sum, squares]);
        }
        (Kind::Category { .. }, Values::Categorical { codes, .. }) => {
            // The places of the inputs: known categories, what is other, and last what is missing.
            let width = column.kind.width();
            let mut places = vec![0; width];
            for &row in rows {
                let place = codes.get(row).copied().flatten().unwrap_or(width - 1);
                if let Some(place) = places.get_mut(place) {
                    *place += 1;
                }
            }
            taken.counts.extend(places);
        }
        (Kind::Number { .. }, Values::Categorical { .. }) => return Err(wrong("numeric")),
        (Kind::Category { .. }, Values::Numeric(_)) => return Err(wrong("categorical")),
    }
    Ok(())
}

/// Where in its range a value lies, in \[0, 1\]. Opening the file has refused what lies outside.
fn fraction(value: f64, minimum: f64, maximum: f64) -> f64 {
    ((value - minimum) / (maximum - minimum)).clamp(0.0, 1.0)
}

fn bin(fraction: f64) -> usize {
    ((fraction * BINS as f64) as usize).min(BINS - 1)
}
