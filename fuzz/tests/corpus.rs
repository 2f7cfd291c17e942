//! Bytes of a real run, and what becomes of them when they are cut, spliced and flipped: nothing panics, and nothing takes memory
//! that its length does not explain.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use consilium_fuzz::TARGETS;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

#[path = "../examples/corpus/seeds.rs"]
mod seeds;

/// Mutations of each seed.
const MUTATIONS: usize = 60;

/// Memory that a reader may hold at a time: so much for each byte that it is given, and so much whatever it is given.
const PER_BYTE: usize = 64;
const ALWAYS: usize = 1 << 20;

/// The system's allocator, which adds up what a thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

#[allow(
    unsafe_code,
    reason = "an allocator that counts can only be written so; nothing of it is in a program"
)]
// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most that is held at a time while `work` runs, in bytes.
fn most_held(work: impl FnOnce()) -> usize {
    let before = HELD.with(Cell::get);
    MOST.with(|most| most.set(before));
    work();
    usize::try_from(MOST.with(Cell::get) - before).unwrap()
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
    // A corpus that nothing reads would find nothing: what is decoded allocates more than what is refused at once.
    for (target, least) in [("transaction", 100), ("genesis", 100), ("block", 100), ("note", 50)] {
        let read = TARGETS.iter().find(|known| known.name == target).unwrap().read;
        let corpus = seeds::seeds();
        let (_, _, seed) = corpus.iter().find(|(name, ..)| *name == target).unwrap();
        let refused = most_held(|| read(&seed[..1]));
        assert!(most_held(|| read(seed)) > refused + least, "{target}");
    }
}
