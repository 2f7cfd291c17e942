//! Four sites whose rows are counted before they are scaled, and whose model is measured on rows that nobody trains on: a
//! coordinator on a socket, and the program `consilium-client`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[path = "../common/coordinator.rs"]
mod coordinator;
mod run;
mod targets;
mod world;
