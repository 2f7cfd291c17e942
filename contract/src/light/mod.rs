//! What signatures alone decide: the follower and the light audit run this and nothing else.
//!
//! Neither has bodies or verifies proofs. What orders may come, which committee is next and what a stage comes to, they
//! take from the same pieces as the contract ([`Succession`](crate::keygen::Succession), the stages of
//! [`Keygen`], `course`), so that a rule cannot be read in two ways.
//!
//! | file | concept |
//! | --- | --- |
//! | [`statements`] | what somebody has said on the chain, with the signature of the one who may say it |
//! | [`phase`] | where a run stands: what was submitted, sealed, answered and closed |
//! | [`view`] | the state machine of a follower, ceremonies included |
//! | [`committees`] | which committee answers for a sum, without the ceremonies: what the light audit needs |
//!
//! [`Keygen`]: crate::keygen::Keygen

pub mod committees;
pub mod phase;
pub mod statements;
pub mod view;

pub use committees::{Committees, Seats};
pub use phase::{Closed, Collection, Phase, Sealed, SealedSum};
pub use statements::{Cosigned, Countersignature, SignedShare, StatementError, Submission};
pub use view::View;
