//! What can be wrong with a schema, a file or a request, said in one line each.

use std::io;

use crate::dictionary::DataReport;

/// Why a dataset could not be read, split, fitted or dealt.
///
/// `row` counts the lines of the file as an editor or a spreadsheet does: the header is row 1.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file is missing or cannot be read.
    #[error(
        "{file}: cannot be read ({source}): check the path, which a schema gives relative to itself"
    )]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// No bundled dataset has this name.
    #[error(
        "there is no bundled dataset `{name}`: choose pima, wdbc or digits, or give the path of a schema (.toml)"
    )]
    UnknownBundled {
        /// The name asked for.
        name: String,
    },
    /// The schema is not valid TOML, lacks a field, or contradicts itself.
    #[error("{file}: {reason}")]
    Schema {
        /// The schema's file.
        file: String,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// The file is not the one the schema describes.
    #[error(
        "{file}: SHA-256 is {found}, the schema expects {expected}: restore the file or correct the schema"
    )]
    Checksum {
        /// The file.
        file: String,
        /// Digest in the schema, hexadecimal.
        expected: String,
        /// Digest of the file as stored, hexadecimal.
        found: String,
    },
    /// The file, unpacked, is larger than this crate accepts.
    #[error(
        "{file}: larger than {limit_bytes} bytes once unpacked: reduce it to the columns and rows needed"
    )]
    TooLarge {
        /// The file.
        file: String,
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The file is not UTF-8 text.
    #[error(
        "{file}: row {row} is not UTF-8 text: save the file as CSV (UTF-8), or say how it is written in its schema: \
         encoding = \"windows-1252\" under [format] for what spreadsheets in Western Europe save"
    )]
    NotUtf8 {
        /// The file.
        file: String,
        /// The first offending row.
        row: usize,
    },
    /// The file is in another encoding than the schema says.
    #[error(
        "{file}: the text is {found}, the schema says otherwise: \
         encoding = \"{write}\" under [format] in the schema reads it"
    )]
    OtherEncoding {
        /// The file.
        file: String,
        /// What it is, and how one sees it.
        found: &'static str,
        /// The encoding to name in the schema.
        write: &'static str,
    },
    /// The bytes are no text in the encoding that the schema names.
    #[error(
        "{file}: row {row} is not {encoding} text: name the file's encoding under [format] in the schema"
    )]
    Undecodable {
        /// The file.
        file: String,
        /// The first offending row.
        row: usize,
        /// The encoding that the schema names.
        encoding: &'static str,
    },
    /// The header has no separator, but another character that is one.
    #[error(
        "{file}: the header has one field if fields are separated by \"{expected}\", more by \"{found}\": \
         separator = \"{found}\" under [format] in the schema reads it, and decimal = \",\" numbers with a decimal comma"
    )]
    OtherSeparator {
        /// The file.
        file: String,
        /// The separator in the schema.
        expected: &'static str,
        /// The separator in the file.
        found: &'static str,
    },
    /// A row has more or fewer fields than the header.
    #[error(
        "{file}: row {row} has {found} fields, the header has {expected}: fill or remove the row"
    )]
    Ragged {
        /// The file.
        file: String,
        /// The row.
        row: usize,
        /// Fields in the header.
        expected: usize,
        /// Fields in the row.
        found: usize,
    },
    /// A quotation mark is misplaced, or never closed on its line.
    #[error(
        "{file}: row {row}, field {field}: a quotation mark is stray or not closed on its line: \
         quote whole fields, double the marks inside, keep a row on one line"
    )]
    Quote {
        /// The file.
        file: String,
        /// The row.
        row: usize,
        /// The field, counted from 1.
        field: usize,
    },
    /// The reader refused the file after its structure had been checked.
    #[error("{file}: not readable as CSV: {reason}")]
    Csv {
        /// The file.
        file: String,
        /// What the reader said.
        reason: String,
    },
    /// The file has no row of data.
    #[error("{file}: no rows of data: expected a header line and at least one line of values")]
    NoRows {
        /// The file.
        file: String,
    },
    /// The first line is not a header.
    #[error("{file}: row 1 has an empty name or a number twice: is the header line missing?")]
    NoHeader {
        /// The file.
        file: String,
    },
    /// Two columns have the same name.
    #[error("{file}: column `{column}` occurs twice in the header: rename one of them")]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The name.
        column: String,
    },
    /// More columns than this crate accepts, in the file or after one-hot coding.
    #[error(
        "{file}: {columns} columns, at most {limit} are accepted: drop columns, \
         or do not declare an identifier as categorical"
    )]
    TooManyColumns {
        /// The file.
        file: String,
        /// Columns found.
        columns: usize,
        /// The limit.
        limit: usize,
    },
    /// The schema (or a preprocessor) names a column that the file does not have.
    #[error("{file}: no column `{column}`, named as {role}: the header has {header}")]
    MissingColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What it is named as: target, feature, ...
        role: &'static str,
        /// The names that are there.
        header: String,
    },
    /// Nothing is left to learn from.
    #[error("{file}: no feature columns are left beside the target and the dropped columns")]
    NoFeatures {
        /// The file.
        file: String,
    },
    /// The features are not the pixels of the schema's image.
    #[error(
        "{file}: {features} feature columns, an image of {side} by {side} pixels with {channels} channels has another \
         number: correct `image`, or choose the features"
    )]
    NotTheImage {
        /// The file.
        file: String,
        /// Pixels in a row of the image.
        side: usize,
        /// Values of a pixel.
        channels: usize,
        /// Features found.
        features: usize,
    },
    /// Rows have no value in the target column.
    #[error(
        "{file}: row {row}, column `{column}`: the target is empty ({rows} such rows): fill it or remove the row"
    )]
    MissingTarget {
        /// The file.
        file: String,
        /// The first such row.
        row: usize,
        /// The target column.
        column: String,
        /// How many there are.
        rows: usize,
    },
    /// Labels are neither positive nor negative.
    #[error(
        "{file}: column `{column}`: {rows} rows have {values} labels besides the positive value {positive} that {because}; \
         the first is in row {row}: correct the rows, or declare target.negative and missing_values in the schema"
    )]
    UnexplainedLabels {
        /// The file.
        file: String,
        /// The target column.
        column: String,
        /// Rows with such a label.
        rows: usize,
        /// Different labels among them.
        values: usize,
        /// Why they cannot be negative.
        because: &'static str,
        /// The first such row.
        row: usize,
        /// The positive values of the schema.
        positive: String,
    },
    /// Text, infinity or NaN where a number belongs.
    #[error("{file}: row {row}, column `{column}`: expected a number, found {found}")]
    NotANumber {
        /// The file.
        file: String,
        /// The row.
        row: usize,
        /// The column.
        column: String,
        /// What is there instead, and what to do; not the text, which is a patient's.
        found: &'static str,
    },
    /// No row has the positive value in the target column.
    #[error(
        "{file}: column `{column}` never has the positive value {positive} in {rows} rows: correct the schema"
    )]
    PositiveNeverOccurs {
        /// The file.
        file: String,
        /// The target column.
        column: String,
        /// The positive values of the schema.
        positive: String,
        /// All rows.
        rows: usize,
    },
    /// A class has too few rows to appear in both training and test rows.
    #[error(
        "{file}: column `{column}`: {positives} of {rows} rows are positive: \
         a stratified split needs at least two rows of either class"
    )]
    OneClass {
        /// The file.
        file: String,
        /// The target column.
        column: String,
        /// Positive rows.
        positives: usize,
        /// All rows.
        rows: usize,
    },
    /// A feature has no known value in the rows to be fitted.
    #[error("{file}: column `{column}` has no value in any of the {rows} rows fitted: drop it")]
    EmptyColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// Rows looked at.
        rows: usize,
    },
    /// A feature has one and the same value in all the rows to be fitted.
    #[error("{file}: column `{column}` has a single value in the {rows} rows fitted: drop it")]
    ConstantColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// Rows looked at.
        rows: usize,
    },
    /// All pixels of a channel have one and the same value in all the rows to be fitted.
    #[error(
        "{file}: every pixel of channel {channel} has a single value in the {rows} rows fitted: drop the channel"
    )]
    ConstantChannel {
        /// The file.
        file: String,
        /// The channel, from 0.
        channel: usize,
        /// Rows looked at.
        rows: usize,
    },
    /// A value is too far from the fitted mean to be represented.
    #[error(
        "{file}: row {row}, column `{column}`: the value is beyond any scale of the fitted rows: correct it"
    )]
    OutOfRange {
        /// The file.
        file: String,
        /// The row.
        row: usize,
        /// The column.
        column: String,
    },
    /// The test fraction is not between 0 and 1.
    #[error("a test fraction of {fraction} is not between 0 and 1 (both excluded)")]
    TestFraction {
        /// The fraction asked for.
        fraction: f64,
    },
    /// Not every institution would get a row, or there is no institution.
    #[error(
        "{file}: {rows} rows cannot be dealt to {institutions} institutions: ask for 1 to {rows}"
    )]
    Institutions {
        /// The file.
        file: String,
        /// Rows to deal.
        rows: usize,
        /// Institutions asked for.
        institutions: usize,
    },
    /// Rows cannot be dealt by a column that is not there.
    #[error(
        "{file}: rows cannot be dealt by column `{column}`: there is none of this name beside the target"
    )]
    NoSuchGroups {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A row that is dealt by its value in a column has none.
    #[error(
        "{file}: row {row}, column `{column}`: rows are dealt by this column, and this one has no value in it: fill it or \
         remove the row"
    )]
    NoGroup {
        /// The file.
        file: String,
        /// The first such row.
        row: usize,
        /// The column.
        column: String,
    },
    /// A column that rows are dealt by has not as many values as there are institutions.
    #[error(
        "{file}: column `{column}` has {groups} values in the {rows} rows to deal, for {institutions} institutions: ask for \
         {groups} institutions"
    )]
    OtherGroups {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// Its different values.
        groups: usize,
        /// Rows looked at.
        rows: usize,
        /// Institutions asked for.
        institutions: usize,
    },
    /// A text that names no way of dealing rows.
    #[error(
        "{text:?} is no way of dealing rows; expected `random`, `column:NAME`, `dirichlet:ALPHA` or `quantity:ALPHA` with an \
         alpha from 0.001 to 1000000"
    )]
    UnknownPartitioning {
        /// The text.
        text: String,
    },
    /// A row index beyond the dataset.
    #[error(
        "{file}: there is no row with index {index}: the dataset has {rows} rows, indices start at 0"
    )]
    NoSuchRow {
        /// The file.
        file: String,
        /// The index.
        index: usize,
        /// Rows of the dataset.
        rows: usize,
    },
    /// The preprocessor treats a column as numeric and the dataset as categorical, or the reverse.
    #[error(
        "{file}: column `{column}` is not {expected} here, as the preprocessor has it: correct the schema"
    )]
    WrongKind {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What the preprocessor expects: numeric or categorical.
        expected: &'static str,
    },
    /// The file does not fit the dictionary.
    #[error(
        "{}: does not fit the dictionary {}: {}{}",
        report.file,
        report.dictionary,
        report.findings.first().map_or("", |finding| finding.message.as_str()),
        and_more(report.findings.len())
    )]
    Unfit {
        /// All that it holds, and all that does not fit.
        report: Box<DataReport>,
    },
    /// What is only done with two classes.
    #[error(
        "{file}: the target `{column}` has not two classes, and a simulation has no other: rows of several classes, or with a \
         number to learn, are for a run under a data dictionary"
    )]
    NotTwoClasses {
        /// The file.
        file: String,
        /// The target column.
        column: String,
    },
    /// Neither schema nor dictionary says what the target's values are.
    #[error(
        "{file}: the schema does not say which values of the target `{column}` are positive: give target.positive, or use the \
         schema under a data dictionary that has the target"
    )]
    NoClasses {
        /// The file.
        file: String,
        /// The target column.
        column: String,
    },
    /// A preprocessor's text cannot be read or its numbers make no sense.
    #[error("preprocessor: {reason}")]
    Preprocessor {
        /// What is wrong and what was expected.
        reason: String,
    },
}

/// What follows the first of so many faults.
fn and_more(faults: usize) -> String {
    match faults.saturating_sub(1) {
        0 => String::new(),
        more => format!("; and {more} more: consilium-client check-data lists them"),
    }
}

/// At most `limit` of `names`, for a message of one line.
pub(crate) fn some_of<'a>(names: impl IntoIterator<Item = &'a str>, limit: usize) -> String {
    let mut names = names.into_iter();
    let mut text = names
        .by_ref()
        .take(limit)
        .map(|name| format!("`{}`", shortened(name)))
        .collect::<Vec<_>>()
        .join(", ");
    let rest = names.count();
    if rest > 0 {
        text.push_str(&format!(" and {rest} more"));
    }
    text
}

/// The start of a field, for a message of one line.
pub(crate) fn shortened(text: &str) -> String {
    const LIMIT: usize = 40;
    let mut short: String =
        text.chars().take(LIMIT).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    short
}
