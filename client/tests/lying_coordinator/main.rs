//! The program against a coordinator that lies, and the file it leaves against somebody who has nothing but the genesis.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod liar;
mod two_histories;
mod unproven;
