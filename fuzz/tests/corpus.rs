//! Bytes of a real run, and what becomes of them when they are cut, spliced and flipped: nothing panics, and nothing takes memory
//! that its length does not explain.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::sync::{Mutex, PoisonError};

use consilium_fuzz::TARGETS;
use peak_alloc::PeakAlloc;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

#[path = "../examples/corpus/seeds.rs"]
mod seeds;

/// Mutations of each seed.
const MUTATIONS: usize = 400;

/// Memory that a reader may hold at a time: so much for each byte that it is given, and so much whatever it is given.
const PER_BYTE: usize = 64;
const ALWAYS: usize = 1 << 20;

/// The system's allocator, which keeps count of what the process holds.
#[global_allocator]
static COUNTING: PeakAlloc = PeakAlloc;

/// What other tests hold is not what is measured.
static ALONE: Mutex<()> = Mutex::new(());

/// The most that is held at a time while `work` runs, in bytes.
fn most_held(work: impl FnOnce()) -> usize {
    COUNTING.reset_peak_usage();
    let before = COUNTING.current_usage();
    work();
    COUNTING.peak_usage().saturating_sub(before)
}

/// One change: a bit, a byte, a cut, a piece of another seed, a run of the largest byte (a length, say), a piece twice.
fn mutated(seed: &[u8], other: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let mut at = |length: usize| if length == 0 { 0 } else { rng.next_u32() as usize % length };
    let (place, kind) = (at(bytes.len()), at(7));
    let length = 1 + at(16);
    let end = (place + length).min(bytes.len());
    match kind {
        0 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << at(8)),
        1 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = at(256) as u8),
        2 => bytes.truncate(place),
        3 => bytes[place..end].fill(0xff),
        4 => drop(bytes.drain(place..end)),
        5 => {
            let from = at(other.len());
            let piece = other[from..(from + 64).min(other.len())].to_vec();
            bytes.splice(place..end, piece);
        }
        _ => {
            let piece = bytes[place..end].to_vec();
            bytes.splice(place..place, piece);
        }
    }
    bytes
}

#[test]
fn whatever_a_peer_sends_is_read_without_a_panic_and_without_memory_that_it_does_not_explain() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let corpus = seeds::seeds();
    let mut rng = ChaCha20Rng::seed_from_u64(20);
    let all: Vec<&[u8]> = corpus.iter().map(|(_, _, bytes)| bytes.as_slice()).collect();
    for target in TARGETS {
        let seeds: Vec<&(&str, String, Vec<u8>)> =
            corpus.iter().filter(|(name, ..)| *name == target.name).collect();
        assert!(!seeds.is_empty(), "no seed of {}", target.name);
        for (_, name, seed) in seeds {
            let mut bytes = seed.clone();
            for mutation in 0..=MUTATIONS {
                let most = most_held(|| (target.read)(&bytes));
                let allowed = PER_BYTE * bytes.len() + ALWAYS;
                assert!(most <= allowed, "{} of {name}, {mutation}: {most} bytes", target.name);
                // Now and then from the seed again, else one change upon the other.
                let base = if mutation % 4 == 0 { seed } else { &bytes };
                let other = all[rng.next_u32() as usize % all.len()];
                bytes = mutated(base, other, &mut rng);
            }
        }
    }
}

#[test]
fn every_seed_is_something_to_its_reader() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // A corpus that nothing reads would find nothing: what is decoded allocates more than what is refused at once.
    for (target, least) in [("transaction", 100), ("genesis", 100), ("block", 100), ("note", 50)] {
        let read = TARGETS.iter().find(|known| known.name == target).unwrap().read;
        let corpus = seeds::seeds();
        let (_, _, seed) = corpus.iter().find(|(name, ..)| *name == target).unwrap();
        let refused = most_held(|| read(&seed[..1]));
        assert!(most_held(|| read(seed)) > refused + least, "{target}");
    }
}
