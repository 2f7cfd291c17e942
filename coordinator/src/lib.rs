//! A node: it orders transactions, runs the contract, makes the result durable, and only then answers.
//!
//! The rules of the protocol are not here: they are in `consilium-contract`, a pure function that every institution and
//! auditor applies again. This crate is the thin shell around it: clock, sockets, disk, and the transactions that the
//! coordinator itself has to say. It holds sk_h, which certifies sums, and never any part of the decryption key.
//!
//! It must not be used as a place to trust: whoever relies on what a node says checks it against the chain.
//!
//! # The way of an update
//!
//! ```text
//! services (gRPC) → upload: header → node: admit → upload: body → verify: many bodies as one folded batch
//!                                        ▲                                              │
//!            recover (restart)           └───────── node: apply, seal, flush ◀──────────┘
//!                                                          │ then: publish, answer
//!                                                          ▼
//!                          catalogue, durable head → Subscribe, GetAggregate, GetBlob …
//! ```
//!
//! | file | concept |
//! | --- | --- |
//! | `config`, `limits` | what an operator chooses; what every call is held to |
//! | `clock` | time, passed in; the node's own time, which never goes back |
//! | `node` | the one owner of the contract; its write path |
//! | `round` | what the coordinator has to say next: a pure function of contract and time |
//! | `open_block`, `recorded`, `history` | entries not yet durable; one entry; receipts of those that are |
//! | `verify` | the proofs of all updates that have arrived, as one batch, beside the node |
//! | `recover` | the state of a node out of its ledger |
//! | `shared`, `catalogue` | what calls read without asking the node: only what is durable |
//! | `services/` | what peers call: the two gRPC services, bodies in, blocks and blobs out |
//! | `inbox` | what reaches the node, and where its answers go |
//! | `metrics` | what a round cost, for an observer |
//! | `error` | what can go wrong |
//! | `running` | all of it together |

mod catalogue;
mod clock;
mod config;
mod error;
#[cfg(test)]
mod fixture;
mod history;
mod inbox;
mod limits;
mod metrics;
mod node;
mod open_block;
mod recorded;
mod recover;
mod round;
mod running;
mod services;
mod shared;
mod verify;

pub use clock::{Clock, SystemClock};
pub use config::{Config, Linger};
pub use error::CoordinatorError;
pub use limits::Limits;
pub use metrics::{Event, Observer, RoundMetrics};
pub use running::{Coordinator, Ended, Running, Stopper};
