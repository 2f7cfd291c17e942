//! A dictionary that holds together.

use serde::{Deserialize, Serialize};

use crate::scorecard::Form;

/// What every site's file holds. It is made by [`Dictionary::parse`](Self::parse) only, so that names are distinct, ranges are
/// ranges, and nothing is larger than its limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Dictionary {
    pub(super) name: String,
    pub(super) missing: Vec<String>,
    pub(super) target: Target,
    pub(super) columns: Vec<Column>,
}

/// The column to predict.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its name.
    pub column: String,
    /// What its values are; every other is refused.
    pub kind: TargetKind,
}

/// The values of a target. Those of classes are numbers in their shortest form, `true` and `false` for every spelling of them, or
/// text.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetKind {
    /// Two classes, each of at least one value.
    Binary {
        /// Values that count as positive.
        positive: Vec<String>,
        /// Values that count as negative.
        negative: Vec<String>,
    },
    /// At least two classes, one value each.
    Several(Vec<String>),
    /// A number.
    Number(TargetRange),
}

/// A target that is a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRange {
    /// Its unit; empty where it has none.
    pub unit: String,
    /// The least plausible value.
    pub minimum: f64,
    /// The greatest plausible value, above `minimum`.
    pub maximum: f64,
}

impl TargetRange {
    /// Where in the range a value lies: what a model learns.
    pub fn fraction(&self, value: f64) -> f64 {
        (value - self.minimum) / (self.maximum - self.minimum)
    }

    /// The value that a model predicts, in its unit: within the range, whatever the model says.
    pub fn value(&self, fraction: f64) -> f64 {
        self.minimum + fraction.clamp(0.0, 1.0) * (self.maximum - self.minimum)
    }
}

impl TargetKind {
    /// What a model under this dictionary predicts.
    pub fn form(&self) -> Form {
        match self {
            Self::Binary { .. } => Form::Binary,
            Self::Several(classes) => Form::Classes(classes.len()),
            Self::Number(_) => Form::Number,
        }
    }

    /// All values of classes, positive ones first; none where the target is a number.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let (first, second): (&[String], &[String]) = match self {
            Self::Binary { positive, negative } => (positive, negative),
            Self::Several(classes) => (classes, &[]),
            Self::Number(_) => (&[], &[]),
        };
        first.iter().chain(second).map(String::as_str)
    }
}

/// A feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, distinct from all others.
    pub name: String,
    /// Texts that mean missing in it, besides the empty field and those of the whole dictionary.
    pub missing: Vec<String>,
    /// What its values are.
    pub kind: Kind,
}

/// What the values of a feature are.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Numbers.
    Number {
        /// Their unit; empty where they have none.
        unit: String,
        /// The least plausible value.
        minimum: f64,
        /// The greatest plausible value, above `minimum`.
        maximum: f64,
    },
    /// Texts of a known set, each spelling its own.
    Category {
        /// The known ones, at least one.
        categories: Vec<String>,
        /// What every unknown one becomes; `None` where they are refused.
        other: Option<String>,
    },
}

impl Kind {
    /// Inputs of the model: one for a number; for a category one each, one for `other` where it is declared, and always one for
    /// missing, so that the number follows from the dictionary alone and not from what a site's rows happen to hold.
    pub fn width(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::Category { categories, other } => {
                categories.len() + usize::from(other.is_some()) + 1
            }
        }
    }
}

impl Dictionary {
    /// Inputs of the model, at least 1.
    pub fn width(&self) -> usize {
        self.columns.iter().map(|column| column.kind.width()).sum()
    }

    /// Its short name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Texts that mean missing in every column, besides the empty field.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The column to predict.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The features, in the order of the model's inputs.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}
