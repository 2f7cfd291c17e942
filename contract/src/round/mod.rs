//! The round: updates are collected and summed, the sum is countersigned and opened, the model moves.
//!
//! | file | concept |
//! | --- | --- |
//! | `collecting` | who has submitted, what came of it, and the running sum |
//! | `sealed` | the sum of the encrypted keys stands; trustees countersign the block that holds it |
//! | `opening` | shares come in; any t of them open the sum of the updates |
//! | `pause` | the authority holds the run, and lets it go on |
//! | `orders` | what the coordinator says of a round, and what it changes |
//! | `admission` | one update: who may submit it, when, and what is a fault |
//! | `answers` | what trustees answer to a sealed sum, and what it changes |
//! | [`check`] | the expensive part of judging an update, ahead of time and in batches |
//! | [`countersign`] | what a trustee countersigns, as a cosigned checkpoint |
//! | [`model`] | what a sum does to the model |
//! | [`findings`] | what sums of counts say of rows and models, and when they end the run |

pub(crate) mod admission;
mod answers;
pub mod check;
mod collecting;
pub mod countersign;
pub mod findings;
pub mod model;
mod opening;
mod orders;
pub(crate) mod pause;
mod sealed;

use consilium_proto::v1::{
    Abandon, CloseCollection, CloseRound, Countersign, OpenRound, Pause, Resume, SubmitShare,
    SubmitUpdate,
};

pub use collecting::Collecting;
pub use findings::{Best, Findings};
pub use opening::{ExpectedSums, Opened, Opening};
pub use sealed::Sealed;

use crate::{
    body::{ApplyError, Body},
    handler::{Said, handle},
    receipt::Receipt,
    state::State,
    transaction::CandidateTransaction,
};

/// What can be said of a round.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// No round opens.
    Pause(&'a Pause),
    /// Rounds open again.
    Resume(&'a Resume),
    /// Updates are taken.
    Open(&'a OpenRound),
    /// An institution's update.
    SubmitUpdate(&'a SubmitUpdate),
    /// The sum of the encrypted keys stands.
    CloseCollection(&'a CloseCollection),
    /// The attempt is given up.
    Abandon(&'a Abandon),
    /// A trustee answers for the sealed block.
    Countersign(&'a Countersign),
    /// A trustee's share of the sum of the keys.
    SubmitShare(&'a SubmitShare),
    /// What the step came to.
    Close(&'a CloseRound),
}

impl Statement<'_> {
    pub(crate) fn apply(
        self,
        transaction: &CandidateTransaction,
        body: Body,
        state: &mut State,
    ) -> Result<Receipt, ApplyError> {
        let said = &Said::of(transaction);
        Ok(match self {
            Self::Pause(pause) => handle(pause, said, state),
            Self::Resume(resume) => handle(resume, said, state),
            Self::Open(open) => handle(open, said, state),
            Self::SubmitUpdate(update) => admission::submit(transaction, update, body, state)?,
            Self::CloseCollection(close) => handle(close, said, state),
            Self::Abandon(abandon) => handle(abandon, said, state),
            Self::Countersign(countersign) => handle(countersign, said, state),
            Self::SubmitShare(share) => handle(share, said, state),
            Self::Close(close) => handle(close, said, state),
        })
    }
}
