//! Which rows have the same value in a column.

use crate::column::Values;
use crate::dataset::Dataset;
use crate::error::{DatasetError, shortened};

impl Dataset {
    /// For every row the place of its value among the sorted, distinct values of a column, the target excepted; `None`
    /// where it is missing.
    ///
    /// # Errors
    /// [`DatasetError::NoSuchGroups`] without the column; a dataset under a dictionary has no columns but its features.
    pub(crate) fn groups(&self, column: &str) -> Result<Vec<Option<usize>>, DatasetError> {
        if let Some(aside) = self.aside.iter().find(|aside| aside.name == column) {
            return Ok(aside.groups.clone());
        }
        match self.columns.iter().find(|feature| feature.name == column).map(|found| &found.values)
        {
            Some(Values::Categorical { codes, .. }) => Ok(codes.clone()),
            Some(Values::Numeric(numbers)) => Ok(places(numbers)),
            None => Err(DatasetError::NoSuchGroups {
                file: self.file.clone(),
                column: shortened(column),
            }),
        }
    }
}

fn places(numbers: &[Option<f64>]) -> Vec<Option<usize>> {
    let mut distinct: Vec<f64> = numbers.iter().flatten().copied().collect();
    distinct.sort_by(f64::total_cmp);
    // 0 and -0 are next to each other in that order, and one value.
    distinct.dedup();
    let place = |number: f64| distinct.partition_point(|&other| other < number);
    numbers.iter().map(|number| number.map(place)).collect()
}
