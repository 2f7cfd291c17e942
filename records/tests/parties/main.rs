//! The program, with a coordinator and parties on sockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod adversaries;
mod common;
mod stopped;
mod story;
