//! Making the key without a dealer, and passing it on: who can stop it, who is blamed, and what nobody can do.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod cast;
mod contributions;
mod making;
mod succession;
