//! Bytes that are not the encoding they should be.

/// Why bytes could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}: {detail}")]
pub struct Malformed {
    /// What was decoded.
    pub what: &'static str,
    /// What was expected and what came.
    pub detail: String,
}

impl Malformed {
    /// The bytes end too early, too late, or hold a number that means nothing.
    pub(crate) fn shape(what: &'static str) -> Self {
        Self {
            what,
            detail: "it has another length, or a number that stands for nothing".to_owned(),
        }
    }
}
