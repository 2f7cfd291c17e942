//! A dictionary as somebody has written it, and what makes it one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::definition::{Column, Dictionary, Kind, Target, TargetKind, TargetRange};
use super::error::DictionaryError;
use crate::csv::MAX_COLUMNS;
use crate::error::shortened;
use crate::schema::label_spelling;

/// The form that this program reads and writes.
const FORMAT: i64 = 1;
/// Most text of a dictionary: 4,096 columns of 256-byte names, with room for categories.
pub const MAX_DICTIONARY_BYTES: u64 = 4 << 20;
/// Longest name, unit, category, label or code.
const MAX_NAME_BYTES: usize = 256;
/// Most values of a target.
const MAX_CLASSES: usize = 256;
/// Most missing codes of a column, and of the dictionary.
const MAX_MISSING: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidate {
    format: i64,
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    target: CandidateTarget,
    columns: Vec<CandidateColumn>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateTarget {
    column: String,
    positive: Option<Vec<String>>,
    negative: Option<Vec<String>>,
    classes: Option<Vec<String>>,
    unit: Option<String>,
    minimum: Option<f64>,
    maximum: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CandidateKind {
    Number,
    Category,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateColumn {
    name: String,
    kind: CandidateKind,
    unit: Option<String>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    categories: Option<Vec<String>>,
    other: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
}

impl Dictionary {
    /// Reads a dictionary from TOML.
    ///
    /// # Errors
    /// [`DictionaryError`] if it is too large, not TOML of this form, of another format, or contradicts itself: a name twice, a
    /// range that is none, a category that is also a missing code, a target without negative values.
    pub fn parse(text: &str) -> Result<Self, DictionaryError> {
        if text.len() as u64 > MAX_DICTIONARY_BYTES {
            return Err(DictionaryError::TooLarge { limit_bytes: MAX_DICTIONARY_BYTES });
        }
        let toml = |error: toml::de::Error| {
            let before = error.span().map(|span| text.bytes().take(span.start));
            let line = before.map(|bytes| bytes.filter(|&byte| byte == b'\n').count() + 1);
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            let reason = format!("{place}{}", error.message().replace('\n', " "));
            DictionaryError::Toml { reason }
        };
        // The format first: what another one adds would be an unknown field.
        let table: toml::Table = toml::from_str(text).map_err(toml)?;
        if let Some(found) = table.get("format").and_then(toml::Value::as_integer)
            && found != FORMAT
        {
            return Err(DictionaryError::OtherFormat { found, expected: FORMAT });
        }
        let candidate: Candidate = toml::from_str(text).map_err(toml)?;
        candidate.verify()
    }

    /// Reads the dictionary at `path`.
    ///
    /// # Errors
    /// As [`Dictionary::parse`], and [`DictionaryError::Unreadable`].
    pub fn load(path: &Path) -> Result<Self, DictionaryError> {
        let mut text = String::new();
        let read = File::open(path)
            .and_then(|file| file.take(MAX_DICTIONARY_BYTES + 1).read_to_string(&mut text))
            .map_err(|source| DictionaryError::Unreadable {
                file: path.display().to_string(),
                source,
            });
        read.and_then(|_| Self::parse(&text))
    }

    /// As TOML that [`Dictionary::parse`] reads back to the same dictionary.
    ///
    /// # Errors
    /// [`DictionaryError::Toml`] if it cannot be written.
    pub fn to_toml(&self) -> Result<String, DictionaryError> {
        toml::to_string(&Candidate::of(self))
            .map_err(|error| DictionaryError::Toml { reason: error.to_string() })
    }
}

impl Candidate {
    fn verify(self) -> Result<Dictionary, DictionaryError> {
        let whole = |reason: String| DictionaryError::Whole { reason };
        is_name(&self.name).map_err(|reason| whole(format!("name {reason}")))?;
        missing_codes(&self.missing).map_err(whole)?;
        if self.columns.is_empty() || self.columns.len() > MAX_COLUMNS {
            let found = self.columns.len();
            return Err(whole(format!("{found} columns: give 1 to {MAX_COLUMNS}")));
        }
        let target = self.target.verify(&self.missing)?;
        let mut names = BTreeSet::from([target.column.clone()]);
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut width: usize = 0;
        for column in self.columns {
            let shown = shortened(&column.name);
            let refuse = |reason: String| DictionaryError::Column { column: shown.clone(), reason };
            if !names.insert(column.name.clone()) {
                return Err(refuse("the name occurs twice, the target's included".to_owned()));
            }
            let column = column.verify(&self.missing).map_err(refuse)?;
            width += column.kind.width();
            columns.push(column);
        }
        if width > MAX_COLUMNS {
            return Err(whole(format!(
                "{width} inputs after one-hot coding, at most {MAX_COLUMNS} are accepted: drop columns, or put rare \
                 categories together under `other`"
            )));
        }
        Ok(Dictionary { name: self.name, missing: self.missing, target, columns })
    }

    fn of(dictionary: &Dictionary) -> Self {
        let column = dictionary.target.column.clone();
        let mut target = CandidateTarget { column, ..CandidateTarget::default() };
        match dictionary.target.kind.clone() {
            TargetKind::Binary { positive, negative } => {
                target.positive = Some(positive);
                target.negative = Some(negative);
            }
            TargetKind::Several(classes) => target.classes = Some(classes),
            TargetKind::Number(TargetRange { unit, minimum, maximum }) => {
                target.unit = Some(unit);
                target.minimum = Some(minimum);
                target.maximum = Some(maximum);
            }
        }
        Self {
            format: FORMAT,
            name: dictionary.name.clone(),
            missing: dictionary.missing.clone(),
            target,
            columns: dictionary.columns.iter().cloned().map(CandidateColumn::from).collect(),
        }
    }
}

impl CandidateTarget {
    fn verify(self, missing: &[String]) -> Result<Target, DictionaryError> {
        let refuse = |reason: String| DictionaryError::Target { reason };
        is_name(&self.column).map_err(|reason| refuse(format!("column {reason}")))?;
        let spelt = |values: Vec<String>| -> Vec<String> {
            values.iter().map(|value| label_spelling(value)).collect()
        };
        let is_number = self.unit.is_some() || self.minimum.is_some() || self.maximum.is_some();
        let kind = match (self.positive, self.negative, self.classes) {
            (Some(positive), Some(negative), None)
                if !is_number && !positive.is_empty() && !negative.is_empty() =>
            {
                TargetKind::Binary { positive: spelt(positive), negative: spelt(negative) }
            }
            (None, None, Some(classes)) if !is_number && classes.len() >= 2 => {
                TargetKind::Several(spelt(classes))
            }
            (None, None, None) if is_number => {
                let (unit, minimum, maximum) =
                    range(self.unit, self.minimum, self.maximum).map_err(refuse)?;
                TargetKind::Number(TargetRange { unit, minimum, maximum })
            }
            _ => {
                let reason = "give positive and negative, each of at least one value; or classes, of at least two; or, of a \
                              number, its unit, minimum and maximum";
                return Err(refuse(reason.to_owned()));
            }
        };
        if kind.values().count() > MAX_CLASSES {
            return Err(refuse(format!("at most {MAX_CLASSES} values are accepted")));
        }
        distinct_names(kind.values(), "value").map_err(refuse)?;
        // A code of the whole dictionary would silently unlabel the rows of a class.
        let codes: BTreeSet<String> = missing.iter().map(|code| label_spelling(code)).collect();
        if let Some(both) = kind.values().find(|&value| codes.contains(value)) {
            return Err(refuse(format!("`{}` is also a missing code", shortened(both))));
        }
        Ok(Target { column: self.column, kind })
    }
}

impl CandidateColumn {
    fn verify(self, missing_anywhere: &[String]) -> Result<Column, String> {
        is_name(&self.name).map_err(|reason| format!("its name {reason}"))?;
        missing_codes(&self.missing)?;
        let kind = match self.kind {
            CandidateKind::Number => {
                if self.categories.is_some() || self.other.is_some() {
                    return Err("a number has no categories and no other".to_owned());
                }
                let (unit, minimum, maximum) = range(self.unit, self.minimum, self.maximum)?;
                Kind::Number { unit, minimum, maximum }
            }
            CandidateKind::Category => {
                if self.unit.is_some() || self.minimum.is_some() || self.maximum.is_some() {
                    return Err("a category has no unit and no range".to_owned());
                }
                let categories = self.categories.unwrap_or_default();
                if categories.is_empty() || categories.len() > MAX_COLUMNS {
                    let found = categories.len();
                    return Err(format!("{found} categories: give 1 to {MAX_COLUMNS}"));
                }
                let named = categories.iter().chain(&self.other).map(String::as_str);
                distinct_names(named, "category")?;
                let codes: BTreeSet<&String> =
                    self.missing.iter().chain(missing_anywhere).collect();
                if let Some(both) = categories.iter().find(|category| codes.contains(category)) {
                    return Err(format!("`{}` is a category and a missing code", shortened(both)));
                }
                Kind::Category { categories, other: self.other }
            }
        };
        Ok(Column { name: self.name, missing: self.missing, kind })
    }
}

impl From<Column> for CandidateColumn {
    fn from(Column { name, missing, kind }: Column) -> Self {
        let nothing = Self {
            name,
            missing,
            kind: CandidateKind::Number,
            unit: None,
            minimum: None,
            maximum: None,
            categories: None,
            other: None,
        };
        match kind {
            Kind::Number { unit, minimum, maximum } => {
                let (minimum, maximum) = (Some(minimum), Some(maximum));
                Self { unit: Some(unit), minimum, maximum, ..nothing }
            }
            Kind::Category { categories, other } => {
                let kind = CandidateKind::Category;
                Self { kind, categories: Some(categories), other, ..nothing }
            }
        }
    }
}

/// What is to be known of a number.
fn range(
    unit: Option<String>,
    minimum: Option<f64>,
    maximum: Option<f64>,
) -> Result<(String, f64, f64), String> {
    let (Some(unit), Some(minimum), Some(maximum)) = (unit, minimum, maximum) else {
        let reason = "give its unit (\"\" if it has none), minimum and maximum";
        return Err(reason.to_owned());
    };
    if !unit.is_empty() {
        is_name(&unit).map_err(|reason| format!("its unit {reason}"))?;
    }
    let in_range = |number: f64| number.abs() <= f64::from(f32::MAX);
    if !(in_range(minimum) && in_range(maximum) && minimum < maximum) {
        return Err("minimum must be below maximum, both finite".to_owned());
    }
    // Adding zero turns -0 into 0: one meaning, one hash.
    Ok((unit, minimum + 0.0, maximum + 0.0))
}

fn missing_codes(codes: &[String]) -> Result<(), String> {
    if codes.len() > MAX_MISSING {
        return Err(format!("{} missing codes, at most {MAX_MISSING} are accepted", codes.len()));
    }
    distinct_names(codes.iter().map(String::as_str), "missing code")
}

fn distinct_names<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        is_name(name).map_err(|reason| format!("a {what} {reason}"))?;
        if !seen.insert(name) {
            return Err(format!("{what} `{}` occurs twice", shortened(name)));
        }
    }
    Ok(())
}

/// Fields of a file are compared trimmed, so that a name with a space at its end would never be found.
fn is_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("is empty".to_owned());
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("has {} bytes, at most {MAX_NAME_BYTES} are accepted", name.len()));
    }
    if name.trim() != name || name.chars().any(char::is_control) {
        return Err("has spaces around it, or control characters".to_owned());
    }
    Ok(())
}
