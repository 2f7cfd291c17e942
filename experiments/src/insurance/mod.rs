//! `consilium insurance`: what liu2021's sharing of policies and repair records costs here, for many car owners, insurers
//! and shops. Its tables 2 and 3 and figures 4 to 7, measured where the paper estimates.
//!
//! | file | concept |
//! | --- | --- |
//! | `config` | how many owners, insurers and shops |
//! | `published` | the numbers that stand in the paper's text |
//! | `operations` | what the stages are made of, counted, and what each of it takes on this machine |
//! | `claim` | one owner's repair record, from its custodian to the insurer, in memory |
//! | `times` | the four stages of table 2, timed for many owners |
//! | `frames`, `meter` | bytes of HTTP/2; a relay that counts those of a connection |
//! | `town`, `story` | all parties on sockets; a policy, a repair and a claim of one owner |
//! | `wire` | the three stages of table 3, counted for many owners |
//! | `record` | both CSVs |
//! | `plot`, `report` | `insurance.svg`; the tables |
//! | `files`, `run` | names of the files of a run; a run from start to end |

mod claim;
pub mod config;
pub mod files;
mod frames;
mod meter;
mod operations;
mod plot;
mod published;
mod record;
mod report;
mod run;
mod story;
mod times;
mod town;
mod wire;

pub use config::InsuranceConfig;
pub use record::{BytesRow, TimesRow};
pub use report::text_table;
pub use run::{Measurements, run};
