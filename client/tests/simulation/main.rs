//! A whole run in one thread and in virtual time, under seeded schedules of crashes, partitions, delays, lost and doubled calls,
//! clocks that are set, and disks that fail.
//!
//! Institutions and node are the real ones, on real folders: sessions, state directories and their trustees and members;
//! services, node, contract and ledger. In place of sockets, connections in memory end in a [`network`] that decides how every
//! call fares; the runtime's clock moves when nobody has anything to do, so that minutes take milliseconds; what would run on
//! threads beside runs in its turn. So a schedule is a function of its seed, but for the bytes of keys, encryptions and proofs.
//! [`disk`] decides which write fails and what a crash leaves of a folder, down to what was flushed. An [`auditor`] hears
//! everything that is said, follows every durable block, and says whether anything is as it must not be; disks that lie about
//! what they have flushed show that it would.
//!
//! A seed that fails is printed with its operations, and with the fewest of them that still fail: keep it in [`REGRESSIONS`].
//! `CONSILIUM_SEEDS` says how many are played, `CONSILIUM_SEED` which one alone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod auditor;
mod disk;
mod network;
mod play;
mod schedule;
mod world;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use auditor::Violation;
use disk::Fault;
use play::{Lie, Played, Until, play};
use schedule::{Op, Schedule};
use world::{INSTITUTIONS, NODE, STEPS, World};

/// Seeds that have failed once. They are played first.
const REGRESSIONS: &[u64] = &[];

/// Schedules that are played unless the environment says another number.
const SEEDS: u64 = 60;

/// The number in a variable of the environment.
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

/// Plays all of these, on all cores, until one fails; what became of each, in order.
fn play_all(
    world: &Arc<World>,
    schedules: &[Schedule],
    lie: Option<Lie>,
) -> Result<Vec<Played>, (Schedule, Violation)> {
    let next = AtomicUsize::new(0);
    let played = Mutex::new(vec![None; schedules.len()]);
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none()
                    && let index = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(schedule) = schedules.get(index)
                {
                    match play(world, schedule, Until::Finished, lie) {
                        Ok(of_it) => played.lock().unwrap()[index] = Some(of_it),
                        Err(violation) => {
                            failed.lock().unwrap().get_or_insert((schedule.clone(), violation));
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap() {
        Some(failed) => Err(failed),
        None => Ok(played.into_inner().unwrap().into_iter().flatten().collect()),
    }
}

/// The fewest operations that still lead to a violation, as far as leaving out one at a time finds them.
fn shrink(world: &Arc<World>, schedule: Schedule) -> Schedule {
    let fails = |schedule: &Schedule| play(world, schedule, Until::Finished, None).is_err();
    let mut fewest = schedule;
    let mut index = 0;
    while index < fewest.ops.len() {
        let fewer = fewest.without(index);
        if fails(&fewer) {
            fewest = fewer;
        } else {
            index += 1;
        }
    }
    fewest
}

/// Fails the test where a schedule has failed, with what does it again.
fn report(world: &Arc<World>, failed: (Schedule, Violation)) -> ! {
    let (schedule, violation) = failed;
    let fewest = shrink(world, schedule.clone());
    for (what, schedule) in [("all of it", &schedule), ("enough of it", &fewest)] {
        eprintln!("{what}, keyed at first: {}", schedule.is_keyed);
        schedule.ops.iter().for_each(|(at_ms, op)| eprintln!("{at_ms:6} {op:?}"));
    }
    let seed = schedule.seed;
    panic!(
        "seed {seed}: {violation:?}; CONSILIUM_SEED={seed} does it again; keep it in REGRESSIONS"
    )
}

#[test]
fn whatever_fails_nothing_acknowledged_is_lost_nothing_is_said_twice_and_every_run_finishes() {
    let world = Arc::new(World::new());
    let schedules: Vec<Schedule> = match variable("CONSILIUM_SEED") {
        Some(seed) => vec![Schedule::of(seed)],
        None => {
            let first = variable("CONSILIUM_FIRST_SEED").unwrap_or_default();
            let seeds = first..first + variable("CONSILIUM_SEEDS").unwrap_or(SEEDS);
            REGRESSIONS.iter().copied().chain(seeds).map(Schedule::of).collect()
        }
    };
    let played = play_all(&world, &schedules, None).unwrap_or_else(|failed| report(&world, failed));
    let everyone = |of: &&Played| of.sums == [INSTITUTIONS; STEPS as usize];
    eprintln!(
        "{} schedules, {} operations; {} blocks, {} processes ended by their disk; in {} everybody was in every sum",
        played.len(),
        schedules.iter().map(|schedule| schedule.ops.len()).sum::<usize>(),
        played.iter().map(|of| of.trace.len()).sum::<usize>(),
        played.iter().map(|of| of.failed).sum::<usize>(),
        played.iter().filter(everyone).count(),
    );
}

#[test]
fn a_run_that_nothing_happens_to_has_everybody_in_every_sum_and_a_seed_does_the_same_again() {
    let world = Arc::new(World::new());
    for is_keyed in [false, true] {
        let undisturbed = Schedule::undisturbed(7, is_keyed);
        let played = play(&world, &undisturbed, Until::Finished, None).unwrap();
        assert_eq!(played.sums, [INSTITUTIONS; STEPS as usize]);
    }
    for seed in 0..6 {
        let schedule = Schedule::of(seed);
        let trace = || play(&world, &schedule, Until::Finished, None).map(|played| played.trace);
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

/// A schedule in which one step of a party's writing fails.
fn breaking(party: usize, is_keyed: bool, after: usize, done: bool) -> Schedule {
    let fault = Fault { after, done, lasts: false };
    let ops = vec![(0, Op::Break { party, fault })];
    Schedule { ops, ..Schedule::undisturbed(7, is_keyed) }
}

/// Every write, or every so many where the environment does not ask for all.
const STRIDE: usize = 32;

#[test]
fn every_write_of_a_node_and_of_an_institution_may_fail_once_lost_or_done_and_the_run_goes_on() {
    let world = Arc::new(World::new());
    let stride = if variable("CONSILIUM_EVERY_WRITE").is_some() { 1 } else { STRIDE };
    let mut schedules = Vec::new();
    for is_keyed in [false, true] {
        let undisturbed = Schedule::undisturbed(7, is_keyed);
        let steps = play(&world, &undisturbed, Until::Finished, None).unwrap().steps;
        for party in [NODE, 0] {
            // Some more than there are: how many are needed depends on a few random bytes.
            for after in (0..steps[party] + 2).step_by(stride) {
                for done in [false, true] {
                    schedules.push(breaking(party, is_keyed, after, done));
                }
            }
        }
        eprintln!("{} writes of a node, {} of an institution", steps[NODE], steps[0]);
    }
    let played = play_all(&world, &schedules, None);
    let played = played.unwrap_or_else(|(schedule, violation)| {
        panic!("{violation:?} by {:?}, keyed: {}", schedule.ops, schedule.is_keyed)
    });
    let failed = played.iter().map(|of| of.failed).sum::<usize>();
    eprintln!("{} writes failed, {failed} of them ended a process", schedules.len());
    // A snapshot that cannot be written is no reason to end, and neither is a head that is not kept.
    assert!(failed * 2 > schedules.len(), "failed writes hardly ever reach anybody");
}

/// Whether a disk that lies about what it has flushed leads to such a violation.
fn is_caught(lie: Lie, expected: impl Fn(&Violation) -> bool) -> bool {
    let world = Arc::new(World::new());
    let mut first = 0;
    while first < 10 * SEEDS {
        let schedules: Vec<Schedule> = (first..first + SEEDS).map(Schedule::of).collect();
        match play_all(&world, &schedules, Some(lie)) {
            Ok(_) => first += SEEDS,
            Err((schedule, violation)) if expected(&violation) => {
                eprintln!("seed {}: {violation:?}", schedule.seed);
                return true;
            }
            Err((schedule, _)) => first = schedule.seed + 1,
        }
    }
    false
}

#[test]
fn the_auditor_sees_a_node_whose_disk_forgets_what_it_has_flushed() {
    assert!(is_caught((NODE, ""), |violation| matches!(violation, Violation::LostBlock { .. })));
}

#[test]
fn the_auditor_sees_an_institution_whose_disk_forgets_the_update_that_it_has_sent() {
    let is_expected =
        |violation: &Violation| matches!(violation, Violation::SaidTwice { place: 0, .. });
    assert!(is_caught((0, "upload.incomplete"), is_expected));
}
