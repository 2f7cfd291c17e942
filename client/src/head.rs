//! Heads that everyone has seen: what an institution shows the others of its chain, and what it makes of theirs.
//!
//! Where a round closes, the institution asks the coordinator to sign the checkpoint of the sealed block, verifies it
//! against its own chain, and keeps it as a note with the cosignatures of the trustees that stand on the chain. How heads
//! are compared, [`consilium_audit::heads`] says.

use std::path::{Path, PathBuf};

use consilium_audit::{
    files,
    heads::{self, Certified, Compared, HeadError, read},
};
use consilium_contract::{Parameters, SealedBlock};
use consilium_identity::InstitutionFiles;
use consilium_ledger::{Checkpoint, Note, NoteKey, trustee_key};

use crate::{ClientError, state::history::History};

/// The last head that the coordinator has signed for this institution, in its state directory.
const FILE: &str = "head.note";

/// Keeps a head that has been verified against the own chain; on disk when it returns.
pub(crate) fn keep(directory: &Path, note: &Note) -> Result<(), ClientError> {
    Ok(files::replace(&directory.join(FILE), &[note.encode().as_bytes()])?)
}

/// The keys with which institutions cosign, by their enrolments on this institution's own chain.
fn trustees(history: &mut History, parameters: &Parameters) -> Result<Vec<NoteKey>, ClientError> {
    let mut certified = Certified::default();
    for height in 1..history.len() {
        let Some((block, _)) = history.block(height)? else { break };
        certified.read(&block, parameters);
    }
    Ok(certified.keys(&parameters.chain_id))
}

/// What this institution shows the others: the last head that the coordinator has signed for it, with the cosignatures
/// that it holds and its own.
///
/// # Errors
/// [`ClientError::NoHead`] where none has been kept, [`ClientError::DamagedState`] where it is not of the own chain.
pub fn export(files: &InstitutionFiles, directory: &Path) -> Result<Note, ClientError> {
    let parameters = &files.parameters;
    let mut history = History::view(directory, parameters)?;
    let keys = trustees(&mut history, parameters)?;
    let path = directory.join(FILE);
    let kept = read(&path, parameters, &keys)
        .map_err(|error| refused(&history, error))?
        .ok_or_else(|| ClientError::NoHead { path: path.clone() })?;
    let Checkpoint { size, .. } = *kept.checkpoint();
    let block = size.checked_sub(1).and_then(|last| history.chain().get(last));
    let Some(block) =
        block.map(SealedBlock::from).filter(|block| block.checkpoint == *kept.checkpoint())
    else {
        let detail =
            format!("the head of {size} blocks that is kept there is not of the own chain");
        return Err(ClientError::DamagedState { path, detail });
    };
    let own = trustee_key(
        &parameters.chain_id,
        &files.identity.pseudonym,
        files.signing.verifying_key().into(),
    );
    let mut note = kept.note().clone();
    if !note.signatures().iter().any(|line| line.is_of(&own)) {
        note.add_cosignature(&own, &block.cosign(&files.signing));
    }
    Ok(note)
}

/// Compares heads of others with this institution's own chain and with each other.
///
/// # Errors
/// [`ClientError::ForkedHistory`] where one is of another history, with the evidence written beside the own chain;
/// [`ClientError::TwoHeads`] where two of them are, with the evidence written there too; [`ClientError::Note`] where a
/// file is no head of this chain that its coordinator has signed.
pub fn compare(
    files: &InstitutionFiles,
    directory: &Path,
    theirs: &[PathBuf],
) -> Result<Vec<Compared>, ClientError> {
    let parameters = &files.parameters;
    let mut history = History::view(directory, parameters)?;
    let keys = trustees(&mut history, parameters)?;
    heads::compare(history.chain(), parameters, &keys, theirs)
        .map_err(|error| refused(&history, error))
}

/// Heads that do not hold, with the evidence written where there is any.
fn refused(history: &History, error: HeadError) -> ClientError {
    match error {
        HeadError::Note { path, source } => ClientError::Note { path, source },
        HeadError::File(error) => error.into(),
        HeadError::OtherHistory { height, evidence } => {
            match history.keep_evidence(height, &evidence) {
                Ok(evidence) => ClientError::ForkedHistory { height, evidence },
                Err(error) => error.into(),
            }
        }
        HeadError::TwoHeads { size, first, second, evidence } => {
            match history.keep_evidence(size.saturating_sub(1), &evidence) {
                Ok(evidence) => ClientError::TwoHeads { size, first, second, evidence },
                Err(error) => error.into(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
