//! A site's file as a typed table, in the dictionary's terms.

use super::definition::{Column, Dictionary, Kind, TargetKind};
use super::report::DataReport;
use super::site::{CategoryField, LabelField, NumberField, Site};
use crate::column::{FeatureColumn, Values};
use crate::dataset::Dataset;
use crate::error::DatasetError;
use crate::features::Features;
use crate::labels::{Labels, Meaning};
use crate::source::Source;

impl Dictionary {
    /// Reads a site's file as this dictionary means it: features by name in its order, its missing codes besides the schema's,
    /// categories in its order and unknown ones as its `other`, labels by its classes. The report says what the file holds.
    ///
    /// # Errors
    /// As [`Dictionary::check`]; [`DatasetError::Unfit`] with the report of a file that does not fit.
    pub fn open(&self, source: &Source) -> Result<(Dataset, DataReport), DatasetError> {
        let sheet = source.sheet()?;
        let site = Site { dictionary: self, schema: &source.schema, sheet: &sheet, labelled: true };
        let report = site.report(&source.file);
        if !report.fits() {
            return Err(DatasetError::Unfit { report: Box::new(report) });
        }
        let labels = site.target();
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
    /// The label of each row. The report has refused rows without one.
    fn target(&self) -> Labels {
        let target = &self.dictionary.target;
        let position = self.position(&target.column).into_iter();
        let place = |field| match field {
            LabelField::Known(place) => place,
            LabelField::Missing | LabelField::Unknown(_) => usize::MAX,
        };
        let places = position.clone().flat_map(|position| self.labels(position)).map(place);
        match &target.kind {
            TargetKind::Binary { positive, negative } => {
                // Positive values come first among the values.
                let is_positive = places.map(|place| place < positive.len());
                Labels::binary(is_positive, negative.clone())
            }
            TargetKind::Several(classes) => {
                let values = places.map(|place| place as f32).collect();
                Labels { values, meaning: Meaning::Classes(classes.len()) }
            }
            TargetKind::Number(range) => {
                let fields = position.flat_map(|position| self.label_numbers(position, range));
                let fraction = |field| match field {
                    NumberField::Known(number) => range.fraction(number) as f32,
                    _ => f32::NAN,
                };
                let values = fields.map(fraction).collect();
                Labels { values, meaning: Meaning::Number }
            }
        }
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
