//! An institution: it trains on its own rows, submits what it has proven, holds its share of the decryption key, and
//! takes nobody's word for anything it can check.
//!
//! [`Institution::run`] connects outwards only and takes part in a run until every step is closed. It keeps its own
//! verified copy of the chain, trains only on a model that it has checked ([`CheckedModel`]), and as a trustee helps to
//! open only a sum that it has judged, remembered and seen countersigned by a quorum ([`trustee`]). [`audit()`] replays a
//! whole ledger through the contract, for anyone who has a copy.
//!
//! What this crate must not be used for: it is one institution with one state directory. Two processes with one identity
//! and two directories are two memories, and a trustee has only one.
//!
//! ```text
//! blocks ─► History ─► Follower ─┬─ Collecting: CheckedModel ─► Assignment ─► Envelope ─► Upload ─► sent, sent again
//!           own chain  signatures├─ Sealed:     SealedSum ─► Judged ─► Countersigned ─► Quorum ─► share
//!           forks                └─ closed:     Judged + shares + masked updates ─► next CheckedModel
//! ```
//!
//! | file | concept |
//! | --- | --- |
//! | [`learning`] | the network, its training, and the quantised update |
//! | [`history`] | the own copy of the chain |
//! | [`evidence`] | what convicts somebody in the eyes of anyone who has the genesis |
//! | [`follow`], [`statements`] | what signatures on the chain show |
//! | [`trustee`], [`memory`] | what a trustee does before it helps to open a sum, and what it never forgets |
//! | [`member`] | its part in making committees, and its shares of the key |
//! | [`model_check`] | the model that may be trained on |
//! | [`submit`] | an encrypted update, made once and sent until it arrives |
//! | `institution`, `session` | the run, and one connection of it |
//! | `connection`, `backoff`, `durable` | the calls, when to try again, files that survive a crash |
//! | [`observer`] | what a round cost |
//! | [`head`] | signed heads, kept and compared with those of others |
//! | [`mod@audit`], `status` | a ledger, replayed; where an institution stands |
//! | `error` | what can stop an institution |

mod backoff;
mod connection;
mod error;
pub mod head;
pub mod institution;
pub mod observer;
pub mod prepare;
mod run;
mod session;
pub mod state;
mod status;

#[cfg(test)]
mod fixture;

pub use connection::{Connector, Plain};
pub use error::ClientError;
pub use institution::{Institution, Verification};
pub use observer::{Observer, RoundReport, Unobserved, UpdateReport};
pub use run::Outcome;
pub use status::{CommitteeStatus, Status, status};
