//! `consilium figure4` and `consilium table1`: proofs of hidden quantities next to other proof systems (mo2023, 5.4).
//!
//! The paper compares its proof with Hyrax, Bulletproofs and a STARK by the running times of prover and verifier (figure 4)
//! and by the size of a proof (table 1). Here all systems take turns in one process, and each row says what it proves:
//! they are not the same statement.
//!
//! | file | concept |
//! | --- | --- |
//! | `system` | the systems, and what each of them proves and trusts |
//! | `prover` | what a system has to do to be compared |
//! | `ours` | a transfer of the `exchange` crate |
//! | `ranges` | the bulletproofs crate |
//! | `pairing_form` | the paper's own proof, repaired |
//! | `peers` | general-purpose systems, with the feature of that name |
//! | `measure` | all of them in turns |
//! | `printed` | what the paper's text has of its own numbers |
//! | `report`, `plot` | CSV, JSON, pages and bars; figures |
//! | `files`, `run` | names of the files; both experiments from start to end |

#[cfg(test)]
mod example;
pub mod files;
mod measure;
mod ours;
mod pairing_form;
#[cfg(feature = "peers")]
mod peers;
mod plot;
mod printed;
mod prover;
mod ranges;
mod report;
mod run;
mod system;

pub use measure::{Extent, Row};
pub use printed::{Printed, TABLE_1};
pub use report::CSV_HEADER;
pub use run::{Experiment, Options, Said, run};
pub use system::System;
