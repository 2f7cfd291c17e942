//! What can stop an experiment.

use std::path::{Path, PathBuf};

use consilium_client::prepare::PrepareError;
use consilium_crypto::QuantiseError;
use consilium_datasets::DatasetError;
use consilium_learning::LearningError;

/// Why an experiment stopped. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// A value on the command line or in a file that cannot work.
    #[error("{0}")]
    Invalid(String),
    /// The data could not be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Training or evaluation failed.
    #[error(transparent)]
    Learning(#[from] LearningError),
    /// An institution can make no update.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Quantisation cannot work with the chosen numbers.
    #[error(transparent)]
    Quantise(#[from] QuantiseError),
    /// A file could not be read or written.
    #[error("{path}: {source}; see that this user can read and write there, with room left", path = path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A directory to write into holds files that the command did not write.
    #[error(
        "{path} is not empty, and `{command}` has not written it: choose another --out, or move its files away",
        path = path.display()
    )]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// The command that would have written into it.
        command: &'static str,
    },
    /// A directory to read from was not written by the command.
    #[error(
        "{path} is not the output of `{command}` (no {}): give a directory that `{command}` has written",
        crate::output::MARKER,
        path = path.display()
    )]
    NoOutput {
        /// The directory.
        path: PathBuf,
        /// The command that writes such directories.
        command: &'static str,
    },
    /// A CSV of a run does not hold what was recorded.
    #[error("{path}: {reason}; run `consilium replay` again to record it anew", path = path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A party of the verified federation could not go on.
    #[error("verified FL stopped: {who}: {reason}")]
    Federated {
        /// The party.
        who: String,
        /// Why.
        reason: String,
    },
    /// A ledger fails its audit.
    #[error("the audit fails: {0}")]
    Audit(#[from] consilium_audit::AuditError),
    /// A measurement of a bench failed.
    #[error("{what}: {reason}")]
    Bench {
        /// What.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A figure could not be drawn.
    #[error("drawing failed: {0}")]
    Plot(String),
}

impl ExperimentError {
    /// 2 where the command line or a file has to change, 1 where the run itself failed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid(_)
            | Self::Dataset(_)
            | Self::Quantise(_)
            | Self::File { .. }
            | Self::Occupied { .. }
            | Self::NoOutput { .. }
            | Self::Record { .. } => 2,
            Self::Learning(_)
            | Self::Prepare(_)
            | Self::Plot(_)
            | Self::Federated { .. }
            | Self::Audit(_)
            | Self::Bench { .. } => 1,
        }
    }

    /// Names what a bench was doing.
    pub(crate) fn bench<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        |reason| Self::Bench { what, reason: reason.to_string() }
    }

    /// Names the file that an operation failed on.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }
}
