//! Schedules: what happens to whom, and when. All of it follows from a seed.

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use crate::{
    disk::{Crash, Fault},
    network::Weather,
    world::{INSTITUTIONS, NODE},
};

/// Faults begin within so long: somewhat longer than a run takes whom nothing happens to.
const FAULTS_MS: u64 = 6_000;
/// They last no longer.
const LONGEST_MS: u64 = 60_000;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A party's process ends, and another one begins after so long.
    Crash { party: usize, crash: Crash, down_ms: u64 },
    /// Nothing passes between an institution and the node for so long.
    Cut { place: usize, time_ms: u64 },
    /// Nothing passes between any of these and the node.
    Partition { apart: [bool; INSTITUTIONS], time_ms: u64 },
    /// Calls of an institution fare so for so long.
    Change { place: usize, weather: Weather, time_ms: u64 },
    /// The node's clock is set.
    SetClock { by_ms: i64 },
    /// A step of a party's writing fails.
    Break { party: usize, fault: Fault },
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// For the network, and for pauses.
    pub seed: u64,
    /// Whether there is a key when it begins.
    pub is_keyed: bool,
    /// In order of their times, in milliseconds.
    pub ops: Vec<(u64, Op)>,
}

impl Schedule {
    /// Nothing happens.
    pub fn undisturbed(seed: u64, is_keyed: bool) -> Self {
        Self { seed, is_keyed, ops: Vec::new() }
    }

    /// What follows from a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut draw = Draw(&mut rng);
        let is_keyed = draw.below(4) > 0;
        let count = 1 + draw.below(8);
        let mut ops: Vec<(u64, Op)> =
            (0..count).map(|_| (draw.below(FAULTS_MS), draw.op())).collect();
        ops.sort_by_key(|(at, _)| *at);
        Self { seed, is_keyed, ops }
    }

    /// The same without one of its operations.
    pub fn without(&self, index: usize) -> Self {
        let mut ops = self.ops.clone();
        ops.remove(index);
        Self { ops, ..self.clone() }
    }
}

struct Draw<'a>(&'a mut ChaCha20Rng);

impl Draw<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        u64::from(self.0.next_u32()) % bound
    }

    /// As often short as long.
    fn time_ms(&mut self) -> u64 {
        let longest = LONGEST_MS >> self.below(10);
        1 + self.below(longest)
    }

    fn place(&mut self) -> usize {
        self.below(INSTITUTIONS as u64) as usize
    }

    fn party(&mut self) -> usize {
        if self.below(3) == 0 { NODE } else { self.place() }
    }

    fn op(&mut self) -> Op {
        match self.below(10) {
            0..3 => Op::Crash {
                party: self.party(),
                crash: if self.below(2) == 0 { Crash::Kill } else { Crash::PowerCut },
                down_ms: self.time_ms(),
            },
            3 => Op::Cut { place: self.place(), time_ms: self.time_ms() },
            4 => Op::Partition {
                apart: std::array::from_fn(|_| self.below(2) == 0),
                time_ms: self.time_ms(),
            },
            5 | 6 => Op::Change {
                place: self.place(),
                weather: self.weather(),
                time_ms: LONGEST_MS.min(4 * self.time_ms()),
            },
            7 => {
                let by_ms = (self.time_ms() * 60) as i64;
                Op::SetClock { by_ms: if self.below(2) == 0 { by_ms } else { -by_ms } }
            }
            _ => Op::Break {
                party: self.party(),
                fault: Fault {
                    after: self.below(40) as usize,
                    done: self.below(2) == 0,
                    lasts: self.below(2) == 0,
                },
            },
        }
    }

    fn weather(&mut self) -> Weather {
        let mut chance = |most| if self.below(2) == 0 { self.below(most) as u32 } else { 0 };
        let loses_calls = chance(300);
        let loses_answers = chance(300);
        let doubles = chance(700);
        let cuts = chance(700);
        let slowest = 100 << self.below(7);
        Weather { latency_ms: (5, slowest), loses_calls, loses_answers, doubles, cuts }
    }
}

/// Milliseconds as a duration.
pub fn ms(time_ms: u64) -> Duration {
    Duration::from_millis(time_ms)
}
