//! What others would do, on one core: the bulletproofs crate as it comes, the papers' encryption applied to every
//! coordinate, and federated averaging in the clear.
//!
//! The memory of a process that also makes what it verifies says nothing: it is given for clients and FedAvg only.

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use consilium_crypto::{DiscreteLogTable, khpke};
use curve25519_dalek_4::{Scalar, ristretto::CompressedRistretto};
use merlin::Transcript;
use rand_core::OsRng;

use super::cells::{Cell, Party, no_such};
use super::measuring::{Measured, Stopwatch, peak_memory_kb, repeat};
use super::per_coordinate;
use super::scheme::Scheme;
use crate::ExperimentError;
use crate::replay::plain::fed_avg;

/// Values of 8 bits in a proof of the crate, at most.
const CHUNK: usize = 256;
/// What an error of that baseline is about.
const KHPKE: &str = "KH-PKE";

/// Measures a baseline.
///
/// # Errors
/// [`ExperimentError::Bench`] where the baseline has no such party, or something does not verify.
pub(crate) fn measure(cell: &Cell, budget_s: f64) -> Result<Measured, ExperimentError> {
    let d = cell.dimension as usize;
    let n = cell.institutions as usize;
    let mut measured = match cell.scheme {
        Scheme::CrateNaive => range_proofs(cell.party, d, n, 1, budget_s),
        Scheme::CrateAggregated => range_proofs(cell.party, d, n, CHUNK, budget_s),
        Scheme::KhpkeProven => proven_khpke(cell.party, d, n, budget_s),
        Scheme::KhpkeBare => per_coordinate::measure(cell.party, d, n, budget_s),
        Scheme::FedAvg => averaging(cell.party, d, n, budget_s),
        Scheme::Norm | Scheme::Parameter | Scheme::Lattice => Err(no_such(cell.party)),
    }?;
    if cell.party == Party::Client || cell.scheme == Scheme::FedAvg {
        measured.peak_kb = peak_memory_kb();
    }
    Ok(measured)
}

/// The bulletproofs crate.
pub(crate) struct Crate {
    generators: BulletproofGens,
    pedersen: PedersenGens,
}

/// A proof, its commitments and their bits.
pub(crate) type Proven = (RangeProof, Vec<CompressedRistretto>, usize);

impl Crate {
    pub(crate) fn new(bits: usize, values: usize) -> Self {
        Self { generators: BulletproofGens::new(bits, values), pedersen: PedersenGens::default() }
    }

    pub(crate) fn prove(&self, values: usize, bits: usize) -> Result<Proven, ExperimentError> {
        let blindings: Vec<_> = (0..values).map(|_| Scalar::random(&mut OsRng)).collect();
        let values: Vec<_> = (0..values as u64).map(|j| j % 256).collect();
        let transcript = &mut Transcript::new(b"reference");
        let rng = &mut OsRng;
        let generators = &self.generators;
        let pedersen = &self.pedersen;
        let proven = RangeProof::prove_multiple_with_rng(
            generators, pedersen, transcript, &values, &blindings, bits, rng,
        );
        let (proof, commitments) = proven.map_err(ExperimentError::bench("the crate's prover"))?;
        Ok((proof, commitments, bits))
    }

    pub(crate) fn verify(
        &self,
        (proof, commitments, bits): &Proven,
    ) -> Result<(), ExperimentError> {
        let transcript = &mut Transcript::new(b"reference");
        let rng = &mut OsRng;
        let generators = &self.generators;
        let pedersen = &self.pedersen;
        proof
            .verify_multiple_with_rng(generators, pedersen, transcript, commitments, *bits, rng)
            .map_err(ExperimentError::bench("the crate's verifier"))
    }

    /// d values in proofs of at most `most`, each of a power of two.
    fn prove_all(&self, d: usize, most: usize) -> Result<Vec<Proven>, ExperimentError> {
        let mut proofs = Vec::new();
        let mut rest = d;
        while rest > 0 {
            let values = most.min(1 << rest.ilog2());
            proofs.push(self.prove(values, 8)?);
            rest -= values;
        }
        Ok(proofs)
    }
}

fn range_proofs(
    party: Party,
    d: usize,
    n: usize,
    most: usize,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let of = Crate::new(8, most);
    let proofs = of.prove_all(d, most)?;
    let bytes = |proofs: &[Proven]| {
        proofs.iter().map(|(proof, v, _)| proof.to_bytes().len() + 32 * v.len()).sum::<usize>()
    };
    let size = bytes(&proofs) as u64;
    match party {
        Party::Client => {
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                of.prove_all(d, most)?;
                watch.lap("prove");
                Ok(watch)
            })?;
            Ok(Measured { bytes_up: size, ..measured })
        }
        Party::Coordinator => {
            // The crate takes as long for one client's proofs as for another's.
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                (0..n).try_for_each(|_| proofs.iter().try_for_each(|proven| of.verify(proven)))?;
                watch.lap("verify");
                Ok(watch)
            })?;
            Ok(Measured { bytes_down: size * n as u64, ..measured })
        }
        _ => Err(no_such(party)),
    }
}

fn proven_khpke(
    party: Party,
    d: usize,
    n: usize,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let (key, secret, evaluation_key) =
        khpke::generate(&mut OsRng).map_err(ExperimentError::bench(KHPKE))?;
    let context = [1; 32];
    let encrypt = |j: usize| {
        khpke::encrypt(&key, &context, (j % 256) as u16).map_err(ExperimentError::bench(KHPKE))
    };
    let length = |sealed: &khpke::Sealed| match sealed {
        khpke::Sealed::Fresh(bytes) | khpke::Sealed::Evaluated(bytes) => bytes.len() as u64,
    };
    let size = d as u64 * length(&encrypt(0)?);
    let evaluate = |columns: &[Vec<khpke::Sealed>]| {
        let sum = |column: &Vec<khpke::Sealed>| {
            khpke::evaluate(&key, &evaluation_key, &context, column)
                .map_err(ExperimentError::bench(KHPKE))
        };
        columns.iter().map(sum).collect::<Result<Vec<_>, _>>()
    };
    if party == Party::Client {
        let measured = repeat(budget_s, |_| {
            let mut watch = Stopwatch::start();
            (0..d).try_for_each(|j| encrypt(j).map(drop))?;
            watch.lap("encrypt");
            Ok(watch)
        })?;
        return Ok(Measured { bytes_up: size, ..measured });
    }
    let column = |j| (0..n).map(|_| encrypt(j)).collect::<Result<Vec<_>, _>>();
    let columns = (0..d).map(column).collect::<Result<Vec<_>, _>>()?;
    match party {
        Party::Coordinator => {
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                evaluate(&columns)?;
                watch.lap("verify");
                Ok(watch)
            })?;
            Ok(Measured { bytes_down: size * n as u64, ..measured })
        }
        Party::Opening => {
            let sums = evaluate(&columns)?;
            let table = DiscreteLogTable::shared();
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                let open = |sum| {
                    khpke::decrypt(&key, &secret, &context, sum, &table)
                        .map(drop)
                        .map_err(ExperimentError::bench(KHPKE))
                };
                sums.iter().try_for_each(open)?;
                watch.lap("decrypt");
                Ok(watch)
            })?;
            Ok(Measured { bytes_down: sums.iter().map(length).sum(), ..measured })
        }
        _ => Err(no_such(party)),
    }
}

fn averaging(party: Party, d: usize, n: usize, budget_s: f64) -> Result<Measured, ExperimentError> {
    let global = vec![0.0f32; d];
    let size = 4 * d as u64;
    match party {
        Party::Client => {
            let update: Vec<f32> = (0..d).map(|j| j as f32).collect();
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                let bytes: Vec<u8> = update.iter().flat_map(|value| value.to_le_bytes()).collect();
                std::hint::black_box(bytes);
                watch.lap("encode");
                Ok(watch)
            })?;
            Ok(Measured { bytes_up: size, bytes_down: size, ..measured })
        }
        Party::Coordinator => {
            let updates = vec![vec![0.01f32; d]; n];
            let weights = vec![1.0; n];
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                std::hint::black_box(fed_avg(&global, &updates, &weights));
                watch.lap("average");
                Ok(watch)
            })?;
            Ok(Measured { bytes_up: size, bytes_down: size * n as u64, ..measured })
        }
        _ => Err(no_such(party)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_baseline_has_its_parties_and_says_which_it_has_not() {
        for (scheme, parties) in [
            (Scheme::CrateNaive, &[Party::Client, Party::Coordinator][..]),
            (Scheme::CrateAggregated, &[Party::Client, Party::Coordinator]),
            (Scheme::KhpkeProven, &[Party::Client, Party::Coordinator, Party::Opening]),
            (
                Scheme::KhpkeBare,
                &[Party::Client, Party::Coordinator, Party::Trustee, Party::Opening],
            ),
            (Scheme::FedAvg, &[Party::Client, Party::Coordinator]),
        ] {
            for party in Party::ALL {
                let cell = Cell { scheme, party, dimension: 3, institutions: 4, threads: 1 };
                let measured = measure(&cell, 0.0);
                assert_eq!(measured.is_ok(), parties.contains(&party), "{cell}: {measured:?}");
                let moved = measured.map_or(1, |measured| measured.bytes_up + measured.bytes_down);
                assert!(moved > 0, "{cell}");
            }
        }
    }
}
