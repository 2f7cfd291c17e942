//! A whole federation on one machine, as the processes that hospitals run: an authority, a coordinator, and institutions, over
//! sockets. Twice, where something is done to it: once in peace and once not, and both have to end with the same model.
//!
//! | file | concept |
//! | --- | --- |
//! | `faults` | what is done, and when |
//! | `flood` | strangers with sockets, and how long rounds take meanwhile |
//! | `wire` | a wire that is slow and loses packets |
//! | `programs` | the programs, as processes |
//! | `world` | the folders: rows of every institution, ceremonies |
//! | `course` | one run, from the first process to the last |

mod course;
mod faults;
mod flood;
mod programs;
mod wire;
mod world;

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use consilium_coordinator::raise_descriptor_limit;
use serde::Serialize;

pub use course::{Kill, Outcome};
pub use faults::{Drop, Faults};
pub use flood::{Flood, Rounds};

use crate::{
    ExperimentError,
    output::{OutputDirectory, Producer},
    progress::Progress,
};
use programs::Programs;
use world::World;

/// Where everything lies.
const FILES: &str = "federation";

/// A federation to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Name of a bundled dataset.
    pub dataset: String,
    /// Institutions, which get its rows in turn.
    pub institutions: u32,
    /// Rounds.
    pub epochs: u64,
    /// Sizes of the hidden layers.
    pub hidden: Vec<u32>,
    /// Determines the model that a run starts from its institutions' training; nothing of encryption.
    pub seed: u64,
    /// Where the coordinator shows what it does, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// What is done to it.
    pub faults: Faults,
}

/// What a simulation came to.
#[derive(Debug, Clone, Serialize)]
pub struct Simulation {
    /// The run in peace.
    pub undisturbed: Outcome,
    /// The run with everything that was asked for; `None` where nothing was.
    pub disturbed: Option<Outcome>,
}

impl Simulation {
    /// Whether all runs have ended with one model.
    pub fn agrees(&self) -> bool {
        let same = |disturbed: &Outcome| disturbed.parameters == self.undisturbed.parameters;
        self.disturbed.as_ref().is_none_or(same)
    }
}

/// Simulates it, in a directory.
///
/// # Errors
/// [`ExperimentError::Invalid`] for what cannot be simulated, [`ExperimentError::Federated`] where a party cannot go on or the
/// models differ.
pub fn simulate(
    config: &Config,
    out: &Path,
    progress: &Progress,
) -> Result<Simulation, ExperimentError> {
    let absent = config
        .faults
        .drops
        .iter()
        .find(|drop| drop.institution == 0 || drop.institution > config.institutions);
    if let Some(drop) = absent {
        let reason = format!("--drop {drop}: there are institutions 1 to {}", config.institutions);
        return Err(ExperimentError::Invalid(reason));
    }
    // Strangers hold more sockets than a process may have by default.
    raise_descriptor_limit();
    let programs = Programs::find()?;
    let directory = OutputDirectory::claim(out, Producer::Simulate)?;
    directory.remove(FILES)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ExperimentError::file(out))?;
    let world = World::make(config, &programs, &directory.join(FILES))?;
    let steps = usize::try_from(config.epochs).unwrap_or(usize::MAX);
    progress.phase("undisturbed", steps);
    let founded = world.found("undisturbed")?;
    let undisturbed = course::run(&founded, &Faults::default(), &runtime, progress)?;
    let disturbed = match config.faults.is_none() {
        true => None,
        false => {
            progress.phase("disturbed", steps);
            let founded = world.found("disturbed")?;
            Some(course::run(&founded, &config.faults, &runtime, progress)?)
        }
    };
    let simulation = Simulation { undisturbed, disturbed };
    if !simulation.agrees() {
        let reason = "it ends with another model than the undisturbed run".to_owned();
        return Err(ExperimentError::Federated { who: "the disturbed run".to_owned(), reason });
    }
    Ok(simulation)
}

/// The runs, as lines.
pub fn text(simulation: &Simulation) -> String {
    let Simulation { undisturbed, disturbed } = simulation;
    let mut text = String::new();
    let runs = [("undisturbed", Some(undisturbed)), ("disturbed", disturbed.as_ref())];
    for (name, run) in runs {
        let Some(Outcome { steps, wall_ms, kills, rounds, blocks, model, .. }) = run else {
            continue;
        };
        let seconds = *wall_ms as f64 / 1000.0;
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{name:<12} {steps} rounds in {seconds:.1} s, {blocks} blocks audited, model {}",
            model.get(..16).unwrap_or(model),
        );
        for Kill { victim, step, lost_ms } in kills {
            let _ = writeln!(
                text,
                "             {victim} killed after step {step}: the next one was closed {:.1} s later",
                *lost_ms as f64 / 1000.0
            );
        }
        for one in rounds {
            let Some([lower, median, upper]) = one.quartiles() else { continue };
            let name = one.flood.map_or_else(|| "peace".to_owned(), |flood| flood.to_string());
            let _ = writeln!(
                text,
                "             {name:<10} {} rounds, median {median} ms ({lower} to {upper}), {:.0} ms of the coordinator's processor; {} attempts; at most {} MB",
                one.ms.len(),
                one.processor_ms_of_one(),
                one.attempts,
                one.most_bytes / 1_000_000,
            );
        }
    }
    if disturbed.is_some() {
        text.push_str("the models are the same, bit for bit\n");
    }
    text
}
