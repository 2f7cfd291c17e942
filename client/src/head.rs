//! Heads that everyone has seen: what an institution shows the others of its chain, and what it makes of theirs.
//!
//! Where a round closes, the institution asks the coordinator to sign the checkpoint of the sealed block, verifies it
//! against its own chain, and keeps it as a note with the cosignatures of the trustees that stand on the chain. Two
//! institutions that were shown two histories hold two such notes; any way of exchanging a file brings it out:
//!
//! | theirs | what is compared |
//! | --- | --- |
//! | as long as the own chain, or shorter | its root with that of the own tree of that size |
//! | longer | nothing yet: the own chain is behind, and is compared when it has caught up |
//! | as long as another one that is given | the two roots |
//!
//! The notes are those of C2SP ([`consilium_ledger::Checkpoint`]), so that others can verify them with other tools.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use consilium_contract::{Certificate, Parameters, SealedBlock, transaction::parse_entry};
use consilium_crypto::Hash;
use consilium_identity::InstitutionFiles;
use consilium_ledger::{
    Checkpoint, MAX_NOTE_BYTES, Note, NoteError, NoteKey, SignedCheckpoint, trustee_key,
};
use consilium_proto::v1::transaction::Action;

use crate::{ClientError, Evidence, durable, history::History};

/// The last head that the coordinator has signed for this institution, in its state directory.
const FILE: &str = "head.note";

/// Keeps a head that has been verified against the own chain; on disk when it returns.
pub(crate) fn keep(directory: &Path, note: &Note) -> Result<(), ClientError> {
    durable::replace(&directory.join(FILE), &[note.encode().as_bytes()])
}

/// Reads a note and verifies it: of this chain, signed by its coordinator, no cosignature of a `trustee` false.
///
/// # Errors
/// [`ClientError::Note`], [`ClientError::State`].
fn read(
    path: &Path,
    parameters: &Parameters,
    trustees: &[NoteKey],
) -> Result<Option<SignedCheckpoint>, ClientError> {
    let Some(bytes) = durable::read(path, MAX_NOTE_BYTES as u64)? else { return Ok(None) };
    let verify = |note| {
        SignedCheckpoint::verify(
            note,
            &parameters.chain_id,
            &parameters.coordinator.into(),
            trustees,
        )
    };
    let signed = Note::parse(&bytes).and_then(verify);
    signed.map(Some).map_err(|source| ClientError::Note { path: path.to_owned(), source })
}

/// The institutions that the authority has certified, by their enrolments on the chain.
pub(crate) fn certified(
    history: &mut History,
    parameters: &Parameters,
) -> Result<BTreeMap<Hash, Certificate>, ClientError> {
    let mut certificates = BTreeMap::new();
    for height in 1..history.len() {
        let Some((block, _)) = history.block(height)? else { break };
        for entry in &block.entries {
            let Ok((transaction, _)) = parse_entry(entry) else { continue };
            let Action::Enrol(enrol) = transaction.action() else { continue };
            let certificate = enrol
                .certificate
                .as_ref()
                .and_then(|word| parameters.verify_certificate(word).ok());
            if let Some(certificate) = certificate {
                certificates.entry(certificate.pseudonym).or_insert(certificate);
            }
        }
    }
    Ok(certificates)
}

fn trustees(certificates: &BTreeMap<Hash, Certificate>, chain_id: &Hash) -> Vec<NoteKey> {
    let key = |(name, certificate): (&Hash, &Certificate)| {
        trustee_key(chain_id, name, certificate.signing_key.into())
    };
    certificates.iter().map(key).collect()
}

/// What this institution shows the others: the last head that the coordinator has signed for it, with the cosignatures
/// that it holds and its own.
///
/// # Errors
/// [`ClientError::NoHead`] where none has been kept, [`ClientError::DamagedState`] where it is not of the own chain.
pub fn export(files: &InstitutionFiles, directory: &Path) -> Result<Note, ClientError> {
    let parameters = &files.parameters;
    let mut history = History::view(directory, parameters)?;
    let keys = trustees(&certified(&mut history, parameters)?, &parameters.chain_id);
    let path = directory.join(FILE);
    let kept = read(&path, parameters, &keys)?
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

/// How a head of others stands to the own chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The own chain has the same blocks up to there, and this many more.
    Contained {
        /// Blocks that the own chain has beyond it.
        ours_beyond: u64,
    },
    /// It is of more blocks than are known here.
    Ahead {
        /// How many more.
        theirs_beyond: u64,
    },
}

/// A head of others that does not contradict the own chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The file.
    pub path: PathBuf,
    /// Blocks that it is of.
    pub size: u64,
    /// Trustees that have cosigned it.
    pub cosigners: usize,
    /// How it stands to the own chain.
    pub relation: Relation,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, size, cosigners, relation } = self;
        write!(f, "{}: {size} blocks, cosigned by {cosigners}: ", path.display())?;
        match relation {
            Relation::Contained { ours_beyond: 0 } => f.write_str("the own chain, block for block"),
            Relation::Contained { ours_beyond } => {
                write!(f, "the beginning of the own chain, which has {ours_beyond} more")
            }
            Relation::Ahead { theirs_beyond } => {
                write!(
                    f,
                    "{theirs_beyond} more than are known here; catch up with `run` and compare again"
                )
            }
        }
    }
}

/// Compares heads of others with the own chain and with each other.
///
/// # Errors
/// [`ClientError::ForkedHistory`] where one is of another history, with the evidence written beside the own chain;
/// [`ClientError::TwoHeads`] where two of them are, with the evidence written there too; [`ClientError::Note`] where a file is no head of this chain that its
/// coordinator has signed.
pub fn compare(
    files: &InstitutionFiles,
    directory: &Path,
    theirs: &[PathBuf],
) -> Result<Vec<Compared>, ClientError> {
    let parameters = &files.parameters;
    let mut history = History::view(directory, parameters)?;
    let keys = trustees(&certified(&mut history, parameters)?, &parameters.chain_id);
    let mut heads: BTreeMap<u64, (&PathBuf, SignedCheckpoint)> = BTreeMap::new();
    let mut compared = Vec::new();
    for path in theirs {
        let missing = || {
            let detail = "no such file".to_owned();
            ClientError::Note {
                path: path.clone(),
                source: NoteError::Malformed { what: "head", detail },
            }
        };
        let signed = read(path, parameters, &keys)?.ok_or_else(missing)?;
        history.confirm_head(&signed)?;
        let Checkpoint { size, root, .. } = *signed.checkpoint();
        let cosigners = signed.cosigners().len();
        match heads.get(&size) {
            Some((first, other)) if other.checkpoint().root != root => {
                let evidence = history
                    .keep_evidence(size.saturating_sub(1), &Evidence::two_heads(other, &signed))?;
                return Err(ClientError::TwoHeads {
                    size,
                    first: first.to_path_buf(),
                    second: path.clone(),
                    evidence,
                });
            }
            Some(_) => {}
            None => {
                heads.insert(size, (path, signed));
            }
        }
        let relation = match size.checked_sub(history.len()) {
            None | Some(0) => {
                Relation::Contained { ours_beyond: history.len().saturating_sub(size) }
            }
            Some(theirs_beyond) => Relation::Ahead { theirs_beyond },
        };
        compared.push(Compared { path: path.clone(), size, cosigners, relation });
    }
    Ok(compared)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use consilium_proto::v1::Charge;

    use super::*;
    use crate::{evidence::Culprit, fixture::World};

    fn files(world: &World, institution: usize) -> InstitutionFiles {
        let dir = tempfile::tempdir().unwrap();
        let ceremony = dir.path().join("ceremony");
        world.ceremony.write(&ceremony).unwrap();
        InstitutionFiles::load(&ceremony.join(format!("institution-{:02}", institution + 1)))
            .unwrap()
    }

    /// The coordinator's signature over the tree of the first `size` blocks of this world.
    fn head(world: &World, size: u64) -> Note {
        world.chain.checkpoint(size).unwrap().sign(&(&world.ceremony.coordinator.signing).into())
    }

    fn write(directory: &Path, name: &str, note: &Note) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, note.encode()).unwrap();
        path
    }

    /// Whoever has the genesis finds the coordinator guilty of two histories, by the file alone.
    fn convicts(world: &World, evidence: &Path) {
        let evidence = Evidence::decode(&fs::read(evidence).unwrap()).unwrap();
        let verdict = evidence.verify(&world.ceremony.genesis_entry).unwrap();
        assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, Charge::Fork));
    }

    /// One history until the enrolments, then two: of the same run, signed by the same coordinator.
    fn two_histories() -> (World, World) {
        let mut one = World::new();
        let mut other = World::new();
        one.open();
        other.time_passes();
        other.open();
        (one, other)
    }

    #[test]
    fn the_exported_head_holds_the_coordinators_signature_and_the_cosignatures_of_a_quorum_and_the_own()
     {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.full_round();
        drop(world.history(dir.path()));
        let files = files(&world, 3);
        let refused = export(&files, dir.path()).unwrap_err();
        assert!(matches!(refused, ClientError::NoHead { .. }), "{refused}");

        let (_, closed) = world.follow();
        let sealed = closed.unwrap().sealed;
        keep(dir.path(), &sealed.head(head(&world, sealed.sum.sealed_block().checkpoint.size)))
            .unwrap();
        let note = export(&files, dir.path()).unwrap();
        let keys: Vec<NoteKey> = (0..4)
            .map(|i| {
                let key = world.ceremony.institutions[i].signing.verifying_key().into();
                trustee_key(&world.chain_id(), &world.name(i), key)
            })
            .collect();
        let coordinator = files.parameters.coordinator.into();
        let signed =
            SignedCheckpoint::verify(note, &world.chain_id(), &coordinator, &keys).unwrap();
        // Three countersigned; this institution did not.
        assert_eq!(signed.cosigners().len(), 4);
        assert_eq!(signed.checkpoint(), &sealed.sum.sealed_block().checkpoint);
    }

    #[test]
    fn heads_of_one_history_are_told_apart_by_their_length_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        drop(world.history(dir.path()));
        world.open();
        let files = files(&world, 0);
        let theirs: Vec<PathBuf> =
            (1..4).map(|size| write(dir.path(), &size.to_string(), &head(&world, size))).collect();
        let relations: Vec<Relation> = compare(&files, dir.path(), &theirs)
            .unwrap()
            .into_iter()
            .map(|compared| compared.relation)
            .collect();
        let expected = [
            Relation::Contained { ours_beyond: 1 },
            Relation::Contained { ours_beyond: 0 },
            Relation::Ahead { theirs_beyond: 1 },
        ];
        assert_eq!(relations, expected);
    }

    #[test]
    fn a_head_of_another_history_leaves_evidence_that_convicts_the_coordinator_and_exit_code_3() {
        let (ours, mut theirs) = two_histories();
        let dir = tempfile::tempdir().unwrap();
        drop(ours.history(dir.path()));
        let files = files(&ours, 0);
        let path = write(dir.path(), "theirs", &head(&theirs, 3));
        let error = compare(&files, dir.path(), &[path]).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let ClientError::ForkedHistory { height: 2, evidence } = error else { panic!("{error}") };
        convicts(&ours, &evidence);

        // Longer than the own chain: nothing is known of it until the own chain has caught up.
        theirs.submit(&[0]);
        let path = write(dir.path(), "theirs", &head(&theirs, 4));
        let compared = compare(&files, dir.path(), &[path]).unwrap();
        assert_eq!(compared[0].relation, Relation::Ahead { theirs_beyond: 1 });
    }

    #[test]
    fn two_heads_of_others_that_contradict_each_other_are_named_and_leave_evidence_that_convicts_the_coordinator()
     {
        let (mut one, mut other) = two_histories();
        let dir = tempfile::tempdir().unwrap();
        drop(World::new().history(dir.path()));
        one.submit(&[0]);
        other.submit(&[0]);
        let files = files(&one, 0);
        let paths = [
            write(dir.path(), "one", &head(&one, 4)),
            write(dir.path(), "other", &head(&other, 4)),
        ];
        let error = compare(&files, dir.path(), &paths).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let ClientError::TwoHeads { size: 4, first, second, evidence } = error else {
            panic!("{error}")
        };
        assert_eq!([first, second], paths);
        convicts(&one, &evidence);
        // The same head in two files contradicts nothing.
        let again = write(dir.path(), "again", &head(&one, 4));
        assert_eq!(compare(&files, dir.path(), &[paths[0].clone(), again]).unwrap().len(), 2);
    }

    #[test]
    fn a_note_that_the_coordinator_has_not_signed_is_no_head() {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new();
        drop(world.history(dir.path()));
        let files = files(&world, 0);
        let checkpoint = world.chain.head_checkpoint();
        let mut cosigned = head(&world, 2);
        let other = world.ceremony.institutions[1].signing.verifying_key().into();
        let of = trustee_key(&world.chain_id(), &world.name(1), other);
        cosigned.add_cosignature(
            &of,
            &checkpoint.cosign(1, &(&world.ceremony.institutions[2].signing).into()),
        );
        let stranger = Checkpoint { chain_id: [9; 32], ..checkpoint };
        let notes = [
            checkpoint.sign(&(&world.ceremony.institutions[0].signing).into()),
            stranger.sign(&(&world.ceremony.coordinator.signing).into()),
            cosigned,
        ];
        for note in notes {
            let path = write(dir.path(), "note", &note);
            let error = compare(&files, dir.path(), &[path]).unwrap_err();
            assert!(matches!(error, ClientError::Note { .. }), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        let error = compare(&files, dir.path(), &[dir.path().join("absent")]).unwrap_err();
        assert!(matches!(error, ClientError::Note { .. }), "{error}");
    }
}
