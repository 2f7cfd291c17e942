//! A validator that says two things wherever it can: two proposals to two halves, votes for whatever it has heard of.
//!
//! It follows the chain as an honest node without a seat does, so that what it says is about the height under way.

use std::collections::{BTreeMap, BTreeSet};

use consilium_consensus::{Kind, Message, Place, Seat, SignatureBytes, Signed, Statement};
use consilium_hash::{BlockHash, ChainId};
use ed25519_dalek::{Signer, SigningKey};

use crate::{
    random::Random,
    toy::{Entries, Toy, entry},
};

pub struct Hostile {
    pub seat: Seat,
    pub key: SigningKey,
    pub validators: usize,
    /// Values of the height under way.
    values: BTreeSet<BlockHash>,
    height: u64,
    proposed: BTreeSet<u32>,
    votes: BTreeMap<u32, u32>,
}

/// What it sends to whom.
pub enum Said {
    Message(usize, Box<Message>),
    Body(usize, Entries),
}

impl Hostile {
    pub fn new(seat: Seat, key: SigningKey, validators: usize) -> Self {
        Self {
            seat,
            key,
            validators,
            values: BTreeSet::new(),
            height: 0,
            proposed: BTreeSet::new(),
            votes: BTreeMap::new(),
        }
    }

    fn sign(&self, chain_id: &ChainId, kind: Kind, round: u32, value: Option<BlockHash>) -> Signed {
        let place = Place { height: self.height, round, kind };
        let statement = Statement { place, value, valid_round: None };
        let signature = SignatureBytes(self.key.sign(&statement.signed_bytes(chain_id)).to_bytes());
        Signed { statement, seat: self.seat, signature }
    }

    /// What it makes of a message.
    pub fn hear(
        &mut self,
        message: &Message,
        chain_id: &ChainId,
        toy: &Toy,
        now_ms: u64,
        random: &mut Random,
    ) -> Vec<Said> {
        if toy.height() != self.height {
            self.height = toy.height();
            self.values.clear();
            self.proposed.clear();
            self.votes.clear();
        }
        let (Message::Vote(signed) | Message::Proposal(signed, _)) = message else {
            return Vec::new();
        };
        let Place { height, round, .. } = signed.statement.place;
        if height != self.height {
            return Vec::new();
        }
        self.values.extend(signed.statement.value);
        let mut said = Vec::new();
        for round in [round, round.saturating_add(1)] {
            let turn = (self.height + u64::from(round)) % self.validators as u64;
            if turn == u64::from(self.seat.0) && self.proposed.insert(round) {
                self.propose(round, chain_id, toy, now_ms, random, &mut said);
            }
        }
        let votes = self.votes.entry(round).or_default();
        if *votes < 40 {
            *votes += 4;
            let values: Vec<BlockHash> = self.values.iter().copied().collect();
            for _ in 0..4 {
                let kind = if random.percent(50) { Kind::Prevote } else { Kind::Precommit };
                let value = random.pick(&values).filter(|_| random.percent(80));
                let to = random.below(self.validators as u64) as usize;
                said.push(Said::Message(
                    to,
                    Box::new(Message::Vote(self.sign(chain_id, kind, round, value))),
                ));
            }
        }
        said
    }

    fn propose(
        &mut self,
        round: u32,
        chain_id: &ChainId,
        toy: &Toy,
        now_ms: u64,
        random: &mut Random,
        said: &mut Vec<Said>,
    ) {
        let withheld = random.percent(20);
        let odd = random.below(1 << self.validators);
        for side in 0..2 {
            let mut entries = toy.pooled();
            entries.push(entry(u64::MAX - random.below(1 << 32)));
            let mut header = toy.header(&entries, now_ms);
            if random.percent(10) {
                header.state_root.0[0] ^= 1;
            }
            self.values.insert(header.hash());
            let value = Some(header.hash());
            for to in 0..self.validators {
                if odd >> to & 1 != side && !random.percent(10) {
                    continue;
                }
                if !withheld {
                    said.push(Said::Body(to, entries.clone()));
                }
                let proposal = self.sign(chain_id, Kind::Proposal, round, value);
                said.push(Said::Message(to, Box::new(Message::Proposal(proposal, header))));
                for kind in [Kind::Prevote, Kind::Precommit] {
                    let vote = self.sign(chain_id, kind, round, value);
                    said.push(Said::Message(to, Box::new(Message::Vote(vote))));
                }
            }
        }
    }
}
