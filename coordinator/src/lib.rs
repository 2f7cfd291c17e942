//! A node: it orders transactions, runs the contract, makes the result durable, and only then answers.
//!
//! The rules of the protocol are not here: they are in `consilium-contract`, a pure function that every institution and
//! auditor applies again. This crate is the thin shell around it: clock, sockets, disk, and the transactions that the
//! coordinator itself has to say. It holds sk_h, which certifies sums, and never any part of the decryption key.
//!
//! What must stay true here: a height is sealed once, since its header is remembered beside the key before it leaves the
//! coordinator; no transaction is acknowledged, and no model published, before its block is flushed to disk.
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
//! | `config`, `limits`, `keys` | what an operator chooses; what every call is held to; the node's keys |
//! | `clock` | time, passed in; the node's own time, which never goes back |
//! | `descriptors` | how many connections the system allows |
//! | `founding`, `last_sealed` | whether a ledger may be founded or gone on from; what the key has sealed, outside of it |
//! | `hearing` | whether others hold blocks that this ledger lacks, before anything is signed |
//! | `inbox` | what reaches the node, and where its answers go |
//! | `node` | the loop that owns the parts below, on one thread; the write path in eight steps |
//! | `gate`, `history` | what is known, admitted, within limits, waiting; receipts of all that is durable |
//! | `executor`, `round` | the contract and where it stands; what the coordinator has to say next |
//! | `sequencer`, `solo` | what orders transactions and makes them durable; one process that does so alone |
//! | `open_block` | entries not yet durable, and who waits for them |
//! | `observatory/` | what an operator sees: a page, metrics, a status |
//! | `report`, `recorder`, `event` | what an observer is told; what a round cost |
//! | `waiting` | for whom the run waits, as the log says it |
//! | `farewell` | when a node whose run is finished may go |
//! | `verify` | the proofs of all updates that have arrived, as one batch, beside the node |
//! | `recover`, `snapshot` | the state of a node out of its ledger; what a restart goes on from |
//! | `backup`, `control` | a second ledger with what the first has; the socket by which it is asked for while a node runs |
//! | `restore/` | a ledger rebuilt from copies of it and from what institutions have followed |
//! | `shared`, `catalogue`, `history_tree` | what calls read without asking the node: only what is durable |
//! | `services/` | what peers call: the two gRPC services, bodies in, blocks and blobs out |
//! | `preflight` | whether what a node needs is there, before it is started |
//! | `error` | what can go wrong |
//! | `running`, `simulated` | all of it together; the same without sockets and threads, for simulations in virtual time |

mod backup;
mod catalogue;
mod clock;
mod config;
mod control;
mod descriptors;
mod error;
mod event;
mod executor;
mod farewell;
mod founding;
mod gate;
mod hearing;
mod history;
mod history_tree;
mod inbox;
mod keys;
mod last_sealed;
mod limits;
mod node;
mod observatory;
mod open_block;
mod preflight;
mod recorder;
mod recover;
mod report;
mod restore;
mod round;
mod running;
mod sequencer;
mod services;
mod shared;
#[cfg(feature = "simulation")]
mod simulated;
mod snapshot;
mod solo;
mod verify;
mod waiting;

pub use backup::BackedUp;
pub use clock::{Clock, SystemClock};
pub use config::{Config, Linger, Transport};
pub use consilium_transport::Guests;
pub use control::backup;
pub use descriptors::raise_descriptor_limit;
pub use error::CoordinatorError;
pub use event::{Ended, Event, Observer, RoundMetrics};
pub use limits::Limits;
pub use observatory::{StatusError, status_of_ledger, status_of_node};
pub use preflight::Preflight;
pub use restore::{Restored, restore};
pub use running::{Coordinator, Running, Stopper};
#[cfg(feature = "simulation")]
pub use simulated::Simulated;
