//! What a table means: which column is the target, which are features, what counts as missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::csv::{self, MAX_COLUMNS};
use crate::encoding::utf8;
use crate::error::DatasetError;
use crate::format::Format;

/// The description of one CSV file, written in TOML beside it.
///
/// ```toml
/// name = "clinic"
/// description = "..."                 # optional, as citation and licence
/// citation = "..."
/// licence = "..."
/// file = "clinic.csv.gz"              # relative to the schema; plain or gzip
/// sha256 = "..."                      # of the file as stored; optional
/// features = ["age", "glucose"]       # optional: all columns but the target and the dropped
/// zero_is_missing = ["glucose"]       # numeric columns in which zero means "not measured"
/// missing_values = ["?", "NA"]        # besides the empty field
/// categorical = ["site"]              # one indicator column per category, each spelling its own: "01" is not "1"
/// number_codes = ["site"]             # categorical columns in which 1, 1.0 and 01 are the same category
/// drop = ["patient_id"]
///
/// [target]
/// column = "outcome"
/// positive = 1                        # a value or a list; optional under a data dictionary, which has the classes
/// negative = 0                        # optional where there is one other value; what is in neither list is refused
///
/// [format]                            # optional: how the file is written
/// separator = ";"                     # "," if absent; "tab" or "|"
/// decimal = ","                       # "." if absent
/// encoding = "windows-1252"           # "utf-8" if absent; "latin-1" or "utf-16"
///
/// [image]                             # optional: the features are the pixels of one image a row
/// side = 8
/// channels = 1
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Short name.
    pub name: String,
    /// What the rows and the target are.
    #[serde(default)]
    pub description: String,
    /// How to cite the data.
    #[serde(default)]
    pub citation: String,
    /// Under which terms the data may be used.
    #[serde(default)]
    pub licence: String,
    /// The CSV file, relative to the schema.
    pub file: PathBuf,
    /// SHA-256 of the file as stored, hexadecimal, if it is to be checked.
    pub sha256: Option<String>,
    /// The column to predict.
    pub target: Target,
    /// The columns to learn from, in this order; all others in the file's order if absent.
    pub features: Option<Vec<String>>,
    /// Numeric features in which zero means missing.
    #[serde(default)]
    pub zero_is_missing: Vec<String>,
    /// Texts that mean missing, besides the empty field.
    #[serde(default)]
    pub missing_values: Vec<String>,
    /// Features to be one-hot coded. Categories are text, each spelling its own: codes such as "01882" are no numbers.
    #[serde(default)]
    pub categorical: Vec<String>,
    /// Categorical features in which numbers are the same category however they are written.
    #[serde(default)]
    pub number_codes: Vec<String>,
    /// Columns to ignore, such as identifiers.
    #[serde(default)]
    pub drop: Vec<String>,
    /// How the file is written.
    #[serde(default)]
    pub format: Format,
    /// The image that a row is, if it is one.
    pub image: Option<Image>,
}

/// A square image in every row: its features, in order, are the pixels row by row, each pixel its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Pixels in a row and in a column.
    pub side: usize,
    /// Values of a pixel: 1 where it is grey, 3 in colour.
    pub channels: usize,
}

impl Image {
    /// Values of an image; `None` if it has none, or more than a table has columns.
    pub(crate) fn values(self) -> Option<usize> {
        let values = self.side.checked_mul(self.side)?.checked_mul(self.channels)?;
        (1..=MAX_COLUMNS).contains(&values).then_some(values)
    }
}

/// The column to predict and, of two classes, what counts as positive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name.
    pub column: String,
    /// The positive values, numbers in their shortest form, `true` for every spelling of it.
    /// Empty where a data dictionary says what the target's values are.
    #[serde(default, deserialize_with = "positive_values")]
    pub positive: Vec<String>,
    /// The negative values; every value in neither list is refused. If absent, one other value is negative, and more are
    /// refused.
    #[serde(default, deserialize_with = "some_label_values")]
    pub negative: Option<Vec<String>>,
}

impl Schema {
    /// Reads a schema from TOML; `file` names it in errors.
    ///
    /// # Errors
    /// [`DatasetError::Schema`] if it is not TOML, lacks or misspells a field, or contradicts itself.
    pub fn parse(text: &str, file: &str) -> Result<Self, DatasetError> {
        let refuse = |reason: String| DatasetError::Schema { file: file.to_owned(), reason };
        let schema: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                text.bytes().take(span.start).filter(|&byte| byte == b'\n').count() + 1
            });
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            refuse(format!("{place}{}", error.message().replace('\n', " ")))
        })?;
        schema.check().map_err(refuse)?;
        Ok(schema)
    }

    /// Reads the schema file at `path`.
    ///
    /// # Errors
    /// As [`Schema::parse`], and [`DatasetError::Unreadable`] if there is no such file.
    pub fn load(path: &Path) -> Result<Self, DatasetError> {
        let file = path.display().to_string();
        let bytes = csv::read(path)?;
        Self::parse(utf8(&bytes, &file)?, &file)
    }

    /// Refuses what can be seen to be contradictory without the data.
    fn check(&self) -> Result<(), String> {
        if let Some(digest) = &self.sha256
            && (digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Err(format!("sha256 must be 64 hexadecimal digits, found `{digest}`"));
        }
        if self.target.positive.is_empty() && self.target.negative.is_some() {
            return Err("target.negative is there without target.positive: give both".into());
        }
        if let Some(negative) = &self.target.negative {
            if negative.is_empty() {
                return Err(
                    "target.negative is empty: leave it out, or give the negative values".into()
                );
            }
            if let Some(both) = negative.iter().find(|value| self.target.positive.contains(value)) {
                return Err(format!("target: `{both}` is both positive and negative"));
            }
        }
        let mut roles = BTreeSet::from([(self.target.column.as_str())]);
        for column in self.features.iter().flatten().chain(&self.drop) {
            if !roles.insert(column) {
                return Err(format!(
                    "column `{column}` may stand only once among target, features and drop"
                ));
            }
        }
        if let Some(Image { side, channels }) = self.image {
            if self.image.and_then(Image::values).is_none() {
                return Err(format!(
                    "image: {side} by {side} pixels of {channels} channels must be 1 to {MAX_COLUMNS} values"
                ));
            }
            if let Some(column) = self.categorical.first() {
                return Err(format!("categorical column `{column}` cannot be a pixel of an image"));
            }
        }
        let is_feature = |column: &String| match &self.features {
            Some(features) => features.contains(column),
            None => *column != self.target.column && !self.drop.contains(column),
        };
        for column in &self.categorical {
            if !is_feature(column) {
                return Err(format!("categorical column `{column}` is not among the features"));
            }
        }
        for column in &self.number_codes {
            if !self.categorical.contains(column) {
                return Err(format!("number_codes column `{column}` is not declared categorical"));
            }
        }
        for column in &self.zero_is_missing {
            if !is_feature(column) || self.categorical.contains(column) {
                return Err(format!(
                    "zero_is_missing column `{column}` is not among the numeric features"
                ));
            }
        }
        Ok(())
    }
}

/// One spelling for each value: a number in its shortest form (`1`, `1.0` and `01` are the same category), other text trimmed.
pub(crate) fn canonical(text: &str) -> String {
    let text = text.trim();
    match text.parse::<f64>() {
        // Adding zero turns -0 into 0.
        Ok(number) if number.is_finite() => (number + 0.0).to_string(),
        _ => text.to_owned(),
    }
}

/// One spelling for each label: as [`canonical`], and `true` and `false` for what Python and spreadsheets write.
pub(crate) fn label_spelling(text: &str) -> String {
    let one = canonical(text);
    let boolean = ["true", "false"].into_iter().find(|word| one.eq_ignore_ascii_case(word));
    boolean.map_or(one, str::to_owned)
}

fn positive_values<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let values = label_values(deserializer)?;
    if values.is_empty() {
        let reason = "target.positive is empty: give at least one value that counts as positive";
        return Err(serde::de::Error::custom(reason));
    }
    Ok(values)
}

fn some_label_values<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    label_values(deserializer).map(Some)
}

/// One value or a list of values, each a string, a number or a boolean.
fn label_values<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let expected = || {
        serde::de::Error::custom(
            "target.positive and target.negative must be a string, a number, or a list of them",
        )
    };
    let scalar = |value: &toml::Value| match value {
        toml::Value::String(text) => Ok(label_spelling(text)),
        toml::Value::Integer(number) => Ok(canonical(&number.to_string())),
        toml::Value::Float(number) => Ok(canonical(&number.to_string())),
        toml::Value::Boolean(value) => Ok(value.to_string()),
        _ => Err(expected()),
    };
    match toml::Value::deserialize(deserializer)? {
        toml::Value::Array(values) => values.iter().map(scalar).collect(),
        value => Ok(vec![scalar(&value)?]),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const HEAD: &str =
        "name='t'\ndescription='d'\ncitation='c'\nlicence='l'\nfile='t.csv'\n";

    fn parse(rest: &str) -> Result<Schema, DatasetError> {
        Schema::parse(&format!("{HEAD}{rest}"), "t.toml")
    }

    fn reason(rest: &str) -> String {
        parse(rest).unwrap_err().to_string()
    }

    #[test]
    fn positive_is_a_value_or_a_list_in_one_spelling() {
        for (written, meant) in [
            ("1", vec!["1"]),
            ("1.0", vec!["1"]),
            ("'1.0'", vec!["1"]),
            ("' M '", vec!["M"]),
            ("true", vec!["true"]),
            ("[1, 2.0, 'x']", vec!["1", "2", "x"]),
        ] {
            let schema = parse(&format!("target={{column='y', positive={written}}}")).unwrap();
            assert_eq!(schema.target.positive, meant, "{written}");
        }
    }

    #[test]
    fn name_file_and_target_are_enough() {
        let schema =
            Schema::parse("name='t'\nfile='t.csv'\ntarget={column='y', positive=1}", "t.toml")
                .unwrap();
        assert!(
            schema.description.is_empty()
                && schema.citation.is_empty()
                && schema.licence.is_empty()
        );
        assert!(schema.features.is_none() && schema.categorical.is_empty());
    }

    #[test]
    fn the_schema_in_the_documentation_is_one() {
        let page = include_str!("../../docs/deploying.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (schema, _) = rest.split_once("```").unwrap();
        let schema = Schema::parse(schema, "deploying.md").unwrap();
        assert_eq!((schema.name.as_str(), schema.target.column.as_str()), ("heart", "num"));
    }

    #[test]
    fn errors_of_toml_name_file_line_and_field() {
        assert!(
            reason("targt = 1").starts_with("t.toml: line 6: unknown field `targt`"),
            "{}",
            reason("targt = 1")
        );
        assert!(reason("").contains("missing field `target`"));
        assert!(
            reason("target={column='y', positive=[[1]]}").contains("must be a string, a number")
        );
        assert!(!reason("a = = 1").contains('\n'));
    }

    #[test]
    fn contradictions_are_refused() {
        let target = "target={column='y', positive=1}";
        for (rest, part) in [
            ("sha256='12'", "64 hexadecimal digits"),
            ("features=['a','y']", "`y` may stand only once"),
            ("features=['a','a']", "`a` may stand only once"),
            ("features=['a']\ndrop=['a']", "`a` may stand only once"),
            ("features=['a']\ncategorical=['b']", "`b` is not among the features"),
            ("categorical=['y']", "`y` is not among the features"),
            ("image={side=0, channels=1}", "must be 1 to 4096 values"),
            ("image={side=65, channels=1}", "must be 1 to 4096 values"),
            ("image={side=4294967296, channels=3}", "must be 1 to 4096 values"),
            ("categorical=['a']\nimage={side=2, channels=1}", "`a` cannot be a pixel"),
            ("drop=['a']\nzero_is_missing=['a']", "`a` is not among the numeric features"),
            ("categorical=['a']\nzero_is_missing=['a']", "`a` is not among the numeric features"),
        ] {
            let message = reason(&format!("{rest}\n{target}"));
            assert!(message.contains(part), "{rest}: {message}");
        }
        assert!(reason("target={column='y', positive=[]}").contains("positive is empty"));
    }

    #[test]
    fn a_missing_schema_is_named() {
        let message = Schema::load(Path::new("/nowhere/schema.toml")).unwrap_err().to_string();
        assert!(message.starts_with("/nowhere/schema.toml: cannot be read"), "{message}");
    }

    #[test]
    fn numbers_have_one_spelling() {
        for (text, one) in [
            ("1.0", "1"),
            (" 01", "1"),
            ("-0.0", "0"),
            ("1e2", "100"),
            ("NaN", "NaN"),
            (" a b ", "a b"),
        ] {
            assert_eq!(canonical(text), one);
        }
    }
}
