//! The program against a coordinator that lies, and the file it leaves against somebody who has nothing but the genesis.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod liar;
mod two_histories;
mod unproven;

#[allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    reason = "what the tests inside the crates need as well"
)]
#[path = "../../../audit/src/fixture.rs"]
mod world;
