//! A preprocessor whose form follows from a dictionary, whatever a site's rows hold.

use crate::column::Values;
use crate::dataset::Dataset;
use crate::dictionary::{Column, Dictionary, Kind};
use crate::error::{DatasetError, some_of};
use crate::fitting::{Fitted, Moments, moments};
use crate::preprocessor::Preprocessor;

/// What standardises one numeric column, in the column's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberStatistics {
    /// What a missing value becomes.
    pub median: f64,
    /// What is taken off.
    pub mean: f64,
    /// What the rest is divided by, at least 0; by 1 where it is 0.
    pub standard_deviation: f64,
}

impl Preprocessor {
    /// The preprocessor of all sites that have agreed on `dictionary`, with `statistics` for its numeric columns in its order.
    ///
    /// Inputs are in the dictionary's order of columns. A category has one input for each of the dictionary's categories in
    /// its order, one for its `other` where that is declared (unknown categories go there), and always a last one for missing;
    /// so there are [`Dictionary::width`] of them at every site.
    ///
    /// # Errors
    /// [`DatasetError::Preprocessor`] for another number of statistics than numeric columns, or numbers that are none.
    pub fn agreed(
        dictionary: &Dictionary,
        statistics: &[NumberStatistics],
    ) -> Result<Self, DatasetError> {
        let is_number = |column: &&Column| matches!(column.kind, Kind::Number { .. });
        let expected = dictionary.columns().iter().filter(is_number).count();
        let found = statistics.len();
        if found != expected {
            let reason =
                format!("{found} statistics for {expected} numeric columns of the dictionary");
            return Err(DatasetError::Preprocessor { reason });
        }
        let mut of_number = statistics.iter().copied();
        let columns = dictionary.columns().iter().filter_map(|column| match &column.kind {
            Kind::Number { .. } => of_number.next().map(|of_column| number(column, of_column)),
            Kind::Category { categories, other } => {
                Some(category(column, categories, other.as_deref()))
            }
        });
        Self::verified(columns.collect())
    }

    /// Whether this is a preprocessor of sites that have agreed on `dictionary`, whatever its statistics are.
    ///
    /// # Errors
    /// [`DatasetError::Preprocessor`] where columns, categories or their order are not the dictionary's.
    pub fn check_form(&self, dictionary: &Dictionary) -> Result<(), DatasetError> {
        let statistics: Vec<NumberStatistics> =
            self.columns.iter().filter_map(statistics).collect();
        // The statistics are its own, so that only the form can differ.
        match Self::agreed(dictionary, &statistics) {
            Ok(expected) if expected == *self => Ok(()),
            _ => Err(DatasetError::Preprocessor {
                reason: format!(
                    "columns and categories are not those of the dictionary {}, in its order: \
                     consilium-client statistics --dictionary makes such statistics",
                    dictionary.hash().short()
                ),
            }),
        }
    }

    /// The statistics of each input of the model that is a number; `None` for the indicators of a category.
    pub fn scales(&self) -> Vec<Option<NumberStatistics>> {
        let of_column = |fitted: &Fitted| vec![statistics(fitted); fitted.width()];
        self.columns.iter().flat_map(of_column).collect()
    }

    /// As [`Preprocessor::agreed`], with the statistics of `rows` of one site, opened under `dictionary`: for a site that has no
    /// agreed ones. Sites with different statistics feed one model with numbers of different scales, so whoever uses this says
    /// so. A constant column is divided by 1; an empty one has the middle of its plausible range as median and mean.
    /// The pixels of an image are columns like others here.
    ///
    /// # Errors
    /// [`DatasetError::NoSuchRow`]; [`DatasetError::MissingColumn`] or [`DatasetError::WrongKind`] for a dataset that was not
    /// opened under this dictionary.
    pub fn fit_agreed(
        dictionary: &Dictionary,
        dataset: &Dataset,
        rows: &[usize],
    ) -> Result<Self, DatasetError> {
        for &row in rows {
            dataset.label(row)?;
        }
        let mut statistics = Vec::new();
        for column in dictionary.columns() {
            if let Kind::Number { minimum, maximum, .. } = column.kind {
                let middle = minimum.midpoint(maximum);
                let of_site = moments(numbers(dataset, &column.name)?, rows);
                statistics.push(of_site.map_or_else(
                    || NumberStatistics { median: middle, mean: middle, standard_deviation: 1.0 },
                    |Moments { median, mean, standard_deviation }| NumberStatistics {
                        median,
                        mean,
                        standard_deviation,
                    },
                ));
            }
        }
        Self::agreed(dictionary, &statistics)
    }
}

fn statistics(fitted: &Fitted) -> Option<NumberStatistics> {
    match *fitted {
        Fitted::Numeric { median, mean, standard_deviation, .. } => {
            Some(NumberStatistics { median, mean, standard_deviation })
        }
        Fitted::Categorical { .. } => None,
    }
}

fn number(column: &Column, statistics: NumberStatistics) -> Fitted {
    let NumberStatistics { median, mean, standard_deviation } = statistics;
    // A column that is the same everywhere has nothing to be scaled by.
    let standard_deviation = if standard_deviation == 0.0 { 1.0 } else { standard_deviation };
    Fitted::Numeric { name: column.name.clone(), median, mean, standard_deviation }
}

fn category(column: &Column, categories: &[String], other: Option<&str>) -> Fitted {
    Fitted::Categorical {
        name: column.name.clone(),
        categories: categories.to_vec(),
        other: other.map(str::to_owned),
        missing_is_category: true,
    }
}

fn numbers<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a [Option<f64>], DatasetError> {
    let column = dataset.columns.iter().find(|column| column.name == name);
    let file = dataset.file.clone();
    match column.map(|column| &column.values) {
        Some(Values::Numeric(values)) => Ok(values),
        Some(Values::Categorical { .. }) => {
            Err(DatasetError::WrongKind { file, column: name.to_owned(), expected: "numeric" })
        }
        None => Err(DatasetError::MissingColumn {
            file,
            column: name.to_owned(),
            role: "a feature by the dictionary",
            header: some_of(dataset.feature_names(), 12),
        }),
    }
}
