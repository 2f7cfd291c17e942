//! Why a command or a service stops, and the exit code that says so.

use std::fmt::Display;

use consilium_audit::{
    durable::LockError, files::FileError, follow::FollowError, history::HistoryError,
};
use consilium_crypto::DecodeError;
use consilium_exchange::{group_signature::GroupError, records::RecordError};
use consilium_identity::FilesError;
use consilium_ledger::ChainError;
use consilium_proto::WireError;
use thiserror::Error;
use tonic::{Code, Status};

/// Why something is not done.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// A file of the party's folder cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The party's folder is not one.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A value or a file that was given cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Another process of this party does the same work.
    #[error("{0}")]
    Busy(String),
    /// Somebody did not answer.
    #[error("{who} was not reached: {problem}")]
    Unreachable {
        /// Who.
        who: String,
        /// What happened.
        problem: String,
    },
    /// What should be on the ledger did not come there in time.
    #[error("waited {seconds} s for {what}; look at the coordinator, then try again")]
    Waited {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// Somebody refuses.
    #[error("{who} refuses: {reason}")]
    Refused {
        /// Who.
        who: String,
        /// Why.
        reason: String,
    },
    /// What somebody delivered is not what the ledger or a signature says.
    #[error("{who} has delivered {what} that does not hold: {reason}")]
    Untrue {
        /// Who.
        who: String,
        /// What was delivered.
        what: &'static str,
        /// What does not hold.
        reason: String,
    },
    /// The coordinator has signed two histories, or a block that no contract leads to.
    #[error("{0}")]
    Convicted(String),
    /// Blocks that come in a way which proves nothing; connecting again may help.
    #[error("the coordinator's blocks do not continue the chain that was verified here: {0}")]
    Blocks(String),
    /// Work of this process died.
    #[error("internal work ended early: {0}")]
    Interrupted(String),
}

/// What is done, or why not.
pub type Result<T> = std::result::Result<T, RecordsError>;

impl RecordsError {
    /// A value or a file that was given cannot be used.
    pub fn unusable(error: impl Display) -> Self {
        Self::Unusable(error.to_string())
    }

    /// Somebody refuses, for a reason that is known here.
    pub fn refused(who: impl Display, reason: impl Display) -> Self {
        Self::Refused { who: who.to_string(), reason: reason.to_string() }
    }

    /// Something that was delivered does not hold.
    pub fn untrue(who: impl Display, what: &'static str, reason: impl Display) -> Self {
        Self::Untrue { who: who.to_string(), what, reason: reason.to_string() }
    }

    /// What a peer's status means to whoever has called it.
    pub fn status(who: impl Display, status: &Status) -> Self {
        let who = who.to_string();
        let message = status.message().to_owned();
        match status.code() {
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
                Self::Unreachable { who, problem: message }
            }
            _ => Self::Refused { who, reason: message },
        }
    }

    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Blocks(_) | Self::Waited { .. })
    }

    /// The exit code: 1 failed, 2 unusable, 3 the coordinator is convicted, 4 refused, 5 something delivered is untrue.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::File(_)
            | Self::Busy(_)
            | Self::Unreachable { .. }
            | Self::Waited { .. }
            | Self::Blocks(_)
            | Self::Interrupted(_) => 1,
            Self::Files(_) | Self::Unusable(_) => 2,
            Self::Convicted(_) => 3,
            Self::Refused { .. } => 4,
            Self::Untrue { .. } => 5,
        }
    }
}

impl From<HistoryError> for RecordsError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::File(error) => Self::File(error),
            HistoryError::OtherRun { .. } => Self::Unusable(error.to_string()),
            HistoryError::ForkedHistory { .. } => Self::Convicted(error.to_string()),
            // A header that follows on nothing we know and that the coordinator has signed all the same.
            HistoryError::Chain(
                ChainError::WrongGenesis { .. }
                | ChainError::WrongHistory { .. }
                | ChainError::TimeBackwards { .. },
            ) => Self::Convicted(format!(
                "the coordinator has signed a block that cannot be: {error}"
            )),
            HistoryError::LostBlocks { .. }
            | HistoryError::Chain(_)
            | HistoryError::Malformed(_) => Self::Blocks(error.to_string()),
        }
    }
}

impl From<FollowError> for RecordsError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Gap { .. } => Self::Blocks(error.to_string()),
            FollowError::Entry { .. } => Self::Convicted(format!(
                "{error}; the blocks that show it are in this party's ledger folder: keep them and show them to the others"
            )),
        }
    }
}

impl From<LockError> for RecordsError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(path) => Self::Busy(format!(
                "{} is locked: another process of this party is doing the same; stop it first",
                path.display()
            )),
            LockError::File(error) => Self::File(error),
        }
    }
}

impl From<sled::Error> for RecordsError {
    fn from(error: sled::Error) -> Self {
        Self::Interrupted(format!("the index of records cannot be read or written: {error}"))
    }
}

/// Bytes of this party's own disk or command line that do not decode.
macro_rules! unusable {
    ($($error:ty),*) => {$(
        impl From<$error> for RecordsError {
            fn from(error: $error) -> Self {
                Self::unusable(error)
            }
        }
    )*};
}

unusable!(DecodeError, WireError, RecordError, GroupError);
