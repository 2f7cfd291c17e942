//! `consilium replay`: one split of real data, trained in every way that figures 5 and 6 compare.
//!
//! | file | concept |
//! | --- | --- |
//! | `config` | a replay with everything resolved, as `config.toml` records it |
//! | `tables` | bound and mask as tables of `config.toml` |
//! | `federation` | one split dealt to institutions; which are malicious, which are shown |
//! | `centralised` | all rows in one place: independent runs (figure 5) |
//! | `alone`, `plain` | an institution by itself; federated averaging in the clear (figure 6) |
//! | `verified` | the verified federation, over gRPC with everything real |
//! | `adversary` | the poisoned update, in floats and in integers |
//! | `record`, `reading` | what a replay measured, as CSV, and read back |
//! | `summary` | where the curves end |
//! | `figures`, `report` | `fig5.svg`, `fig6.svg`, `report.html` |
//! | `files` | what the files of a run are called |
//! | `run`, `draw` | a replay from start to end; figures and report again, from the CSVs alone |

pub mod adversary;
pub mod alone;
pub mod centralised;
pub mod config;
pub mod draw;
pub mod federation;
pub mod figures;
pub mod files;
pub mod plain;
pub mod reading;
pub mod record;
pub mod report;
pub mod run;
pub mod summary;
pub mod tables;
pub mod verified;

pub use config::{Choice, ReplayConfig};
pub use draw::draw;
pub use federation::{Federation, load_dataset};
pub use run::run;
pub use tables::Mask;
