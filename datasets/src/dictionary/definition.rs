//! A dictionary that holds together.

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub column: String,
    /// Its values; every other is refused.
    pub classes: Classes,
}

/// The values of a target: numbers in their shortest form, `true` and `false` for every spelling of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classes {
    /// Two classes, each of at least one value.
    Binary {
        /// Values that count as positive.
        positive: Vec<String>,
        /// Values that count as negative.
        negative: Vec<String>,
    },
    /// At least two classes, one value each.
    Several(Vec<String>),
}

impl Classes {
    /// All values, positive ones first.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let (first, second): (&[String], &[String]) = match self {
            Self::Binary { positive, negative } => (positive, negative),
            Self::Several(classes) => (classes, &[]),
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
