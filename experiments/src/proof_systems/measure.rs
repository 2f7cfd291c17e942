//! All systems in turns, in one process.
//!
//! What takes less than a lap is repeated until it fills one: the system counts processor time to a few milliseconds.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use super::prover::{Message, Prover};
use super::system::System;
use crate::ExperimentError;
use crate::bench::measuring::{Measured, Stopwatch, repeat};
use crate::progress::Progress;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Extent {
    /// Shortest lap of a system in a turn, in seconds.
    pub lap_s: f64,
    /// What a comparison may take, in seconds; it has at least two turns and at most fifteen.
    pub budget_s: f64,
    /// Messages of a fold.
    pub folded: usize,
}

impl Extent {
    /// What tables are made with.
    pub const WHOLE: Self = Self { lap_s: 0.2, budget_s: 90.0, folded: 200 };
    /// Shows that everything works, in seconds.
    pub const QUICK: Self = Self { lap_s: 0.02, budget_s: 0.5, folded: 10 };
}

/// What a system costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Which.
    pub system: System,
    /// Of a proof, in bytes.
    pub proof_bytes: usize,
    /// Of what the sender sends: the proof and what it is about, in bytes.
    pub message_bytes: usize,
    /// Median processor time of making a message on one core, in seconds.
    pub prove_s: f64,
    /// Of reading and verifying one.
    pub verify_s: f64,
    /// Of reading and verifying one of many, folded; `None` where the system has no such way.
    pub folded_s: Option<f64>,
}

/// All that was measured.
pub(crate) struct Results {
    pub(crate) extent: Extent,
    pub(crate) rows: Vec<Row>,
    pub(crate) proving: Measured,
    pub(crate) verifying: Measured,
}

impl Results {
    /// The row of a system, where it was measured.
    pub(crate) fn row(&self, system: System) -> Option<&Row> {
        self.rows.iter().find(|row| row.system == system)
    }
}

/// Does something once for each of the systems; `None` where a system has no such way.
type Once<'a> = &'a dyn Fn(&Contestant<'_>) -> Option<Result<(), ExperimentError>>;

/// A system, with messages to verify.
struct Contestant<'a> {
    prover: &'a dyn Prover,
    messages: Vec<Message>,
}

/// Proving, verifying alone and verifying folded, each in turns.
///
/// # Errors
/// [`ExperimentError::Bench`] where a system cannot prove, or refuses its own proof.
pub(crate) fn measure(
    provers: &[Box<dyn Prover>],
    extent: Extent,
    progress: &Progress,
) -> Result<Results, ExperimentError> {
    progress.phase("proof systems", 3);
    let contestants = provers
        .iter()
        .map(|prover| Contestant::new(prover.as_ref(), extent.folded))
        .collect::<Result<Vec<_>, _>>()?;
    let prove = |contestant: &Contestant<'_>| Some(contestant.prover.prove().map(drop));
    let proving = compare(&contestants, extent, &prove)?;
    progress.advance(1);
    let verify = |contestant: &Contestant<'_>| {
        let message = contestant.messages.first()?;
        Some(contestant.prover.verify(message))
    };
    let verifying = compare(&contestants, extent, &verify)?;
    progress.advance(2);
    let fold = |contestant: &Contestant<'_>| contestant.prover.verify_folded(&contestant.messages);
    let folding = compare(&contestants, extent, &fold)?;
    progress.advance(3);

    let row = |contestant: &Contestant<'_>| {
        let system = contestant.prover.system();
        let message = contestant.messages.first()?;
        Some(Row {
            system,
            proof_bytes: message.proof_len,
            message_bytes: message.bytes.len(),
            prove_s: seconds(&proving, system)?,
            verify_s: seconds(&verifying, system)?,
            folded_s: seconds(&folding, system).map(|all| all / extent.folded as f64),
        })
    };
    let rows = contestants.iter().filter_map(row).collect();
    Ok(Results { extent, rows, proving, verifying })
}

impl<'a> Contestant<'a> {
    fn new(prover: &'a dyn Prover, folded: usize) -> Result<Self, ExperimentError> {
        let mut messages = vec![prover.prove()?];
        // Others than the first are for folds alone.
        if prover.verify_folded(&messages).is_some() {
            while messages.len() < folded {
                messages.push(prover.prove()?);
            }
        }
        Ok(Self { prover, messages })
    }
}

/// By the processor, or by the wall where the system does not tell.
fn seconds(measured: &Measured, system: System) -> Option<f64> {
    let name = system.name();
    measured.cpu_parts.get(name).or_else(|| measured.parts.get(name)).copied()
}

/// Everyone does something in turns; seconds are those of doing it once.
fn compare(
    contestants: &[Contestant<'_>],
    extent: Extent,
    once: Once<'_>,
) -> Result<Measured, ExperimentError> {
    let mut counts = BTreeMap::new();
    for contestant in contestants {
        // A first time for whatever is made at the first use.
        let Some(done) = once(contestant) else { continue };
        done?;
        let start = Instant::now();
        once(contestant).transpose()?;
        let took = start.elapsed().as_secs_f64();
        let count = (extent.lap_s / took.max(1e-6)).ceil() as usize;
        counts.insert(contestant.prover.system().name(), count.max(1));
    }
    let mut measured = repeat(extent.budget_s, |_| {
        let mut watch = Stopwatch::start();
        for contestant in contestants {
            let name = contestant.prover.system().name();
            let Some(count) = counts.get(name) else { continue };
            watch.resume();
            for _ in 0..*count {
                once(contestant).transpose()?;
            }
            watch.lap(name);
        }
        Ok(watch)
    })?;
    for parts in [&mut measured.parts, &mut measured.cpu_parts] {
        for (name, seconds) in parts.iter_mut() {
            *seconds /= counts.get(name.as_str()).copied().unwrap_or(1) as f64;
        }
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves by counting; refuses what it is told to.
    struct Toy {
        system: System,
        is_refused: bool,
    }

    impl Prover for Toy {
        fn system(&self) -> System {
            self.system
        }

        fn prove(&self) -> Result<Message, ExperimentError> {
            Ok(Message { bytes: vec![0; 10], proof_len: 7 })
        }

        fn verify(&self, message: &Message) -> Result<(), ExperimentError> {
            std::hint::black_box((0..20_000u64).fold(0, |sum, i| sum ^ i.wrapping_mul(i)));
            assert_eq!(message.bytes.len(), 10);
            if self.is_refused {
                return Err(ExperimentError::bench("a toy")("refused"));
            }
            Ok(())
        }

        fn verify_folded(&self, messages: &[Message]) -> Option<Result<(), ExperimentError>> {
            let is_ours = self.system == System::Ours;
            is_ours.then(|| messages.iter().take(1).try_for_each(|message| self.verify(message)))
        }
    }

    const EXTENT: Extent = Extent { lap_s: 0.02, budget_s: 0.0, folded: 5 };

    fn toy(system: System, is_refused: bool) -> Box<dyn Prover> {
        Box::new(Toy { system, is_refused })
    }

    #[test]
    fn every_system_has_a_row_and_those_that_fold_say_what_one_of_many_costs() {
        let provers = [toy(System::Ours, false), toy(System::Bulletproofs, false)];
        let results = measure(&provers, EXTENT, &Progress::silent()).unwrap();
        let [ours, theirs] = results.rows.as_slice() else { panic!("{:?}", results.rows) };
        assert_eq!((ours.proof_bytes, ours.message_bytes), (7, 10));
        assert_eq!((ours.folded_s.is_some(), theirs.folded_s), (true, None));
        assert_eq!(results.row(System::Bulletproofs), Some(theirs));
        assert_eq!(results.row(System::Spartan), None);
    }

    #[test]
    fn what_is_repeated_to_fill_a_lap_is_counted_once() {
        let provers = [toy(System::Ours, false)];
        let contestants = [Contestant::new(provers[0].as_ref(), 1).unwrap()];
        let verify =
            |contestant: &Contestant<'_>| Some(contestant.prover.verify(&contestant.messages[0]));
        let measured = compare(&contestants, EXTENT, &verify).unwrap();
        // A lap takes twenty milliseconds, of which one verification is a small part. By the wall: tests share a process.
        assert!(measured.parts["consilium"] < EXTENT.lap_s / 2.0, "{measured:?}");
        assert!(measured.seconds[0] > EXTENT.lap_s / 2.0, "{measured:?}");
    }

    #[test]
    fn a_system_that_refuses_its_own_proof_ends_the_comparison() {
        let provers = [toy(System::Ours, false), toy(System::Bulletproofs, true)];
        let Err(error) = measure(&provers, EXTENT, &Progress::silent()) else { panic!("measured") };
        assert!(error.to_string().contains("a toy: refused"), "{error}");
    }
}
