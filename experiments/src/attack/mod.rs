//! `consilium attack`: what malicious institutions achieve against plain averaging, a bound on every parameter and a
//! bound on the norm, and which attacks no bound stops.
//!
//! | file | concept |
//! | --- | --- |
//! | `config` | what is simulated, and the bounds that updates are held against |
//! | `attacks` | what is sent, how it meets the defence, what the defence admits |
//! | `attacker` | a malicious institution as a trainer |
//! | `backdoor` | the trigger, the rows poisoned with it, the rows that it is tried on |
//! | `simulation` | one federation under one attack, on quantised values as the contract computes them |
//! | `record` | `attack.csv`, means over the seeds |
//! | `plot` | `attack.svg` |
//! | `report` | the table, and what follows from it in words: `attack.md` |
//! | `files`, `run` | names of the files of a run; a run from start to end |

pub mod attacker;
pub mod attacks;
pub mod backdoor;
pub mod config;
pub mod files;
pub mod plot;
pub mod record;
pub mod report;
pub mod run;
pub mod simulation;

pub use attacks::{Attack, Defence, Delivery, Limit};
pub use config::{AttackConfig, INSTITUTIONS, Limits};
pub use run::{run, simulate_all};
