//! The smart contract: transactions in, receipts and state out.
//!
//! [`Contract::apply`] is a pure function of the state and the transaction. It reads no clock, no network, no
//! randomness and no disk; time arrives inside transactions. So a crash is recovered, a node replicated and an audit
//! done by applying the ledger again, and comparing the state root in every block header.
//!
//! This crate orders nothing and stores nothing; a node that acknowledges what it applied must first have made it
//! durable.
//!
//! | where | what |
//! | --- | --- |
//! | [`transaction`], [`receipt`] | bytes that somebody signed, and the answers to them |
//! | [`action`] | the one list of kinds of transactions: who signs each, and which wing decides it |
//! | [`parameters`] | the checked genesis; [`promise`]: what its bound says of every accepted update; [`influence`]: of one institution |
//! | [`server_optimiser`] | how the mean of the updates moves the model |
//! | [`agenda`] | what each step of a run is for: statistics, training or evaluation |
//! | `snapshot` | the state of a run that rests, as bytes |
//! | [`contract`] | the state machine; [`phase`]: where a run stands; `course`: the order of the coordinator's orders |
//! | [`execute`](mod@execute) | one way to run a block: recovery, audits, evidence |
//! | [`schedule`] | what an honest orderer says next, and for whom a run waits |
//! | [`enrolment`] | the wing of institutions: certificates, and who is enrolled with what credit |
//! | [`exchange`] | the wing of sharing: participants, a group, records and consents |
//! | [`keygen`] | the wing of the key: making a committee without a dealer, and passing its key on |
//! | [`light`] | what signatures alone decide: followers and the light audit |
//! | [`round`] | the wing of the round: collecting, countersigning and opening a sum, and the model that follows |
//!
//! ```text
//! peer's bytes → CandidateTransaction → Contract::admit → check_updates → Contract::apply → Receipt
//! ```

pub mod action;
pub mod agenda;
pub mod attendance;
mod body;
mod budget;
pub mod contract;
mod course;
pub mod enrolment;
pub mod exchange;
pub mod execute;
mod handler;
pub mod influence;
pub mod keygen;
pub mod light;
mod malformed;
pub mod parameters;
pub mod phase;
pub mod promise;
pub mod receipt;
mod root;
pub mod round;
pub mod schedule;
pub mod server_optimiser;
mod snapshot;
mod state;
pub mod transaction;

pub use agenda::{Agenda, Purpose};
pub use attendance::Attendance;
pub use body::{ApplyError, Body, Checked};
pub use contract::{Admission, Contract};
pub use enrolment::{
    certificate::{self, Certificate, CertificateError},
    roster::{self, Roster},
};
pub use exchange::check::{CheckedQuantity, check_quantities};
pub use execute::{ExecuteError, Recorded, execute};
pub use handler::Refusal;
pub use influence::{Distance, Influence};
pub use keygen::{
    Keygen,
    committee::{self, Committee},
};
pub use malformed::Malformed;
pub use parameters::{GenesisError, Parameters};
pub use phase::Phase;
pub use promise::Promise;
pub use receipt::{Receipt, ReceiptError};
pub use round::{
    check::{self, CheckedUpdate, check_updates},
    countersign::SealedBlock,
    model::{self, Model},
};
pub use server_optimiser::ServerOptimiser;
pub use snapshot::SnapshotError;
pub use transaction::CandidateTransaction;
