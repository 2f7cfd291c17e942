//! An institution's account of hidden quantities: what `consilium-client account` does.
//!
//! An account is worked at beside a run, which may be going on: in a folder of its own in the institution's state directory,
//! with its own verified copy of the chain. The statement of an order is made once, is on disk before it is sent, and is what
//! is sent again, until the chain shows what became of it; another one would be refused at best, and at worst a payment
//! would be made twice.
//!
//! ```text
//! Order ─ Book: rules and balance ─► Stored statement ─ sent, sent again ─► in a block of the own copy ─► forgotten
//! ```
//!
//! What is in `<state>/account/`, each file for its owner only:
//!
//! | file | what is in it |
//! | --- | --- |
//! | `account.key` | x1 ‖ x2 |
//! | `balance.bin` | what the account holds, as of a height of the chain |
//! | `statement.bin` | the order in progress and its signed statement |
//! | `blocks.bin`, `lock` | the copy of the chain; held while a command works here |
//!
//! | file | concept |
//! | --- | --- |
//! | `error` | why an order is not carried out |
//! | `order` | what can be asked for, and the statement that it has become |
//! | `folder` | everything on disk |
//! | `book` | the chain so far, and what the account holds by it |
//! | `desk` | orders carried out |

mod book;
mod desk;
mod error;
mod folder;
mod order;

pub use book::{Holding, OpenAccount};
pub use desk::{Desk, Done};
pub use error::AccountError;
pub use order::Order;
