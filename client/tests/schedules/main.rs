//! Seeded schedules of operations under a hostile coordinator and up to t − 1 hostile institutions.
//!
//! Honest institutions are the real follower, history, memory, member and trustee on real directories, in the order in which
//! a session uses them ([`trustee`]); the coordinator is the adversary, with its own keys and everything of the hostile
//! institutions ([`adversary`]). It keeps several histories, seals sums and ceremonies that no contract would take, holds
//! back, doubles and reorders what it hears, and restarts institutions, takes their file of blocks away, or puts an old
//! copy of a directory in its place; whoever is rolled back counts among the t − 1. After every operation an [`observer`]
//! that has heard everything says whether anything is as it must not be. Trustees that are broken on purpose show that it
//! would see it, and schedules that open sums and go on once they are left alone, that it does not watch over trustees that
//! do nothing.
//!
//! A seed that fails is printed with its operations: keep it in [`REGRESSIONS`]. `CONSILIUM_SCHEDULES` says how many are
//! played. What is not here: the sockets, and the contract, which an adversary does not ask.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod adversary;
mod branch;
mod observer;
mod operation;
mod trustee;
mod world;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use adversary::{Adversary, Failure, Tally};
use observer::Violation;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use trustee::Flaw;
use world::{Shape, Start, World};

/// Seeds that have failed once. They are played first.
const REGRESSIONS: &[u64] = &[354];

/// Schedules that are played unless the environment says another number.
const SCHEDULES: u64 = 1_000;
const VARIABLE: &str = "CONSILIUM_SCHEDULES";

/// The worlds of all schedules.
struct Worlds(Vec<World>);

impl Worlds {
    fn new() -> Self {
        let shapes = [(4, 2), (5, 2), (7, 3)];
        Self(
            shapes
                .map(|(institutions, threshold)| World::new(Shape { institutions, threshold }))
                .into(),
        )
    }

    /// A schedule is a function of its seed, but for the randomness of encryptions and proofs.
    fn play(&self, seed: u64, flaw: Flaw) -> Result<Tally, Failure> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let world = match rng.next_u32() % 10 {
            0..=6 => &self.0[0],
            7 | 8 => &self.0[1],
            _ => &self.0[2],
        };
        // Fewer are hostile where directories are to be rolled back.
        let mut hostile = BTreeSet::new();
        for _ in 1..world.shape.threshold {
            if !rng.next_u32().is_multiple_of(4) {
                hostile.insert(rng.next_u32() as usize % world.shape.institutions);
            }
        }
        let is_keyless = rng.next_u32().is_multiple_of(4);
        let start = if is_keyless { &world.keyless } else { keyed(world) };
        let directory = directory();
        let operations = 40 + rng.next_u32() as usize % 120;
        let opens = !is_keyless || rng.next_u32().is_multiple_of(8);
        let adversary =
            Adversary::new(world, start, directory.path(), hostile, flaw, rng.next_u64());
        if opens { adversary.play(operations) } else { adversary.keys_only().play(operations) }
    }
}

/// The start of a run whose committee stands.
fn keyed(world: &World) -> &Start {
    world.keyed(|| {
        let directory = directory();
        let nobody = BTreeSet::new();
        Adversary::new(world, &world.keyless, directory.path(), nobody, Flaw::None, 1).key()
    })
}

/// State directories are written and flushed all the time: in memory where there is a file system of that kind.
fn directory() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Plays the seeds in order, on all cores, until a violation of this kind is met: what became of the others, and all
/// failures.
fn search(
    worlds: &Worlds,
    seeds: Vec<u64>,
    flaw: Flaw,
    ends: impl Fn(&Violation) -> bool + Sync,
) -> (Vec<Tally>, Vec<(u64, Failure)>) {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let tallies = Mutex::default();
    let failures = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed)
                    && let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match worlds.play(*seed, flaw) {
                        Ok(tally) => Vec::push(&mut tallies.lock().unwrap(), tally),
                        Err(failure) => {
                            is_over.fetch_or(ends(&failure.violation), Ordering::Relaxed);
                            Vec::push(&mut failures.lock().unwrap(), (*seed, failure));
                        }
                    }
                }
            });
        }
    });
    (tallies.into_inner().unwrap(), failures.into_inner().unwrap())
}

#[test]
fn no_schedule_opens_two_sums_of_a_step_or_fewer_than_min_updates_or_makes_two_keys() {
    let schedules = std::env::var(VARIABLE).map_or(SCHEDULES, |number| number.parse().unwrap());
    let seeds = REGRESSIONS.iter().copied().chain(0..schedules).collect();
    let (tallies, failures) = search(&Worlds::new(), seeds, Flaw::None, |_| true);
    if let Some((seed, Failure { violation, operations })) = failures.first() {
        for (place, operation) in operations.iter().enumerate() {
            eprintln!("{place:4} {operation:?}");
        }
        panic!("seed {seed}: {violation:?}; keep the seed in REGRESSIONS");
    }
    let count = |of: fn(&Tally) -> bool| tallies.iter().filter(|tally| of(tally)).count();
    let opened = count(|tally| tally.opened > 0);
    let recovered = count(|tally| tally.recovered);
    eprintln!(
        "{} schedules, {} operations, {} forks; {opened} opened a sum, {recovered} closed a step once left alone, {} passed the key on, {} ended without a key",
        tallies.len(),
        tallies.iter().map(|tally| tally.operations).sum::<usize>(),
        tallies.iter().map(|tally| tally.forks).sum::<usize>(),
        count(|tally| tally.reshared),
        count(|tally| tally.committees == 0),
    );
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let losses = sum(|tally| tally.losses);
    let revocations = sum(|tally| tally.revocations);
    let late_shares = sum(|tally| tally.late_shares);
    eprintln!(
        "{losses} trustees lost their state, {revocations} institutions were revoked, {late_shares} shares came late"
    );
    if schedules >= SCHEDULES {
        assert!(losses > 0 && revocations > 0 && late_shares > 0, "they hardly ever occur");
    }
    assert!(opened * 2 > tallies.len(), "trustees that open nothing are safe, and useless");
    assert!(recovered * 4 > tallies.len(), "a run hardly ever goes on");
}

/// Whether a flaw leads to such a violation.
fn is_caught(flaw: Flaw, expected: impl Fn(&Violation) -> bool + Sync) -> bool {
    let (_, failures) = search(&Worlds::new(), (0..SCHEDULES).collect(), flaw, &expected);
    failures.iter().any(|(_, failure)| expected(&failure.violation))
}

#[test]
fn the_observer_sees_trustees_that_forget_what_they_have_answered_for() {
    let is_expected = |violation: &Violation| {
        matches!(violation, Violation::TwoSums { .. } | Violation::TwoShares { .. })
    };
    assert!(is_caught(Flaw::ForgetsEverything, is_expected));
}

#[test]
fn the_observer_sees_trustees_that_share_without_a_quorum() {
    assert!(is_caught(Flaw::SharesWithoutQuorum, |violation| matches!(
        violation,
        Violation::TwoSums { .. }
    )));
}

#[test]
fn the_observer_sees_members_that_forget_their_oaths() {
    assert!(is_caught(Flaw::ForgetsOaths, |violation| matches!(
        violation,
        Violation::TwoDealings { .. }
    )));
    let is_expected = |violation: &Violation| {
        matches!(violation, Violation::TwoConfirmations { .. } | Violation::TwoCommittees { .. })
    };
    assert!(is_caught(Flaw::ForgetsOaths, is_expected));
}

#[test]
fn a_trustee_that_has_lost_its_blocks_does_not_hand_over_a_step_that_it_has_answered_for() {
    let world = World::new(Shape { institutions: 7, threshold: 3 });
    let directory = directory();
    let adversary =
        Adversary::new(&world, keyed(&world), directory.path(), [5, 6].into(), Flaw::None, 1);
    assert_eq!(adversary.hands_over_after_answering(), Ok(()));
}
