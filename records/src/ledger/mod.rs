//! The ledger as a party sees it: its own copy, verified block by block, and what follows from it. Nothing here is the
//! coordinator's word.
//!
//! | file | concept |
//! | --- | --- |
//! | `copy` | the verified blocks, on disk, and what they show |
//! | `index` | what the parties need besides what every follower keeps |
//! | `connection` | the calls to the coordinator |
//! | `following` | the copy, kept up to date; statements, and waiting for what they bring about |

mod connection;
mod copy;
mod following;
mod index;

pub use copy::Ledger;
pub use following::Following;
pub(crate) use following::blocking;
pub use index::{Index, Posted, request_name};
