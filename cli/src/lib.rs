//! What the programs of the project have in common at their edges.
//!
//! | file | concept |
//! | --- | --- |
//! | [`command_line`] | arguments in, one line of complaint, results to a stdout that may be gone |
//! | `config` | options from a file and from the environment, under those of the command line |
//! | [`failure`] | why a program stops, and the exit code that says so |
//! | [`logging`] | progress on stderr |
//! | `observing` | numbers and pages for operators over HTTP, with the feature of that name |
//! | `preflight` | whether what a program needs is there, and what to do, with the feature of that name |
//! | [`output`] | files that are written where an operator says, never over somebody else's |
//! | [`version`](mod@version) | how a program was built, and a warning where that is for tests alone |

pub mod command_line;
mod config;
pub mod failure;
pub mod logging;
#[cfg(feature = "observing")]
pub mod observing;
pub mod output;
#[cfg(feature = "preflight")]
pub mod preflight;
pub mod version;

pub use failure::Failure;
pub use version::version;
