//! The smart contract: transactions in, receipts and state out.
//!
//! [`Contract::apply`] is a pure function of the state and the transaction. It reads no clock, no network, no
//! randomness and no disk; time arrives inside transactions. So a crash is recovered, a node replicated and an audit
//! done by applying the ledger again, and comparing the state root in every block header.
//!
//! This crate orders nothing and stores nothing; a node that acknowledges what it applied must first have made it
//! durable.
//!
//! - [`transaction`]: bytes that somebody signed
//! - [`parameters`]: the checked genesis; [`certificate`]: the authority's word on an institution; [`committee`]: who
//!   holds the decryption key
//! - [`roster`]: who is enrolled, with what credit; [`model`]: what a sum does to the model
//! - [`check`]: the expensive part of judging an update, ahead of time and in batches
//! - [`SealedBlock`]: what a trustee countersigns, as a cosigned checkpoint
//! - [`phase`]: the phases of a step; [`contract`]: the state machine, with `admission` (who said it, and what is a fault)
//!   and `transition` (what each action does); [`receipt`]: the answers
//!
//! ```text
//! peer's bytes → CandidateTransaction → Contract::admit → check_updates → Contract::apply → Receipt
//! ```

mod admission;
pub mod certificate;
pub mod check;
pub mod committee;
pub mod contract;
mod countersign;
pub mod model;
pub mod parameters;
pub mod phase;
pub mod receipt;
mod root;
pub mod roster;
pub mod transaction;
mod transition;

pub use certificate::{Certificate, CertificateError};
pub use check::{CheckedUpdate, check_updates};
pub use committee::Committee;
pub use contract::{Admission, ApplyError, Body, Contract};
pub use countersign::SealedBlock;
pub use model::Model;
pub use parameters::{GenesisError, Parameters};
pub use phase::Phase;
pub use receipt::Receipt;
pub use roster::Roster;
pub use transaction::CandidateTransaction;
