//! A schema and the bytes it describes, before anything of them is read.

use std::borrow::Cow;
use std::path::Path;

use crate::csv::{self, Sheet};
use crate::error::{DatasetError, shortened};
use crate::schema::Schema;

/// Names of the datasets compiled into this library.
pub const BUNDLED: [&str; 3] = ["pima", "wdbc", "digits"];

/// One site's schema and file, unread.
#[derive(Debug, Clone)]
pub struct Source {
    pub(crate) schema: Schema,
    pub(crate) file: String,
    bytes: Cow<'static, [u8]>,
}

impl Source {
    /// A schema and bytes (CSV, plain or gzip) that are at hand; `file` names them in messages.
    pub fn new(schema: Schema, file: &str, bytes: Vec<u8>) -> Self {
        Self { schema, file: file.to_owned(), bytes: Cow::Owned(bytes) }
    }

    /// What a user names: a bundled dataset, or the path of a schema.
    ///
    /// # Errors
    /// As [`Schema::load`]; [`DatasetError::Unreadable`] if there is no such file, [`DatasetError::UnknownBundled`] for what is
    /// neither a bundled name nor looks like a path.
    pub fn open(name: &str) -> Result<Self, DatasetError> {
        let path = Path::new(name);
        let is_path = path.exists() || path.extension().is_some() || path.components().count() > 1;
        if is_path && !BUNDLED.contains(&name) { Self::load(path) } else { Self::bundled(name) }
    }

    /// The file at `path`, which is not the schema's own, read as the schema says.
    ///
    /// # Errors
    /// [`DatasetError::Unreadable`], [`DatasetError::TooLarge`].
    pub fn of_file(schema: Schema, path: &Path) -> Result<Self, DatasetError> {
        let bytes = csv::read(path)?;
        // The digest is of the schema's own file.
        let schema = Schema { sha256: None, ..schema };
        Ok(Self::new(schema, &path.display().to_string(), bytes))
    }

    /// Whether it is compiled in, and so the same everywhere.
    pub fn is_bundled(&self) -> bool {
        matches!(self.bytes, Cow::Borrowed(_))
    }

    /// Schema (TOML) and file (CSV) of a bundled dataset, as they stand.
    ///
    /// # Errors
    /// [`DatasetError::UnknownBundled`] for another name.
    pub fn bundled_files(name: &str) -> Result<(&'static str, &'static [u8]), DatasetError> {
        Ok(match name {
            "pima" => {
                (include_str!("../data/pima/schema.toml"), include_bytes!("../data/pima/pima.csv"))
            }
            "wdbc" => {
                (include_str!("../data/wdbc/schema.toml"), include_bytes!("../data/wdbc/wdbc.csv"))
            }
            "digits" => (
                include_str!("../data/digits/schema.toml"),
                include_bytes!("../data/digits/digits.csv"),
            ),
            _ => return Err(DatasetError::UnknownBundled { name: shortened(name) }),
        })
    }

    pub(crate) fn load(schema_path: &Path) -> Result<Self, DatasetError> {
        let schema = Schema::load(schema_path)?;
        let path = schema_path.parent().unwrap_or(Path::new("")).join(&schema.file);
        let bytes = csv::read(&path)?;
        Ok(Self::new(schema, &path.display().to_string(), bytes))
    }

    pub(crate) fn bundled(name: &str) -> Result<Self, DatasetError> {
        let (schema, bytes) = Self::bundled_files(name)?;
        let schema = Schema::parse(schema, &format!("{name}/schema.toml (bundled)"))?;
        let file = format!("{name}.csv (bundled)");
        Ok(Self { schema, file, bytes: Cow::Borrowed(bytes) })
    }

    /// The fields, once the file is known to be the one meant.
    pub(crate) fn sheet(&self) -> Result<Sheet, DatasetError> {
        sheet(&self.schema, &self.file, &self.bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The fields of `bytes`, if they have the checksum in the schema and are written as it says.
pub(crate) fn sheet(schema: &Schema, file: &str, bytes: &[u8]) -> Result<Sheet, DatasetError> {
    if let Some(expected) = &schema.sha256 {
        let found = csv::sha256_hex(bytes);
        if !expected.eq_ignore_ascii_case(&found) {
            return Err(DatasetError::Checksum {
                file: file.to_owned(),
                expected: expected.clone(),
                found,
            });
        }
    }
    Sheet::parse(bytes, schema.format, file)
}
