//! What anyone can verify of a run, with the genesis and what the coordinator has signed: a whole ledger, an
//! institution's own updates, a file of evidence, the heads that others were shown.
//!
//! Nothing here trains, serves or connects, and nothing holds a secret.
//!
//! | file | concept |
//! | --- | --- |
//! | [`follow`] | what signatures on the chain show ([`statements`], [`consilium_contract::light`]) |
//! | [`judge`] | a sealed sum, before a trustee helps to open it |
//! | [`model_check`] | a model that may be trained on |
//! | [`mod@audit`], [`audited`] | a ledger, replayed through the contract; what a later audit goes on from |
//! | [`execution`] | the contract, run by a reader that has the bodies |
//! | [`mine`] | what became of an institution's own updates |
//! | [`evidence`] | what convicts somebody in the eyes of anyone who has the genesis |
//! | [`heads`] | signed heads, compared with a chain and with each other |
//! | [`commands`] | the same for programs: a line to print and an exit code |
//! | [`files`], [`durable`] | files that survive a crash; a log that does, and the lock of a directory |
//! | [`history`] | a party's own copy of the chain, block by block |

pub mod audit;
pub mod audited;
pub mod commands;
pub mod durable;
pub mod evidence;
pub mod execution;
pub mod files;
pub mod follow;
pub mod heads;
pub mod history;
pub mod judge;
pub mod mine;
pub mod model_check;
pub use consilium_contract::light::statements;

#[cfg(test)]
extern crate self as consilium_audit;
#[cfg(test)]
mod fixture;

pub use audit::{AuditError, AuditReport, Scope, audit, audit_within};
pub use audited::Audited;
pub use evidence::Evidence;
pub use model_check::CheckedModel;
