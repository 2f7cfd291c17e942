//! CSV in; typed, standardised, partitioned tables out.
//!
//! ```
//! use consilium_datasets::{Dataset, Partitioning, Preprocessor};
//!
//! let dataset = Dataset::bundled("pima")?; // or Dataset::load(schema_path)
//! let split = dataset.split(0.2, 42)?; // stratified
//! let preprocessor = Preprocessor::fit(&dataset, &split.train)?; // statistics of training rows only
//! let test = preprocessor.transform(&dataset, &split.test)?;
//! assert_eq!((test.rows, test.width), (154, 8));
//!
//! for rows in Partitioning::Random.deal(&dataset, &split.train, 10, 42)? {
//!     let table = preprocessor.transform(&dataset, &rows)?; // what one institution learns from
//!     assert!(table.rows >= 61);
//! }
//! # Ok::<(), consilium_datasets::DatasetError>(())
//! ```
//!
//! - [`Schema`][]: what a CSV file means, written in TOML beside it.
//! - [`Dataset`][]: the file as typed columns with missing values. `pima`, `wdbc` and `digits` are compiled in.
//! - [`dictionary`][]: what all sites have agreed that their columns mean, and whether a file means it.
//! - [`Split`], [`Partitioning`]: which rows are for training and which for testing, and which institution has them.
//! - [`Preprocessor`][]: imputation, standardisation and one-hot coding, fitted once and distributed, or agreed under a
//!   dictionary.
//! - [`scorecard`][]: an evaluation as counts that can be summed.
//! - [`survey`][]: the statistics of all sites' rows, from counts that are summed.
//! - [`Table`][]: numbers. [`Features`][]: rows without labels, for a finished model.
//!
//! The same file, schema and seed give the same bytes on every machine and under every version of any library: random
//! choices are drawn from named ChaCha20 streams by shuffles of our own.
//!
//! Nothing is guessed: labels that nobody has declared, a decimal comma or another encoding that the schema does not name are
//! refused, and categories are text. No message shows a patient's value.
//!
//! This crate does not anonymise: rows stay as identifying as the file was, and a fitted [`Preprocessor`] reveals medians,
//! means and deviations of its training rows.

mod agreed;
mod coding;
mod column;
mod csv;
mod dataset;
pub mod dictionary;
mod encoding;
mod error;
mod features;
mod fitting;
mod format;
mod groups;
mod held_out;
mod labels;
mod partitioning;
mod preprocessor;
mod random;
mod schema;
mod source;
mod split;
pub mod survey;
mod table;
#[cfg(test)]
mod tests;

pub use agreed::NumberStatistics;
pub use consilium_scorecard as scorecard;
pub use dataset::Dataset;
pub use error::DatasetError;
pub use features::{Features, Inputs};
pub use format::{Decimal, Encoding, Format, Separator};
pub use partitioning::Partitioning;
pub use preprocessor::{Preprocessor, Unplaced};
pub use schema::{Image, Schema, Target};
pub use source::{BUNDLED, Source};
pub use split::Split;
pub use table::Table;
