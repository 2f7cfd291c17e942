//! From sums of counts to statistics, and whether the counts can be anybody's.

use thiserror::Error;

use super::{BINS, Quantities, Survey, counts_of};
use crate::agreed::NumberStatistics;
use crate::dictionary::Kind;
use crate::scorecard::Form;

/// What a sum of fractions may be off by, a row: sites round theirs once each, to 2^-12 at most.
const ROUNDING: f64 = 1.0 / 4096.0;

/// Why no statistics follow from counts. Nobody can be named: the counts are those of all sites together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SurveyError {
    /// Counts of another survey.
    #[error("{found} counts and sums of rows were brought, the dictionary has {expected}")]
    Layout {
        /// How many came.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// No site has a row.
    #[error("no row was counted")]
    NoRows,
    /// Other rows of the classes than rows.
    #[error(
        "the classes have other rows together than there are: a site's counts cannot be those of any rows"
    )]
    Target,
    /// A column whose counts cannot be those of any rows.
    #[error(
        "column `{column}`: {reason}: a site's counts cannot be those of any rows, and nobody can tell which site's. Found a run \
         with statistics that are agreed otherwise (--statistics FILE), or without that site"
    )]
    Column {
        /// The column.
        column: String,
        /// What does not hold.
        reason: &'static str,
    },
}

/// What all sites' rows are like, together.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Rows.
    pub rows: u64,
    /// Rows of each class: of two the positive ones alone; none where the target is a number.
    pub classes: Vec<u64>,
    /// Column by column, in the dictionary's order.
    pub columns: Vec<(String, ColumnStatistics)>,
}

/// Of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnStatistics {
    /// Numbers.
    Number {
        /// Rows without a value.
        missing: u64,
        /// What scales it.
        scale: NumberStatistics,
    },
    /// A category.
    Category(CategoryStatistics),
}

/// Rows of each category, in the order of the dictionary, `other` after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryStatistics {
    /// Rows of each.
    pub rows: Vec<u64>,
    /// Rows without a value.
    pub missing: u64,
}

impl Statistics {
    /// What scales the numeric columns, in the dictionary's order.
    pub fn numbers(&self) -> Vec<NumberStatistics> {
        let scale = |(_, column): &(String, ColumnStatistics)| match column {
            ColumnStatistics::Number { scale, .. } => Some(*scale),
            ColumnStatistics::Category(_) => None,
        };
        self.columns.iter().filter_map(scale).collect()
    }
}

impl Survey {
    /// Reads the counts of all sites together.
    ///
    /// # Errors
    /// [`SurveyError`]: counts that cannot be those of any rows, by the first column that shows it.
    pub fn read(&self, total: &Quantities) -> Result<Statistics, SurveyError> {
        let found = total.counts.len() + total.sums.len();
        let expected = self.counts() + self.sums();
        let (rows, counts) = match total.counts.split_first() {
            Some((rows, rest)) if found == expected && total.sums.len() == self.sums() => {
                (*rows, rest)
            }
            _ => return Err(SurveyError::Layout { found, expected }),
        };
        let (classes, mut counts) = counts.split_at(self.classes().min(counts.len()));
        if rows == 0 {
            return Err(SurveyError::NoRows);
        }
        let of_classes: u64 = classes.iter().sum();
        let is_possible = match self.form {
            Form::Binary => of_classes <= rows,
            Form::Classes(_) => of_classes == rows,
            Form::Number => true,
        };
        if !is_possible {
            return Err(SurveyError::Target);
        }
        let mut sums = total.sums.as_chunks::<2>().0.iter();
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let (of_column, rest) = counts.split_at(counts_of(column).min(counts.len()));
            counts = rest;
            let refused = |reason| SurveyError::Column { column: column.name.clone(), reason };
            let read = match column.kind {
                Kind::Number { minimum, maximum, .. } => {
                    let sums = sums.next().copied().unwrap_or_default();
                    let range = (minimum, maximum);
                    number(rows, of_column, sums, range).map_err(refused)?
                }
                Kind::Category { .. } => category(rows, of_column).map_err(refused)?,
            };
            columns.push((column.name.clone(), read));
        }
        Ok(Statistics { rows, classes: classes.to_vec(), columns })
    }
}

fn category(rows: u64, counts: &[u64]) -> Result<ColumnStatistics, &'static str> {
    if counts.iter().sum::<u64>() != rows {
        return Err("its categories have other rows together than there are");
    }
    let (missing, known) = counts.split_last().ok_or("it has no categories")?;
    let statistics = CategoryStatistics { rows: known.to_vec(), missing: *missing };
    Ok(ColumnStatistics::Category(statistics))
}

fn number(
    rows: u64,
    bins: &[u64],
    [sum, squares]: [f64; 2],
    (minimum, maximum): (f64, f64),
) -> Result<ColumnStatistics, &'static str> {
    let known: u64 = bins.iter().sum();
    let missing = rows.checked_sub(known).ok_or("it has more values than there are rows")?;
    let least: f64 = edges(bins).map(|(edge, count)| edge * count).sum();
    let rounding = known as f64 * ROUNDING + ROUNDING;
    if !(least - rounding..=least + known as f64 / BINS as f64 + rounding).contains(&sum) {
        return Err("the sum of its values is not that of its bins");
    }
    if squares > sum + rounding || sum * sum > known as f64 * (squares + rounding) {
        return Err("the sum of its squares is not that of any such values");
    }
    let range = maximum - minimum;
    // Where no site knows a value, the middle of the range stands for all of them.
    let median = median(bins, known).unwrap_or(0.5);
    let (rows, imputed) = (rows as f64, missing as f64);
    let mean = (sum + imputed * median) / rows;
    let variance = (squares + imputed * median * median) / rows - mean * mean;
    // A column that is the same everywhere differs by what sums are rounded to, and by nothing else.
    let is_constant = variance <= 2.0 * rounding / rows;
    let standard_deviation = if is_constant { 0.0 } else { variance.sqrt() * range };
    let value = |fraction: f64| minimum + fraction * range;
    let scale = NumberStatistics { median: value(median), mean: value(mean), standard_deviation };
    Ok(ColumnStatistics::Number { missing, scale })
}

/// Where each bin begins, and how many rows it has.
fn edges(bins: &[u64]) -> impl Iterator<Item = (f64, f64)> {
    bins.iter().enumerate().map(|(bin, count)| (bin as f64 / BINS as f64, *count as f64))
}

/// Where half of the rows lie below, as if the rows of a bin lay evenly in it.
fn median(bins: &[u64], known: u64) -> Option<f64> {
    let half = known as f64 / 2.0;
    let mut below = 0.0;
    for (edge, count) in edges(bins) {
        if count > 0.0 && below + count >= half {
            return Some(edge + (half - below) / count / BINS as f64);
        }
        below += count;
    }
    None
}
