//! What the programs do for an outsider, with a line to print and an exit code: the same in `consilium-audit` and in
//! `consilium-client`.

use std::{
    fmt::Display,
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use consilium_cli::{Failure, output::write_file};
use consilium_contract::Parameters;
use consilium_hash::ChainId;
use consilium_ledger::{HeaderChain, Store};
use consilium_proto::GENESIS_BYTES;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    AuditError, AuditReport, Audited, Evidence, Scope, audit_within,
    evidence::{self, MAX_EVIDENCE_FILE_BYTES},
    heads::{self, Certified, Compared, HeadError},
};

/// No genesis is longer, in bytes: its entry has a few bytes around it.
const MAX_GENESIS_FILE_BYTES: usize = GENESIS_BYTES + 128;

/// A ledger to be audited, and how.
#[derive(Debug, Clone, Default)]
pub struct LedgerAudit {
    /// The folder of the ledger.
    pub ledger: PathBuf,
    /// Where the copy to work on is made.
    pub scratch: PathBuf,
    /// The chain that it must be of.
    pub chain_id: Option<ChainId>,
    /// Where this audit leaves what a later one can go on from.
    pub state: Option<PathBuf>,
    /// Height up to which an earlier audit in that place has verified proofs.
    pub since: Option<u64>,
    /// Where evidence is written of what does not hold.
    pub evidence: Option<PathBuf>,
}

/// Replays a ledger.
///
/// # Errors
/// [`Failure`] with what does not hold, and where the evidence of it is.
pub fn audit_ledger(audit: &LedgerAudit) -> Result<AuditReport, Failure> {
    let LedgerAudit { ledger, scratch, chain_id, state, since, evidence } = audit;
    let earlier = match (since, state) {
        (Some(_), Some(state)) => {
            let earlier = Audited::load(state).map_err(Failure::failed)?;
            Some(earlier.ok_or_else(|| {
                Failure::unusable(format!(
                    "{}: no audit was kept there; run a full one with the same --state",
                    state.display()
                ))
            })?)
        }
        _ => None,
    };
    let bar = progress();
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let since = earlier.as_ref().zip(*since);
    let scope = Scope { chain_id: chain_id.as_ref(), since, progress: &mut progress };
    let outcome = audit_within(ledger, scratch, scope);
    bar.finish_and_clear();
    let (report, audited) = outcome.map_err(|error| {
        let kept = evidence.as_ref().map(|out| {
            keep_evidence(ledger, scratch, &error, out)
                .unwrap_or_else(|why| format!("there is no evidence of it: {why}"))
        });
        let message = kept.map_or_else(|| error.to_string(), |kept| format!("{error}; {kept}"));
        Failure::new(error.exit_code(), message)
    })?;
    if let Some(state) = state {
        audited.store(state).map_err(Failure::failed)?;
    }
    Ok(report)
}

/// Evidence of what an audit has found, where it convicts the coordinator; in words, for the end of the message.
fn keep_evidence(
    ledger: &Path,
    scratch: &Path,
    error: &AuditError,
    out: &Path,
) -> Result<String, String> {
    let height = error.height().ok_or("nothing that convinces others was found")?;
    let store = Store::open_copy(ledger, scratch).map_err(|error| error.to_string())?;
    let evidence = evidence::from_ledger(&store, height).map_err(|error| error.to_string())?;
    // Evidence of an earlier audit may be all that is left of it.
    write_file(out, &evidence.encode(), 0, |_| false)?;
    Ok(format!("the evidence is in {}", out.display()))
}

/// Blocks that are replayed, on a terminal.
fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} blocks, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// Whom a file of evidence convicts, and of what.
///
/// # Errors
/// [`Failure`] 1 where it convicts nobody, 2 where a file cannot be used.
pub fn verify_evidence(genesis: &Path, file: &Path) -> Result<String, Failure> {
    let genesis = read(genesis, MAX_GENESIS_FILE_BYTES)?;
    match read_evidence(file)?.verify(&genesis) {
        Ok(verdict) => Ok(format!("it convicts {verdict}\n")),
        Err(error) => {
            let code = if error.is_unusable() { 2 } else { 1 };
            Err(Failure::new(code, format!("{}: {error}", file.display())))
        }
    }
}

/// What a file of evidence claims, unverified.
///
/// # Errors
/// [`Failure`] where the file cannot be used.
pub fn show_evidence(file: &Path) -> Result<String, Failure> {
    Ok(format!("{}\n", read_evidence(file)?))
}

fn read_evidence(path: &Path) -> Result<Evidence, Failure> {
    let bytes = read(path, MAX_EVIDENCE_FILE_BYTES)?;
    Evidence::decode(&bytes).map_err(|error| named(path, &error))
}

/// The bytes of a genesis file.
///
/// # Errors
/// [`Failure`] where the file cannot be read, or is longer than any genesis.
pub fn read_genesis(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, MAX_GENESIS_FILE_BYTES)
}

/// The file's bytes, if there are not more than `limit` of them.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| named(path, &error))?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| named(path, &error))?;
    if bytes.len() > limit {
        return Err(Failure::unusable(format!(
            "{}: longer than the {limit} bytes that it may have",
            path.display()
        )));
    }
    Ok(bytes)
}

fn named(path: &Path, error: &dyn Display) -> Failure {
    Failure::unusable(format!("{}: {error}", path.display()))
}

/// Heads to be compared with each other, and with a ledger where there is one.
#[derive(Debug, Clone, Default)]
pub struct HeadComparison {
    /// The genesis of the run.
    pub genesis: PathBuf,
    /// A copy of the coordinator's ledger.
    pub ledger: Option<PathBuf>,
    /// Where the copy to work on is made.
    pub scratch: PathBuf,
    /// The files.
    pub heads: Vec<PathBuf>,
    /// Where evidence is written of two histories.
    pub evidence: Option<PathBuf>,
}

/// Compares heads.
///
/// # Errors
/// [`Failure`] 3 where the coordinator has signed two histories, 2 where a file cannot be used, 1 where the blocks of the
/// ledger are no chain.
pub fn compare_heads(comparison: &HeadComparison) -> Result<Vec<Compared>, Failure> {
    let entry = read_genesis(&comparison.genesis)?;
    let parameters = Parameters::from_genesis_entry(&entry)
        .map_err(|error| named(&comparison.genesis, &error))?;
    let mut chain = HeaderChain::new(parameters.validators());
    let mut certified = Certified::default();
    if let Some(ledger) = &comparison.ledger {
        let store = Store::open_copy(ledger, &comparison.scratch).map_err(Failure::failed)?;
        for block in store.blocks(0) {
            let block = block.map_err(Failure::failed)?;
            chain.append_block(&block).map_err(Failure::failed)?;
            certified.read(&block, &parameters);
        }
    }
    let keys = certified.keys(&parameters.chain_id);
    heads::compare(&chain, &parameters, &keys, &comparison.heads).map_err(|error| {
        let evidence = match &error {
            HeadError::OtherHistory { evidence, .. } | HeadError::TwoHeads { evidence, .. } => {
                evidence
            }
            HeadError::Note { .. } | HeadError::File(_) => return Failure::unusable(error),
        };
        let kept = comparison.evidence.as_ref().map_or(Ok(String::new()), |out| {
            let kept = format!("; the evidence is in {}", out.display());
            write_file(out, &evidence.encode(), 0, |_| false).map(|()| kept)
        });
        let kept = kept.unwrap_or_else(|why| format!("; its evidence could not be written: {why}"));
        Failure::new(3, format!("{error}{kept}"))
    })
}
