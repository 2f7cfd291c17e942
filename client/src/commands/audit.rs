//! Audits that an institution makes.

use std::path::Path;

use consilium_audit::{
    AuditReport,
    commands::{self, LedgerAudit},
    mine::{self, Institution as Asking},
};
use consilium_cli::Failure;
use consilium_client::state::history;
use consilium_identity::InstitutionFiles;

use super::state::files;

pub(crate) fn own(ceremony: &Path, state: &Path) -> Result<String, Failure> {
    let files = files(ceremony, state)?;
    let asking = Asking { pseudonym: files.identity.pseudonym, key: files.signing.verifying_key() };
    let blocks = history::blocks(state).map_err(Failure::failed)?;
    let mine = mine::audit_blocks(&files.parameters, asking, &blocks).map_err(Failure::failed)?;
    Ok(format!("{mine}\n"))
}

/// Replays the ledger, which must be of the run of the ceremony that is given.
pub(crate) fn replay(ceremony: Option<&Path>, audit: LedgerAudit) -> Result<AuditReport, Failure> {
    let files = ceremony.map(InstitutionFiles::load).transpose().map_err(Failure::unusable)?;
    let chain_id = files.map(|files| files.parameters.chain_id);
    commands::audit_ledger(&LedgerAudit { chain_id, ..audit })
}
