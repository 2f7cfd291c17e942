//! Why a note is not taken.

/// Why a note, or what is in it, is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The bytes are no note, or no text of the kind that is expected.
    #[error("not a {what}: {detail}; give the file as it was written")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// No key that is trusted has signed it.
    #[error(
        "the note is signed by none of the keys that were asked for, {expected} first: it proves nothing"
    )]
    Unsigned {
        /// Name of the first of them.
        expected: String,
    },
    /// A line says that a known key signed, and it did not.
    #[error("the signature of {name} under the note does not hold: discard the note")]
    BadSignature {
        /// Name of the key.
        name: String,
    },
    /// A cosignature says another time than the one that is agreed.
    #[error(
        "the cosignature of {name} is of second {found}, expected {expected}, the time of the block"
    )]
    OtherTime {
        /// Name of the key.
        name: String,
        /// Seconds since the epoch that it should say.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// It speaks of another log.
    #[error("the checkpoint is of {found}, expected {expected}: it belongs to another chain")]
    OtherOrigin {
        /// Origin of the chain asked for.
        expected: String,
        /// Origin in the checkpoint.
        found: String,
    },
}

pub(crate) fn malformed(what: &'static str, detail: impl Into<String>) -> NoteError {
    NoteError::Malformed { what, detail: detail.into() }
}
