//! Ledgers rebuilt from mirrors and from what institutions have followed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use common::{
    Follower, Institution, PROGRAM, Peer, Update, World, blocks, copy_folder, expected_model,
    found, open,
};
use consilium_contract::{Phase, transaction::parse_entry};
use consilium_hash::BlobHash;
use consilium_ledger::{Block, ManifestState, Store, verify_manifest};
use consilium_proto::v1::{Reason, transaction::Action};

/// Runs `restore` into this world's ledger.
fn restore(world: &World, from: &[PathBuf]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("restore").arg("--ceremony").arg(world.coordinator_folder());
    command.arg("--ledger").arg(world.ledger());
    from.iter().for_each(|path| _ = command.arg("--from").arg(path));
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A folder as an institution keeps it: its blocks, and its last update.
fn state(world: &World, name: &str, blocks: &[Block], update: Option<&Update>) -> PathBuf {
    let folder = world.root.path().join(name);
    fs::create_dir(&folder).unwrap();
    let record = |block: &Block| {
        let bytes = block.encode().unwrap();
        [(bytes.len() as u32).to_be_bytes().to_vec(), bytes].concat()
    };
    fs::write(folder.join("blocks.bin"), blocks.iter().flat_map(record).collect::<Vec<u8>>())
        .unwrap();
    if let Some(Update { signed, body }) = update {
        let length = (signed.transaction.len() as u64).to_be_bytes();
        let parts = [&length, signed.transaction.as_slice(), &signed.signature, body];
        fs::write(folder.join("upload.bin"), parts.concat()).unwrap();
    }
    folder
}

/// Adds the bodies that an institution has verified to its folder.
fn keep_bodies<'a>(folder: &Path, updates: impl IntoIterator<Item = &'a Update>) {
    let record = |update: &Update| {
        [(update.body.len() as u32).to_be_bytes().as_slice(), &update.body].concat()
    };
    let records = updates.into_iter().flat_map(record).collect::<Vec<u8>>();
    fs::write(folder.join("bodies.bin"), records).unwrap();
}

/// Everyone's updates of a step, handed in and sealed.
async fn collect(
    peer: &Peer,
    follower: &mut Follower,
    institutions: &[Institution],
    step: u64,
) -> Vec<Update> {
    let round = follower.collecting(peer, step, 0).await;
    let updates: Vec<Update> =
        institutions.iter().map(|institution| institution.update(&round)).collect();
    for update in &updates {
        assert_eq!(peer.submit(update).await.unwrap().reason(), Reason::Accepted);
    }
    follower.sealed(peer, step).await;
    updates
}

/// A run of two steps that has lost its ledger with the second sum sealed.
struct Lost {
    world: World,
    follower: Follower,
    /// What the ledger held.
    blocks: Vec<Block>,
    /// A copy of the ledger from before the second step's updates.
    mirror: PathBuf,
    /// The updates of the first step.
    earlier: Vec<Update>,
    /// The updates of the second step.
    updates: Vec<Update>,
}

impl Lost {
    async fn new() -> Self {
        let world = World::new(|spec| spec.steps = 2);
        let institutions = world.institutions();
        let mut follower = world.follower();
        let (running, peer) = world.start(|_| {}).await;
        found(&peer, &mut follower, &institutions).await;
        let earlier = collect(&peer, &mut follower, &institutions, 0).await;
        open(&peer, &mut follower, &institutions).await;
        running.stop().await.unwrap();
        let mirror = world.root.path().join("mirror");
        copy_folder(&world.ledger(), &mirror);

        let (running, peer) = world.start(|_| {}).await;
        let updates = collect(&peer, &mut follower, &institutions, 1).await;
        running.stop().await.unwrap();
        let blocks = blocks(&world.ledger());
        fs::rename(world.ledger(), world.root.path().join("lost")).unwrap();
        Self { world, follower, blocks, mirror, earlier, updates }
    }

    /// The state directories of these institutions.
    fn states(&self, places: &[usize]) -> Vec<PathBuf> {
        let state = |place: &usize| {
            let name = format!("state-{place}");
            state(&self.world, &name, &self.blocks, Some(&self.updates[*place]))
        };
        places.iter().map(state).collect()
    }

    /// What must be there after an attempt that too little was given to.
    fn assert_not_restored(&self) {
        assert!(!self.world.ledger().exists(), "there is no ledger that a node could go on from");
    }
}

/// Every blob that the chain names is in the ledger.
fn assert_has_blobs(ledger: &Path, blocks: &[Block]) {
    let store = Store::open(ledger).unwrap();
    let mut blobs = 0;
    for entry in blocks.iter().flat_map(|block| &block.entries) {
        if let Action::CloseRound(close) = parse_entry(entry).unwrap().0.action() {
            for blob in [close.sums.as_ref().unwrap(), close.model.as_ref().unwrap()] {
                let sha256 = blob.sha256.as_slice().try_into().unwrap();
                let bytes = store.get_blob(&sha256).unwrap().expect("a blob that the chain names");
                assert_eq!(bytes.len() as u64, blob.length);
                blobs += 1;
            }
        }
    }
    assert!(blobs > 0);
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_rebuilt_from_a_mirror_and_from_what_institutions_have_followed_since() {
    let mut lost = Lost::new().await;
    let mut from = vec![lost.mirror.clone()];
    from.extend(lost.states(&[0, 1, 2, 3]));
    let (code, message) = restore(&lost.world, &from);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(blocks(&lost.world.ledger()), lost.blocks);
    assert_has_blobs(&lost.world.ledger(), &lost.blocks);
    assert_eq!(verify_manifest(&lost.world.ledger()).unwrap(), ManifestState::Intact);
    let left: Vec<_> = fs::read_dir(lost.world.root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restoring") || name.contains("copy"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "nothing is left behind");

    // The run goes on where it stood, on the same history.
    let (running, peer) = lost.world.start(|_| {}).await;
    open(&peer, &mut lost.follower, &lost.world.institutions()).await;
    assert!(matches!(lost.follower.contract.phase(), Phase::Finished));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_round_is_rebuilt_from_institutions_alone() {
    let world = World::new(|_| {});
    let institutions = world.institutions();
    let mut follower = world.follower();
    let (running, peer) = world.start(|_| {}).await;
    found(&peer, &mut follower, &institutions).await;
    let updates = collect(&peer, &mut follower, &institutions, 0).await;
    open(&peer, &mut follower, &institutions).await;
    running.stop().await.unwrap();
    let whole = blocks(&world.ledger());
    fs::remove_dir_all(world.ledger()).unwrap();
    let mut states: Vec<PathBuf> = (0..4)
        .map(|place| state(&world, &format!("state-{place}"), &whole, Some(&updates[place])))
        .collect();
    // A file of blocks alone is a copy as well.
    states[3] = states[3].join("blocks.bin");
    let (code, message) = restore(&world, &states);
    assert_eq!(code, Some(1), "{message}");
    states[3].pop();
    let (code, message) = restore(&world, &states);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(blocks(&world.ledger()), whole);
    assert_has_blobs(&world.ledger(), &whole);
    let model = follower.contract.model().hash();
    assert_eq!(model, expected_model(&world, &institutions));
    let store = Store::open(&world.ledger()).unwrap();
    assert!(store.get_blob(&BlobHash(model.0)).unwrap().is_some(), "the model was computed");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_institution_that_has_verified_everything_brings_all_of_it_back() {
    let lost = Lost::new().await;
    let state = state(&lost.world, "state", &lost.blocks, None);
    keep_bodies(&state, lost.earlier.iter().chain(&lost.updates));
    let (code, message) = restore(&lost.world, &[state]);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(blocks(&lost.world.ledger()), lost.blocks);
    assert_has_blobs(&lost.world.ledger(), &lost.blocks);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_no_copy_has_is_named_and_nothing_is_put_in_the_ledgers_place() {
    let lost = Lost::new().await;
    let mut from = vec![lost.mirror.clone()];
    from.extend(lost.states(&[0, 1, 3]));
    let (code, message) = restore(&lost.world, &from);
    assert_eq!(code, Some(1), "{message}");
    let absent = lost.world.institution(2).pseudonym().short().to_string();
    let body = hex::encode(consilium_ledger::sha256(&lost.updates[2].body));
    assert!(message.contains(&absent) && message.contains(&body), "{message}");
    lost.assert_not_restored();
    // With what was missing, the same command does it.
    from.extend(lost.states(&[2]));
    let (code, message) = restore(&lost.world, &from);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(blocks(&lost.world.ledger()), lost.blocks);
}

#[tokio::test(flavor = "multi_thread")]
async fn less_than_the_key_has_sealed_is_no_ledger_to_go_on_from() {
    let lost = Lost::new().await;
    let (code, message) = restore(&lost.world, std::slice::from_ref(&lost.mirror));
    assert_eq!(code, Some(3), "{message}");
    let sealed = format!("has signed block {}", lost.blocks.len() - 1);
    assert!(message.contains(&sealed), "{message}");
    lost.assert_not_restored();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_histories_are_not_made_one() {
    let lost = Lost::new().await;
    let mut other = lost.blocks.clone();
    let last = other.last_mut().unwrap();
    let key = (&lost.world.ceremony.coordinator.signing).into();
    let mut header = *last.header();
    header.time_ms += 1;
    last.sealed = header.seal(&lost.world.ceremony.parameters.chain_id, &key);
    let mut from = vec![lost.mirror.clone()];
    from.extend(lost.states(&[0, 1, 2, 3]));
    from.push(state(&lost.world, "another", &other, None));
    let (code, message) = restore(&lost.world, &from);
    assert_eq!(code, Some(1), "{message}");
    let says = format!("another holds another block {}", other.len() - 1);
    assert!(message.contains(&says), "{message}");
    lost.assert_not_restored();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_in_a_copy_is_passed_over_for_what_another_has() {
    let lost = Lost::new().await;
    let states = lost.states(&[0, 1, 2, 3]);
    let file = states[0].join("blocks.bin");
    let mut bytes = fs::read(&file).unwrap();
    // Somewhere in an entry of a block that the mirror does not have.
    let place = bytes.len() - 200;
    bytes[place] ^= 1;
    fs::write(&file, bytes).unwrap();
    fs::write(states[1].join("blocks.bin"), [0xff; 100]).unwrap();
    let theirs = World::new(|_| {});
    let (running, _) = theirs.start(|_| {}).await;
    running.stop().await.unwrap();
    let from = [&[lost.mirror.clone(), theirs.ledger()][..], &states].concat();
    let (code, message) = restore(&lost.world, &from);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(blocks(&lost.world.ledger()), lost.blocks);
    assert!(message.contains("a copy of another run is passed over"), "{message}");
}

#[test]
fn what_is_no_copy_and_a_ledger_that_is_there_are_refused_with_code_2() {
    let world = World::new(|_| {});
    let nothing = world.root.path().join("nothing");
    let (code, message) = restore(&world, std::slice::from_ref(&nothing));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("neither a ledger's folder nor"), "{message}");
    let (code, message) = restore(&world, &[]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--from"), "{message}");
    drop(Store::open(&world.ledger()).unwrap());
    let (code, message) = restore(&world, &[nothing]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("holds a ledger; move it away"), "{message}");
}
