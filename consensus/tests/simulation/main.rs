//! Deterministic simulation in virtual time: nodes with logs that forget what was not flushed, a network that loses, delays,
//! repeats and splits, crashes, one validator that lies. Checked after every step: all agree, every certificate holds, nobody
//! honest is convicted; in the end everybody has every transaction that anyone was told is in a block, and all others.
//!
//! `CONSILIUM_SEEDS=10000` runs as many schedules; `CONSILIUM_SEED=7` that one.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod disk;
mod hostile;
mod random;
mod schedule;
mod toy;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use std::collections::BTreeMap;

use consilium_consensus::{
    Bft, Binding, Event, Log, Ordering, Output, Pace, Settings, Solo, Standing, ValidatorSet,
};
use ed25519_dalek::SigningKey;

use crate::{
    disk::Disk,
    schedule::{HEALED_MS, Schedule},
    toy::{Toy, entry},
    world::{CHAIN, World},
};

/// Schedules of an ordinary run.
const SEEDS: u64 = 200;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

#[derive(Default)]
struct Seen {
    heights: AtomicU64,
    convicted: AtomicU64,
    rounds: AtomicU64,
    steps: AtomicU64,
    slowest_ms: AtomicU64,
    refused: AtomicU64,
}

fn run(seed: u64, seen: &Seen) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(Schedule::from_seed(seed));
        world.finish();
        world
    }));
    match outcome {
        Ok(world) => {
            seen.heights.fetch_add(world.decided.len() as u64, Relaxed);
            seen.convicted.fetch_add(world.convicted.len() as u64, Relaxed);
            seen.rounds.fetch_max(u64::from(world.most_rounds), Relaxed);
            seen.steps.fetch_add(world.steps, Relaxed);
            seen.refused.fetch_add(world.refused, Relaxed);
            seen.slowest_ms.fetch_max(world.elapsed_ms(), Relaxed);
        }
        Err(panic) => {
            eprintln!("CONSILIUM_SEED={seed} fails");
            resume_unwind(panic);
        }
    }
}

#[test]
fn whatever_goes_wrong_all_agree_nobody_honest_is_convicted_and_everything_ends_well() {
    let seen = Seen::default();
    if let Some(seed) = number("CONSILIUM_SEED") {
        return run(seed, &seen);
    }
    let seeds = number("CONSILIUM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    run(seed, &seen);
                }
            });
        }
    });
    let Seen { heights, convicted, rounds, steps, slowest_ms, refused } = seen;
    println!(
        "{seeds} schedules: {heights:?} heights, {steps:?} steps, {convicted:?} liars convicted, {refused:?} false \
         decisions refused, at most round {rounds:?}, \
         {slowest_ms:?} ms of virtual time"
    );
    // Lies that nobody notices test nothing.
    assert!(seeds < 100 || refused.into_inner() > 0);
    assert!(convicted.into_inner() >= seeds / 20);
}

#[test]
fn a_calm_run_decides_in_the_first_round() {
    for validators in [1, 2, 4, 7] {
        let mut world = World::new(Schedule::calm(1, validators));
        world.finish();
        assert_eq!((world.most_rounds, world.convicted.len()), (0, 0), "{validators}");
    }
}

#[test]
fn as_many_as_may_fail_are_dead_and_nothing_stops() {
    for (validators, dead) in [(4, vec![1]), (7, vec![2, 5])] {
        World::new(Schedule { dead, ..Schedule::calm(2, validators) }).finish();
    }
}

#[test]
fn one_more_dead_stops_everything_and_it_goes_on_when_it_is_back() {
    for seed in 0..8 {
        let outages = vec![(1, 9_000, 29_000), (3, 9_000, 29_000)];
        let mut world = World::new(Schedule { outages, ..Schedule::calm(seed, 4) });
        world.run_until(9_500);
        let before = world.decided.len();
        assert!(before > 0);
        world.run_until(28_000);
        // What was under way may still have been decided.
        assert!(world.decided.len() <= before + 1, "{before}, then {}", world.decided.len());
        world.finish();
        assert!(world.decided.len() > before + 1);
    }
}

#[test]
fn who_comes_late_catches_up_from_decisions() {
    for validator in [true, false] {
        let mut schedule = Schedule { follower: !validator, ..Schedule::calm(3, 4) };
        if validator {
            schedule.outages.push((2, 0, 25_000));
        }
        World::new(schedule).finish();
    }
}

#[test]
fn links_between_four_nodes_may_be_cut_in_any_pattern() {
    let links = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
    for pattern in 0u64..64 {
        let cut = (0..).zip(links).filter(|(place, _)| pattern >> place & 1 == 1);
        let cut = cut.fold(0, |bits, (_, (one, other))| bits | 1u64 << (8 * one + other));
        World::new(Schedule { cut, ..Schedule::calm(pattern, 4) }).finish();
    }
}

#[test]
fn a_seed_gives_one_run() {
    let run = || {
        let mut world = World::new(Schedule::from_seed(11));
        world.finish();
        (world.decided, world.steps, world.now_ms)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_liar_is_convicted() {
    let mut world = World::new(Schedule { hostile: Some(0), ..Schedule::calm(4, 4) });
    world.finish();
    assert_eq!(world.convicted.len(), 1);
}

#[test]
fn a_node_whose_log_is_lost_follows_and_does_not_vote() {
    let mut world = World::new(Schedule::calm(5, 4));
    world.run_until(9_000);
    world.crash(2);
    world.nodes[2].disk.lose();
    world.restart(2);
    let standing = |world: &World| world.nodes[2].up.as_ref().unwrap().0.standing();
    assert_eq!(standing(&world), Standing::LogMissing);
    world.finish();
    assert_eq!(standing(&world), Standing::LogMissing);
    assert!(world.elapsed_ms() >= HEALED_MS);
}

/// What the log is for: nodes that forget theirs are convicted, though they never lie.
#[test]
fn nodes_that_forget_their_logs_are_convicted() {
    let convicts = |forgets: bool| {
        (0..12)
            .map(|seed| {
                let outages = (0..24)
                    .map(|place| (place as usize % 4, 1_000 + place * 1_100, 1_050 + place * 1_100))
                    .collect();
                let calm = Schedule { outages, loss: 20, delay_ms: 300, ..Schedule::calm(seed, 4) };
                let mut world = World::new(Schedule { forgets, ..calm });
                world.run_until(HEALED_MS);
                world.convicted.len()
            })
            .sum::<usize>()
    };
    assert_eq!(convicts(false), 0);
    assert!(convicts(true) > 0);
}

/// Ten times some entries, then all that is decided.
fn blocks(ordering: &mut dyn Ordering<Toy>) -> Vec<Vec<u8>> {
    let mut toy = Toy::start(CHAIN, Vec::new(), BTreeMap::new());
    let mut decided = Vec::new();
    for step in 0..10 {
        for id in 0..=step {
            toy.submit(entry(step * 100 + id));
        }
        let outputs = ordering.handle(Event::Ready, &mut toy, 1_000 + step).unwrap();
        decided.extend(outputs.into_iter().filter_map(|output| match output {
            Output::Decided(decision) => Some(decision.encode()),
            _ => None,
        }));
    }
    decided
}

#[test]
fn one_validator_decides_the_same_alone_and_through_the_engine() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let binding = Binding { chain_id: CHAIN, validator: key.verifying_key() };
    let settings = Settings {
        chain_id: CHAIN,
        validators: ValidatorSet::new(vec![key.verifying_key()]).unwrap(),
        key: Some(key.clone()),
        pace: Pace::default(),
    };
    let log = Log::found(Disk::default(), binding, 0).unwrap();
    let mut bft = Bft::start(settings, Some(log), 0, 0).unwrap();
    let alone = blocks(&mut Solo::new(CHAIN, key, 0));
    assert!(alone.len() >= 10);
    assert_eq!(alone, blocks(&mut bft));
}
