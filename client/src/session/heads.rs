//! Heads that the coordinator signs: verified against the own chain, and kept for the others to see.

use consilium_audit::follow::Closed;
use consilium_ledger::{Note, NoteError, SignedCheckpoint, Validators};
use tracing::warn;

use super::Session;
use crate::{ClientError, head};

/// Refuses a coordinator that says itself, in the head that it shows, that it serves another run. Over TLS the handshake has shown
/// that before; in the plain, on one machine, nothing has.
pub(super) fn refuse_another_run(note: &Note, validators: &Validators) -> Result<(), ClientError> {
    match SignedCheckpoint::verify(note.clone(), validators, &[]) {
        Err(NoteError::OtherOrigin { expected, found }) => Err(ClientError::OtherRun(format!(
            "whoever listens there serves another run than this institution's: {found}, not {expected}; compare the address and \
             the folder with the others"
        ))),
        _ => Ok(()),
    }
}

impl Session<'_> {
    /// Checks a head up to which the own chain has caught up, and keeps it.
    pub(super) fn keep_head(&self, note: Note) -> Result<(), ClientError> {
        self.own.history.verify_head(&note)?;
        head::keep(&self.own.directory, &note)
    }

    /// Has the coordinator sign the tree that a quorum has countersigned, and keeps it with their cosignatures.
    ///
    /// No answer is no reason to stop: the round is closed and checked without it.
    pub(super) async fn keep_sealed_head(&mut self, closed: &Closed) -> Result<(), ClientError> {
        let size = closed.sealed.sum.sealed_block().checkpoint.size;
        let kept = match self.connection.head(size).await {
            Ok(head) => self.keep_head(closed.sealed.head(head.checkpoint)),
            Err(error) => Err(error),
        };
        match kept {
            Err(error)
                if error.is_transient() || matches!(error, ClientError::Unsupported { .. }) =>
            {
                warn!(size, %error, "no head to show to others");
                Ok(())
            }
            other => other,
        }
    }
}
