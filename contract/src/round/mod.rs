//! The round: updates are collected and summed, the sum is countersigned and opened, the model moves.
//!
//! | file | concept |
//! | --- | --- |
//! | `collecting` | who has submitted, what came of it, and the running sum |
//! | `sealed` | the sum of the encrypted keys stands; trustees countersign the block that holds it |
//! | `opening` | shares come in; any t of them open the sum of the updates |
//! | `admission` | one update: who may submit it, when, and what is a fault |
//! | [`check`] | the expensive part of judging an update, ahead of time and in batches |
//! | [`countersign`] | what a trustee countersigns, as a cosigned checkpoint |
//! | [`model`] | what a sum does to the model |

mod admission;
pub mod check;
mod collecting;
pub mod countersign;
pub mod model;
mod opening;
mod sealed;

pub use collecting::Collecting;
pub use opening::{Opened, Opening};
pub use sealed::Sealed;
