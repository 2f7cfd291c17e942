//! What can be wrong with a ceremony or its files.

use std::{io, path::PathBuf};

use consilium_contract::{certificate::CertificateError, parameters::GenesisError};
use consilium_privacy::PrivacyError;
use thiserror::Error;

/// Why a ceremony was not held, not written, or a folder not accepted.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The parameters do not found a run.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A number of the specification that no genesis field shows to be wrong.
    #[error("{field} is {actual}; expected {expected}")]
    Spec {
        /// The field.
        field: &'static str,
        /// What came.
        actual: String,
        /// What is possible.
        expected: String,
    },
    /// A bound that was asked for and cannot be.
    #[error("{flag}: {problem}")]
    Bound {
        /// The flag of the command line that has to change.
        flag: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// No noise keeps the promise that is asked for.
    #[error("privacy: {0}")]
    Privacy(#[from] PrivacyError),
    /// An institution that the authority has not registered, or a name that it cannot register.
    #[error("institution {name}: {problem}")]
    Institution {
        /// The name, or the pseudonym.
        name: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The coordinator did not take a transaction.
    #[error("{coordinator}: {problem}")]
    NotSent {
        /// Its address.
        coordinator: String,
        /// What happened, and what to do.
        problem: String,
    },
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
    #[error("{}: {problem}; copy the folder again from the ceremony's directory", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was expected and what came.
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
