//! Both masks in turns, in one process: what a client, a coordinator and an opening cost under each, on one core.
//!
//! The lattice's turns stand before and after the group mask's, which takes minutes for a million parameters. What is not
//! timed, the other updates of the round, is made on all cores.

use consilium_crypto::{DiscreteLogTable, EncryptedUpdate};
use rayon::ThreadPool;

use super::measuring::{Measured, Stopwatch, medians};
use super::parties::SIGNED;
use super::scheme::Scheme;
use super::world::World;
use crate::ExperimentError;

/// What is timed under each mask.
const GROUP: [&str; 3] = ["group client", "group coordinator", "group opening"];
const LATTICE: [&str; 3] = ["lattice client", "lattice coordinator", "lattice opening"];
/// Turns of the lattice before and after the group mask's.
const TURNS: usize = 2;

/// The name of step 0 to 2, client, coordinator and opening, under a mask.
pub(crate) fn part(scheme: Scheme, step: usize) -> Option<&'static str> {
    match scheme {
        Scheme::Norm => GROUP.get(step).copied(),
        Scheme::Lattice => LATTICE.get(step).copied(),
        _ => None,
    }
}

/// Client: encrypting and proving. Coordinator, for each of n institutions: decoding, verifying and adding n updates folded.
/// Opening: verifying and combining the shares of as many trustees as n institutions need, and reading the sums off.
///
/// Bytes up are those of an update under the lattice mask.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn measure(dimension: u32, institutions: u32) -> Result<Measured, ExperimentError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one_core = pool.map_err(ExperimentError::bench("a thread"))?;
    let table = DiscreteLogTable::shared();
    let side = |scheme, labels| {
        let world = World::new(scheme, dimension, institutions)?;
        Ok::<_, ExperimentError>(Side { world, labels, institutions, one_core: &one_core })
    };
    let lattice = side(Scheme::Lattice, LATTICE)?;
    let group = side(Scheme::Norm, GROUP)?;
    // A process makes tables and bases once; that is no part of a round.
    for scheme in [Scheme::Lattice, Scheme::Norm] {
        let small = World::new(scheme, dimension.min(2_048), institutions)?;
        Side { world: small, labels: ["warm up"; 3], institutions, one_core: &one_core }
            .turn(&[], &table)?;
    }
    let others = lattice.others()?;
    let mut watches = Vec::new();
    let mut bytes_up = 0;
    for _ in 0..TURNS {
        let (watch, bytes) = lattice.turn(&others, &table)?;
        watches.push(watch);
        bytes_up = bytes;
    }
    // Its updates are as large as memory allows: they go before the lattice's second half.
    watches.push(group.turn(&group.others()?, &table)?.0);
    for _ in 0..TURNS {
        watches.push(lattice.turn(&others, &table)?.0);
    }
    let all = |times: fn(&Stopwatch) -> Vec<(&'static str, f64)>| {
        let mut parts = std::collections::BTreeMap::<_, Vec<f64>>::new();
        for (part, seconds) in watches.iter().flat_map(times) {
            parts.entry(part).or_default().push(seconds);
        }
        medians(parts)
    };
    let parts = all(Stopwatch::laps);
    let cpu_parts = all(Stopwatch::cpu_laps);
    let seconds = vec![parts.values().sum()];
    Ok(Measured { seconds, parts, cpu_parts, bytes_up, ..Measured::default() })
}

/// A round under one of the masks.
struct Side<'a> {
    world: World,
    labels: [&'static str; 3],
    institutions: u32,
    one_core: &'a ThreadPool,
}

impl Side<'_> {
    /// The updates of all but the first institution, on all cores.
    fn others(&self) -> Result<Vec<EncryptedUpdate>, ExperimentError> {
        (2..=self.institutions).map(|who| self.world.update(who)).collect()
    }

    /// One turn on one core, and the bytes of an update.
    fn turn(
        &self,
        others: &[EncryptedUpdate],
        table: &DiscreteLogTable,
    ) -> Result<(Stopwatch, u64), ExperimentError> {
        let [client, coordinator, opening] = self.labels;
        let mut watch = Stopwatch::start();
        let first = self.one_core.install(|| self.world.update(1))?;
        watch.lap(client);
        let bytes = (first.header.len() + first.body.len()) as u64 + SIGNED;
        let updates: Vec<EncryptedUpdate> = std::iter::once(first).chain(others.to_vec()).collect();
        watch.resume();
        let (verified, sum) = self.one_core.install(|| {
            let verified = self.world.verify(&updates)?;
            let sum = self.world.sum(&verified)?;
            Ok::<_, ExperimentError>((verified, sum))
        })?;
        watch.lap(coordinator);
        let sealed = self.world.seal(&verified, sum)?;
        drop((verified, updates));
        watch.resume();
        self.one_core.install(|| self.world.open(&sealed, table))?;
        watch.lap(opening);
        Ok((watch, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_under_either_mask_is_timed_and_a_lattice_update_is_smaller() {
        let dimension = 5_000;
        let measured = measure(dimension, 2).unwrap();
        for step in 0..GROUP.len() {
            for scheme in [Scheme::Norm, Scheme::Lattice] {
                let part = part(scheme, step).unwrap();
                assert!(measured.parts[part] > 0.0, "{part}: {measured:?}");
            }
            assert_eq!(part(Scheme::Parameter, step), None);
        }
        let lattice = World::new(Scheme::Lattice, dimension, 2).unwrap().update(1).unwrap();
        let bytes = (lattice.header.len() + lattice.body.len()) as u64 + SIGNED;
        assert_eq!(measured.bytes_up, bytes);
    }
}
