//! Ours and the bulletproofs crate in turns, in one process on one core, for the ratios of the bars. Both prove the same
//! statements: the values of an update in its chunks, and its key's sixteen limbs of 16 bits.

use super::baselines::{Crate, Proven};
use super::cells::BATCH;
use super::comparison::OURS;
use super::measuring::{Measured, Stopwatch, repeat};
use super::scheme::Scheme;
use super::world::World;
use crate::ExperimentError;

/// What the other side is called.
pub(crate) const CRATE: &str = "crate";

/// Values and bits of the chunks of 256 and of 289 parameters, with the limbs of a key.
const CHUNKS_OF_256: [(usize, usize); 2] = [(256, 8), (16, 16)];
const CHUNKS_OF_289: [(usize, usize); 4] = [(256, 8), (32, 8), (1, 8), (16, 16)];

fn reference(of: &Crate, chunks: &[(usize, usize)]) -> Result<Vec<Proven>, ExperimentError> {
    chunks.iter().map(|(values, bits)| of.prove(*values, *bits)).collect()
}

/// Repetitions of a duel: a ratio deserves more of them than a cell.
fn turns(budget_s: f64) -> f64 {
    3.0 * budget_s
}

/// Proofs of 256 values. Ours makes the proof of the link as well.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn prove(budget_s: f64) -> Result<Measured, ExperimentError> {
    let world = World::new(Scheme::Parameter, 256, BATCH)?;
    let of = Crate::new(16, 256);
    repeat(turns(budget_s), |_| {
        let unproven = world.encrypt(1)?;
        let mut watch = Stopwatch::start();
        unproven.prove().map_err(ExperimentError::bench("proving"))?;
        watch.lap(OURS);
        reference(&of, &CHUNKS_OF_256)?;
        watch.lap(CRATE);
        Ok(watch)
    })
}

/// Ten updates of 289 parameters: ours decoded and folded, with all their proofs; the crate's one by one, decoding
/// included, as it does both in one.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn verify(budget_s: f64) -> Result<Measured, ExperimentError> {
    let world = World::new(Scheme::Parameter, 289, BATCH)?;
    let of = Crate::new(16, 256);
    let updates = (1..=BATCH).map(|who| world.update(who)).collect::<Result<Vec<_>, _>>()?;
    let theirs =
        (0..BATCH).map(|_| reference(&of, &CHUNKS_OF_289)).collect::<Result<Vec<_>, _>>()?.concat();
    repeat(turns(budget_s), |_| {
        let mut watch = Stopwatch::start();
        world.verify(&updates)?;
        watch.lap(OURS);
        theirs.iter().try_for_each(|proven| of.verify(proven))?;
        watch.lap(CRATE);
        Ok(watch)
    })
}
