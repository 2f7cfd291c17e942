//! `consilium defaults`: what each hyper-parameter of local training does, on seeds that no default was chosen on.
//!
//! Every variant differs from the default in one thing. Both train on the same splits, from the same initial models, in plain
//! arithmetic, which verified federation repeats but for the rounding; so differences are paired, seed by seed.
//!
//! | file | concept |
//! | --- | --- |
//! | `variant` | what is changed |
//! | `record` | what came of it |
//! | `run` | federations over seeds, on all cores |
//! | `table` | means, paired differences with their intervals, as Markdown and CSV |

mod record;
mod run;
mod table;
mod variant;

pub use record::{Comparison, Outcome};
pub use run::{DefaultsConfig, compare, run};
pub use table::{csv, markdown};
pub use variant::Variant;
