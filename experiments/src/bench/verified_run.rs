//! The replay's verified federation with nobody malicious, and the audit of its ledger.

use std::fs;

use consilium_audit::audit;

use super::measuring::{Measured, peak_memory_kb};
use crate::ExperimentError;
use crate::progress::Progress;
use crate::replay::{Choice, Federation, ReplayConfig, load_dataset, verified};

/// Names of the two parts.
pub const ROUNDS: &str = "rounds";
/// See [`ROUNDS`].
pub const AUDIT: &str = "audit";

/// Sixty rounds of ten institutions over gRPC with a ledger on disk, then its audit; both once.
///
/// # Errors
/// The first thing that stops either.
pub(crate) fn measure() -> Result<Measured, ExperimentError> {
    let choice = Choice { malicious: 0, ..Choice::default() };
    let dataset = load_dataset(&choice.dataset)?;
    let federation = Federation::new(&ReplayConfig::resolve(choice, &dataset)?, &dataset)?;
    let directory = tempfile::tempdir().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    let ledger = directory.path().join("ledger");
    let scratch = directory.path().join("institutions");
    fs::create_dir(&scratch).map_err(ExperimentError::file(&scratch))?;
    let rounds =
        verified::run(&federation, &ledger, &scratch, &Progress::silent())?.elapsed.as_secs_f64();
    let peak_kb = peak_memory_kb();
    let audited = audit(&ledger, directory.path(), None)?.elapsed_s;
    let parts = [(ROUNDS.to_owned(), rounds), (AUDIT.to_owned(), audited)].into();
    Ok(Measured { seconds: vec![rounds + audited], parts, peak_kb, ..Measured::default() })
}
