//! What can be wrong with a dictionary itself.

use std::io;

/// Why a dictionary could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DictionaryError {
    /// The file is missing or cannot be read.
    #[error("{file}: cannot be read ({source})")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// More text than a dictionary has.
    #[error(
        "a dictionary of more than {limit_bytes} bytes: leave out what is not of the data's form"
    )]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// It is not TOML of this form.
    #[error("dictionary: {reason}")]
    Toml {
        /// Line and fault.
        reason: String,
    },
    /// It was written for another version of this program.
    #[error(
        "dictionary of format {found}: this program reads format {expected}; use the version it was made for"
    )]
    OtherFormat {
        /// The format it names.
        found: i64,
        /// The format read.
        expected: i64,
    },
    /// The target contradicts itself or lacks something.
    #[error("dictionary, target: {reason}")]
    Target {
        /// What is wrong and what to do.
        reason: String,
    },
    /// A column contradicts itself or another, or lacks something.
    #[error("dictionary, column `{column}`: {reason}")]
    Column {
        /// The column's name, shortened.
        column: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Something of the whole dictionary.
    #[error("dictionary: {reason}")]
    Whole {
        /// What is wrong and what to do.
        reason: String,
    },
}
