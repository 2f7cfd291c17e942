//! The two bounds in turns, in one process on one core: the constant part of a proof of the norm against the range proofs
//! that it replaced, and whole updates.

use consilium_crypto::{Bound, mask::Kind};

use super::cells::BATCH;
use super::comparison::OURS;
use super::measuring::{Measured, Stopwatch, repeat};
use super::scheme::Scheme;
use super::world::World;
use crate::ExperimentError;

/// What the other side is called: proofs of ranges.
pub(crate) const RANGES: &str = "ranges";

/// A ratio deserves more repetitions than a cell.
fn turns(budget_s: f64) -> f64 {
    3.0 * budget_s
}

/// The proofs of an update of one parameter under a bound on its norm, against those of 256 values of 16 bits, which is what
/// the sum of squares once needed. Encryption is not timed.
///
/// Both sides prove the key, which the API makes along with the rest: without it the ratio would be larger.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn norm_proof(budget_s: f64) -> Result<Measured, ExperimentError> {
    let norm = World::new(Scheme::Norm, 1, BATCH)?;
    let ranges = World::under((Bound::parameter(16), Kind::Group), 256, BATCH)?;
    repeat(turns(budget_s), |_| {
        let of_norm = norm.encrypt(1)?;
        let of_ranges = ranges.encrypt(1)?;
        let mut watch = Stopwatch::start();
        of_norm.prove().map_err(ExperimentError::bench("proving a norm"))?;
        watch.lap(OURS);
        of_ranges.prove().map_err(ExperimentError::bench("proving ranges"))?;
        watch.lap(RANGES);
        Ok(watch)
    })
}

/// Whole updates, encryption included: a bound on the norm against 8 bits for every parameter.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn whole_update(dimension: u32, budget_s: f64) -> Result<Measured, ExperimentError> {
    let norm = World::new(Scheme::Norm, dimension, BATCH)?;
    let parameter = World::new(Scheme::Parameter, dimension, BATCH)?;
    repeat(turns(budget_s), |_| {
        let mut watch = Stopwatch::start();
        norm.update(1)?;
        watch.lap(OURS);
        parameter.update(1)?;
        watch.lap(RANGES);
        Ok(watch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_comparison_are_timed_by_the_wall_and_by_the_processor() {
        for measured in [norm_proof(0.0).unwrap(), whole_update(3, 0.0).unwrap()] {
            for part in [OURS, RANGES] {
                assert!(measured.parts[part] > 0.0, "{measured:?}");
                // How much it was is not to be told here: threads of other tests come and go.
                #[cfg(target_os = "linux")]
                assert!(measured.cpu_parts.contains_key(part), "{measured:?}");
            }
        }
    }

    #[test]
    fn a_norm_costs_less_than_the_ranges_that_it_replaced() {
        let measured = norm_proof(0.0).unwrap();
        assert!(measured.parts[OURS] < measured.parts[RANGES], "{measured:?}");
    }
}
