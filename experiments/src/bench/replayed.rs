//! The replay's verified federation with nobody malicious, over sockets, and the audit of its ledger.

use std::fs;
use std::path::Path;
use std::time::Instant;

use consilium_audit::audit;

use super::measuring::{Measured, median, peak_memory_kb, processor_seconds};
use crate::ExperimentError;
use crate::progress::Progress;
use crate::replay::recorder::Recorder;
use crate::replay::{Choice, Federation, ReplayConfig, load_dataset, verified};

/// Bytes that the coordinator sends each institution in a round, by the replay's own count.
pub(crate) const DOWNLOAD: &str = "download a round and institution";
/// Times that an audit is repeated.
const AUDITS: usize = 3;

/// Rounds of institutions over gRPC with a ledger on disk, each of which verifies every update live.
///
/// # Errors
/// The first thing that stops them.
pub(crate) fn run(
    institutions: usize,
    rounds: usize,
    ledger: &Path,
) -> Result<Measured, ExperimentError> {
    let choice = Choice { institutions, epochs: rounds, malicious: 0, ..Choice::default() };
    let dataset = load_dataset(&choice.dataset)?;
    let federation = Federation::new(&ReplayConfig::resolve(choice, &dataset)?, &dataset)?;
    let directory = tempfile::tempdir().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    let scratch = directory.path().join("institutions");
    fs::create_dir(&scratch).map_err(ExperimentError::file(&scratch))?;
    let run = verified::run(
        &federation,
        ledger,
        &scratch,
        &mut Recorder::in_memory(),
        &Progress::silent(),
    )?;
    let downloads: Vec<f64> =
        run.rounds.iter().map(|round| round.bytes_down as f64 / institutions as f64).collect();
    let download = median(&downloads).map(|bytes| (DOWNLOAD.to_owned(), bytes));
    Ok(Measured {
        seconds: vec![run.elapsed.as_secs_f64()],
        parts: download.into_iter().collect(),
        peak_kb: peak_memory_kb(),
        ..Measured::default()
    })
}

/// [`run`] with a ledger that nobody needs afterwards.
///
/// # Errors
/// The first thing that stops it.
pub(crate) fn traffic(institutions: usize, rounds: usize) -> Result<Measured, ExperimentError> {
    let directory = tempfile::tempdir().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    run(institutions, rounds, &directory.path().join("ledger"))
}

/// The full audit of a ledger, from its copy to its verdict, several times.
///
/// # Errors
/// [`ExperimentError::Audit`] where it does not pass.
pub(crate) fn audited(ledger: &Path) -> Result<Measured, ExperimentError> {
    let mut walls = Vec::new();
    let mut cpus = Vec::new();
    for _ in 0..AUDITS {
        let start = Instant::now();
        let before = processor_seconds();
        audit(ledger, &std::env::temp_dir(), None)?;
        walls.push(start.elapsed().as_secs_f64());
        cpus.extend(processor_seconds().zip(before).map(|(after, before)| after - before));
    }
    let peak_kb = peak_memory_kb();
    Ok(Measured { seconds: walls, cpu_s: median(&cpus), peak_kb, ..Measured::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_counted_and_the_ledger_passes_its_audit() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = directory.path().join("ledger");
        let measured = run(4, 1, &ledger).unwrap();
        // At the least, the bodies of three others.
        assert!(measured.parts[DOWNLOAD] > 3.0 * 9_000.0, "{measured:?}");
        let audited = audited(&ledger).unwrap();
        assert_eq!(audited.seconds.len(), AUDITS);
        assert!(super::audited(&directory.path().join("no ledger")).is_err());
    }
}
