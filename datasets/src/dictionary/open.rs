//! A site's file as a typed table, in the dictionary's terms.

use super::definition::{Classes, Column, Dictionary, Kind};
use super::report::DataReport;
use super::site::{CategoryField, LabelField, NumberField, Site};
use crate::column::{FeatureColumn, Values};
use crate::dataset::Dataset;
use crate::error::{DatasetError, shortened};
use crate::features::Features;
use crate::labels::Labels;
use crate::source::Source;

impl Dictionary {
    /// Reads a site's file as this dictionary means it: features by name in its order, its missing codes besides the schema's,
    /// categories in its order and unknown ones as its `other`, labels by its classes. The report says what the file holds.
    ///
    /// # Errors
    /// As [`Dictionary::check`]; [`DatasetError::Unfit`] with the report of a file that does not fit;
    /// [`DatasetError::SeveralClasses`] where the dictionary's target is not binary, as a table's labels are.
    pub fn open(&self, source: &Source) -> Result<(Dataset, DataReport), DatasetError> {
        let sheet = source.sheet()?;
        let site = Site { dictionary: self, schema: &source.schema, sheet: &sheet, labelled: true };
        let report = site.report(&source.file);
        if !report.fits() {
            return Err(DatasetError::Unfit { report: Box::new(report) });
        }
        let labels = site.binary_labels(&source.file)?;
        Ok((Dataset::typed(&source.file, &source.schema, site.features(), labels), report))
    }

    /// Reads rows that nobody has labelled. The target, and columns that this dictionary does not have, are not looked at; `id`
    /// names the column in which the rows have their names.
    ///
    /// # Errors
    /// As [`Dictionary::open`], but for what is wrong with a target.
    pub fn open_unlabelled(
        &self,
        source: &Source,
        id: Option<&str>,
    ) -> Result<Features, DatasetError> {
        let sheet = source.sheet()?;
        let schema = &source.schema;
        let site = Site { dictionary: self, schema, sheet: &sheet, labelled: false };
        let report = site.report(&source.file);
        if !report.fits() {
            return Err(DatasetError::Unfit { report: Box::new(report) });
        }
        Features::of_sheet(&source.file, &sheet, site.features(), id)
    }
}

impl Site<'_> {
    /// Whether each row is positive. The report has refused rows without a class.
    fn binary_labels(&self, file: &str) -> Result<Labels, DatasetError> {
        let target = &self.dictionary.target;
        let Classes::Binary { positive, negative } = &target.classes else {
            let classes = target.classes.values().count();
            let column = shortened(&target.column);
            return Err(DatasetError::SeveralClasses { file: file.to_owned(), column, classes });
        };
        // Positive values come first among the values.
        let is_positive =
            |field| matches!(field, LabelField::Known(place) if place < positive.len());
        let position = self.position(&target.column).into_iter();
        let fields = position.flat_map(|position| self.labels(position));
        let negative_values = negative.clone();
        Ok(Labels { positive: fields.map(is_positive).collect(), negative_values })
    }

    fn features(&self) -> Vec<FeatureColumn> {
        self.dictionary.columns.iter().filter_map(|column| self.feature(column)).collect()
    }

    /// The values of a column; the report has refused what is neither known, missing nor other.
    fn feature(&self, column: &Column) -> Option<FeatureColumn> {
        let position = self.position(&column.name)?;
        let values = match &column.kind {
            Kind::Number { minimum, maximum, .. } => {
                let known = |field| match field {
                    NumberField::Known(number) => Some(number),
                    _ => None,
                };
                let fields = self.numbers(column, position, *minimum, *maximum);
                Values::Numeric(fields.map(known).collect())
            }
            Kind::Category { categories, other } => {
                let place = |field| match field {
                    CategoryField::Missing => None,
                    CategoryField::Known(place) => Some(place),
                    CategoryField::Unknown(_) => other.as_ref().map(|_| categories.len()),
                };
                let codes = self.categories(column, position, categories).map(place).collect();
                let categories = categories.iter().chain(other).cloned().collect();
                Values::Categorical { categories, codes }
            }
        };
        Some(FeatureColumn { name: column.name.clone(), values })
    }
}
