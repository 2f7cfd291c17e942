use std::fs;

use consilium_hash::ChainId;
use consilium_proto::v1::Charge;

use consilium_audit::{Evidence, evidence::Culprit, heads::Relation};
use consilium_ledger::SignedCheckpoint;

use super::*;
use crate::fixture::Kept as _;
use consilium_testkit::World;

fn files(world: &World, institution: usize) -> InstitutionFiles {
    let dir = tempfile::tempdir().unwrap();
    let ceremony = dir.path().join("ceremony");
    world.ceremony.write(&ceremony).unwrap();
    InstitutionFiles::load(&ceremony.join(format!("institution-{:02}", institution + 1))).unwrap()
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
    let validators = files.parameters.validators();
    let signed = SignedCheckpoint::verify(note, &validators, &keys).unwrap();
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
    let paths =
        [write(dir.path(), "one", &head(&one, 4)), write(dir.path(), "other", &head(&other, 4))];
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
    let stranger = Checkpoint { chain_id: ChainId([9; 32]), ..checkpoint };
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
