//! What institutions say, and what they remember of it.

use consilium_audit::judge::{KeyParts, judge};
use consilium_crypto::dkg::Shape;
use consilium_ledger::HeaderChain;
use consilium_proto::v1::{BeginKeygen, EndStage, Stage as StageName};
use consilium_testkit::{INSTITUTIONS, World, ceremony};
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, SeedableRng};
use tempfile::TempDir;

use super::*;
use crate::fixture::Kept as _;

fn open(world: &World, i: usize, directory: &Path) -> Duties {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("institution");
    world.ceremony.institutions[i].write(&folder).unwrap();
    let files = Arc::new(InstitutionFiles::load(&folder).unwrap());
    Duties::open(directory, files, world.parameters()).unwrap()
}

/// Reads the whole chain, as a program does that has just been started.
fn read(duties: &mut Duties, world: &World) -> Follower {
    let genesis = world.ceremony.genesis_entry.clone();
    let mut follower = Follower::new(Arc::new(world.parameters().clone()), genesis);
    let mut chain = HeaderChain::new(*world.chain.validators());
    for block in &world.blocks {
        let header = chain.append_block(block).unwrap().clone();
        let _ = follower.read(block, &header).unwrap();
        duties.read(block, &mut follower).unwrap();
    }
    follower
}

/// Institutions whose programs are started anew each time they are asked.
struct Run {
    world: World,
    directories: Vec<TempDir>,
    rng: ChaCha20Rng,
}

impl Run {
    fn new() -> Self {
        let world = World::enrolled(ceremony(1, |_| {}));
        let directories: Vec<_> = (0..INSTITUTIONS).map(|_| tempfile::tempdir().unwrap()).collect();
        for (i, directory) in directories.iter().enumerate() {
            // A memory that is older than the enrolment.
            let genesis = world.ceremony.genesis_entry.clone();
            let follower = Follower::new(Arc::new(world.parameters().clone()), genesis);
            open(&world, i, directory.path()).catch_up(&follower, None).unwrap();
        }
        let mut run = Self { world, directories, rng: ChaCha20Rng::seed_from_u64(3) };
        let begin = BeginKeygen { committee: 0, time_ms: 2_000 };
        let begin = run.world.orders(Action::BeginKeygen(begin));
        run.world.commit(vec![begin]);
        run
    }

    /// What an institution says that has read everything, and whether it knows of a loss.
    fn ask(&mut self, i: usize) -> (Option<SignedTransaction>, bool) {
        let mut duties = open(&self.world, i, self.directories[i].path());
        let follower = read(&mut duties, &self.world);
        duties.catch_up(&follower, None).unwrap();
        let has_lost = duties.memory().has_lost_through(Place::default());
        let Phase::Keygen(keygen) = follower.phase() else { return (None, has_lost) };
        let chain = self.world.chain_id();
        (duties.contribute(keygen, 0, &chain, &mut self.rng).unwrap(), has_lost)
    }

    /// A whole ceremony, in which the institution speaks in the stages of `present` alone.
    fn play(&mut self, institution: usize, present: impl Fn(StageName) -> bool) {
        while let consilium_contract::Phase::Keygen(keygen) = self.world.contract.phase() {
            let stage = keygen.stage().name();
            for i in (0..INSTITUTIONS).filter(|i| *i != institution || present(stage)) {
                let (said, has_lost) = self.ask(i);
                assert!(!has_lost, "institution {i}, {stage:?}");
                if let Some(said) = said {
                    self.world.commit(vec![said]);
                }
            }
            let consilium_contract::Phase::Keygen(keygen) = self.world.contract.phase() else {
                break;
            };
            let timeout = self.world.parameters().collection_timeout_ms;
            let waited = if keygen.progress().is_complete() { 0 } else { timeout };
            let end = EndStage {
                committee: 0,
                attempt: keygen.attempt(),
                stage: stage.into(),
                time_ms: keygen.since_ms() + waited,
            };
            let end = self.world.orders(Action::EndStage(end));
            self.world.commit(vec![end]);
        }
    }
}

#[test]
fn nobody_who_has_lost_nothing_takes_its_own_words_on_the_chain_for_a_loss_whatever_it_was_away_for()
 {
    let stages = [
        StageName::Dealing,
        StageName::Checking,
        StageName::Agreeing,
        StageName::Products,
        StageName::ShareKeys,
        StageName::Confirming,
    ];
    // Away for one stage, for all before it, or for all after it.
    for stage in stages {
        let aways: [fn(i32, i32) -> bool; 3] =
            [|at, of| at == of, |at, of| at < of, |at, of| at > of];
        for away in aways {
            let mut run = Run::new();
            run.play(0, |at| at == StageName::Offering || !away(at as i32, stage as i32));
            let (_, has_lost) = run.ask(0);
            assert!(!has_lost, "{stage:?}");
            let committee = run.world.contract.committee().unwrap();
            assert_eq!(committee.number, 0);
        }
    }
    assert_eq!(Shape::new(4, 2).unwrap().quorum(), 3, "one may be away");
}

#[test]
fn a_share_of_a_committee_that_was_confirmed_before_a_loss_is_kept_and_not_used() {
    let mut world = World::new();
    world.seal();
    let dir = tempfile::tempdir().unwrap();
    world.lend_share(0, dir.path());
    drop(world.memory(dir.path()));
    let judged =
        judge(&world.sealed_sum(), &KeyParts::default(), None, world.parameters(), &mut OsRng)
            .unwrap();
    let countersigns = || {
        let mut duties = open(&world, 0, dir.path());
        let countersigns = duties.countersign(&judged).unwrap().is_some();
        assert_eq!(duties.key_share(&judged).is_some(), countersigns);
        countersigns
    };
    assert!(countersigns());
    // Lost while the committee was being confirmed.
    world.memory(dir.path()).lose(Place::default()).unwrap();
    assert!(!countersigns());
    assert!(dir.path().join("share-0.key").exists());
}
