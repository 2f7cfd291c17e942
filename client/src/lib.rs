//! An institution: it trains on its own rows, submits what it has proven, holds its share of the decryption key, and
//! takes nobody's word for anything it can check.
//!
//! [`Institution::run`] connects outwards only and takes part in a run until every step is closed. It keeps its own
//! verified copy of the chain, trains only on a model that it has checked, and as a trustee helps to open only a sum that
//! it has judged, whose updates it has verified, and that it has remembered and seen countersigned by a quorum
//! ([`institution::trustee`]). What anyone can verify, institution or not, is in `consilium-audit`.
//!
//! What must stay true here:
//!
//! - An institution that has lost its memory, or finds it older than the chain, answers for nothing as a trustee until the
//!   next committee that it helps to make.
//! - A member answers for one set of qualified dealings per attempt, and confirms one committee per number, for ever, on
//!   disk before it says so. One that has confirmed a committee countersigns nothing as a member of an earlier one; one that
//!   has countersigned a step confirms no committee that would answer for it. Attempts never repeat a number.
//! - A secret of a ceremony is on disk before anything that follows from it is sent, and gone once the committee stands; so
//!   is the share of every other committee.
//! - What is sent again is the stored bytes, never a new encryption.
//! - A restart goes on from a state that a sealed header names, with a memory that reaches as far, or reads everything again;
//!   nobody is accused on the strength of a kept state.
//!
//! What this crate must not be used for: it is one institution with one state directory. Two processes with one identity
//! and two directories are two memories, and a trustee has only one.
//!
//! ```text
//! blocks ─► History ─► Follower ─┬─ Collecting: CheckedModel ─► Assignment ─► Envelope ─► Upload ─► sent, sent again
//!           own chain  signatures├─ Sealed:     SealedSum ─► Judged ─► bodies verified ─► Countersigned ─► Quorum ─► share
//!           forks                └─ closed:     Judged + shares + masked updates ─► next CheckedModel
//! ```
//!
//! | file | concept |
//! | --- | --- |
//! | [`institution`] | what it holds; its parts as a member and as a trustee |
//! | `run`, `session` | the run, and one connection of it: participate, serve, verify, settle, convict |
//! | [`contribution`] | what it brings to a step: an improvement of the model, or counts of its rows |
//! | [`prepare`] | what is made of a trained model before it is encrypted |
//! | [`state`] | everything on its disk |
//! | [`backup`] | a copy of that, and what is put back |
//! | [`account`] | its account of hidden quantities, worked at beside a run |
//! | `dictionary` | the data dictionary of the run, out of its folder |
//! | [`policy`] | what the site takes part in, decided at the site |
//! | [`preflight`] | whether everything that a run needs is there |
//! | `connection`, `connector`, `backoff` | the calls, how the coordinator is reached, when to try again |
//! | [`observer`] | what a round cost, for whoever wants to know |
//! | [`head`] | signed heads, kept and shown to others |
//! | `status` | where an institution stands |
//! | `error` | what can stop an institution |

pub mod account;
mod backoff;
pub mod backup;
mod connection;
mod connector;
pub mod contribution;
mod dictionary;
mod error;
pub mod head;
pub mod institution;
pub mod observer;
mod patience;
pub mod policy;
pub mod preflight;
pub mod prepare;
mod run;
mod session;
pub mod state;
mod status;

#[cfg(test)]
mod fixture;

pub use connector::{Connecting, Connector, Plain, Tls};
pub use dictionary::agreed_dictionary;
pub use error::ClientError;
pub use institution::{Institution, Verification};
pub use observer::{Observer, RoundReport, Standing, Unobserved, UpdateReport};
pub use run::Outcome;
pub use status::{CommitteeStatus, Status, status};
