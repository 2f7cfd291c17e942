//! What a model predicts, by the names of its values.

use consilium_datasets::{
    Dataset,
    dictionary::{Dictionary, TargetKind, TargetRange},
};
use consilium_proto::training::Head;
use serde::{Deserialize, Serialize};

/// A target of two classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassNames {
    /// The column that was learned.
    pub column: String,
    /// Values that count as positive, at least one.
    pub positive: Vec<String>,
    /// Values that count as negative; none where the rows had no negative one.
    pub negative: Vec<String>,
}

impl ClassNames {
    /// One word for the class of a row: its values, or that it is none of the positive ones.
    #[must_use]
    pub fn name(&self, positive: bool) -> String {
        match (positive, self.negative.is_empty()) {
            (true, _) => self.positive.join("|"),
            (false, false) => self.negative.join("|"),
            (false, true) => format!("not {}", self.positive.join("|")),
        }
    }
}

/// A target of several classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeveralClasses {
    /// The column that was learned.
    pub column: String,
    /// Its classes, in the order of the model's outputs.
    pub classes: Vec<String>,
}

/// A target that is a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberTarget {
    /// The column that was learned.
    pub column: String,
    /// Its unit and plausible range, of which the model says a fraction.
    pub range: TargetRange,
}

impl NumberTarget {
    /// The column with its unit, where it has one.
    #[must_use]
    pub fn name(&self) -> String {
        match self.range.unit.as_str() {
            "" => self.column.clone(),
            unit => format!("{} ({unit})", self.column),
        }
    }
}

/// What was learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LearnedTarget {
    /// One of two classes.
    Binary(ClassNames),
    /// One of several classes.
    Several(SeveralClasses),
    /// A number.
    Number(NumberTarget),
}

impl LearnedTarget {
    /// The target of a dictionary.
    pub(super) fn of(dictionary: &Dictionary) -> Self {
        let target = dictionary.target();
        let column = target.column.clone();
        match target.kind.clone() {
            TargetKind::Binary { positive, negative } => {
                Self::Binary(ClassNames { column, positive, negative })
            }
            TargetKind::Several(classes) => Self::Several(SeveralClasses { column, classes }),
            TargetKind::Number(range) => Self::Number(NumberTarget { column, range }),
        }
    }

    /// The target of rows that were read by their schema alone, which has two classes.
    pub(super) fn of_schema(dataset: &Dataset) -> Self {
        let target = &dataset.schema().target;
        Self::Binary(ClassNames {
            column: target.column.clone(),
            positive: target.positive.clone(),
            negative: dataset.negative_values().to_vec(),
        })
    }

    /// The column that was learned.
    #[must_use]
    pub fn column(&self) -> &str {
        match self {
            Self::Binary(ClassNames { column, .. })
            | Self::Several(SeveralClasses { column, .. })
            | Self::Number(NumberTarget { column, .. }) => column,
        }
    }

    /// What a network of this target predicts.
    #[must_use]
    pub fn head(&self) -> Head {
        match self {
            Self::Binary(_) => Head::Binary,
            Self::Several(SeveralClasses { classes, .. }) => {
                Head::Classes(u32::try_from(classes.len()).unwrap_or(u32::MAX))
            }
            Self::Number(_) => Head::Regression,
        }
    }

    /// Whether it names what it should.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Binary(names) if names.positive.is_empty() => Err("no positive value".to_owned()),
            Self::Several(several) if several.classes.len() < 2 => {
                Err("fewer than two classes".to_owned())
            }
            Self::Number(NumberTarget { range, .. })
                if !(range.minimum.is_finite()
                    && range.maximum.is_finite()
                    && range.minimum < range.maximum) =>
            {
                Err("its range is none".to_owned())
            }
            Self::Binary(_) | Self::Several(_) | Self::Number(_) => Ok(()),
        }
    }
}
