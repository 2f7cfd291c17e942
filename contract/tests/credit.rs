//! No sequence of messages by the coordinator and the other institutions costs an honest institution credit (docs/protocol.md:
//! "What is a fault, and whose").
//!
//! Seeded schedules over two branches of one chain, of which the honest institution follows one: what it has signed is
//! cut short, altered, held back, doubled and replayed into every other step, attempt and branch; noise comes under its
//! name; the others and the coordinator say what they like. After every operation its credit is what it was.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{collections::BTreeMap, mem};

use consilium_contract::{
    Admission, Body, CandidateTransaction, Contract, Phase, Receipt, check_updates,
    roster::INITIAL_CREDIT,
};
use consilium_crypto::{RoundContext, signature::SigningKey};
use consilium_hash::BlockHash;
use consilium_proto::v1::{self, Reason, SignedTransaction, transaction::Action};
use consilium_testkit::{Ceremony, DIMENSION, Op, Run, TIMEOUT_MS, table};
use rand_core::{OsRng, RngCore};
use sha2::{Digest, Sha256};

/// The honest institution.
const HONEST: usize = 0;
const SCHEDULES: u64 = 32;
const OPERATIONS: usize = 120;
/// Members of the fixture's federation.
const MEMBERS: usize = consilium_testkit::INSTITUTIONS;

/// A small generator with a seed (splitmix64): a schedule is told by one number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// What the honest institution has signed, and given to the coordinator.
struct Said {
    transaction: CandidateTransaction,
    body: Option<Vec<u8>>,
}

struct World {
    /// Its contract is the branch that is being acted on.
    run: Run,
    other: Contract,
    /// Whether that branch is the one that the honest institution follows.
    is_followed: bool,
    said: Vec<Said>,
    /// Rounds of the honest institution's updates; the one block of each step that it answers, and whether it has shared.
    updates: Vec<RoundContext>,
    answered: BTreeMap<u64, (BlockHash, bool)>,
    dice: Dice,
    reasons: BTreeMap<Reason, u32>,
}

impl World {
    fn new(seed: u64) -> Self {
        // Two branches of one chain, which part after the key is made.
        let run = Run::enrolled(3);
        let Ceremony { genesis_entry, initial_model, .. } = &run.ceremony;
        let mut other = Contract::found(genesis_entry, initial_model, table()).unwrap();
        let mut said = Vec::new();
        for op in &run.log {
            let Op::Apply(transaction, None) = op else { panic!("a body before the first round") };
            assert!(other.apply(transaction, Body::None).unwrap().is_accepted());
            if transaction.author() == Some(run.name(HONEST)) {
                said.push(Said { transaction: transaction.clone(), body: None });
            }
        }
        Self {
            run,
            other,
            is_followed: true,
            said,
            updates: Vec::new(),
            answered: BTreeMap::new(),
            dice: Dice(seed),
            reasons: BTreeMap::new(),
        }
    }

    fn turn_to(&mut self, is_followed: bool) {
        if self.is_followed != is_followed {
            mem::swap(&mut self.run.contract, &mut self.other);
            self.is_followed = is_followed;
        }
    }

    /// Applies a transaction with the body that a node would bring, if any.
    fn apply(&mut self, transaction: &CandidateTransaction, body: Option<&[u8]>) -> Receipt {
        let body = match (self.run.contract.admit(transaction), body) {
            (Admission::Decided(_), _) => Body::None,
            (Admission::NeedsBody { .. }, None) => Body::Missing,
            (Admission::NeedsBody { .. }, Some(body)) => Body::Checked(
                check_updates(
                    self.run.parameters(),
                    self.run.committee(),
                    &[(transaction, body)],
                    &mut OsRng,
                )
                .remove(0)
                .into(),
            ),
        };
        let receipt = self.run.contract.apply(transaction, body).unwrap();
        *self.reasons.entry(receipt.reason).or_default() += 1;
        let honest = self.run.name(HONEST);
        assert_ne!(receipt.culprit, Some(honest), "{:?}", receipt.reason);
        receipt
    }

    /// The block ends where the coordinator wants it to: its hash follows from the state, as a header's does.
    fn end_block(&mut self) {
        let block =
            self.run.block_of(BlockHash(Sha256::digest(self.run.contract.state_root()).into()));
        self.run.contract.end_block(block);
    }

    /// The honest institution does what the branch that it follows calls for, once.
    fn act_honestly(&mut self) {
        self.turn_to(true);
        let step = self.run.contract.step();
        match self.run.contract.phase() {
            Phase::Collecting(collecting) => {
                let round = collecting.round().clone();
                if !self.updates.contains(&round) {
                    let update = self.run.encrypt(HONEST, round.clone(), &[1; DIMENSION]);
                    let transaction = self.run.submission(HONEST, update.header);
                    self.said.push(Said { transaction, body: Some(update.body) });
                    self.updates.push(round);
                }
            }
            Phase::Sealed(sealed) => {
                let Some(block) = sealed.sealed_block().copied() else { return };
                if let std::collections::btree_map::Entry::Vacant(entry) = self.answered.entry(step)
                {
                    entry.insert((block, false));
                    let action = self.run.countersignature(HONEST, step, block);
                    let transaction = self.run.by_member(HONEST, Action::Countersign(action));
                    self.said.push(Said { transaction, body: None });
                }
            }
            Phase::Opening(opening) => {
                let block = *opening.sealed_block();
                if self.answered.get(&step) == Some(&(block, false)) {
                    self.answered.insert(step, (block, true));
                    let share = self.run.share(HONEST);
                    let action = v1::SubmitShare { step, sealed_block: block.to_vec(), share };
                    let transaction = self.run.by_member(HONEST, Action::SubmitShare(action));
                    self.said.push(Said { transaction, body: None });
                }
            }
            Phase::Idle | Phase::Keygen(_) | Phase::Finished => {}
        }
    }

    /// Something that the honest institution has said: more often than not of the kind that the branch is waiting for.
    fn pick_said(&mut self) -> (CandidateTransaction, Option<Vec<u8>>) {
        let fits = |said: &&Said| {
            matches!(
                (self.run.contract.phase(), said.transaction.action()),
                (Phase::Collecting(_), Action::SubmitUpdate(_))
                    | (Phase::Sealed(_), Action::Countersign(_))
                    | (Phase::Opening(_), Action::SubmitShare(_))
            )
        };
        let fitting: Vec<&Said> = self.said.iter().filter(fits).collect();
        let all = self.said.len();
        let any = self.dice.roll(3) == 0 || fitting.is_empty();
        let said = if any {
            &self.said[self.dice.roll(all)]
        } else {
            fitting[self.dice.roll(fitting.len())]
        };
        (said.transaction.clone(), said.body.clone())
    }

    /// Something that the honest institution has said arrives, as it was or not.
    fn deliver(&mut self) {
        let (transaction, body) = self.pick_said();
        let Some(mut body) = body else {
            self.apply(&transaction, None);
            return;
        };
        match self.dice.roll(6) {
            0 => drop(self.apply(&transaction, None)),
            1 => {
                let cut = self.dice.roll(body.len());
                self.apply(&transaction, Some(&body[..cut]));
            }
            2 => {
                let at = self.dice.roll(body.len());
                body[at] ^= 1 << self.dice.roll(8);
                self.apply(&transaction, Some(&body));
            }
            3 => {
                let foreign = self.run.encrypt(1, self.run.round(), &[2; DIMENSION]).body;
                self.apply(&transaction, Some(&foreign));
            }
            _ => drop(self.apply(&transaction, Some(&body))),
        }
        if self.dice.roll(3) == 0 {
            self.apply(&transaction, Some(&body));
        }
    }

    /// Bytes of the honest institution with one bit changed, or its words under another signature.
    fn forge(&mut self) {
        let (transaction, body) = self.pick_said();
        let SignedTransaction { transaction: mut bytes, mut signature } =
            transaction.signed().clone();
        match self.dice.roll(3) {
            0 => {
                let at = self.dice.roll(bytes.len());
                bytes[at] ^= 1 << self.dice.roll(8);
            }
            1 => {
                let at = self.dice.roll(signature.len());
                signature[at] ^= 1 << self.dice.roll(8);
            }
            _ => {
                let key = SigningKey::generate(&mut OsRng);
                let forged = self.run.by(&key, transaction.author(), transaction.action().clone());
                self.apply(&forged, body.as_deref());
                return;
            }
        }
        if let Ok(forged) =
            CandidateTransaction::parse(SignedTransaction { transaction: bytes, signature })
        {
            self.apply(&forged, body.as_deref());
        }
    }

    /// What the honest institution has never said, under its name, signed by another.
    fn speak_for(&mut self) {
        let step = self.run.contract.step();
        let name = self.run.name(HONEST);
        let mut noise = [0; 32];
        OsRng.fill_bytes(&mut noise);
        let action = match self.dice.roll(4) {
            0 => Action::SubmitUpdate(v1::SubmitUpdate { header: noise.to_vec() }),
            1 => Action::Countersign(self.run.countersignature(1, step, BlockHash(noise))),
            2 => Action::SubmitShare(v1::SubmitShare {
                step,
                sealed_block: noise.to_vec(),
                share: vec![7; 200],
            }),
            _ => Action::Enrol(v1::Enrol { certificate: Some(self.run.certificate(HONEST)) }),
        };
        let key = if self.dice.roll(2) == 0 {
            &self.run.ceremony.coordinator.signing
        } else {
            self.run.key(1)
        };
        let forged = self.run.by(key, Some(name), action);
        self.apply(&forged, None);
    }

    /// Another institution says what the honest one has said, as its own.
    fn copy(&mut self) {
        let (transaction, body) = self.pick_said();
        let copied = self.run.by_member(1, transaction.action().clone());
        self.apply(&copied, body.as_deref());
    }

    /// The others move the branch on.
    fn others(&mut self) {
        let i = 1 + self.dice.roll(MEMBERS - 1);
        let step = self.run.contract.step();
        match self.run.contract.phase() {
            Phase::Collecting(_) => {
                let update = self.run.encrypt(
                    i,
                    self.run.round(),
                    &[if self.dice.roll(9) == 0 { 9999 } else { 1 }; DIMENSION],
                );
                let transaction = self.run.submission(i, update.header);
                self.apply(&transaction, Some(&update.body));
            }
            Phase::Sealed(sealed) => {
                let block = sealed.sealed_block().copied().unwrap_or(BlockHash([9; 32]));
                let action = self.run.countersignature(i, step, block);
                let transaction = self.run.by_member(i, Action::Countersign(action));
                self.apply(&transaction, None);
            }
            Phase::Opening(opening) => {
                let sealed_block = opening.sealed_block().to_vec();
                let mut share = self.run.share(i);
                if self.dice.roll(6) == 0 {
                    share[100] ^= 1;
                }
                let action = Action::SubmitShare(v1::SubmitShare { step, sealed_block, share });
                let transaction = self.run.by_member(i, action);
                self.apply(&transaction, None);
            }
            Phase::Idle | Phase::Keygen(_) | Phase::Finished => {}
        }
    }

    /// The coordinator says what is due, or may be.
    fn order(&mut self) {
        self.run.time_ms += self.dice.roll(TIMEOUT_MS as usize) as u64;
        let step = self.run.contract.step();
        let attempt = self.run.contract.attempt();
        let time_ms = self.run.time_ms;
        let action = match self.run.contract.phase() {
            Phase::Idle => self.run.open_action(),
            Phase::Collecting(collecting) if collecting.accepted().len() >= 3 => {
                Action::CloseCollection(self.run.close_action())
            }
            Phase::Collecting(_) => Action::Abandon(v1::Abandon { step, attempt, time_ms }),
            Phase::Opening(opening) if opening.outcome().is_some() => {
                Action::CloseRound(self.run.close_round_action())
            }
            _ => Action::Abandon(v1::Abandon { step, attempt, time_ms }),
        };
        let transaction = self.run.by_coordinator(action);
        self.apply(&transaction, None);
    }

    /// Both branches reach the opening of two different sums of one step, of which the honest institution answers one.
    fn run_up(&mut self) {
        for is_followed in [true, false] {
            self.turn_to(is_followed);
            self.order();
            self.end_block();
            self.act_honestly();
            self.turn_to(is_followed);
            let Said { transaction, body } = self.said.last().unwrap();
            let transaction = transaction.clone();
            let body = body.clone();
            self.apply(&transaction, body.as_deref());
            for i in 1..MEMBERS {
                let update = self.run.encrypt(i, self.run.round(), &[1; DIMENSION]);
                let transaction = self.run.submission(i, update.header);
                self.apply(&transaction, Some(&update.body));
            }
            self.order();
            self.end_block();
            let block = self.run.sealed_hash();
            for i in 1..MEMBERS {
                let action = self.run.countersignature(i, 0, block);
                let transaction = self.run.by_member(i, Action::Countersign(action));
                self.apply(&transaction, None);
            }
            assert!(matches!(self.run.contract.phase(), Phase::Opening(_)));
        }
        self.turn_to(true);
        self.answered.insert(0, (self.run.sealed_hash(), false));
        self.act_honestly();
    }

    fn step(&mut self) {
        let is_followed = self.dice.roll(3) > 0;
        self.turn_to(is_followed);
        match self.dice.roll(16) {
            0..3 => self.act_honestly(),
            3..6 => self.deliver(),
            6 => self.forge(),
            7 => self.speak_for(),
            8 => self.copy(),
            9..13 => self.others(),
            _ => self.order(),
        }
        self.end_block();
    }

    fn credits(&self) -> [u32; 2] {
        let name = &self.run.name(HONEST);
        [&self.run.contract, &self.other]
            .map(|contract| contract.roster().get(name).unwrap().credit)
    }
}

#[test]
fn no_sequence_of_messages_costs_an_honest_institution_credit() {
    let mut reasons: BTreeMap<Reason, u32> = BTreeMap::new();
    let mut steps = 0;
    for seed in 0..SCHEDULES {
        let mut world = World::new(seed);
        if seed % 4 == 0 {
            world.run_up();
        }
        for operation in 0..OPERATIONS {
            world.step();
            assert_eq!(world.credits(), [INITIAL_CREDIT; 2], "seed {seed}, operation {operation}");
        }
        steps += world.run.contract.step() + world.other.step();
        for (reason, count) in world.reasons {
            *reasons.entry(reason).or_default() += count;
        }
    }
    // The schedules go everywhere: rounds are closed, and every reason that others can bring about has come up.
    assert!(steps >= SCHEDULES / 4, "{steps} steps: {reasons:?}");
    let seen = [
        Reason::Accepted,
        Reason::BadSignature,
        Reason::BadCertificate,
        Reason::WrongStep,
        Reason::WrongContext,
        Reason::WrongAggregate,
        Reason::Duplicate,
        Reason::IncompleteBody,
        Reason::TooEarly,
        Reason::TooLate,
        Reason::BadShareProof,
    ];
    for reason in seen {
        assert!(reasons.contains_key(&reason), "{reason:?} never came up: {reasons:?}");
    }
}
