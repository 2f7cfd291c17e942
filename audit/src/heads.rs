//! Heads that the coordinator has signed, compared with a chain and with each other.
//!
//! Institutions that were shown two histories hold two such notes; any way of exchanging a file brings it out:
//!
//! | a head | what is compared |
//! | --- | --- |
//! | as long as the chain, or shorter | its root with that of the chain's tree of that size |
//! | longer | nothing yet: the chain is behind, and is compared when it has caught up |
//! | as long as another head that is given | the two roots |
//!
//! The notes are those of C2SP ([`consilium_ledger::Checkpoint`]), so that others can verify them with other tools.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use consilium_contract::{Certificate, Parameters, transaction::parse_entry};
use consilium_hash::{ChainId, Pseudonym};
use consilium_ledger::{
    Block, Checkpoint, HeaderChain, MAX_NOTE_BYTES, Note, NoteError, NoteKey, SignedCheckpoint,
    trustee_key,
};
use consilium_proto::v1::transaction::Action;
use thiserror::Error;

use crate::{
    evidence::Evidence,
    files::{self, FileError},
};

/// Why heads are not of one history, or are no heads.
#[derive(Debug, Error)]
pub enum HeadError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is no head of this chain that its coordinator has signed.
    #[error("{}: {source}", path.display())]
    Note {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// A head of another history than the chain's.
    #[error(
        "the coordinator has signed a head of another history than the chain's, from height {height} on"
    )]
    OtherHistory {
        /// First height at which the histories are known to differ.
        height: u64,
        /// What convicts the coordinator.
        evidence: Box<Evidence>,
    },
    /// Two heads of other histories than each other's.
    #[error(
        "{} and {} are of two histories: the coordinator has signed two trees of {size} blocks",
        first.display(),
        second.display()
    )]
    TwoHeads {
        /// Blocks that both are of.
        size: u64,
        /// One file.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
        /// What convicts the coordinator.
        evidence: Box<Evidence>,
    },
}

/// Reads a note and verifies it: of this chain, signed by its coordinator, no cosignature of a `trustee` false.
///
/// # Errors
/// [`HeadError::Note`], [`HeadError::File`].
pub fn read(
    path: &Path,
    parameters: &Parameters,
    trustees: &[NoteKey],
) -> Result<Option<SignedCheckpoint>, HeadError> {
    let Some(bytes) = files::read(path, MAX_NOTE_BYTES as u64)? else { return Ok(None) };
    let verify = |note| SignedCheckpoint::verify(note, &parameters.validators(), trustees);
    let signed = Note::parse(&bytes).and_then(verify);
    signed.map(Some).map_err(|source| HeadError::Note { path: path.to_owned(), source })
}

/// The institutions that the authority has certified, by their enrolments on the chain.
#[derive(Debug, Default)]
pub struct Certified(BTreeMap<Pseudonym, Certificate>);

impl Certified {
    /// Reads the enrolments in the next block.
    pub fn read(&mut self, block: &Block, parameters: &Parameters) {
        for entry in &block.entries {
            let Ok((transaction, _)) = parse_entry(entry) else { continue };
            let Action::Enrol(enrol) = transaction.action() else { continue };
            let certificate = enrol
                .certificate
                .as_ref()
                .and_then(|word| parameters.verify_certificate(word).ok());
            if let Some(certificate) = certificate {
                self.0.entry(certificate.pseudonym).or_insert(certificate);
            }
        }
    }

    /// The keys with which they cosign.
    pub fn keys(&self, chain_id: &ChainId) -> Vec<NoteKey> {
        let key = |(name, certificate): (&Pseudonym, &Certificate)| {
            trustee_key(chain_id, name, certificate.signing_key.into())
        };
        self.0.iter().map(key).collect()
    }
}

/// How a head stands to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The chain has the same blocks up to there, and this many more.
    Contained {
        /// Blocks that the chain has beyond it.
        ours_beyond: u64,
    },
    /// There is no chain to compare it with.
    Alone,
    /// It is of more blocks than are known here.
    Ahead {
        /// How many more.
        theirs_beyond: u64,
    },
}

/// A head that does not contradict the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The file.
    pub path: PathBuf,
    /// Blocks that it is of.
    pub size: u64,
    /// Trustees that have cosigned it.
    pub cosigners: usize,
    /// How it stands to the chain.
    pub relation: Relation,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, size, cosigners, relation } = self;
        write!(f, "{}: {size} blocks, cosigned by {cosigners}: ", path.display())?;
        match relation {
            Relation::Contained { ours_beyond: 0 } => {
                f.write_str("the chain that is known here, block for block")
            }
            Relation::Contained { ours_beyond } => {
                write!(
                    f,
                    "the beginning of the chain that is known here, which has {ours_beyond} more"
                )
            }
            Relation::Alone => f.write_str("compared with the other heads alone"),
            Relation::Ahead { theirs_beyond } => {
                write!(
                    f,
                    "{theirs_beyond} more than are known here; catch up with `run` and compare again"
                )
            }
        }
    }
}

/// Compares heads with a chain and with each other; an empty chain contradicts none.
///
/// # Errors
/// [`HeadError`]: the first file that is no head, or the first two signatures that contradict each other.
pub fn compare(
    chain: &HeaderChain,
    parameters: &Parameters,
    trustees: &[NoteKey],
    theirs: &[PathBuf],
) -> Result<Vec<Compared>, HeadError> {
    let mut heads: BTreeMap<u64, (&PathBuf, SignedCheckpoint)> = BTreeMap::new();
    let mut compared = Vec::new();
    for path in theirs {
        let missing = || {
            let detail = "no such file".to_owned();
            let source = NoteError::Malformed { what: "head", detail };
            HeadError::Note { path: path.clone(), source }
        };
        let signed = read(path, parameters, trustees)?.ok_or_else(missing)?;
        if let Some(contradiction) = chain.contradiction(&signed) {
            let height = contradiction.ours.header.height;
            let evidence = Box::new(Evidence::head(&contradiction));
            return Err(HeadError::OtherHistory { height, evidence });
        }
        let Checkpoint { size, root, .. } = *signed.checkpoint();
        let cosigners = signed.cosigners().len();
        match heads.get(&size) {
            Some((first, other)) if other.checkpoint().root != root => {
                return Err(HeadError::TwoHeads {
                    size,
                    first: first.to_path_buf(),
                    second: path.clone(),
                    evidence: Box::new(Evidence::two_heads(other, &signed)),
                });
            }
            Some(_) => {}
            None => {
                heads.insert(size, (path, signed));
            }
        }
        let relation = match size.checked_sub(chain.len()) {
            _ if chain.is_empty() => Relation::Alone,
            None | Some(0) => Relation::Contained { ours_beyond: chain.len().saturating_sub(size) },
            Some(theirs_beyond) => Relation::Ahead { theirs_beyond },
        };
        compared.push(Compared { path: path.clone(), size, cosigners, relation });
    }
    Ok(compared)
}
