//! `consilium replay`: real data, trained in every way that figures 5 and 6 compare, on the same splits.
//!
//! | file | concept |
//! | --- | --- |
//! | `config` | a replay with everything resolved, as `config.toml` records it |
//! | `tables` | bound and mask as tables of `config.toml` |
//! | `federation` | one split dealt to institutions; which are malicious, which are shown |
//! | `rows` | parts of a table, and tables put together |
//! | `logistic`, `centralised` | all rows in one place: logistic regression; the network (figure 5) |
//! | `alone`, `plain` | an institution by itself; federated averaging in the clear (figure 6) |
//! | `verified`, `quantised` | the verified federation, over gRPC with everything real; its arithmetic without the encryption |
//! | `adversary` | the poisoned update, in floats and in integers |
//! | `quality`, `record` | metrics of a model; what a replay measured, as CSV |
//! | `recorder`, `reading` | the CSV as it grows, and read back |
//! | `ends`, `comparison`, `summary` | where the curves end; how far from one another; all of it |
//! | `words` | names, closing tables and sentences |
//! | `figures`, `report` | `fig5.svg`, `fig6.svg`, `report.html` |
//! | `files` | what the files of a run are called |
//! | `run`, `draw` | a replay from start to end; figures and report again, from the CSVs alone |

pub mod adversary;
pub mod alone;
pub mod centralised;
pub mod comparison;
pub mod config;
pub mod draw;
pub mod ends;
pub mod federation;
pub mod figures;
pub mod files;
pub mod logistic;
pub mod plain;
pub mod quality;
pub mod quantised;
pub mod reading;
pub mod record;
pub mod recorder;
pub mod report;
pub mod rows;
pub mod run;
pub mod summary;
pub mod tables;
pub mod verified;
pub mod words;

pub use config::{Choice, ReplayConfig};
pub use draw::draw;
pub use federation::{Federation, load_dataset};
pub use run::run;
pub use tables::Mask;
