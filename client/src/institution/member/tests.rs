//! Members with state directories of their own in a key generation and in a resharing.

use consilium_audit::follow::Follower;
use consilium_contract::Phase;
use consilium_hash::{BlockHash, ConfirmationHash, Pseudonym, QualifiedHash};
use consilium_ledger::HeaderChain;
use consilium_proto::v1::{
    BeginKeygen, ChangeCommittee, Complaints, Confirmation, EndStage, Stage as StageName,
    contribute::Part, transaction::Action,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tempfile::TempDir;

use super::*;
use crate::{fixture::Kept as _, state::memory::MemoryError};
use consilium_testkit::{INSTITUTIONS, World, ceremony};

mod losses;

/// What a member has to say, or why it says nothing.
type Said = Result<Option<Contribute>, ClientError>;

/// A run whose institutions keep what they know of its key on disk alone: each time one is asked it has been started anew.
struct Members {
    world: World,
    directories: Vec<TempDir>,
    rng: ChaCha20Rng,
    time_ms: u64,
    /// Of the authority.
    requests: u64,
}

impl Members {
    fn new() -> Self {
        let world = World::enrolled(ceremony(1, |spec| {
            spec.min_threshold = 1;
            spec.protection.allow_threshold_one = true;
        }));
        let directories = (0..INSTITUTIONS).map(|_| tempfile::tempdir().unwrap()).collect();
        Self { world, directories, rng: ChaCha20Rng::seed_from_u64(3), time_ms: 2_000, requests: 0 }
    }

    fn directory(&self, i: usize) -> &Path {
        self.directories[i].path()
    }

    fn open(&self, i: usize) -> Membership {
        Membership::open(self.directory(i), self.world.name(i)).unwrap()
    }

    fn memory(&self, i: usize) -> Memory {
        let mut memory = Memory::open(self.directory(i), self.world.chain_id()).unwrap();
        memory.catch_up(false, None, &[]).unwrap();
        memory
    }

    fn keygen(&self) -> Option<&Keygen> {
        match self.world.contract.phase() {
            Phase::Keygen(keygen) => Some(keygen),
            _ => None,
        }
    }

    /// What a program of the institution says that has just been started.
    fn ask(&mut self, i: usize) -> Said {
        let mut membership = self.open(i);
        let mut memory = self.memory(i);
        let Phase::Keygen(keygen) = self.world.contract.phase() else { return Ok(None) };
        membership.next(keygen, 0, &mut memory, &mut self.rng)
    }

    fn begin(&mut self, committee: u32) {
        let begin = self
            .world
            .orders(Action::BeginKeygen(BeginKeygen { committee, time_ms: self.time_ms }));
        self.world.commit(vec![begin]);
    }

    /// The authority asks for the next committee: these institutions, any so many of whom decrypt.
    fn ask_for(&mut self, members: &[usize], threshold: u32) {
        let committee = self.world.contract.committee().unwrap().number + 1;
        let members = members.iter().map(|i| self.world.name(*i).to_vec()).collect();
        self.requests += 1;
        let change = ChangeCommittee { committee, members, threshold, request: self.requests };
        let change = self.world.decrees(Action::ChangeCommittee(change));
        self.world.commit(vec![change]);
    }

    /// Ends the stage, once its time is over where somebody is missing.
    fn end_stage(&mut self) {
        let keygen = self.keygen().unwrap();
        let timeout = self.world.ceremony.parameters.collection_timeout_ms;
        let waited = if keygen.progress().is_complete() { 0 } else { timeout };
        let time_ms = keygen.since_ms() + waited;
        let end = EndStage {
            committee: keygen.number(),
            attempt: keygen.attempt(),
            stage: keygen.stage().name().into(),
            time_ms,
        };
        let end = self.world.orders(Action::EndStage(end));
        self.world.commit(vec![end]);
        self.time_ms = self.time_ms.max(time_ms);
    }

    /// Everyone but those who are left out says what it has to say, and the stage is ended.
    fn play_stage(&mut self, without: &[usize]) {
        for i in (0..INSTITUTIONS).filter(|i| !without.contains(i)) {
            if let Some(said) = self.ask(i).unwrap() {
                let signed = self.world.says(i, Action::Contribute(said));
                self.world.commit(vec![signed]);
            }
        }
        self.end_stage();
    }

    /// Plays until the stage begins.
    fn play_until(&mut self, stage: StageName) {
        while self.keygen().unwrap().stage().name() != stage {
            self.play_stage(&[]);
        }
    }

    /// Plays until the committee stands.
    fn play(&mut self) -> Arc<Committee> {
        self.play_without(&[])
    }

    fn play_without(&mut self, without: &[usize]) -> Arc<Committee> {
        while self.keygen().is_some() {
            self.play_stage(without);
        }
        Arc::clone(self.world.contract.committee().unwrap())
    }

    /// Reads the whole chain again, as a program does that has just been started.
    fn read(&self, i: usize) -> Membership {
        let mut membership = self.open(i);
        let mut memory = self.memory(i);
        let ceremony = &self.world.ceremony;
        let mut follower =
            Follower::new(Arc::new(ceremony.parameters.clone()), ceremony.genesis_entry.clone());
        let mut chain = HeaderChain::new(*self.world.chain.validators());
        for block in &self.world.blocks {
            let header = chain.append_block(block).unwrap().clone();
            let _ = follower.read(block, &header).unwrap();
            if let Some(made) = follower.take_made() {
                membership.settle(&made, follower.step(), &mut memory).unwrap();
            }
        }
        membership
    }

    fn settle(&self) {
        (0..INSTITUTIONS).for_each(|i| drop(self.read(i)));
    }

    /// Names of the secret files of an institution.
    fn secrets(&self, i: usize) -> Vec<String> {
        let entries = fs::read_dir(self.directory(i)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(SHARE_SUFFIX)).collect();
        names.sort();
        names
    }
}

fn offered(said: Said) -> Vec<u8> {
    match said.unwrap().unwrap().part {
        Some(Part::Offer(key)) => key,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_offer_leaves_before_its_secrets_are_on_disk_where_only_the_member_reads() {
    let mut members = Members::new();
    members.begin(0);
    let offer = offered(members.ask(0));
    let path = members.directory(0).join(SECRETS);
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions())
            & 0o777,
        0o600
    );
    // They are those of the offer: whoever reads them again makes the same one, and there are no others.
    assert_eq!(offered(members.ask(0)), offer);
    fs::remove_file(&path).unwrap();
    assert_eq!(members.ask(0).unwrap(), None);

    // A disk that does not take them: there is no offer.
    let mut membership = members.open(1);
    let mut memory = members.memory(1);
    members.directories[1] = tempfile::tempdir().unwrap();
    let refused = membership.next(
        members.keygen().unwrap(),
        0,
        &mut memory,
        &mut ChaCha20Rng::seed_from_u64(4),
    );
    assert!(matches!(refused, Err(ClientError::State { .. })), "{refused:?}");
}

#[test]
fn a_member_that_is_started_anew_before_whatever_it_says_goes_on_with_the_same_secrets_and_gets_its_share()
 {
    let mut members = Members::new();
    members.begin(0);
    let mut first = None;
    while members.keygen().is_some() {
        // Every time a member is asked, all that it knows is what it finds on disk.
        members.play_stage(&[]);
        let secrets = fs::read(members.directory(2).join(SECRETS)).unwrap();
        assert_eq!(&secrets, first.get_or_insert(secrets.clone()));
    }
    let committee = members.world.committee();
    for i in 0..INSTITUTIONS {
        assert_eq!(members.secrets(i), ["ceremony.key", "share-0.key"], "institution {i}");
        assert!(members.open(i).share(committee).is_some(), "institution {i}");
    }
}

#[test]
fn a_member_that_has_lost_its_secrets_says_nothing_and_complains_of_nobody() {
    let mut members = Members::new();
    members.begin(0);
    members.play_until(StageName::Checking);
    fs::remove_file(members.directory(3).join(SECRETS)).unwrap();
    // An answer to its complaint would lay open a share that it was dealt.
    assert_eq!(members.ask(3).unwrap(), None);
}

#[test]
fn a_member_says_nothing_that_its_memory_has_not_sworn_first() {
    for (stage, what) in [(StageName::Agreeing, "dealings"), (StageName::Confirming, "committee")] {
        let mut members = Members::new();
        members.begin(0);
        members.play_until(stage);
        let swear = |members: &Members, i: usize| match stage {
            StageName::Agreeing => {
                members.memory(i).swear_dealings(Place::default(), &QualifiedHash([9; 32]))
            }
            _ => members.memory(i).swear_committee(Place::default(), 0, &ConfirmationHash([9; 32])),
        };
        // It has sworn something else, in another history: it is asked twice and says nothing.
        swear(&members, 0).unwrap();
        for _ in 0..2 {
            let refused = members.ask(0);
            assert!(
                matches!(refused, Err(ClientError::Memory(MemoryError::OtherOath { .. }))),
                "{what}: {refused:?}"
            );
            assert_eq!(members.secrets(0), ["ceremony.key"], "{what}: and keeps no share");
        }
        // What another one says, it has sworn, and its share is on disk.
        assert!(members.ask(1).unwrap().is_some());
        let refused = swear(&members, 1);
        assert!(
            matches!(refused, Err(ClientError::Memory(MemoryError::OtherOath { .. }))),
            "{what}: {refused:?}"
        );
        assert_eq!(
            members.directory(1).join("share-0.key").exists(),
            stage == StageName::Confirming
        );
    }
}

#[test]
fn products_bind_whoever_has_not_agreed_in_words_to_the_same_dealings() {
    let mut members = Members::new();
    members.begin(0);
    members.play_until(StageName::Agreeing);
    members.play_stage(&[0]);
    assert_eq!(members.keygen().unwrap().stage().name(), StageName::Products);
    assert!(members.ask(0).unwrap().is_some());
    let refused = members.memory(0).swear_dealings(Place::default(), &QualifiedHash([9; 32]));
    assert!(
        matches!(refused, Err(ClientError::Memory(MemoryError::OtherOath { .. }))),
        "{refused:?}"
    );
}

#[test]
fn once_a_committee_stands_its_share_alone_is_left_and_verifies() {
    let mut members = Members::new();
    members.begin(0);
    let first = members.play();
    members.settle();
    for i in 0..INSTITUTIONS {
        assert_eq!(members.secrets(i), ["share-0.key"], "institution {i}");
        assert!(members.open(i).share(&first).is_some());
    }
    // Institution 3 leaves; any one of the others (t = 1) may decrypt.
    let names = (0..3).map(|i| members.world.name(i).to_vec()).collect();
    let change = ChangeCommittee { committee: 1, members: names, threshold: 1, request: 1 };
    let change = members.world.decrees(Action::ChangeCommittee(change));
    members.world.commit(vec![change]);
    members.begin(1);
    let second = members.play();
    assert_eq!(
        members.secrets(0),
        ["ceremony.key", "share-0.key", "share-1.key"],
        "until it stands"
    );
    members.settle();
    for i in 0..3 {
        assert_eq!(members.secrets(i), ["share-1.key"], "institution {i}");
        let membership = members.open(i);
        assert!(membership.share(&second).is_some() && membership.share(&first).is_none());
    }
    assert!(members.secrets(3).is_empty(), "who has left holds nothing");
    assert!(members.open(3).share(&second).is_none());
    // It has handed over, and answers for the committee before no longer.
    let refused = members.memory(3).remember(0, 0, &BlockHash([2; 32]));
    let handed_over = MemoryError::HandedOver { confirmed: 1, asked: 0 };
    assert!(matches!(refused, Err(ClientError::Memory(error)) if error == handed_over));
}

#[test]
fn a_share_that_is_anothers_or_of_another_key_is_none() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    world.lend_share(1, dir.path());
    let share = |i: usize, committee: &Committee| {
        Membership::open(dir.path(), world.name(i)).unwrap().share(committee).is_some()
    };
    assert!(share(1, world.committee()));
    assert!(!share(0, world.committee()));
    let mut members = Members::new();
    members.begin(0);
    let other = members.play();
    assert_eq!(other.place_of(&world.name(1)), world.committee().place_of(&world.name(1)));
    assert!(!share(1, &other));
}

#[test]
fn who_has_no_part_in_a_ceremony_keeps_no_secrets_of_it() {
    let mut members = Members::new();
    members.begin(0);
    let mut stranger = Membership::open(members.directory(0), Pseudonym([9; 32])).unwrap();
    let mut memory = members.memory(0);
    let said =
        stranger.next(members.keygen().unwrap(), 0, &mut memory, &mut members.rng.clone()).unwrap();
    assert_eq!(said, None);
    assert!(members.secrets(0).is_empty());
}

#[test]
fn a_damaged_file_is_named() {
    let mut members = Members::new();
    members.begin(0);
    members.play();
    for (i, name) in [(0, "ceremony.key"), (1, "share-0.key")] {
        let path = members.directory(i).join(name);
        let whole = fs::read(&path).unwrap();
        let longer = [whole.as_slice(), &[0]].concat();
        for bytes in [&whole[..whole.len() - 1], &[], &longer] {
            fs::write(&path, bytes).unwrap();
            let refused =
                Membership::open(members.directory(i), members.world.name(i)).unwrap_err();
            assert!(
                matches!(&refused, ClientError::DamagedState { path: named, .. } if *named == path),
                "{refused}"
            );
        }
    }
}
