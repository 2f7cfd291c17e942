//! Experiments on Consilium: the replay of a federation on real data, the schemes it is compared with, and the plots.
//!
//! A replay holds every institution's rows, secrets and models in one process. It measures; it must never be used to
//! run a federation.
//!
//! | room or file | concept |
//! | --- | --- |
//! | `cli` | the command line of the binary `consilium` |
//! | `replay` | real data, trained in every way that the figures compare, on the same splits |
//! | `attack` | what malicious institutions achieve, and which attacks bounds stop |
//! | `bench` | what the work of every party costs |
//! | `defaults` | what each hyper-parameter does, next to its default |
//! | `insurance` | what sharing policies and repair records costs |
//! | `proof_systems` | hidden quantities next to other proof systems: figure 4 and table 1 of mo2023 |
//! | `simulate` | a federation of real processes, undisturbed and disturbed |
//! | `output` | directories that an experiment writes its files into |
//! | `chart`, `tables` | axes, lines and legends; Markdown and CSV |
//! | `statistics` | means, and paired differences with their intervals |
//! | `progress` | where a run stands, on stderr |

pub mod attack;
pub mod bench;
mod chart;
pub mod cli;
pub mod defaults;
mod error;
pub mod insurance;
mod output;
pub mod progress;
pub mod proof_systems;
pub mod replay;
pub mod simulate;
pub mod statistics;
mod tables;

pub use error::ExperimentError;
