//! What can be wrong with a ceremony or its files.

use std::path::PathBuf;

use consilium_contract::{certificate::CertificateError, parameters::GenesisError};
use consilium_identity::FilesError;
use consilium_privacy::PrivacyError;
use consilium_proto::training::{PlanError, ProgramError};
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
    /// Nobody can train by what the institutions are to agree to.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A bound that was asked for and cannot be.
    #[error("{flag}: {problem}")]
    Bound {
        /// The flag of the command line that has to change.
        flag: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Members of a committee that was asked for who are not part of the run yet.
    #[error(
        "{coordinator}: {} not enrolled yet: start the institution's `run` first, then ask again; nothing has changed",
        has_or_have(members)
    )]
    NotEnrolled {
        /// The coordinator's address.
        coordinator: String,
        /// Their names in the register, or their pseudonyms in hex.
        members: Vec<String>,
    },
    /// Somebody who is not admitted to sharing.
    #[error("{name}: {problem}")]
    Participant {
        /// The name in its request.
        name: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A deposit that the authority does not vouch for.
    #[error("deposit of {institution}: {problem}; nothing was signed")]
    Deposit {
        /// The institution as it was named.
        institution: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A file that names no tensors of a model.
    #[error("{}: {problem}", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: TensorsFileError,
    },
    /// A file that is no model of the run's tensors.
    #[error("{}: {problem}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What it has, and what is needed.
        problem: String,
    },
    /// A file that is no data dictionary for a run.
    #[error("{}: {problem}", path.display())]
    Dictionary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// More classes than an evaluation counts each against each.
    #[error(
        "the target has {classes} classes, and an evaluation counts at most {most} against each other: leave --evaluate-every \
         out, or agree on fewer classes"
    )]
    Classes {
        /// Classes of the target.
        classes: usize,
        /// Most that there may be.
        most: usize,
    },
    /// A threshold of 1 that nobody has asked for.
    #[error(
        "{flag} is 1: each member of the committee could open every single update by itself; {advice}, or add \
         --allow-threshold-one where nothing has to stay hidden"
    )]
    Unprotected {
        /// The flag.
        flag: &'static str,
        /// What to do.
        advice: String,
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
    /// A folder that is not accepted, or cannot be written.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A certificate that the genesis contradicts.
    #[error("{name}: {source}")]
    Certificate {
        /// The institution.
        name: String,
        /// What is wrong with it.
        source: CertificateError,
    },
}

/// What is wrong with a file of tensors.
#[derive(Debug, Error)]
pub enum TensorsFileError {
    /// It is neither TOML nor JSON, or has other fields.
    #[error("{0}; expected `options`, and `name` and `shape` of each of `tensors`")]
    Syntax(String),
    /// No model has these tensors.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

fn has_or_have(members: &[String]) -> String {
    let verb = if members.len() == 1 { "has" } else { "have" };
    format!("{} {verb}", members.join(", "))
}
