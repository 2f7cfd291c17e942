//! Experiments on Consilium: the replay of a federation on real data, the schemes it is compared with, and the plots.
//!
//! A replay holds every institution's rows, secrets and models in one process. It measures; it must never be used to
//! run a federation.
//!
//! | file | concept |
//! | --- | --- |
//! | `cli` | the command line of the binary `consilium` |
//! | `config` | a replay with everything resolved, as `config.toml` records it |
//! | `federation` | one split dealt to institutions, who is malicious, who is looked at |
//! | `centralised` | all rows in one place: independent runs (figure 5) |
//! | `alone`, `plain` | an institution by itself; federated averaging in the clear (figure 6) |
//! | `verified` | the verified federation, over gRPC with everything real |
//! | `adversary` | the poisoned update, in floats and in integers |
//! | `attack` | what malicious institutions achieve, and against what bounds help |
//! | `record` | what a replay measured, as CSV |
//! | `summary` | where the curves end |
//! | `plot`, `report` | `fig5.svg`, `fig6.svg`, `report.html`, drawn from the CSVs alone |
//! | `replay` | the whole of it in order |
//! | `bench` | what every party pays, measured |
//! | `progress` | where a run stands, on stderr |

pub mod adversary;
pub mod alone;
pub mod attack;
pub mod bench;
pub mod centralised;
pub mod cli;
pub mod config;
mod error;
pub mod federation;
pub mod plain;
pub mod plot;
pub mod progress;
pub mod record;
pub mod replay;
pub mod report;
pub mod summary;
pub mod verified;

pub use config::ReplayConfig;
pub use error::ExperimentError;
pub use federation::Federation;
