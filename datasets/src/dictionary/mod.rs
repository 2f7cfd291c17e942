//! What all sites of a run have agreed that their columns mean, and whether a site's file means it.
//!
//! A [`Schema`](crate::Schema) says how one site's file is read; a [`Dictionary`] says what every site's file must hold once it
//! is. A dictionary is written in TOML ([`Dictionary::parse`]) and named by a hash that depends on nothing but its meaning
//! ([`Dictionary::hash`]). [`Dictionary::check`] compares a file with it and reports all that does not fit at once, in names
//! and counts, never in values; [`Dictionary::open`] reads a file that fits. [`draft`] starts one from a site's file.
//!
//! ```
//! use consilium_datasets::{Source, dictionary::Dictionary};
//!
//! let dictionary = Dictionary::parse(r#"
//!     format = 1
//!     name = "visits"
//!     missing = ["NA"]                     # in every column, besides the empty field
//!     [target]
//!     column = "ill"
//!     positive = ["1"]                     # or, instead of both: classes = ["a", "b", "c"]; or unit, minimum, maximum
//!     negative = ["0"]
//!     [[columns]]
//!     name = "glucose"
//!     kind = "number"
//!     unit = "mg/dL"                       # "" where there is none
//!     minimum = 20                         # both included
//!     maximum = 1000
//!     missing = ["-9"]                     # in this column
//!     [[columns]]
//!     name = "ward"
//!     kind = "category"
//!     categories = ["01", "3E2"]           # text, each spelling its own
//!     other = "another ward"               # optional: without it, an unknown category is refused
//! "#)?;
//! let report = dictionary.check(&Source::open("pima")?)?;
//! assert!(!report.fits());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it cannot find: labels inverted at one site, or values of another patient. They are of the right names, kinds and
//! ranges; only an evaluation of the model shows them.

mod candidate;
mod check;
mod definition;
mod draft;
mod encoding;
mod error;
mod open;
mod report;
mod site;
#[cfg(test)]
mod tests;

pub use candidate::MAX_DICTIONARY_BYTES;
pub use definition::{Column, Dictionary, Kind, Target, TargetKind, TargetRange};
pub use draft::draft;
pub use error::DictionaryError;
pub use report::{ClassReport, ColumnReport, DataReport, Fault, Finding};
