//! `consilium bench`: what the work of every party costs, by model size, next to other schemes.
//!
//! | file | concept |
//! | --- | --- |
//! | `cells` | what is measured, and what is left out and why |
//! | `child` | a process for each cell |
//! | `measuring` | repetitions, medians, peak memory |
//! | `round`, `key`, `parties` | a round on disk and the key that it is under; what each party does with it |
//! | `baselines`, `per_coordinate` | the bulletproofs crate, KH-PKE on every coordinate, plaintext FedAvg |
//! | `duel` | ours and the crate in turns |
//! | `verified_run` | the replay's rounds and audit |
//! | `limits` | primitives, and each party's ideal made of them |
//! | `fit` | slopes |
//! | `row`, `extrapolate`, `results`, `bars` | a cell's numbers, those of cells in between, all of them; what was asked for |
//! | `written`, `table`, `plot`, `machine` | CSV and JSON; for readers |
//! | `files`, `run` | what the files of a bench are called; the whole of it in order |
//!
//! Files are written anew after every cell, so that a run that is stopped keeps what it has.

mod bars;
mod baselines;
mod cells;
mod child;
mod duel;
#[cfg(test)]
mod example;
mod extrapolate;
pub mod files;
mod fit;
mod key;
mod limits;
mod machine;
mod measuring;
mod parties;
mod per_coordinate;
mod plot;
mod results;
mod round;
mod row;
mod run;
mod table;
mod verified_run;
mod written;

pub use cells::{Cell, Job, Party, Plan, Scheme, Task};
pub use child::{Children, Failure, SUBCOMMAND, execute};
pub use results::Results;
pub use row::{Kind, Row};
pub use run::{Options, run};
pub use table::markdown;
pub use written::json;
