//! What reading a kept state back says of bytes that mean nothing. Every part of a state that is kept says so in the same way;
//! `snapshot` reads the parts.

use thiserror::Error;

/// A part of a kept state that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the snapshot's {0} is none of this run")]
pub struct Malformed(pub(crate) &'static str);

/// Names the part, whatever is wrong with it.
pub(crate) fn malformed<E>(what: &'static str) -> impl FnOnce(E) -> Malformed {
    move |_| Malformed(what)
}
