//! From typed columns to standardised numbers: median imputation, standardisation, one-hot coding.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::coding::Coder;
use crate::column::FeatureColumn;
use crate::csv::MAX_COLUMNS;
use crate::dataset::Dataset;
use crate::error::{DatasetError, shortened};
use crate::features::{Features, Inputs};
use crate::fitting::{Fitted, fit_column, fit_image};
use crate::source::Source;
use crate::table::Table;

/// The statistics by which rows become numbers, fitted on training rows and then the same for everyone.
///
/// - A missing number becomes the median of the known training values; then every number x becomes (x - mean) / standard
///   deviation, both over the imputed training rows (population form, dividing by n), as an imputer followed by a scaler
///   does in scikit-learn.
/// - A categorical column becomes one 0/1 column per category, not scaled. A missing category is a category of its own
///   (`x is missing`, after the others), because in medicine a test not taken says something about the patient; the mode
///   would hide that. It exists if the fitted dataset misses any value in the column. Categories are vocabulary, like
///   column names, not statistics: they come from the whole dataset, so that the width does not depend on the split. A
///   category unknown to the preprocessor becomes zeros throughout, or what a dictionary declares as `other`.
/// - The pixels of an image share mean and standard deviation, channel by channel.
///
/// **Who may know these numbers.** Fitting needs the training rows of all institutions together. The replay pools them, as
/// the experiment it repeats does. Hospitals that must not pool agree on a dictionary and on statistics that no site alone
/// knows ([`Preprocessor::agreed`]), or fit on public ones and distribute the result: it is a plain value that serialises
/// ([`Preprocessor::to_toml`]) and is checked when read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Preprocessor {
    pub(crate) columns: Vec<Fitted>,
}

/// Rows of a categorical column that a preprocessor has no place for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplaced {
    /// The column.
    pub column: String,
    /// Rows of a category that is unknown to it, where it has no other.
    pub unknown: usize,
    /// Rows without a value, where it has no category for that.
    pub missing: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    columns: Vec<Fitted>,
}

impl TryFrom<Unchecked> for Preprocessor {
    type Error = DatasetError;

    fn try_from(Unchecked { columns }: Unchecked) -> Result<Self, DatasetError> {
        Self::verified(columns)
    }
}

impl Preprocessor {
    /// Accepts only columns that can have been fitted.
    pub(crate) fn verified(columns: Vec<Fitted>) -> Result<Self, DatasetError> {
        let refuse = |reason| Err(DatasetError::Preprocessor { reason });
        let mut names = BTreeSet::new();
        for column in &columns {
            let name = shortened(column.name());
            if !names.insert(column.name()) {
                return refuse(format!("column `{name}` occurs twice"));
            }
            let in_range = |number: f64| number.abs() <= f64::from(f32::MAX);
            match column {
                Fitted::Numeric { median, mean, standard_deviation, .. } => {
                    if !in_range(*median) || !in_range(*mean) {
                        return refuse(format!(
                            "median and mean of column `{name}` must be finite numbers"
                        ));
                    }
                    if !(*standard_deviation > 0.0 && in_range(*standard_deviation)) {
                        return refuse(format!(
                            "standard deviation of column `{name}` must be finite and above zero"
                        ));
                    }
                }
                Fitted::Categorical { categories, other, .. } => {
                    let named = || categories.iter().chain(other);
                    if named().collect::<BTreeSet<_>>().len() != named().count() {
                        return refuse(format!("a category of column `{name}` occurs twice"));
                    }
                }
            }
        }
        let preprocessor = Self { columns };
        match preprocessor.width() {
            1..=MAX_COLUMNS => Ok(preprocessor),
            width => refuse(format!(
                "expected 1 to {MAX_COLUMNS} columns after one-hot coding, found {width}"
            )),
        }
    }

    /// Fits all features of `dataset` on `rows`, the training rows.
    ///
    /// # Errors
    /// [`DatasetError::EmptyColumn`] and [`DatasetError::ConstantColumn`] for a column without a value or with only one in
    /// these rows, [`DatasetError::ConstantChannel`] for an image's; [`DatasetError::TooManyColumns`] after one-hot coding; [`DatasetError::NoSuchRow`].
    pub fn fit(dataset: &Dataset, rows: &[usize]) -> Result<Self, DatasetError> {
        for &row in rows {
            dataset.label(row)?;
        }
        let columns = match dataset.schema().image {
            Some(image) => fit_image(&dataset.file, &dataset.columns, image.channels, rows)?,
            None => dataset
                .columns
                .iter()
                .map(|column| fit_column(&dataset.file, column, rows))
                .collect::<Result<_, _>>()?,
        };
        let preprocessor = Self { columns };
        if preprocessor.width() > MAX_COLUMNS {
            let file = dataset.file.clone();
            let columns = preprocessor.width();
            return Err(DatasetError::TooManyColumns { file, columns, limit: MAX_COLUMNS });
        }
        Ok(preprocessor)
    }

    /// Turns `rows` of `dataset` into numbers, in the order given. Columns are found by name; others are ignored.
    ///
    /// # Errors
    /// [`DatasetError::MissingColumn`] or [`DatasetError::WrongKind`] if the dataset is not of the fitted form,
    /// [`DatasetError::OutOfRange`], [`DatasetError::NoSuchRow`].
    pub fn transform(&self, dataset: &Dataset, rows: &[usize]) -> Result<Table, DatasetError> {
        let coders = self.coders(&dataset.file, &dataset.columns)?;
        let width = self.width();
        let mut features = Vec::with_capacity(width * rows.len());
        let mut labels = Vec::with_capacity(rows.len());
        for &row in rows {
            labels.push(dataset.label(row)?);
            for coder in &coders {
                coder.code(row, &dataset.file, &mut features)?;
            }
        }
        Ok(Table { features, labels, rows: rows.len(), width })
    }

    /// The columns that rows have to have, read from a file without a look at its target; other columns are ignored. `id`
    /// names the column in which the rows have their names.
    ///
    /// # Errors
    /// [`DatasetError`] as for a dataset: a fault in the file's structure, a column that is not there, text where a number
    /// belongs.
    pub fn read(&self, source: &Source, id: Option<&str>) -> Result<Features, DatasetError> {
        let names: Vec<&str> = self.columns.iter().map(Fitted::name).collect();
        Features::read(source, &names, id)
    }

    /// Turns all rows into numbers, bit for bit as [`Preprocessor::transform`] does.
    ///
    /// # Errors
    /// As [`Preprocessor::transform`].
    pub fn inputs(&self, rows: &Features) -> Result<Inputs, DatasetError> {
        let coders = self.coders(&rows.file, &rows.columns)?;
        let width = self.width();
        let mut features = Vec::with_capacity(width * rows.rows());
        for row in 0..rows.rows() {
            for coder in &coders {
                coder.code(row, &rows.file, &mut features)?;
            }
        }
        Ok(Inputs { features, rows: rows.rows(), width })
    }

    fn coders<'a>(
        &'a self,
        file: &str,
        columns: &'a [FeatureColumn],
    ) -> Result<Vec<Coder<'a>>, DatasetError> {
        self.columns.iter().map(|fitted| Coder::new(fitted, file, columns)).collect()
    }

    /// Categorical columns of `dataset` with rows that this preprocessor has no place for, and that become zeros throughout.
    ///
    /// # Errors
    /// [`DatasetError::MissingColumn`] or [`DatasetError::WrongKind`] if the dataset is not of the fitted form.
    pub fn unplaced(&self, dataset: &Dataset) -> Result<Vec<Unplaced>, DatasetError> {
        self.unplaced_in(&dataset.file, &dataset.columns)
    }

    /// The same of rows without labels.
    ///
    /// # Errors
    /// As [`Preprocessor::unplaced`].
    pub fn unplaced_rows(&self, rows: &Features) -> Result<Vec<Unplaced>, DatasetError> {
        self.unplaced_in(&rows.file, &rows.columns)
    }

    fn unplaced_in(
        &self,
        file: &str,
        columns: &[FeatureColumn],
    ) -> Result<Vec<Unplaced>, DatasetError> {
        let coders = self.coders(file, columns)?;
        let counted = self.columns.iter().zip(coders).map(|(fitted, coder)| {
            let (unknown, missing) = coder.unplaced();
            Unplaced { column: fitted.name().to_owned(), unknown, missing }
        });
        Ok(counted.filter(|column| column.unknown + column.missing > 0).collect())
    }

    /// Names of the categorical columns.
    pub fn categorical(&self) -> impl Iterator<Item = &str> {
        let is_categorical = |fitted: &&Fitted| matches!(fitted, Fitted::Categorical { .. });
        self.columns.iter().filter(is_categorical).map(Fitted::name)
    }

    /// Number of columns of a table.
    pub fn width(&self) -> usize {
        self.columns.iter().map(Fitted::width).sum()
    }

    /// Names of the columns of a table: `age`, or `sex = f`, or `sex is missing`.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(Fitted::feature_names).collect()
    }

    /// As TOML, for distribution to the institutions.
    ///
    /// # Errors
    /// [`DatasetError::Preprocessor`] if it cannot be written.
    pub fn to_toml(&self) -> Result<String, DatasetError> {
        toml::to_string(self)
            .map_err(|error| DatasetError::Preprocessor { reason: error.to_string() })
    }

    /// Reads back [`Preprocessor::to_toml`].
    ///
    /// # Errors
    /// [`DatasetError::Preprocessor`] if it is not TOML of this form, or its numbers cannot have been fitted.
    pub fn from_toml(text: &str) -> Result<Self, DatasetError> {
        let refuse = |reason: String| DatasetError::Preprocessor { reason };
        let unchecked: Unchecked =
            toml::from_str(text).map_err(|error| refuse(error.message().replace('\n', " ")))?;
        unchecked.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::sha256_hex;
    use crate::dataset::tests::dataset;

    fn all(dataset: &Dataset) -> Vec<usize> {
        (0..dataset.rows()).collect()
    }

    fn message(rest: &str, csv: &str) -> String {
        let data = dataset(rest, csv).unwrap();
        Preprocessor::fit(&data, &all(&data)).unwrap_err().to_string()
    }

    #[test]
    fn statistics_are_those_computed_by_hand_from_the_training_rows_only() {
        // Known training values 1, 2, 7: median 2. The last row is a test row and counts nowhere.
        let data = dataset("", "a,y\n1,1\n2,0\n,0\n7,1\n1000,0\n").unwrap();
        let fitted = Preprocessor::fit(&data, &[0, 1, 2, 3]).unwrap();
        // Imputed 1, 2, 2, 7: mean 3, variance (4 + 1 + 1 + 16) / 4 = 5.5.
        let standard_deviation = 5.5_f64.sqrt();
        let column =
            Fitted::Numeric { name: "a".into(), median: 2.0, mean: 3.0, standard_deviation };
        assert_eq!(fitted.columns, [column]);
        let table = fitted.transform(&data, &[4, 2, 0]).unwrap();
        let expected = [997.0, -1.0, -2.0].map(|distance| (distance / standard_deviation) as f32);
        assert_eq!(
            table,
            Table { features: expected.to_vec(), labels: vec![0.0, 0.0, 1.0], rows: 3, width: 1 }
        );
    }

    #[test]
    fn tables_under_seed_42_never_change() {
        let digest = |name| {
            let data = Dataset::bundled(name).unwrap();
            let split = data.split(0.2, 42).unwrap();
            let fitted = Preprocessor::fit(&data, &split.train).unwrap();
            let tables =
                [&split.train, &split.test].map(|rows| fitted.transform(&data, rows).unwrap());
            let numbers =
                tables.iter().flat_map(|table| table.features.iter().chain(&table.labels));
            let bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
            sha256_hex(&bytes)[..16].to_owned()
        };
        assert_eq!([digest("pima"), digest("wdbc")], ["72166e7d97070766", "84f7b2e302870da7"]);
        assert_eq!(digest("digits"), "8e860b52c32780d6");
    }

    #[test]
    fn training_columns_have_mean_zero_and_deviation_one() {
        for name in ["pima", "wdbc"] {
            let data = Dataset::bundled(name).unwrap();
            let split = data.split(0.2, 42).unwrap();
            let table = Preprocessor::fit(&data, &split.train)
                .unwrap()
                .transform(&data, &split.train)
                .unwrap();
            for column in 0..table.width {
                let values = || table.iter().map(|(row, _)| f64::from(row[column]));
                let mean = values().sum::<f64>() / table.rows as f64;
                let variance = values().map(|value| value * value).sum::<f64>() / table.rows as f64;
                assert!(
                    mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5,
                    "{name} {column}: {mean} {variance}"
                );
            }
        }
    }

    #[test]
    fn pixels_share_the_scale_of_their_channel_and_a_blank_one_is_no_fault() {
        // Four pixels of two channels. Channel 0: 0, 2, 0 and 2, the missing ones imputed, so mean 1 and deviation 1;
        // channel 1: 10, 30, 10, 30 and 20, 40, 20, 40, so mean 25 and variance 125.
        let image = "features=['p','q','r','s','t','u','v','w']\nimage={side=2, channels=2}";
        let csv = "p,q,r,s,t,u,v,w,y\n0,10,2,30,0,10,2,30,1\n0,20,,40,0,20,,40,0\n";
        let data = dataset(image, csv).unwrap();
        let fitted = Preprocessor::fit(&data, &all(&data)).unwrap();
        let table = fitted.transform(&data, &all(&data)).unwrap();
        let deviation = 125.0_f64.sqrt();
        let scaled = |value: f64| ((value - 25.0) / deviation) as f32;
        let pixels = |first: f64| [-1.0, scaled(first), 1.0, scaled(first + 20.0)].repeat(2);
        assert_eq!(table.features, [pixels(10.0), pixels(20.0)].concat());
        assert_eq!(Preprocessor::from_toml(&fitted.to_toml().unwrap()).unwrap(), fitted);
    }

    #[test]
    fn an_image_without_any_contrast_or_a_pixel_without_a_value_is_refused() {
        let image = "image={side=2, channels=1}";
        assert!(
            message(image, "a,b,c,d,y\n3,3,3,3,1\n3,3,,3,0\n,,3,,1\n")
                .contains("every pixel of channel 0 has a single value in the 3 rows")
        );
        assert!(message(image, "a,b,c,d,y\n1,2,,4,1\n5,6,,8,0\n").contains("`c` has no value"));
    }

    #[test]
    fn categories_become_indicators_and_missing_one_of_its_own() {
        let data = dataset("categorical=['c']", "c,a,y\nv,1,1\n,2,0\nu,3,0\nu,4,1\n").unwrap();
        // Row 0, the only v, is a test row: the width does not depend on that.
        let fitted = Preprocessor::fit(&data, &[1, 2, 3]).unwrap();
        assert_eq!(fitted.feature_names(), ["c = u", "c = v", "c is missing", "a"]);
        assert_eq!(fitted.width(), 4);
        let table = fitted.transform(&data, &all(&data)).unwrap();
        let indicators: Vec<&[f32]> = table.iter().map(|(row, _)| &row[..3]).collect();
        assert_eq!(indicators, [[0., 1., 0.], [0., 0., 1.], [1., 0., 0.], [1., 0., 0.]]);
    }

    #[test]
    fn another_institutions_file_is_coded_by_name_and_unknown_categories_as_zeros() {
        let ours = dataset("categorical=['c']", "c,a,y\nu,1,1\nv,3,0\n").unwrap();
        let fitted = Preprocessor::fit(&ours, &all(&ours)).unwrap();
        let theirs = dataset("categorical=['c']", "y,more,a,c\n1,0,3,w\n1,0,1,\n1,0,,v\n").unwrap();
        let table = fitted.transform(&theirs, &all(&theirs)).unwrap();
        assert_eq!(table.features, [0., 0., 1., 0., 0., -1., 0., 1., 0.]);

        let missing =
            fitted.transform(&dataset("", "a,y\n1,1\n").unwrap(), &[0]).unwrap_err().to_string();
        assert_eq!(
            missing,
            "t.csv: no column `c`, named as a feature by the preprocessor: the header has `a`"
        );
        let wrong = fitted
            .transform(&dataset("", "c,a,y\n1,1,1\n").unwrap(), &[0])
            .unwrap_err()
            .to_string();
        assert!(wrong.starts_with("t.csv: column `c` is not categorical here"), "{wrong}");
    }

    #[test]
    fn columns_that_teach_nothing_are_refused_by_name() {
        assert!(
            message("", "a,b,y\n1,,1\n2,,0\n")
                .starts_with("t.csv: column `b` has no value in any of the 2 rows")
        );
        assert!(
            message("zero_is_missing=['a']", "a,y\n0,1\n0,0\n").contains("column `a` has no value")
        );
        assert!(
            message("", "a,y\n0.1,1\n0.1,0\n,0\n")
                .contains("column `a` has a single value in the 3 rows")
        );
        assert!(message("", "a,y\n1e-200,1\n2e-200,0\n").contains("column `a` has a single value"));
        assert!(
            message("categorical=['a']", "a,y\nu,1\nu,0\n")
                .contains("column `a` has a single value")
        );
        assert!(message("categorical=['a']", "a,y\n,1\n,0\n").contains("column `a` has no value"));
        let data = dataset("", "a,y\n1,1\n2,0\n").unwrap();
        assert!(matches!(Preprocessor::fit(&data, &[]), Err(DatasetError::EmptyColumn { .. })));
        assert!(matches!(
            Preprocessor::fit(&data, &[2]),
            Err(DatasetError::NoSuchRow { index: 2, .. })
        ));
    }

    #[test]
    fn an_identifier_declared_categorical_is_too_wide() {
        let rows: String = (0..=MAX_COLUMNS).map(|row| format!("p{row},{}\n", row % 2)).collect();
        assert!(
            message("categorical=['id']", &format!("id,y\n{rows}"))
                .starts_with("t.csv: 4097 columns, at most 4096")
        );
    }

    #[test]
    fn a_value_beyond_every_scale_is_named() {
        let data = dataset("", "a,y\n1e-30,1\n2e-30,0\n3e38,1\n").unwrap();
        let fitted = Preprocessor::fit(&data, &[0, 1]).unwrap();
        let message = fitted.transform(&data, &all(&data)).unwrap_err().to_string();
        assert!(message.starts_with("t.csv: row 4, column `a`"), "{message}");
    }

    #[test]
    fn a_preprocessor_survives_toml_to_the_bit() {
        let data = Dataset::bundled("pima").unwrap();
        let fitted = Preprocessor::fit(&data, &data.split(0.2, 1).unwrap().train).unwrap();
        assert_eq!(Preprocessor::from_toml(&fitted.to_toml().unwrap()).unwrap(), fitted);
        let data = dataset("categorical=['c']", "c,a,y\nv,1,1\n,2,0\nu,3,0\n").unwrap();
        let fitted = Preprocessor::fit(&data, &all(&data)).unwrap();
        assert_eq!(Preprocessor::from_toml(&fitted.to_toml().unwrap()).unwrap(), fitted);
    }

    #[test]
    fn a_preprocessor_nobody_can_have_fitted_is_refused() {
        let numeric = |median: &str, mean: &str, deviation: &str| {
            format!(
                "[[columns]]\nkind='numeric'\nname='a'\nmedian={median}\nmean={mean}\nstandard_deviation={deviation}\n"
            )
        };
        let good = numeric("1.0", "1.0", "1.0");
        assert!(Preprocessor::from_toml(&good).is_ok());
        let categorical = "[[columns]]\nkind='categorical'\nname='c'\ncategories=['u','u']\nmissing_is_category=false\n";
        for (text, part) in [
            (numeric("nan", "1.0", "1.0"), "median and mean"),
            (numeric("1.0", "inf", "1.0"), "median and mean"),
            (numeric("1.0", "1.0", "0.0"), "above zero"),
            (numeric("1.0", "1.0", "-1.0"), "above zero"),
            (numeric("1.0", "1.0", "nan"), "above zero"),
            (format!("{good}{good}"), "occurs twice"),
            (categorical.into(), "occurs twice"),
            ("columns=[]".into(), "expected 1 to 4096"),
            ("x=1".into(), "unknown field"),
            ("[[".into(), "preprocessor: "),
        ] {
            let message = Preprocessor::from_toml(&text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
