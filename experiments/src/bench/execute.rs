//! The child's side of a bench: which job is whose.

use std::path::Path;

use super::cells::Cell;
use super::child::SUBCOMMAND;
use super::comparison::Comparison;
use super::job::{Job, Part, Task};
use super::measuring::Measured;
use super::{
    baselines, crate_duel, federation, in_turns, masks, parties, parts, primitives, replayed,
    replays, round,
};
use crate::ExperimentError;

/// Does the job, and returns the line for stdout.
///
/// # Errors
/// [`ExperimentError`] with what did not work.
pub fn execute(job: &str) -> Result<String, ExperimentError> {
    let job: Job = serde_json::from_str(job).map_err(|e| {
        ExperimentError::Invalid(format!("{SUBCOMMAND} is for `consilium bench` alone: {e}"))
    })?;
    let measured = match &job.task {
        Task::Prepare { scheme, dimension, institutions, folder } => {
            round::make(*scheme, *dimension, *institutions, folder)?;
            Measured::default()
        }
        Task::Cell { cell, folder } => {
            measure(cell, folder.as_deref().unwrap_or(Path::new("")), job.budget_s)?
        }
        Task::Limits => primitives::measure()?,
        Task::Compare(comparison) => compare(comparison, job.budget_s)?,
        Task::Part(Part::Replay { institutions, rounds, ledger }) => {
            replayed::run(*institutions, *rounds, ledger)?
        }
        Task::Part(Part::Coordinator(seat)) => parts::coordinator(seat)?,
        Task::Part(Part::Institution { seat, index, address }) => {
            parts::institution(seat, *index, address)?
        }
    };
    serde_json::to_string(&measured)
        .map(|line| line + "\n")
        .map_err(|e| ExperimentError::bench("the answer")(e))
}

fn measure(cell: &Cell, folder: &Path, budget_s: f64) -> Result<Measured, ExperimentError> {
    match cell.scheme.protection() {
        Some(protection) => parties::measure(cell, protection, folder, budget_s),
        None => baselines::measure(cell, budget_s),
    }
}

fn compare(comparison: &Comparison, budget_s: f64) -> Result<Measured, ExperimentError> {
    match comparison {
        Comparison::CrateProver => crate_duel::prove(budget_s),
        Comparison::CrateVerifier => crate_duel::verify(budget_s),
        Comparison::NormProof => in_turns::norm_proof(budget_s),
        Comparison::WholeUpdate { dimension } => in_turns::whole_update(*dimension, budget_s),
        Comparison::Masks { dimension, institutions } => masks::measure(*dimension, *institutions),
        Comparison::Replays { rounds, turns, peers, ledger } => {
            replays::measure(*rounds, *turns, peers, ledger)
        }
        Comparison::Audit { ledger } => replayed::audited(ledger),
        Comparison::Traffic { institutions, rounds } => replayed::traffic(*institutions, *rounds),
        Comparison::Large { hidden, rounds, folder } => {
            federation::measure(hidden, *rounds, folder)
        }
    }
}
