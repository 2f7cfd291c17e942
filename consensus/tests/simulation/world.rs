//! Nodes, network and virtual time; and what must hold after every step.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use consilium_consensus::{
    Bft, Binding, ConsensusError, Decision, Event, Log, Message, Ordering, Output, Pace, Seat,
    Settings, ValidatorSet,
};
use consilium_hash::{BlockHash, ChainId, MerkleRoot};
use consilium_ledger::entries_root;
use ed25519_dalek::SigningKey;

use crate::{
    disk::Disk,
    hostile::{Hostile, Said},
    random::Random,
    schedule::{HEALED_MS, Schedule},
    toy::{Entries, Toy, entry},
};

pub const CHAIN: ChainId = ChainId([9; 32]);

/// When virtual time begins, in milliseconds since the epoch.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// Within this after the network is whole, everything must have come to its end.
const PATIENCE_MS: u64 = 900_000;

/// Decisions that one answer brings.
const MOST_SERVED: usize = 16;

#[derive(Clone)]
enum Packet {
    Consensus(Vec<u8>),
    Transaction(Vec<u8>),
    Body(Entries),
    WantBody(MerkleRoot),
    Decided(Vec<(Entries, Vec<u8>)>),
}

enum Happening {
    Arrival { to: usize, from: usize, packet: Packet },
    Wake(usize),
    Crash(usize),
    Restart(usize),
    Submit(u64),
}

/// A node, up or down.
pub struct Node {
    key: Option<SigningKey>,
    pub disk: Disk,
    /// Survives while it is down.
    chain: Vec<(Entries, Decision)>,
    kept: BTreeMap<MerkleRoot, Entries>,
    pub up: Option<(Bft<Disk>, Toy)>,
    skew_ms: i64,
    outages: usize,
    wanted: BTreeMap<MerkleRoot, u64>,
    wake_ms: u64,
}

pub struct World {
    pub schedule: Schedule,
    pub random: Random,
    pub validators: ValidatorSet,
    pub nodes: Vec<Node>,
    hostile: Option<Hostile>,
    happenings: BinaryHeap<Reverse<(u64, u64)>>,
    contents: BTreeMap<u64, Happening>,
    sequence: u64,
    pub now_ms: u64,
    /// What anyone has decided.
    pub decided: BTreeMap<u64, BlockHash>,
    verified: BTreeSet<Vec<u8>>,
    /// Transactions that a client was told are in a block.
    acknowledged: BTreeSet<u64>,
    /// Validators that were convicted.
    pub convicted: BTreeSet<Seat>,
    pub most_rounds: u32,
    pub steps: u64,
    /// Answers of a hostile node that were no decisions.
    pub refused: u64,
}

/// Keys in the order of their seats.
fn keys(count: usize) -> Vec<SigningKey> {
    let mut keys: Vec<_> =
        (0..count).map(|place| SigningKey::from_bytes(&[place as u8 + 1; 32])).collect();
    keys.sort_by_key(|key| key.verifying_key().to_bytes());
    keys
}

impl World {
    pub fn new(schedule: Schedule) -> Self {
        let keys = keys(schedule.validators);
        let validators =
            ValidatorSet::new(keys.iter().map(SigningKey::verifying_key).collect()).unwrap();
        let mut nodes = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let is_hostile = schedule.hostile == Some(place);
            let disk = Disk::default();
            if !is_hostile {
                let binding = Binding { chain_id: CHAIN, validator: key.verifying_key() };
                Log::found(disk.clone(), binding, 0).unwrap();
            }
            let skew_ms =
                schedule.skewed.filter(|(node, _)| *node == place).map_or(0, |(_, by)| by);
            nodes.push(Node::new((!is_hostile).then(|| key.clone()), disk, skew_ms));
        }
        if schedule.follower {
            nodes.push(Node::new(None, Disk::default(), 0));
        }
        let hostile = schedule
            .hostile
            .map(|place| Hostile::new(Seat(place as u8), keys[place].clone(), schedule.validators));
        let mut world = Self {
            random: Random::new(schedule.seed),
            validators,
            nodes,
            hostile,
            happenings: BinaryHeap::new(),
            contents: BTreeMap::new(),
            sequence: 0,
            now_ms: BEGIN_MS,
            decided: BTreeMap::new(),
            verified: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            convicted: BTreeSet::new(),
            most_rounds: 0,
            steps: 0,
            refused: 0,
            schedule,
        };
        world.plan();
        world
    }

    fn plan(&mut self) {
        let schedule = self.schedule.clone();
        for id in 0..schedule.transactions {
            let at_ms = self.random.below(HEALED_MS + 5_000);
            self.at(BEGIN_MS + at_ms, Happening::Submit(id));
        }
        for node in 0..self.nodes.len() {
            if !schedule.dead.contains(&node) {
                let is_follower = node >= schedule.validators;
                let from_ms = if is_follower { HEALED_MS / 2 } else { self.random.below(500) };
                self.at(BEGIN_MS + from_ms, Happening::Restart(node));
            }
        }
        for (node, from_ms, to_ms) in schedule.outages {
            if !self.schedule.dead.contains(&node) {
                self.at(BEGIN_MS + from_ms, Happening::Crash(node));
                self.at(BEGIN_MS + to_ms, Happening::Restart(node));
            }
        }
    }

    fn at(&mut self, at_ms: u64, happening: Happening) {
        self.sequence += 1;
        self.happenings.push(Reverse((at_ms, self.sequence)));
        self.contents.insert(self.sequence, happening);
    }

    fn is_healed(&self) -> bool {
        self.now_ms >= BEGIN_MS + HEALED_MS
    }

    /// Milliseconds since the beginning.
    pub fn elapsed_ms(&self) -> u64 {
        self.now_ms - BEGIN_MS
    }

    fn is_cut(&self, one: usize, other: usize) -> bool {
        let elapsed_ms = self.elapsed_ms();
        let cuts = |&(from_ms, to_ms, side): &(u64, u64, u64)| {
            (from_ms..to_ms).contains(&elapsed_ms) && side >> one & 1 != side >> other & 1
        };
        let link = 8 * one.min(other) + one.max(other);
        let link_is_cut = link < 64 && self.schedule.cut >> link & 1 == 1 && !self.is_healed();
        link_is_cut || self.schedule.partitions.iter().any(cuts)
    }

    fn send(&mut self, from: usize, to: usize, packet: Packet) {
        if from == to || to >= self.nodes.len() {
            return;
        }
        let healed = self.is_healed();
        let lost = !healed && self.random.percent(self.schedule.loss);
        if self.is_cut(from, to) || lost {
            return;
        }
        let delay_ms = if healed { self.schedule.delay_ms.min(50) } else { self.schedule.delay_ms };
        let twice = !healed && self.random.percent(self.schedule.duplicates);
        for _ in 0..1 + u64::from(twice) {
            let after_ms = self.random.between(1, delay_ms.max(1));
            let arrival = Happening::Arrival { to, from, packet: packet.clone() };
            self.at(self.now_ms + after_ms, arrival);
        }
    }

    fn broadcast(&mut self, from: usize, packet: &Packet) {
        for to in 0..self.nodes.len() {
            self.send(from, to, packet.clone());
        }
    }

    /// Runs until this time of its own, or until everything is done.
    pub fn run_until(&mut self, elapsed_ms: u64) {
        while self.elapsed_ms() < elapsed_ms {
            let Some(Reverse((at_ms, sequence))) = self.happenings.peek().copied() else { break };
            if at_ms > BEGIN_MS + elapsed_ms {
                self.now_ms = BEGIN_MS + elapsed_ms;
                break;
            }
            self.happenings.pop();
            self.now_ms = self.now_ms.max(at_ms);
            let happening = self.contents.remove(&sequence).unwrap();
            self.steps += 1;
            self.happen(happening);
            if self.is_healed() && self.is_done() {
                break;
            }
        }
    }

    /// Runs to the end and checks that it is one.
    pub fn finish(&mut self) {
        self.run_until(HEALED_MS + PATIENCE_MS);
        if !self.is_done() {
            let state: Vec<_> = self
                .nodes
                .iter()
                .map(|node| {
                    node.up.as_ref().map(|(bft, toy)| {
                        (toy.height(), bft.round(), bft.standing(), toy.settled_count())
                    })
                })
                .collect();
            panic!("no progress after the network was whole: {state:?} {:?}", self.schedule);
        }
    }

    /// Nodes that neither lie nor are dead for good.
    fn honest(&self) -> impl Iterator<Item = (usize, &Node)> {
        let hostile = self.schedule.hostile;
        let dead = &self.schedule.dead;
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(place, _)| Some(*place) != hostile && !dead.contains(place))
    }

    /// Whether everybody has everything.
    fn is_done(&self) -> bool {
        let height = self.decided.len() as u64;
        self.acknowledged.len() as u64 == self.schedule.transactions
            && self.honest().all(|(_, node)| {
                node.up.as_ref().is_some_and(|(_, toy)| {
                    toy.height() == height
                        && (0..self.schedule.transactions).all(|id| toy.has_settled(&entry(id)))
                })
            })
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Submit(id) => {
                if self.acknowledged.contains(&id) {
                    return;
                }
                let to = self.random.below(self.schedule.validators as u64) as usize;
                if self.nodes[to].up.is_some() {
                    self.broadcast(to, &Packet::Transaction(entry(id)));
                    self.arrive(to, to, Packet::Transaction(entry(id)));
                }
                // A client without an answer submits again, elsewhere.
                self.at(self.now_ms + 3_000, Happening::Submit(id));
            }
            Happening::Crash(node) => self.crash(node),
            Happening::Restart(node) => self.restart(node),
            Happening::Wake(node) => {
                if self.nodes[node].wake_ms == self.now_ms {
                    self.nodes[node].wake_ms = 0;
                    self.handle(node, Event::Time);
                }
            }
            Happening::Arrival { to, from, packet } => self.arrive(to, from, packet),
        }
    }

    pub fn crash(&mut self, node: usize) {
        let Some((_, toy)) = self.nodes[node].up.take() else {
            self.nodes[node].outages += 1;
            return;
        };
        let disk = self.nodes[node].disk.clone();
        let left = self.random.below(disk.at_risk() as u64 + 1) as usize;
        disk.crash(left);
        self.nodes[node].chain = toy.chain;
        self.nodes[node].kept = toy.kept;
        self.nodes[node].outages += 1;
    }

    pub fn restart(&mut self, place: usize) {
        let now_ms = self.local_ms(place);
        let forgets = self.schedule.forgets;
        let node = &mut self.nodes[place];
        node.outages = node.outages.saturating_sub(1);
        if node.up.is_some() || node.outages > 0 {
            return;
        }
        let toy =
            Toy::start(CHAIN, std::mem::take(&mut node.chain), std::mem::take(&mut node.kept));
        let settings = Settings {
            chain_id: CHAIN,
            validators: self.validators.clone(),
            key: node.key.clone(),
            pace: Pace::default(),
        };
        let binding = node
            .key
            .as_ref()
            .map(|key| Binding { chain_id: CHAIN, validator: key.verifying_key() });
        let log = binding.and_then(|binding| {
            if forgets {
                node.disk.lose();
                return Some(Log::found(node.disk.clone(), binding, toy.height()).unwrap());
            }
            Log::open(node.disk.clone(), binding).unwrap()
        });
        let bft = Bft::start(settings, log, toy.height(), now_ms).unwrap();
        node.up = Some((bft, toy));
        node.wake_ms = 0;
        self.handle(place, Event::Ready);
    }

    fn local_ms(&self, node: usize) -> u64 {
        self.now_ms.saturating_add_signed(self.nodes[node].skew_ms)
    }

    fn arrive(&mut self, to: usize, from: usize, packet: Packet) {
        let now_ms = self.local_ms(to);
        let verify_ms = now_ms + self.random.below(self.schedule.verify_ms + 1);
        let Some((_, toy)) = &mut self.nodes[to].up else { return };
        match packet {
            Packet::Consensus(bytes) => {
                let message = Message::decode(&bytes).unwrap();
                if let Some(hostile) =
                    self.hostile.as_mut().filter(|_| self.schedule.hostile == Some(to))
                {
                    let said = hostile.hear(&message, &CHAIN, toy, now_ms, &mut self.random);
                    for said in said {
                        match said {
                            Said::Message(other, message) => {
                                self.send(to, other, Packet::Consensus(message.encode()));
                            }
                            Said::Body(other, entries) => {
                                self.send(to, other, Packet::Body(entries))
                            }
                        }
                    }
                }
                self.handle(to, Event::Message(Seat(from as u8), message));
            }
            Packet::Transaction(entry) => {
                toy.submit(entry);
                self.handle(to, Event::Ready);
            }
            Packet::Body(entries) => {
                toy.bring(entries, verify_ms);
                self.handle(to, Event::Ready);
            }
            Packet::WantBody(root) => {
                let kept = || {
                    toy.chain
                        .iter()
                        .rev()
                        .map(|(entries, _)| entries)
                        .find(|entries| entries_root(entries) == root)
                };
                if let Some(entries) = toy.body(&root).or_else(kept).cloned() {
                    self.send(to, from, Packet::Body(entries));
                }
            }
            Packet::Decided(decisions) => {
                for (entries, bytes) in decisions {
                    let Some((bft, toy)) = &mut self.nodes[to].up else { return };
                    let decision = Decision::decode(&bytes).unwrap();
                    let height = Ordering::<Toy>::height(bft);
                    if decision.header.height == height
                        && decision.header.entries_root == entries_root(&entries)
                    {
                        toy.bring(entries, now_ms);
                        self.handle(to, Event::Decided(decision));
                    }
                }
            }
        }
    }

    /// Gives a node an event, and does what it wants done.
    pub fn handle(&mut self, place: usize, event: Event) {
        let now_ms = self.local_ms(place);
        let node = &mut self.nodes[place];
        let Some((bft, toy)) = &mut node.up else { return };
        let outputs = match bft.handle(event, toy, now_ms) {
            Ok(outputs) => outputs,
            Err(ConsensusError::NotDecided { .. }) => {
                self.refused += 1;
                Vec::new()
            }
            // Whoever forgets what it said can make others decide anything.
            Err(_) if self.schedule.forgets => return,
            Err(error) => panic!("node {place} failed: {error}; {:?}", self.schedule),
        };
        self.most_rounds = self.most_rounds.max(bft.round());
        let made = std::mem::take(&mut toy.made);
        let missing = std::mem::take(&mut toy.missing);
        let verified_ms = toy.verified_ms.take();
        let wake_ms = Ordering::<Toy>::wake_ms(bft);
        let wanted: Vec<MerkleRoot> = missing
            .into_iter()
            .filter(|root| {
                let last_ms = node.wanted.get(root).copied().unwrap_or(0);
                let again = self.now_ms >= last_ms + 500;
                if again {
                    node.wanted.insert(*root, self.now_ms);
                }
                again
            })
            .collect();
        for entries in made {
            self.broadcast(place, &Packet::Body(entries));
        }
        for root in wanted {
            self.broadcast(place, &Packet::WantBody(root));
        }
        for output in outputs {
            self.output(place, output);
        }
        self.wake(place, wake_ms, verified_ms);
    }

    fn wake(&mut self, place: usize, wake_ms: Option<u64>, verified_ms: Option<u64>) {
        let skew_ms = self.nodes[place].skew_ms;
        let Some(local_ms) = wake_ms.into_iter().chain(verified_ms).min() else { return };
        let at_ms = local_ms.saturating_add_signed(-skew_ms).max(self.now_ms + 1);
        let node = &mut self.nodes[place];
        if node.wake_ms == 0 || at_ms < node.wake_ms || node.wake_ms <= self.now_ms {
            node.wake_ms = at_ms;
            self.at(at_ms, Happening::Wake(place));
        }
    }

    fn output(&mut self, place: usize, output: Output) {
        match output {
            Output::Send(message) => {
                self.broadcast(place, &Packet::Consensus(message.encode()));
            }
            Output::Decided(decision) => self.check_decided(place, &decision),
            Output::Serve { to, from } => {
                let Some((_, toy)) = &self.nodes[place].up else { return };
                let mut served: Vec<_> = toy
                    .chain
                    .iter()
                    .skip(from as usize)
                    .take(MOST_SERVED)
                    .map(|(entries, decision)| (entries.clone(), decision.encode()))
                    .collect();
                if self.schedule.hostile == Some(place) && self.random.percent(50) {
                    // A decision that was none: another time, under the same signatures.
                    for (_, bytes) in &mut served {
                        bytes[51] ^= 1;
                    }
                }
                self.send(place, usize::from(to.0), Packet::Decided(served));
            }
            Output::Convicted(conviction) => {
                let key = conviction.verify(&CHAIN, &self.validators);
                let key = key.expect("a conviction that does not hold");
                let seat = self.validators.seat(key).unwrap();
                let hostile = self.schedule.hostile == Some(usize::from(seat.0));
                assert!(hostile || self.schedule.forgets, "{seat} is honest: {:?}", self.schedule);
                self.convicted.insert(seat);
            }
        }
    }

    fn check_decided(&mut self, place: usize, decision: &Decision) {
        let Decision { header, certificate } = decision;
        let hash = header.hash();
        let agreed = *self.decided.entry(header.height).or_insert(hash);
        if self.schedule.forgets {
            return;
        }
        assert_eq!(
            agreed, hash,
            "node {place} disagrees at {}: {:?}",
            header.height, self.schedule
        );
        let bytes = decision.encode();
        if !self.verified.contains(&bytes) {
            assert_eq!(certificate.verify(header, &CHAIN, &self.validators), Ok(()));
            assert_eq!(Decision::decode(&bytes).as_ref(), Ok(decision));
            self.verified.insert(bytes);
        }
        let Some((_, toy)) = &self.nodes[place].up else { return };
        if self.schedule.hostile != Some(place) {
            for id in 0..self.schedule.transactions {
                if toy.has_settled(&entry(id)) {
                    self.acknowledged.insert(id);
                }
            }
        }
        self.nodes[place].wanted.clear();
    }
}

impl Node {
    fn new(key: Option<SigningKey>, disk: Disk, skew_ms: i64) -> Self {
        Self {
            key,
            disk,
            chain: Vec::new(),
            kept: BTreeMap::new(),
            up: None,
            skew_ms,
            // It is down before it begins.
            outages: 1,
            wanted: BTreeMap::new(),
            wake_ms: 0,
        }
    }
}
