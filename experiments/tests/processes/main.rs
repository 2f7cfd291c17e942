//! The federation as separate processes over real sockets and real files, killed with SIGKILL and started again.
//!
//! Every process is this test executable, started once more with `--exact child::…`: what it runs is what the programs'
//! `main` runs. Moments of killing come from a seeded generator; the seed is printed where a test fails, and
//! `CONSILIUM_KILLS=<seed>` draws the same ones again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod administration;
mod child;
#[path = "../common/clear.rs"]
#[allow(dead_code, reason = "each test file uses its own part of this")]
mod clear;
mod finished;
mod kills;
mod restored;
mod world;
