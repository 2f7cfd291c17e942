//! The one function from an error of a call to a gRPC status.

use tonic::{Code, Status};

use crate::error::CallError;

pub(crate) fn status(error: CallError) -> Status {
    let code = match &error {
        CallError::Wire(_)
        | CallError::WrongAction { .. }
        | CallError::NoHeader
        | CallError::TooLong { .. }
        | CallError::Header(_)
        | CallError::NotSigned => Code::InvalidArgument,
        CallError::OtherCaller { .. } => Code::PermissionDenied,
        CallError::RunsElsewhere(_) => Code::AlreadyExists,
        CallError::LacksBlocks { .. } => Code::FailedPrecondition,
        CallError::NotFound { .. } => Code::NotFound,
        CallError::OutOfRange { .. } => Code::OutOfRange,
        CallError::TooOften { .. }
        | CallError::TooMany { .. }
        | CallError::TooManyRejections { .. } => Code::ResourceExhausted,
        CallError::Verifying | CallError::Superseded => Code::Aborted,
        CallError::TooSlow { .. } => Code::DeadlineExceeded,
        CallError::Stopping | CallError::Listening => Code::Unavailable,
        CallError::Ledger(error) => {
            // Paths and details of this machine are for its operator.
            tracing::error!(%error, "the ledger cannot be read");
            Code::Internal
        }
    };
    Status::new(code, error.to_string())
}
