//! The functions from errors to gRPC statuses.

use std::fmt::Display;

use tonic::{Code, Status};

use crate::{RecordsError, call::CallError};

/// A call that was not heard.
pub(crate) fn call_refused(error: CallError) -> Status {
    let code = match error {
        CallError::Wire(_) | CallError::Other => Code::InvalidArgument,
        CallError::NotForMe | CallError::Stale { .. } | CallError::Unknown => Code::Unauthenticated,
    };
    Status::new(code, error.to_string())
}

/// What was asked for is not allowed: the reason is the caller's to read.
pub(crate) fn not_allowed(reason: impl Display) -> Status {
    Status::permission_denied(reason.to_string())
}

/// What was asked for is not here.
pub(crate) fn not_found(what: &'static str) -> Status {
    Status::not_found(what)
}

/// As many as are served at once, or kept for one party.
pub(crate) fn too_many(what: &'static str) -> Status {
    Status::resource_exhausted(what)
}

/// Something of this party's own: its disk, or somebody it asked in turn.
pub(crate) fn internal(error: RecordsError) -> Status {
    match error {
        RecordsError::Refused { .. } | RecordsError::Untrue { .. } => not_allowed(error),
        RecordsError::Unreachable { .. }
        | RecordsError::Waited { .. }
        | RecordsError::Blocks(_) => Status::unavailable(error.to_string()),
        RecordsError::Unusable(_) => Status::invalid_argument(error.to_string()),
        RecordsError::File(_)
        | RecordsError::Files(_)
        | RecordsError::Busy(_)
        | RecordsError::Convicted(_)
        | RecordsError::Interrupted(_) => {
            // Paths and details of this machine are for its operator.
            tracing::error!(%error, "a call cannot be answered");
            Status::internal("this party cannot answer: its operator finds the reason in its log")
        }
    }
}
