//! Institutions that train with programs of their own, as processes: one run, and what is refused before it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

#[path = "../common/coordinator.rs"]
mod coordinator;
mod measured;
mod refused;
mod run;
mod world;
