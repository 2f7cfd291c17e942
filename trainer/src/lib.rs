//! A [`Trainer`](consilium_learning::Trainer) that is another program, in any language.
//!
//! The program is one long-lived child. It reads a line of JSON a request from standard input and answers with a line of
//! JSON on standard output; tensors pass as safetensors files in a private folder that the child is started in. Whatever
//! goes wrong (it dies, says something else, is late, returns other shapes or a NaN) costs the step that was asked for and
//! nothing more: the child is killed with its whole process group, and the next step starts another.
//!
//! This crate links neither keys nor an institution's state, so that it cannot hand them to a program. The child runs under
//! the client's user id, though: what keeps it from files that this user can read is not here, but in how the client is
//! installed. `docs/own-code.md` says what that means, and has the protocol.
//!
//! | file | concept |
//! | --- | --- |
//! | `program` | [`ProgramTrainer`]: what is asked of the program, and when |
//! | `protocol` | requests and replies |
//! | `conversation` | one child, a request and its reply at a time, with a deadline |
//! | `slot` | the child that runs, where it can be ended from another thread |
//! | `command` | how a child is started: words, environment, descriptors |
//! | `lines` | lines of the child, none of them longer than allowed |
//! | `folder` | the private folder, and folders that killed clients have left |
//! | `tensors` | models and rows as safetensors |
//! | `error` | what a program can do wrong |

mod command;
mod conversation;
mod error;
mod folder;
mod lines;
mod program;
mod protocol;
mod slot;
mod tensors;

pub use command::Words;
pub use error::ProgramFailure;
pub use program::{Metrics, ProgramTrainer, Rows, Settings};
pub use protocol::PROTOCOL;
pub use slot::Stopper;
pub use tensors::{from_safetensors, to_safetensors};
