//! A table as typed columns, with missing values, as the schema says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::column::{FeatureColumn, Values, row_of};
use crate::csv::Sheet;
use crate::error::{DatasetError, shortened};
use crate::features::Features;
use crate::labels::{Labels, labels};
use crate::schema::{Schema, canonical};
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
        self.labels.positive.len()
    }

    /// Whether each row is positive, in the order of the file.
    pub fn labels(&self) -> &[bool] {
        &self.labels.positive
    }

    /// Values of the target that count as negative: the declared ones, or the one other value of the file.
    pub fn negative_values(&self) -> &[String] {
        &self.labels.negative_values
    }

    /// Number of positive rows.
    pub fn positives(&self) -> usize {
        self.labels.positive.iter().filter(|&&label| label).count()
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

    /// Whether the row at `index` is positive.
    pub(crate) fn label(&self, index: usize) -> Result<bool, DatasetError> {
        self.labels.positive.get(index).copied().ok_or_else(|| DatasetError::NoSuchRow {
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
pub(crate) mod tests {
    use super::*;
    use crate::csv::{self, tests::gzip};
    use crate::schema::tests::HEAD;

    pub(crate) fn dataset(rest: &str, csv: &str) -> Result<Dataset, DatasetError> {
        let schema =
            Schema::parse(&format!("{HEAD}{rest}\ntarget={{column='y', positive=1}}"), "t.toml")?;
        Dataset::parse(schema, "t.csv", csv.as_bytes())
    }

    fn message(rest: &str, csv: &str) -> String {
        dataset(rest, csv).unwrap_err().to_string()
    }

    #[test]
    fn the_bundled_data_are_what_their_provenance_says() {
        for (name, rows, width, positives) in
            [("pima", 768, 8, 268), ("wdbc", 569, 30, 212), ("digits", 1797, 64, 896)]
        {
            let dataset = Dataset::bundled(name).unwrap();
            assert_eq!(
                (dataset.rows(), dataset.columns.len(), dataset.positives()),
                (rows, width, positives)
            );
            assert!(dataset.schema().sha256.is_some());
        }
        let pima = Dataset::bundled("pima").unwrap();
        let missing: Vec<usize> = pima
            .columns
            .iter()
            .map(|column| match &column.values {
                Values::Numeric(values) => values.iter().filter(|value| value.is_none()).count(),
                Values::Categorical { .. } => panic!("pima has numbers only"),
            })
            .collect();
        assert_eq!(missing, [0, 5, 35, 227, 374, 11, 0, 0]);
        assert!(
            Dataset::bundled("x").unwrap_err().to_string().contains("choose pima, wdbc or digits")
        );
    }

    #[test]
    fn a_name_is_bundled_and_a_path_is_a_schema() {
        assert_eq!(Dataset::open("wdbc").unwrap().rows(), 569);
        for name in ["", "pimo"] {
            assert!(
                Dataset::open(name)
                    .unwrap_err()
                    .to_string()
                    .contains("choose pima, wdbc or digits")
            );
        }
        for path in ["pima.toml", "nowhere/pima", "/"] {
            assert!(Dataset::open(path).unwrap_err().to_string().contains("cannot be read"));
        }
    }

    #[test]
    fn features_may_be_chosen_and_identifiers_dropped() {
        let csv = "id,b,a,y\np1,1,2,1\np2,3,4,0\n";
        let names = |rest| {
            dataset(rest, csv).unwrap().feature_names().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names("drop=['id']"), ["b", "a"]);
        assert_eq!(names("features=['a','b']"), ["a", "b"]);
        assert_eq!(
            message("drop=['id','a','b']", csv),
            "t.csv: no feature columns are left beside the target and the dropped columns"
        );
    }

    #[test]
    fn an_image_has_as_many_features_as_pixels() {
        let image = "image={side=2, channels=1}";
        assert!(dataset(image, "a,b,c,d,y\n1,2,3,4,1\n").is_ok());
        assert_eq!(
            message(image, "a,b,c,y\n1,2,3,1\n"),
            "t.csv: 3 feature columns, an image of 2 by 2 pixels with 1 channels has another number: \
             correct `image`, or choose the features"
        );
    }

    #[test]
    fn missing_numbers_are_empty_zero_where_declared_or_a_declared_text() {
        let read = dataset(
            "zero_is_missing=['a']\nmissing_values=['?']",
            "a,b,y\n0,0,1\n,?,0\n5,-1e2,1.0\n",
        )
        .unwrap();
        assert_eq!(read.columns[0].values, Values::Numeric(vec![None, None, Some(5.0)]));
        assert_eq!(read.columns[1].values, Values::Numeric(vec![Some(0.0), None, Some(-100.0)]));
        assert_eq!(read.labels(), [true, false, true]);
    }

    #[test]
    fn categories_are_distinct_and_sorted_numbers_by_value() {
        let read =
            dataset("categorical=['a']\nnumber_codes=['a']", "a,y\n10,1\n9.0,0\n,1\nx,0\n9,0\n")
                .unwrap();
        let categories = vec!["9".into(), "10".into(), "x".into()];
        let codes = vec![Some(1), Some(0), None, Some(2), Some(0)];
        assert_eq!(read.columns[0].values, Values::Categorical { categories, codes });
    }

    #[test]
    fn faults_of_content_name_file_row_and_column() {
        let csv = "a,y\n1,1\nhigh,0\n";
        assert!(
            message("", csv)
                .starts_with("t.csv: row 3, column `a`: expected a number, found text: correct it")
        );
        for (text, found) in [
            ("inf", "an infinity or NaN"),
            ("NaN", "an infinity or NaN"),
            ("1e39", "a number that no 32-bit float holds"),
            ("-1e300", "a number that no 32-bit float holds"),
            ("1e400", "a number that no 32-bit float holds"),
            ("1,5", "a comma inside a number"),
            ("0x10", "text"),
        ] {
            let csv = format!("a,y\n\"{text}\",1\n2,0\n");
            let message = message("", &csv);
            let expected = format!("row 2, column `a`: expected a number, found {found}:");
            assert!(message.contains(&expected), "{message}");
            let digits = text.chars().any(|character| character.is_ascii_digit());
            assert!(!digits || !message.contains(text), "{message}");
        }
        assert!(
            message("", "a,y\n1,1\n2,\n")
                .starts_with("t.csv: row 3, column `y`: the target is empty")
        );
        assert_eq!(
            message("", "a,z\n1,1\n"),
            "t.csv: no column `y`, named as target: the header has `a`, `z`"
        );
        for (rest, role) in [
            ("features=['q']", "a feature"),
            ("drop=['q']", "a column to drop"),
            ("categorical=['q']", "categorical"),
            ("zero_is_missing=['q']", "a column in which zero is missing"),
        ] {
            assert!(
                message(rest, "a,y\n1,1\n")
                    .starts_with(&format!("t.csv: no column `q`, named as {role}:")),
                "{rest}"
            );
        }
    }

    #[test]
    fn a_changed_file_fails_its_checksum() {
        let csv = b"a,y\n1,1\n2,0\n";
        let digest = csv::sha256_hex(csv).to_uppercase();
        let text = format!("{HEAD}sha256='{digest}'\ntarget={{column='y', positive=1}}");
        let schema = Schema::parse(&text, "t.toml").unwrap();
        assert!(Dataset::parse(schema.clone(), "t.csv", csv).is_ok());
        let error = Dataset::parse(schema, "t.csv", b"a,y\n1,1\n3,0\n").unwrap_err();
        assert!(matches!(error, DatasetError::Checksum { .. }), "{error}");
    }

    #[test]
    fn a_file_is_found_beside_its_schema_plain_or_packed() {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(directory.path().join(name), bytes).unwrap();
        write("t.toml", format!("{HEAD}target={{column='y', positive=1}}").as_bytes());
        let load = || Dataset::load(&directory.path().join("t.toml"));

        assert!(load().unwrap_err().to_string().contains("t.csv: cannot be read"));
        write("t.csv", b"a,y\n1,1\n2,0\n");
        let plain = load().unwrap();
        write("t.csv", &gzip(b"a,y\n1,1\n2,0\n"));
        assert_eq!(plain, load().unwrap());
    }
}
