//! What can be wrong with a folder or a file in it.

use std::{io, path::PathBuf};

use consilium_contract::certificate::CertificateError;
use thiserror::Error;

/// Why a folder was not accepted or not written.
#[derive(Debug, Error)]
pub enum FilesError {
    /// The directory to write is there already.
    #[error("{} exists already; a ceremony never overwrites keys: choose another directory", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {source}; {advice}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// A private file that others can read.
    #[error("{}: mode {mode:04o} lets others read a private key; run `chmod 600` on it, and hold a new ceremony if others may have read it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that is not what it should be.
    #[error("{}: {problem}; copy it again from whoever gave it to you", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was expected and what came.
        problem: String,
    },
    /// A file that is no request, or not the one that it says it is.
    #[error("{}: {problem}; have the request sent again by its author", path.display())]
    Request {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// What cannot be put beside the keys in a folder.
    #[error("{}: {problem}", path.display())]
    Install {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A certificate that the genesis contradicts.
    #[error("{}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
}

impl FilesError {
    /// A file that is not what it should be.
    pub fn invalid(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn request(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Request { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn install(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Install { path: path.into(), problem: problem.into() }
    }
}
