//! How a program that runs for days shows what it does: over HTTP, to whoever may reach an address that its operator names.
//!
//! | file | concept |
//! | --- | --- |
//! | [`listener`] | a small HTTP listener with hard limits, apart from everything else that a program serves |
//! | [`exposition`] | numbers in Prometheus' text format |
//! | [`process`] | memory and descriptors of this process |
//!
//! It answers reading requests alone, knows no callers and asks for no password: nothing that it shows may be secret.

pub mod exposition;
pub mod listener;
pub mod process;

pub use exposition::{Exposition, Histogram};
pub use listener::{Answer, Kind, serve};
