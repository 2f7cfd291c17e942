//! Who takes part: the authority's word on an institution, and the standing of everyone who is enrolled.
//!
//! | file | concept |
//! | --- | --- |
//! | [`certificate`] | the authority's word on an institution |
//! | [`roster`] | who is enrolled, with what credit |
//! | `handlers` | an institution enrols, or rejoins; the authority revokes one |

pub mod certificate;
mod handlers;
pub mod roster;

use consilium_proto::v1::{Enrol, Rejoin, Revoke};

use crate::{
    handler::{Said, handle},
    receipt::Receipt,
    state::State,
};

/// What can be said about the institutions.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// An institution enrols.
    Enrol(&'a Enrol),
    /// The authority revokes one.
    Revoke(&'a Revoke),
    /// One that is suspended is there again.
    Rejoin(&'a Rejoin),
}

impl Statement<'_> {
    pub(crate) fn apply(self, said: &Said, state: &mut State) -> Receipt {
        match self {
            Self::Enrol(enrol) => handle(enrol, said, state),
            Self::Revoke(revoke) => handle(revoke, said, state),
            Self::Rejoin(rejoin) => handle(rejoin, said, state),
        }
    }
}
