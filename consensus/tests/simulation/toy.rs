//! An application of the shape of the real one: a chain of headers, entries that come beside them, a state under a root.

use std::collections::{BTreeMap, BTreeSet};

use consilium_consensus::{Application, Decision, Judgement};
use consilium_hash::{BlockHash, ChainId, MerkleNode, MerkleRoot, StateRoot};
use consilium_ledger::{HEADER_VERSION, Header, NO_STATE, entries_root, merkle, sha256};

/// How far a proposer's clock may be ahead of a judge's, in milliseconds.
const AHEAD_MS: u64 = 1_000;

/// Entries of one block.
const MOST_ENTRIES: usize = 8;

pub type Entries = Vec<Vec<u8>>;

pub fn entry(id: u64) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

pub struct Toy {
    chain_id: ChainId,
    /// Survives a crash: blocks as they were decided.
    pub chain: Vec<(Entries, Decision)>,
    /// Survives a crash: entries that this node stands by, by having proposed them or called them valid.
    pub kept: BTreeMap<MerkleRoot, Entries>,
    /// What follows from the chain.
    settled: BTreeSet<Vec<u8>>,
    leaves: Vec<MerkleNode>,
    state: StateRoot,
    /// Lost in a crash: transactions, and entries of blocks with the time from which they are verified.
    pool: BTreeSet<Vec<u8>>,
    bodies: BTreeMap<MerkleRoot, (Entries, u64)>,
    /// What was proposed and is to be sent to others.
    pub made: Vec<Entries>,
    /// What was judged and is missing.
    pub missing: BTreeSet<MerkleRoot>,
    /// When what is being verified will have been.
    pub verified_ms: Option<u64>,
}

impl Toy {
    /// As after a start: with what a crash has left.
    pub fn start(
        chain_id: ChainId,
        chain: Vec<(Entries, Decision)>,
        kept: BTreeMap<MerkleRoot, Entries>,
    ) -> Self {
        let mut toy = Self {
            chain_id,
            chain: Vec::new(),
            kept: BTreeMap::new(),
            settled: BTreeSet::new(),
            leaves: Vec::new(),
            state: NO_STATE,
            pool: BTreeSet::new(),
            bodies: BTreeMap::new(),
            made: Vec::new(),
            missing: BTreeSet::new(),
            verified_ms: None,
        };
        for (entries, decision) in chain {
            toy.bring(entries, 0);
            toy.commit(&decision).unwrap();
        }
        for (_, entries) in kept {
            toy.keep(&entries);
            toy.bring(entries, 0);
        }
        toy
    }

    pub fn height(&self) -> u64 {
        self.chain.len() as u64
    }

    pub fn submit(&mut self, entry: Vec<u8>) {
        if !self.settled.contains(&entry) {
            self.pool.insert(entry);
        }
    }

    pub fn has_settled(&self, entry: &[u8]) -> bool {
        self.settled.contains(entry)
    }

    pub fn settled_count(&self) -> usize {
        self.settled.len()
    }

    /// Entries that somebody has sent, verified from `verified_ms` on.
    pub fn bring(&mut self, entries: Entries, verified_ms: u64) {
        self.bodies.entry(entries_root(&entries)).or_insert((entries, verified_ms));
    }

    fn keep(&mut self, entries: &Entries) {
        self.kept.insert(entries_root(entries), entries.clone());
    }

    pub fn body(&self, root: &MerkleRoot) -> Option<&Entries> {
        self.bodies.get(root).map(|(entries, _)| entries)
    }

    /// The header of these entries after the last block.
    pub fn header(&self, entries: &Entries, time_ms: u64) -> Header {
        let last = self.chain.last().map(|(_, decision)| decision.header);
        Header {
            version: HEADER_VERSION,
            height: self.height(),
            previous: last.map_or(BlockHash(self.chain_id.0), |header| header.hash()),
            time_ms: time_ms.max(last.map_or(0, |header| header.time_ms)),
            history_root: merkle::root(&self.leaves),
            entries_root: entries_root(entries),
            state_root: self.state,
            count: entries.len() as u32,
        }
    }

    pub fn pooled(&self) -> Entries {
        self.pool.iter().take(MOST_ENTRIES).cloned().collect()
    }

    /// Whether this header can follow, with these entries.
    fn follows(&self, header: &Header, entries: &Entries) -> bool {
        let expected = Header { time_ms: header.time_ms, ..self.header(entries, 0) };
        let distinct: BTreeSet<_> = entries.iter().collect();
        let parent_ms = self.chain.last().map_or(0, |(_, last)| last.header.time_ms);
        *header == expected
            && header.time_ms >= parent_ms
            && !entries.is_empty()
            && distinct.len() == entries.len()
            && entries.iter().all(|entry| !self.settled.contains(entry))
    }
}

impl Application for Toy {
    type Error = String;

    fn has_work(&self) -> bool {
        !self.pool.is_empty()
    }

    fn propose(&mut self, height: u64, now_ms: u64) -> Result<Option<Header>, String> {
        assert_eq!(height, self.height());
        let entries = self.pooled();
        let header = self.header(&entries, now_ms);
        self.bring(entries.clone(), now_ms);
        self.keep(&entries);
        self.made.push(entries);
        Ok(Some(header))
    }

    fn judge(&mut self, header: &Header, now_ms: u64) -> Result<Judgement, String> {
        let Some((entries, verified_ms)) = self.bodies.get(&header.entries_root) else {
            self.missing.insert(header.entries_root);
            return Ok(Judgement::Pending);
        };
        if !self.follows(header, entries) {
            return Ok(Judgement::Invalid);
        }
        let ready_ms = (*verified_ms).max(header.time_ms.saturating_sub(AHEAD_MS));
        if ready_ms > now_ms {
            self.verified_ms = Some(self.verified_ms.map_or(ready_ms, |at_ms| at_ms.min(ready_ms)));
            return Ok(Judgement::Pending);
        }
        let entries = entries.clone();
        self.keep(&entries);
        Ok(Judgement::Valid)
    }

    fn commit(&mut self, decision: &Decision) -> Result<(), String> {
        let header = decision.header;
        let (entries, _) =
            self.bodies.get(&header.entries_root).ok_or("its entries are missing")?;
        if !self.follows(&header, entries) {
            return Err(format!("{header:?} does not follow"));
        }
        let entries = entries.clone();
        for entry in &entries {
            self.pool.remove(entry);
            self.settled.insert(entry.clone());
        }
        let state = [self.state.as_slice(), header.entries_root.as_slice()].concat();
        self.state = StateRoot(sha256(&state));
        self.leaves.push(merkle::leaf_hash(&header.hash().0));
        self.chain.push((entries, decision.clone()));
        self.bodies.clear();
        self.kept.clear();
        self.missing.clear();
        Ok(())
    }
}
