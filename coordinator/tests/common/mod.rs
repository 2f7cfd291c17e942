//! Institutions made by hand out of `crypto` and `contract`, and a follower that applies the chain for itself.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of this")]

mod disk;
mod events;
mod follower;
mod institution;
mod peer;
mod play;
mod program;
mod world;

pub use consilium_testkit::DIMENSION;
pub use disk::{blocks, copy_folder};
pub use events::{Events, says, unhurried};
pub use follower::{Follower, is_update};
pub use institution::{Institution, no_block};
pub use peer::{Peer, Update};
pub use play::{enrol_all, expected_model, found, open, submit_all};
pub use program::{Node, PROGRAM, command};
pub use world::{World, ceremony};
