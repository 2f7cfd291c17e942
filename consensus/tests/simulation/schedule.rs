//! What goes wrong, and when.

use crate::random::Random;

/// Everything goes wrong before this, in milliseconds of virtual time; after it the network is whole and nodes run.
pub const HEALED_MS: u64 = 30_000;

/// One run. Times are milliseconds of virtual time.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    pub seed: u64,
    pub validators: usize,
    /// A node without a seat that follows, and begins late.
    pub follower: bool,
    pub transactions: u64,
    /// Percent of messages, before it is healed.
    pub loss: u64,
    pub duplicates: u64,
    pub delay_ms: u64,
    /// The longest that verifying a block's entries takes.
    pub verify_ms: u64,
    /// (node, from, to): down in between.
    pub outages: Vec<(usize, u64, u64)>,
    /// (from, to, nodes of one side as bits).
    pub partitions: Vec<(u64, u64, u64)>,
    /// Links between validators that are cut, as bits: that between `a` and `b` is bit 8 · min + max.
    pub cut: u64,
    /// The node that says two things wherever it can.
    pub hostile: Option<usize>,
    /// Nodes that never run.
    pub dead: Vec<usize>,
    /// A node whose clock is so far ahead (or, negative, behind).
    pub skewed: Option<(usize, i64)>,
    /// Nodes found their log again at every restart, as no operator may.
    pub forgets: bool,
}

impl Schedule {
    /// An undisturbed run.
    pub fn calm(seed: u64, validators: usize) -> Self {
        Self { seed, validators, transactions: 24, delay_ms: 20, verify_ms: 30, ..Self::default() }
    }

    /// Whatever the seed says.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        let validators = if random.percent(75) { 4 } else { 7 };
        let tolerated = (validators - 1) / 3;
        let mut schedule = Self {
            seed,
            validators,
            follower: random.percent(25),
            transactions: random.between(10, 40),
            loss: random.pick(&[0, 0, 5, 20, 40]).unwrap_or(0),
            duplicates: random.pick(&[0, 10, 30]).unwrap_or(0),
            delay_ms: random.pick(&[5, 50, 300, 1_200]).unwrap_or(5),
            verify_ms: random.pick(&[0, 100, 1_500]).unwrap_or(0),
            ..Self::default()
        };
        // Who is faulty for good: at most f.
        let mut faulty = Vec::new();
        for _ in 0..tolerated {
            let node = random.below(validators as u64) as usize;
            if faulty.contains(&node) {
                continue;
            }
            match random.below(5) {
                0 | 1 if schedule.hostile.is_none() => schedule.hostile = Some(node),
                2 => schedule.dead.push(node),
                3 if schedule.skewed.is_none() => {
                    let hour = 3_600_000;
                    schedule.skewed = Some((node, if random.percent(50) { hour } else { -hour }));
                }
                _ => continue,
            }
            faulty.push(node);
        }
        for _ in 0..random.below(7) {
            let from = random.below(HEALED_MS - 1_000);
            let to = from + random.pick(&[1, 100, 2_000, 15_000]).unwrap_or(1);
            let node = random.below(validators as u64) as usize;
            schedule.outages.push((node, from, to.min(HEALED_MS)));
        }
        if random.percent(15) {
            // More than f at once: everything stops, and goes on.
            let from = random.between(1_000, 15_000);
            let first = random.below(validators as u64) as usize;
            for node in 0..=tolerated {
                let node = (first + node) % validators;
                schedule.outages.push((node, from, from + 10_000));
            }
        }
        for _ in 0..random.below(4) {
            let from = random.below(HEALED_MS - 1_000);
            let to = from + random.between(500, 10_000);
            schedule.partitions.push((from, to.min(HEALED_MS), random.below(1 << validators)));
        }
        schedule
    }
}
