//! Real children, most of which do not keep to the protocol.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod bench;
mod failures;
mod good;
mod predictions;
mod stopping;
