//! Whether a node votes: what its key and its log say when it starts.

use std::collections::HashSet;

use ed25519_dalek::SigningKey;

use crate::{
    log::{Log, LogError, Storage},
    ordering::ConsensusError,
    shell::Voice,
    validators::Seat,
};

/// Whether a node votes, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It proposes and votes.
    Votes,
    /// Its key is in no seat: it follows.
    NoSeat,
    /// Its log is gone. It may have said what it does not know, and follows until it is re-admitted, with another key.
    LogMissing,
    /// Its log is of an earlier height than the ledger can explain: it comes from a backup, and what was said since is not in it.
    /// As above.
    LogOld {
        /// Height of the log.
        log: u64,
    },
    /// Somebody else has spoken with its key at this height: a second process, or this one before its log was lost. It has
    /// dropped its log, and follows until it is re-admitted.
    Usurped,
}

/// Whether a node at this height may vote, and with what.
pub(crate) fn voice<S: Storage>(
    keyed: Option<(Seat, SigningKey)>,
    log: Option<Log<S>>,
    height: u64,
) -> Result<(Standing, Option<Voice<S>>), ConsensusError> {
    let Some((seat, key)) = keyed else { return Ok((Standing::NoSeat, None)) };
    let Some(mut log) = log else { return Ok((Standing::LogMissing, None)) };
    if log.height() > height {
        return Err(LogError::LedgerBehind { log: log.height(), ledger: height }.into());
    }
    if log.height() < height {
        // One height apart: a crash after the block was durable, and before its log was replaced.
        if log.height().checked_add(1) != Some(height) {
            return Ok((Standing::LogOld { log: log.height() }, None));
        }
        log.begin(height)?;
    }
    Ok((Standing::Votes, Some(Voice { seat, key, log, replayed: HashSet::new() })))
}
