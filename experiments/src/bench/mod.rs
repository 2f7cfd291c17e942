//! `consilium bench`: what the work of every party costs, by model size, next to other schemes; and whether the project meets
//! what it asks of itself.
//!
//! | file | concept |
//! | --- | --- |
//! | `scheme`, `cells` | both masks, three bounds and the baselines; who works for how many parameters |
//! | `comparison` | what the bars compare, at which sizes, with which peers |
//! | `job`, `plan` | what one process does; which of them a run starts, and what is left out and why |
//! | `child`, `execute` | a process for each of them: the parent's side and the child's |
//! | `measuring`, `spent` | repetitions, medians, peak memory; what a command took with all that it started |
//! | `round`, `key`, `parties` | a round on disk and the key that it is under; what each party does with it |
//! | `baselines`, `per_coordinate` | the bulletproofs crate, KH-PKE on every coordinate, plaintext FedAvg |
//! | `world` | a round in memory |
//! | `crate_duel`, `in_turns`, `masks` | ours and the crate, both bounds, both masks, in turns |
//! | `replayed`, `replays` | the replay's rounds, traffic and audit; the replay and its peers in turns |
//! | `federation`, `parts` | a large model, one process each: who starts them, what they do |
//! | `primitives`, `limits` | what everything is made of, and each party's ideal made of it |
//! | `fit` | slopes |
//! | `row`, `extrapolate`, `results` | a cell's numbers, those of cells in between, all of them |
//! | `bar`, `bars` | what a measurement says about a bar; what is asked for |
//! | `written`, `table`, `plot`, `machine` | CSV and JSON; for readers; processor and arithmetic |
//! | `files`, `run` | what the files of a bench are called; the whole of it in order |
//!
//! Files are written anew after every cell, so that a run that is stopped keeps what it has.

pub(crate) mod bar;
mod bars;
mod baselines;
mod cells;
mod child;
mod comparison;
mod crate_duel;
#[cfg(test)]
mod example;
mod execute;
mod extrapolate;
mod federation;
pub mod files;
mod fit;
mod in_turns;
mod job;
mod key;
mod limits;
pub(crate) mod machine;
mod masks;
pub(crate) mod measuring;
mod parties;
mod parts;
pub(crate) mod per_coordinate;
mod plan;
mod plot;
mod primitives;
mod replayed;
mod replays;
mod results;
mod round;
mod row;
mod run;
mod scheme;
mod spent;
mod table;
mod world;
mod written;

pub use cells::{Cell, Party};
pub use child::{Children, Failure, SUBCOMMAND};
pub use comparison::{Comparison, Peer, Sizes};
pub use execute::execute;
pub use job::{Job, Part, Seat, Task};
pub use plan::{Extent, Plan};
pub use results::Results;
pub use row::{Kind, Row};
pub use run::{Options, run};
pub use scheme::Scheme;
pub use table::markdown;
pub use written::json;
