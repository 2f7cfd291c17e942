//! Why bytes are not the canonical encoding of anything.

use thiserror::Error;

/// Bytes that are not the one canonical encoding of anything.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The length is not the one that the public parameters fix.
    #[error("{what}: expected {expected} bytes, got {found}; send it whole and without padding")]
    Length {
        /// What was being read.
        what: &'static str,
        /// The only length accepted, in bytes.
        expected: usize,
        /// The length that came, in bytes.
        found: usize,
    },
    /// 32 bytes that are not the canonical encoding of a ristretto255 element.
    #[error("{what}: element {index} is not a canonical ristretto255 encoding")]
    Point {
        /// What was being read.
        what: &'static str,
        /// Which element of it, from 0.
        index: usize,
    },
    /// 32 bytes that are not an integer below the group order.
    #[error("{what}: scalar {index} is not reduced below the group order")]
    Scalar {
        /// What was being read.
        what: &'static str,
        /// Which scalar of it, from 0.
        index: usize,
    },
    /// An identity, or equal halves, where a key belongs.
    #[error("{what} is degenerate: it would hide nothing; generate a new key")]
    DegenerateKey {
        /// What was being read.
        what: &'static str,
    },
    /// A field holds a number that means nothing.
    #[error("{what} is {found}; allowed: {allowed}")]
    Value {
        /// The field.
        what: &'static str,
        /// What came.
        found: u64,
        /// What is allowed.
        allowed: &'static str,
    },
}
