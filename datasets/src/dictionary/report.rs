//! What a check has found, in names and counts: fit to be shown to colleagues, and still not to be published.

use std::fmt;

use serde::Serialize;

/// How one site's file compares with a dictionary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataReport {
    /// The dictionary's hash, hexadecimal.
    pub dictionary: String,
    /// The file.
    pub file: String,
    /// Rows of the file.
    pub rows: usize,
    /// Rows of each value of the target, as the dictionary orders them; none where it is a number.
    pub classes: Vec<ClassReport>,
    /// The dictionary's columns that the file has.
    pub columns: Vec<ColumnReport>,
    /// What does not fit; nothing if all does.
    pub findings: Vec<Finding>,
}

/// A value of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassReport {
    /// The value, as the dictionary names it.
    pub value: String,
    /// Rows that have it.
    pub rows: usize,
}

/// A column that is in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub column: String,
    /// Rows with a value that fits.
    pub known: usize,
    /// Rows without a value.
    pub missing: usize,
    /// Rows of an unknown category that becomes the dictionary's other.
    pub other: usize,
    /// Whether all known values are the same: no fault, because other sites have others.
    pub constant: bool,
}

/// Something that does not fit, with a line for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What it is and what to do.
    pub message: String,
    /// The same for programs.
    #[serde(flatten)]
    pub fault: Fault,
}

impl From<Fault> for Finding {
    fn from(fault: Fault) -> Self {
        Self { message: fault.to_string(), fault }
    }
}

/// What does not fit. `first_row` counts as an editor does: the header is row 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// None of the dictionary's names is in the first line.
    #[error(
        "none of the dictionary's columns is in the first line: is the header line missing, or another file meant?"
    )]
    NoHeader,
    /// The file lacks a column.
    #[error(
        "column `{column}` is missing: the dictionary has it; add it, or name it as the dictionary does"
    )]
    MissingColumn {
        /// The dictionary's column.
        column: String,
    },
    /// The file has the column and the schema leaves it out.
    #[error(
        "column `{column}` is left out by the schema: the dictionary has it; remove it from drop, or add it to features"
    )]
    LeftOut {
        /// The dictionary's column.
        column: String,
    },
    /// The dictionary lacks a column.
    #[error(
        "column `{column}` is not in the dictionary: list it under drop in the schema, or name it as the dictionary does"
    )]
    UnknownColumn {
        /// The file's column.
        column: String,
    },
    /// The schema names a column that the file lacks.
    #[error(
        "the schema names column `{column}` as {role}, the file has none of that name: correct the schema"
    )]
    SchemaColumn {
        /// The schema's column.
        column: String,
        /// What it is named as.
        role: &'static str,
    },
    /// Schema and dictionary do not agree on what a column is.
    #[error(
        "column `{column}` is a {expected} in the dictionary and not in the schema: correct categorical in the schema"
    )]
    OtherKind {
        /// The column.
        column: String,
        /// number or category.
        expected: &'static str,
    },
    /// Schema and dictionary name another target.
    #[error(
        "the target is `{expected}` in the dictionary, `{found}` in the schema: correct target.column in the schema"
    )]
    OtherTarget {
        /// The dictionary's.
        expected: String,
        /// The schema's.
        found: String,
    },
    /// Schema and dictionary do not agree on what is positive.
    #[error(
        "target.positive or target.negative in the schema are not the dictionary's: take them from the dictionary"
    )]
    OtherClasses,
    /// Rows without a target.
    #[error(
        "target `{column}`: {rows} rows have no value, the first is row {first_row}: fill or remove them"
    )]
    EmptyTarget {
        /// The target.
        column: String,
        /// Rows without a value.
        rows: usize,
        /// The first of them.
        first_row: usize,
    },
    /// Labels that the dictionary does not have.
    #[error(
        "target `{column}`: {rows} rows have {values} values that the dictionary does not have, the first is row {first_row}: \
         write them as the dictionary does, or remove the rows"
    )]
    UnknownLabels {
        /// The target.
        column: String,
        /// Rows with such a value.
        rows: usize,
        /// Different values among them.
        values: usize,
        /// The first of them.
        first_row: usize,
    },
    /// Categories that the dictionary does not have, and no other to put them under.
    #[error(
        "column `{column}`: {rows} rows have {values} categories that the dictionary does not have, the first is row \
         {first_row}; {other_spelling} of the rows would fit if numbers had one spelling (number_codes in the schema): \
         correct them, or agree on an `other`"
    )]
    UnknownCategories {
        /// The column.
        column: String,
        /// Rows with such a category.
        rows: usize,
        /// Different ones among them.
        values: usize,
        /// The first of them.
        first_row: usize,
        /// Rows among them that are numbers in another spelling of a known category, as 1.0 is of 1.
        other_spelling: usize,
    },
    /// Fields that are no numbers.
    #[error(
        "column `{column}`: {rows} rows have no number, the first is row {first_row}, which has {found}"
    )]
    NotNumbers {
        /// The column.
        column: String,
        /// Such rows.
        rows: usize,
        /// The first of them.
        first_row: usize,
        /// What is there instead, and what to do; not the text.
        found: &'static str,
    },
    /// Numbers outside the plausible range.
    #[error(
        "column `{column}`: {below} rows are below {minimum} and {above} above {maximum} {unit}, the first is row {first_row}: \
         is it measured in another unit? Correct or empty them"
    )]
    OutOfRange {
        /// The column.
        column: String,
        /// Rows below the minimum.
        below: usize,
        /// Rows above the maximum.
        above: usize,
        /// The dictionary's minimum.
        minimum: f64,
        /// The dictionary's maximum.
        maximum: f64,
        /// The dictionary's unit.
        unit: String,
        /// The first such row.
        first_row: usize,
    },
}

impl DataReport {
    /// Whether all fits.
    pub fn fits(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for DataReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} rows", self.file, self.rows)?;
        writeln!(f, "dictionary {}", self.dictionary)?;
        if !self.classes.is_empty() {
            writeln!(f, "classes:")?;
        }
        for class in &self.classes {
            writeln!(f, "  {}: {} rows", class.value, class.rows)?;
        }
        if self.classes.iter().filter(|class| class.rows > 0).count() == 1 {
            writeln!(f, "  one class only: no fault, if the other sites have the others")?;
        }
        writeln!(f, "columns:")?;
        for column in &self.columns {
            write!(f, "  {}: {} known, {} missing", column.column, column.known, column.missing)?;
            if column.other > 0 {
                write!(f, ", {} of an unknown category become other", column.other)?;
            }
            match (column.missing == self.rows, column.constant) {
                (true, _) => write!(f, "; empty here, which is no fault by itself")?,
                (_, true) => write!(f, "; a single value here, which is no fault")?,
                _ => {}
            }
            writeln!(f)?;
        }
        for finding in &self.findings {
            writeln!(f, "does not fit: {}", finding.message)?;
        }
        match self.fits() {
            true => writeln!(f, "the file fits the dictionary"),
            false => {
                writeln!(f, "the file does not fit the dictionary: {} faults", self.findings.len())
            }
        }
    }
}
