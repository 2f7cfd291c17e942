//! Which rows are positive, and which values of the target nobody has explained.

use std::collections::BTreeSet;

use crate::error::{DatasetError, some_of};
use crate::schema::{Target, label_spelling};

/// What spreadsheets, R, SQL and people write where nothing is known, in lower case.
const MISSING_MARKERS: [&str; 19] = [
    "?",
    "-",
    "--",
    ".",
    "na",
    "n/a",
    "#n/a",
    "<na>",
    "nan",
    "null",
    "#null!",
    "nil",
    "none",
    "missing",
    "unknown",
    "unk",
    "not known",
    "undefined",
    "nd",
];
/// Words for yes: beside one of them as the positive value, another is the same value in another spelling.
const AFFIRMATIVE: [&str; 9] = ["1", "true", "yes", "y", "t", "positive", "pos", "ja", "oui"];

/// The labels of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Labels {
    /// One for each row, in the order of the file.
    pub(crate) values: Vec<f32>,
    /// What they are.
    pub(crate) meaning: Meaning,
}

/// What labels are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// 1 for a positive row, else 0.
    Binary {
        /// What the negative rows are called: the declared values, or the one other value; none where no row is negative.
        negative_values: Vec<String>,
    },
    /// Places of so many classes.
    Classes(usize),
    /// Fractions of a number's plausible range.
    Number,
}

impl Labels {
    pub(crate) fn binary(
        positive: impl Iterator<Item = bool>,
        negative_values: Vec<String>,
    ) -> Self {
        let values = positive.map(|positive| f32::from(u8::from(positive))).collect();
        Self { values, meaning: Meaning::Binary { negative_values } }
    }

    /// Groups of rows whose share is kept wherever rows are drawn: the classes, or all rows together.
    pub(crate) fn strata(&self) -> Vec<Vec<usize>> {
        let number = match self.meaning {
            Meaning::Binary { .. } => 2,
            Meaning::Classes(classes) => classes,
            Meaning::Number => 1,
        };
        let mut strata = vec![Vec::new(); number];
        for (row, label) in self.values.iter().enumerate() {
            let place = if number == 1 { 0 } else { *label as usize };
            strata.get_mut(place).into_iter().for_each(|rows| rows.push(row));
        }
        strata
    }
}

/// The labels of a column, top to bottom. A field is `None` where it is empty or a declared marker.
///
/// Without `target.negative`, one other value is the negative one, if it does not look like a missing marker or like another
/// spelling of the positive value: a label that was silently negative has trained models on healthy patients only.
pub(crate) fn labels<'a>(
    fields: impl Iterator<Item = Option<&'a str>>,
    target: &Target,
    file: &str,
) -> Result<Labels, DatasetError> {
    if target.positive.is_empty() {
        let column = target.column.clone();
        return Err(DatasetError::NoClasses { file: file.to_owned(), column });
    }
    let mut labels = Vec::new();
    let mut empty = Rows::default();
    let mut undeclared = Rows::default();
    let mut others = BTreeSet::new();
    for (index, field) in fields.enumerate() {
        let Some(field) = field else {
            empty.count(index);
            continue;
        };
        let value = label_spelling(field);
        let positive = target.positive.contains(&value);
        labels.push(positive);
        let declared = target.negative.as_ref().is_some_and(|negative| negative.contains(&value));
        if !positive && !declared {
            undeclared.count(index);
            others.insert(value);
        }
    }

    let file = || file.to_owned();
    let column = || target.column.clone();
    if empty.number > 0 {
        let row = empty.first_row;
        let rows = empty.number;
        return Err(DatasetError::MissingTarget { file: file(), row, column: column(), rows });
    }
    let unexplained = match (&target.negative, others.len()) {
        (_, 0) => None,
        (Some(_), _) => Some("are not among the declared values"),
        (None, 1) if others.iter().any(|value| is_missing_marker(value)) => {
            Some("look like a missing marker")
        }
        (None, 1) if others.iter().any(|value| is_spelling_of(value, &target.positive)) => {
            Some("look like the positive value in another spelling")
        }
        (None, 1) => None,
        (None, _) => Some("are of several kinds, of which at most one can be the negative value"),
    };
    match unexplained {
        None => {
            let negative_values =
                target.negative.clone().unwrap_or_else(|| others.into_iter().collect());
            Ok(Labels::binary(labels.into_iter(), negative_values))
        }
        Some(because) => Err(DatasetError::UnexplainedLabels {
            file: file(),
            column: column(),
            rows: undeclared.number,
            values: others.len(),
            because,
            row: undeclared.first_row,
            positive: some_of(target.positive.iter().map(String::as_str), 6),
        }),
    }
}

/// How many rows, and the first of them as an editor counts.
#[derive(Default)]
struct Rows {
    number: usize,
    first_row: usize,
}

impl Rows {
    fn count(&mut self, index: usize) {
        if self.number == 0 {
            // The header is row 1.
            self.first_row = index + 2;
        }
        self.number += 1;
    }
}

pub(crate) fn is_missing_marker(value: &str) -> bool {
    MISSING_MARKERS.contains(&value.to_lowercase().as_str())
}

fn is_spelling_of(value: &str, positive: &[String]) -> bool {
    let value = value.to_lowercase();
    let affirmative = |word: &str| AFFIRMATIVE.contains(&word);
    positive
        .iter()
        .map(|positive| positive.to_lowercase())
        .any(|positive| value == positive || (affirmative(&value) && affirmative(&positive)))
}
