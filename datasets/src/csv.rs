//! From bytes to a sheet of text fields: unpacking, structure, and nothing of what the fields mean.
//!
//! polars parses the fields, but fills short rows silently, renames duplicate columns and cannot say where a fault is.
//! So the structure is checked first, line by line, and polars only ever sees a well-formed rectangle.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use polars::prelude::{CsvReadOptions, DataType, Schema as PolarsSchema, SerReader, StringChunked};
use sha2::{Digest, Sha256};

use crate::encoding::decoded;
use crate::error::{DatasetError, shortened, some_of};
use crate::format::{Format, Separator};

/// Largest file accepted, once unpacked.
const MAX_BYTES: u64 = 1 << 29;
/// Most columns accepted, in a file and in a table.
pub(crate) const MAX_COLUMNS: usize = 4096;

/// A rectangle of text fields under distinct column names.
pub(crate) struct Sheet {
    /// Column names, trimmed.
    pub(crate) header: Vec<String>,
    columns: Vec<StringChunked>,
}

impl Sheet {
    /// Checks the structure of `bytes` (CSV, plain or gzip, written as `format` says) and splits it into fields.
    pub(crate) fn parse(bytes: &[u8], format: Format, file: &str) -> Result<Self, DatasetError> {
        let bytes = unpacked(bytes, file)?;
        let text = decoded(&bytes, format.encoding, file)?;
        let separator = format.separator;
        let mut lines =
            text.trim_end_matches(['\r', '\n']).split('\n').map(|line| line.trim_end_matches('\r'));

        let header = header(lines.next().unwrap_or_default(), separator, file)?;
        let width = header.len();
        // Numbered names: they are never read, and no header of ours looks like a compressed file to polars.
        let names: Vec<String> = (0..width).map(|index| format!("column_{index}")).collect();
        let mut body = names.join(&char::from(separator.byte()).to_string());
        let mut rows = 0;
        for line in lines {
            rows += 1;
            let row = rows + 1;
            let found = count_fields(line, separator, row, file)?;
            if found != width {
                return Err(DatasetError::Ragged {
                    file: file.to_owned(),
                    row,
                    expected: width,
                    found,
                });
            }
            body.push('\n');
            body.push_str(line);
        }
        if rows == 0 {
            return Err(DatasetError::NoRows { file: file.to_owned() });
        }
        body.push('\n');

        // Without the reader's own words: they may quote a patient's row.
        let refuse =
            |reason: &str| DatasetError::Csv { file: file.to_owned(), reason: reason.to_owned() };
        let schema: PolarsSchema =
            names.into_iter().map(|name| (name.into(), DataType::String)).collect();
        let frame = CsvReadOptions::default()
            .with_schema(Some(Arc::new(schema)))
            .map_parse_options(|options| options.with_separator(separator.byte()))
            .into_reader_with_file_handle(Cursor::new(body))
            .finish()
            .map_err(|_| refuse("the reader refused what is well-formed"))?;
        if frame.shape() != (rows, width) {
            return Err(refuse(&format!(
                "expected {:?} rows and columns, read {:?}",
                (rows, width),
                frame.shape()
            )));
        }
        let columns = frame.columns().iter().map(|column| column.str().cloned());
        let columns =
            columns.collect::<Result<_, _>>().map_err(|_| refuse("a field is not text"))?;
        Ok(Self { header, columns })
    }

    /// Some of the column names, for a message; none where numbers among them look like the values of a patient.
    pub(crate) fn header_shown(&self) -> String {
        match self.header.iter().any(|name| name.parse::<f64>().is_ok()) {
            true => {
                let columns = self.header.len();
                format!("{columns} columns, some of which are numbers: is the header line missing?")
            }
            false => some_of(self.header.iter().map(String::as_str), 12),
        }
    }

    /// The fields of one column from top to bottom, trimmed; an empty field is `None`.
    pub(crate) fn column(&self, index: usize) -> impl Iterator<Item = Option<&str>> {
        let fields = self.columns.get(index).into_iter().flat_map(|column| column.iter());
        fields.map(|field| field.map(str::trim).filter(|field| !field.is_empty()))
    }
}

/// Reads the file at `path` up to the limit.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let file = path.display().to_string();
    match File::open(path) {
        Ok(opened) => read_limited(opened, &file),
        Err(source) => Err(DatasetError::Unreadable { file, source }),
    }
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes themselves, or what they unpack to if they start as gzip does (RFC 1952, section 2.3.1).
fn unpacked<'a>(bytes: &'a [u8], file: &str) -> Result<Cow<'a, [u8]>, DatasetError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        read_limited(MultiGzDecoder::new(bytes), file).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(bytes))
    }
}

fn read_limited(reader: impl Read, file: &str) -> Result<Vec<u8>, DatasetError> {
    let refuse = |source: io::Error| DatasetError::Unreadable { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    let length = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refuse)?;
    if length as u64 > MAX_BYTES {
        return Err(DatasetError::TooLarge { file: file.to_owned(), limit_bytes: MAX_BYTES });
    }
    Ok(bytes)
}

fn header(line: &str, separator: Separator, file: &str) -> Result<Vec<String>, DatasetError> {
    let file = || file.to_owned();
    // One field is a table without features, and what a file looks like that is cut at another character.
    let other = Separator::ALL.into_iter().find(|&other| fields(line, other).count() > 1);
    if fields(line, separator).count() == 1
        && let Some(other) = other
    {
        let expected = separator.written();
        let found = other.written();
        return Err(DatasetError::OtherSeparator { file: file(), expected, found });
    }
    let columns = count_fields(line, separator, 1, &file())?;
    if columns > MAX_COLUMNS {
        return Err(DatasetError::TooManyColumns { file: file(), columns, limit: MAX_COLUMNS });
    }
    let mut seen = BTreeSet::new();
    let names: Vec<String> = fields(line, separator).map(unquoted).collect();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        // A line of values has equal numbers sooner than a header has: they are a patient's, and are not shown.
        if twice.parse::<f64>().is_ok() || twice.is_empty() {
            return Err(DatasetError::NoHeader { file: file() });
        }
        return Err(DatasetError::DuplicateColumn { file: file(), column: shortened(twice) });
    }
    Ok(names)
}

/// Number of fields in a line, all of which have their quotation marks as RFC 4180 allows.
fn count_fields(
    line: &str,
    separator: Separator,
    row: usize,
    file: &str,
) -> Result<usize, DatasetError> {
    let well_formed = |field: &str| match field.strip_prefix('"') {
        Some(rest) => {
            rest.strip_suffix('"').is_some_and(|inner| !inner.replace("\"\"", "").contains('"'))
        }
        None => !field.contains('"'),
    };
    match fields(line, separator).position(|field| !well_formed(field)) {
        Some(index) => Err(DatasetError::Quote { file: file.to_owned(), row, field: index + 1 }),
        None => Ok(fields(line, separator).count()),
    }
}

/// A line cut at its separators outside quotes.
fn fields(line: &str, separator: Separator) -> impl Iterator<Item = &str> {
    let separator = char::from(separator.byte());
    let mut quoted = false;
    line.split(move |character: char| {
        quoted ^= character == '"';
        character == separator && !quoted
    })
}

fn unquoted(field: &str) -> String {
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\"").trim().to_owned(),
        None => field.trim().to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn cells(bytes: &[u8]) -> Vec<Vec<Option<String>>> {
        let sheet = Sheet::parse(bytes, Format::default(), "t.csv").unwrap();
        (0..sheet.header.len())
            .map(|index| sheet.column(index).map(|cell| cell.map(str::to_owned)).collect())
            .collect()
    }

    fn message(bytes: &[u8]) -> String {
        Sheet::parse(bytes, Format::default(), "t.csv").err().unwrap().to_string()
    }

    #[test]
    fn fields_are_trimmed_unquoted_and_empty_ones_missing() {
        let read =
            cells(b"\xef\xbb\xbf a ,\"b,\"\"c\"\r\n 1 ,\"x, \"\"y\"\r\n,\"\"\r\n3,  \r\n\r\n");
        assert_eq!(read[0], [Some("1".into()), None, Some("3".into())]);
        assert_eq!(read[1], [Some("x, \"y".into()), None, None]);
        let sheet = Sheet::parse(b" a ,\"b,\"\"c\"\n1,2", Format::default(), "t.csv").unwrap();
        assert_eq!(sheet.header, ["a", "b,\"c"]);
    }

    #[test]
    fn gzip_and_plain_are_the_same_sheet_whatever_the_name_of_the_file() {
        let plain = b"a,b\n1,2\n3,4\n";
        assert_eq!(cells(plain), cells(&gzip(plain)));
    }

    #[test]
    fn a_truncated_gzip_is_an_error() {
        let packed = gzip(b"a,b\n1,2\n3,4\n");
        for length in 2..packed.len() {
            assert!(message(&packed[..length]).contains("cannot be read"), "{length}");
        }
    }

    #[test]
    fn a_gzip_that_unpacks_beyond_the_limit_is_refused() {
        assert!(matches!(
            read_limited(io::repeat(b'1'), "t.csv"),
            Err(DatasetError::TooLarge { limit_bytes: MAX_BYTES, .. })
        ));
    }

    #[test]
    fn faults_of_structure_name_file_and_row() {
        for (bytes, expected) in [
            (&b"a,b\n1,2\n3\n"[..], "t.csv: row 3 has 1 fields, the header has 2"),
            (b"a,b\n1,2,3\n", "t.csv: row 2 has 3 fields"),
            (b"a,b\n1,2\n\n3,4\n", "t.csv: row 3 has 1 fields"),
            (b"a,b\n1,\"2\n3\",4\n", "t.csv: row 2, field 2: a quotation mark"),
            (b"a,b\n1,2\"\n", "t.csv: row 2, field 2: a quotation mark"),
            (b"\"a\"x,b\n1,2\n", "t.csv: row 1, field 1: a quotation mark"),
            (b"a,b\n1,\xff\n", "t.csv: row 2 is not UTF-8"),
            (b"a,b\n", "t.csv: no rows of data"),
            (b"", "t.csv: no rows of data"),
            (b"a,b, a\n1,2,3\n", "t.csv: column `a` occurs twice"),
        ] {
            let message = message(bytes);
            assert!(message.starts_with(expected), "{message}");
        }
        let wide = vec!["x"; MAX_COLUMNS + 1].join(",");
        assert!(message(wide.as_bytes()).starts_with("t.csv: 4097 columns, at most 4096"));
    }

    #[test]
    fn text_that_looks_compressed_or_commented_is_only_text() {
        assert_eq!(cells(b"x^2,b\n#1,2\n")[0], [Some("#1".into())]);
        assert_eq!(cells(b"a,b\nx^,2\n  ,NULL\n")[0], [Some("x^".into()), None]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // Long enough for polars to cut the file into pieces for several threads.
        #[test]
        fn every_well_formed_file_is_read_back_field_by_field(
            rows in prop::collection::vec(prop::array::uniform3(("[^\r\n]{0,30}", any::<bool>())), 1..400),
        ) {
            let mut csv = String::from("a,b,c");
            for row in &rows {
                let written = row.each_ref().map(|(text, quote)| match text {
                    text if *quote || text.contains(['"', ',']) => format!("\"{}\"", text.replace('"', "\"\"")),
                    text => text.clone(),
                });
                csv.push('\n');
                csv.push_str(&written.join(","));
            }
            let read = cells(csv.as_bytes());
            for (index, column) in read.iter().enumerate() {
                let expected = rows.iter().map(|row| Some(row[index].0.trim().to_owned()).filter(|text| !text.is_empty()));
                prop_assert!(column.iter().cloned().eq(expected));
            }
        }
    }
}
