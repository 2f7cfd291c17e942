//! What an audit has come to, kept for the next one to go on from.
//!
//! The next audit believes nothing but this file, which is its own earlier result: that every proof in the blocks up to a
//! checkpoint was verified, and of which updates the proofs did not hold. It takes that for a ledger whose tree of that
//! size has that very root, and for no other; everything else about those blocks (signatures, hashes, state roots, sums,
//! shares and models) it works out again. So keep the file where only the auditor writes.
//!
//! ```text
//! consilium audit 1
//! consilium/<chain id>        the checkpoint, three lines
//! <size>
//! <root>
//! refuted <transaction id>    for every update whose proofs do not hold
//! sha256 <hexadecimal>        of everything before this line
//! ```

use std::path::{Path, PathBuf};

use consilium_hash::{Checksum, TransactionHash};
use consilium_ledger::{Checkpoint, sha256};

use crate::files::{self, FileError};

/// The file in a state directory.
const FILE: &str = "audited";
const FIRST_LINE: &str = "consilium audit 1\n";
const REFUTED: &str = "refuted ";
const SUM: &str = "sha256 ";
/// More lines than any run has updates.
const MAX_BYTES: u64 = 64 << 20;

/// The result of an earlier audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    pub(crate) checkpoint: Checkpoint,
    /// Transactions whose updates were refuted.
    pub(crate) refuted: Vec<TransactionHash>,
}

impl Audited {
    /// The blocks that were audited.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Keeps it in a directory, in the place of an earlier one.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn store(&self, directory: &Path) -> Result<(), FileError> {
        files::create_folder(directory)?;
        files::replace(&directory.join(FILE), &[self.encode().as_bytes()])
    }

    /// What an audit has kept in a directory, if there was one.
    ///
    /// # Errors
    /// [`FileError::System`], [`FileError::Damaged`].
    pub fn load(directory: &Path) -> Result<Option<Self>, FileError> {
        let path: PathBuf = directory.join(FILE);
        let Some(bytes) = files::read(&path, MAX_BYTES)? else { return Ok(None) };
        let damaged =
            || FileError::Damaged { path, detail: "is not what an audit has written".to_owned() };
        str::from_utf8(&bytes).ok().and_then(Self::decode).map(Some).ok_or_else(damaged)
    }

    fn encode(&self) -> String {
        let refuted: String = self.refuted.iter().map(|id| format!("{REFUTED}{id}\n")).collect();
        let text = format!("{FIRST_LINE}{}{refuted}", self.checkpoint.text());
        format!("{text}{SUM}{}\n", Checksum(sha256(text.as_bytes())))
    }

    /// Reads nothing but what [`Self::encode`] writes.
    fn decode(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(FIRST_LINE)?.split_inclusive('\n');
        let checkpoint: String = lines.by_ref().take(3).collect();
        let refuted = lines
            .map_while(|line| line.strip_prefix(REFUTED))
            .map(|id| unhex(id.trim_end()).map(TransactionHash));
        let audited = Self {
            checkpoint: Checkpoint::parse(&checkpoint).ok()?,
            refuted: refuted.collect::<Option<_>>()?,
        };
        (audited.encode() == text).then_some(audited)
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |place: usize| {
        text.get(place..place + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(digit).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_hash::{ChainId, MerkleRoot};

    fn an_audit() -> Audited {
        Audited {
            checkpoint: Checkpoint {
                chain_id: ChainId([1; 32]),
                size: 44,
                root: MerkleRoot([2; 32]),
            },
            refuted: vec![TransactionHash([3; 32]), TransactionHash([0xfe; 32])],
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_a_later_audit_takes_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        assert_eq!(Audited::load(&state).unwrap(), None);
        an_audit().store(&state).unwrap();
        assert_eq!(Audited::load(&state).unwrap(), Some(an_audit()));
        let later = Audited { refuted: Vec::new(), ..an_audit() };
        later.store(&state).unwrap();
        assert_eq!(Audited::load(&state).unwrap(), Some(later));
    }

    #[test]
    fn a_changed_byte_anywhere_in_the_file_is_found() {
        let whole = an_audit().encode();
        assert_eq!(Audited::decode(&whole), Some(an_audit()));
        for place in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[place] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(Audited::decode(&changed), None, "byte {place}");
            assert_eq!(Audited::decode(&whole[..place]), None);
        }
        assert_eq!(Audited::decode(&(whole + "\n")), None);
    }
}
