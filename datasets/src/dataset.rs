//! A table as typed columns, with missing values, as the schema says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::column::{FeatureColumn, Values, row_of};
use crate::csv::Sheet;
use crate::error::{DatasetError, shortened};
use crate::features::Features;
use crate::labels::{Labels, Meaning, labels};
use crate::schema::{Schema, canonical};
use crate::scorecard::Form;
use crate::source::{Source, sheet};

/// A table of labelled rows, typed but neither imputed nor scaled.
///
/// Rows are named by their index, in the order of the file, until [`Preprocessor::transform`] makes numbers of them.
/// Loading refuses what cannot be read; what cannot be learned from (a constant column, a class without rows) is refused
/// by [`Dataset::split`] and [`Preprocessor::fit`], so that one institution may hold rows that only make
/// sense together with those of others.
///
/// [`Preprocessor::fit`]: crate::Preprocessor::fit
/// [`Preprocessor::transform`]: crate::Preprocessor::transform
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    pub(crate) file: String,
    schema: Schema,
    pub(crate) columns: Vec<FeatureColumn>,
    labels: Labels,
    pub(crate) aside: Vec<Aside>,
}

/// A column that is neither a feature nor the target: which rows have the same value in it, but not what it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aside {
    pub(crate) name: String,
    pub(crate) groups: Vec<Option<usize>>,
}

impl Dataset {
    /// One of the datasets compiled in: see [`BUNDLED`](crate::BUNDLED).
    ///
    /// # Errors
    /// [`DatasetError::UnknownBundled`] for another name.
    pub fn bundled(name: &str) -> Result<Self, DatasetError> {
        Self::of(&Source::bundled(name)?)
    }

    /// Opens what a user names: a bundled dataset, or the path of a schema.
    ///
    /// # Errors
    /// As [`Dataset::load`], and [`DatasetError::UnknownBundled`] for what is neither a bundled name nor looks like a path.
    pub fn open(name: &str) -> Result<Self, DatasetError> {
        Self::of(&Source::open(name)?)
    }

    /// Loads the schema at `schema_path` and the file it names.
    ///
    /// # Errors
    /// As [`Schema::load`] and [`Dataset::parse`], and [`DatasetError::Unreadable`] if the file is missing.
    pub fn load(schema_path: &Path) -> Result<Self, DatasetError> {
        Self::of(&Source::load(schema_path)?)
    }

    /// Reads what a schema names.
    ///
    /// # Errors
    /// As [`Dataset::parse`].
    pub fn of(source: &Source) -> Result<Self, DatasetError> {
        Self::parse(source.schema.clone(), &source.file, source.bytes())
    }

    /// The features alone, whatever the target's values are where the schema does not say.
    pub(crate) fn of_features(source: &Source) -> Result<Self, DatasetError> {
        let schema = &source.schema;
        let sheet = source.sheet()?;
        let reading = Reading { schema, file: &source.file, sheet: &sheet };
        if !schema.target.positive.is_empty() {
            return reading.dataset();
        }
        reading.position(&schema.target.column, "target")?;
        reading.with(Labels { values: Vec::new(), meaning: Meaning::Number })
    }

    /// Reads `bytes`, CSV plain or gzip, written as the schema says, under `schema`; `file` names them in errors.
    ///
    /// # Errors
    /// For a wrong checksum, a fault in the file's structure, another separator or encoding, a column that is not there, a row
    /// without a target, a label that is neither positive nor negative, or text where a number belongs.
    pub fn parse(schema: Schema, file: &str, bytes: &[u8]) -> Result<Self, DatasetError> {
        let sheet = sheet(&schema, file, bytes)?;
        Reading { schema: &schema, file, sheet: &sheet }.dataset()
    }

    /// Columns and labels that somebody else has read from `file` under `schema`, all of the same number of rows.
    pub(crate) fn typed(
        file: &str,
        schema: &Schema,
        columns: Vec<FeatureColumn>,
        labels: Labels,
    ) -> Self {
        Self { file: file.to_owned(), schema: schema.clone(), columns, labels, aside: Vec::new() }
    }

    /// The file it was read from, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The schema it was read under.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.labels.values.len()
    }

    /// The label of each row, in the order of the file: 1 for a positive row, else 0; of several classes the place of its own;
    /// of a number where in its plausible range it lies.
    pub fn labels(&self) -> &[f32] {
        &self.labels.values
    }

    /// What a model of these rows predicts.
    pub fn form(&self) -> Form {
        match self.labels.meaning {
            Meaning::Binary { .. } => Form::Binary,
            Meaning::Classes(classes) => Form::Classes(classes),
            Meaning::Number => Form::Number,
        }
    }

    /// Rows by class; all together where the target is a number.
    pub(crate) fn strata(&self) -> Vec<Vec<usize>> {
        self.labels.strata()
    }

    /// Values of the target that count as negative: the declared ones, or the one other value of the file.
    pub fn negative_values(&self) -> &[String] {
        match &self.labels.meaning {
            Meaning::Binary { negative_values } => negative_values,
            Meaning::Classes(_) | Meaning::Number => &[],
        }
    }

    /// Number of positive rows; `None` where the target has not two classes.
    pub fn positives(&self) -> Option<usize> {
        let is_positive = |label: &&f32| **label > 0.5;
        let positive = || self.labels.values.iter().filter(is_positive).count();
        (self.form() == Form::Binary).then(positive)
    }

    /// The feature columns, before one-hot coding.
    pub fn feature_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Rows of every category of a feature; `None` where it is not categorical.
    pub fn category_counts(&self, feature: &str) -> Option<BTreeMap<&str, usize>> {
        let column = self.columns.iter().find(|column| column.name == feature)?;
        let Values::Categorical { categories, codes } = &column.values else { return None };
        let mut counts = BTreeMap::new();
        for category in codes.iter().flatten().filter_map(|&code| categories.get(code)) {
            *counts.entry(category.as_str()).or_default() += 1;
        }
        Some(counts)
    }

    /// The label of the row at `index`.
    pub(crate) fn label(&self, index: usize) -> Result<f32, DatasetError> {
        self.labels.values.get(index).copied().ok_or_else(|| DatasetError::NoSuchRow {
            file: self.file.clone(),
            index,
            rows: self.rows(),
        })
    }
}

impl Features {
    /// Reads the columns of these names, whether or not the file has a target.
    pub(crate) fn read(
        source: &Source,
        names: &[&str],
        id: Option<&str>,
    ) -> Result<Self, DatasetError> {
        let sheet = source.sheet()?;
        let reading = Reading { schema: &source.schema, file: &source.file, sheet: &sheet };
        let columns = names.iter().map(|name| reading.feature(name)).collect::<Result<_, _>>()?;
        Self::of_sheet(&source.file, &sheet, columns, id)
    }
}

/// A sheet being read under a schema.
struct Reading<'a> {
    schema: &'a Schema,
    file: &'a str,
    sheet: &'a Sheet,
}

impl Reading<'_> {
    fn dataset(&self) -> Result<Dataset, DatasetError> {
        let target = &self.schema.target.column;
        let fields = self.fields(self.position(target, "target")?);
        let labels = labels(fields, &self.schema.target, self.file)?;
        self.with(labels)
    }

    /// The features, beside labels that are read.
    fn with(&self, labels: Labels) -> Result<Dataset, DatasetError> {
        let target = &self.schema.target.column;
        for column in &self.schema.drop {
            self.position(column, "a column to drop")?;
        }
        let names: Vec<&String> = match &self.schema.features {
            Some(features) => features.iter().collect(),
            None => self
                .sheet
                .header
                .iter()
                .filter(|name| *name != target && !self.schema.drop.contains(name))
                .collect(),
        };
        if names.is_empty() {
            return Err(DatasetError::NoFeatures { file: self.file.to_owned() });
        }
        if let Some(image) = self.schema.image
            && image.values() != Some(names.len())
        {
            return Err(DatasetError::NotTheImage {
                file: self.file.to_owned(),
                side: image.side,
                channels: image.channels,
                features: names.len(),
            });
        }
        for column in &self.schema.categorical {
            self.position(column, "categorical")?;
        }
        for column in &self.schema.zero_is_missing {
            self.position(column, "a column in which zero is missing")?;
        }
        let is_aside = |name: &&String| *name != target && !names.contains(name);
        let aside = self.sheet.header.iter().filter(is_aside).map(|name| self.aside(name));
        let aside = aside.collect::<Result<_, _>>()?;
        let columns = names.into_iter().map(|name| self.feature(name)).collect::<Result<_, _>>()?;
        let file = self.file.to_owned();
        let schema = self.schema.clone();
        Ok(Dataset { file, schema, columns, labels, aside })
    }

    fn position(&self, column: &str, role: &'static str) -> Result<usize, DatasetError> {
        self.sheet.header.iter().position(|name| name == column).ok_or_else(|| {
            DatasetError::MissingColumn {
                file: self.file.to_owned(),
                column: shortened(column),
                role,
                header: self.sheet.header_shown(),
            }
        })
    }

    /// The fields of a column that are not missing.
    fn fields(&self, position: usize) -> impl Iterator<Item = Option<&str>> {
        self.sheet.column(position).map(|field| {
            field.filter(|&field| {
                !self.schema.missing_values.iter().any(|missing| missing.trim() == field)
            })
        })
    }

    fn feature(&self, name: &str) -> Result<FeatureColumn, DatasetError> {
        let position = self.position(name, "a feature")?;
        let listed = |columns: &[String]| columns.iter().any(|column| column == name);
        let values = if listed(&self.schema.categorical) {
            self.categorical(position, listed(&self.schema.number_codes))
        } else {
            self.numeric(position, name, listed(&self.schema.zero_is_missing))?
        };
        Ok(FeatureColumn { name: name.to_owned(), values })
    }

    fn aside(&self, name: &str) -> Result<Aside, DatasetError> {
        let position = self.position(name, "a column")?;
        let (_, groups) = self.coded(position, str::to_owned);
        Ok(Aside { name: name.to_owned(), groups })
    }

    fn numeric(
        &self,
        position: usize,
        name: &str,
        zero_is_missing: bool,
    ) -> Result<Values, DatasetError> {
        let number = |(index, field): (usize, Option<&str>)| {
            let Some(text) = field else { return Ok(None) };
            match self.schema.format.decimal.number(text) {
                Ok(number) => {
                    Ok(Some(number).filter(|&number| !(zero_is_missing && number == 0.0)))
                }
                Err(not_number) => Err(DatasetError::NotANumber {
                    file: self.file.to_owned(),
                    row: row_of(index),
                    column: shortened(name),
                    found: not_number.described(),
                }),
            }
        };
        self.fields(position).enumerate().map(number).collect::<Result<_, _>>().map(Values::Numeric)
    }

    /// Fields are trimmed and otherwise text as they stand, unless the schema says that they are numbers.
    fn categorical(&self, position: usize, number_codes: bool) -> Values {
        let spelling = if number_codes { canonical } else { str::to_owned };
        let (categories, codes) = self.coded(position, spelling);
        Values::Categorical { categories, codes }
    }

    /// The sorted, distinct texts of a column, and which of them every row has.
    fn coded(
        &self,
        position: usize,
        spelling: fn(&str) -> String,
    ) -> (Vec<String>, Vec<Option<usize>>) {
        let fields: Vec<Option<String>> =
            self.fields(position).map(|field| field.map(spelling)).collect();
        let mut categories: Vec<String> =
            fields.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        // Numbers in their own order, so that 10 comes after 9, then other text.
        categories.sort_by(|a, b| {
            let number = |text: &String| text.parse::<f64>().unwrap_or(f64::INFINITY);
            number(a).total_cmp(&number(b)).then_with(|| a.cmp(b))
        });
        let code: BTreeMap<&str, usize> =
            categories.iter().enumerate().map(|(code, name)| (name.as_str(), code)).collect();
        let codes = fields
            .iter()
            .map(|field| field.as_deref().and_then(|name| code.get(name).copied()))
            .collect();
        (categories, codes)
    }
}

#[cfg(test)]
pub(crate) mod tests;
