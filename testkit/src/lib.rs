//! For tests: one federation in memory, in place of a fixture for each crate.
//!
//! Nothing here is built into a program: crates name it among their dev-dependencies. It stands above `authority`,
//! `contract` and `ledger`, and below whatever follows a chain or serves one. So the unit tests of the crates above can
//! use it, and of the crates below only the tests in their `tests/` folders: in a unit test these would meet their own
//! types twice.
//!
//! | file | concept |
//! | --- | --- |
//! | `attack` | updates whose proofs do not hold, and a coordinator that sums them |
//! | `ceremony` | the one ceremony, and geneses that differ from what a ceremony makes |
//! | `parties` | what the parties sign, and the chain that they sign it for |
//! | `quantities` | institutions with accounts, and what they say of them |
//! | `relay` | a wire that is cut |
//! | `run` | a contract driven transaction by transaction, with everybody's keys |
//! | `sharing` | an owner, a custodian, a group, and what they say of records |
//! | `step` | what the parties say in one step of training |
//! | `unproven` | updates of any values (feature `adversary`) |
//! | `world` | the same run sealed in blocks, by a coordinator that may lie |
//!
//! A kit that cannot do what a test asks of it panics: that is how a test fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is how a test fails"
)]

mod attack;
mod ceremony;
mod parties;
mod quantities;
mod relay;
mod run;
mod sharing;
mod step;
#[cfg(feature = "adversary")]
mod unproven;
mod world;

pub use consilium_authority::{Ceremony, CeremonySpec};

pub use ceremony::{
    DIMENSION, INSTITUTIONS, TIMEOUT_MS, UpdateKind, bounds, ceremony, genesis, genesis_entry,
    layers, next_ceremony, specification, table,
};
pub use parties::Parties;
pub use quantities::Traders;
pub use relay::relay;
pub use run::{Op, Run};
pub use sharing::{Sharing, admission};
pub use world::{World, splice};
