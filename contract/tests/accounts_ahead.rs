//! Proofs about accounts, verified ahead of time and folded: whatever is in a block, it comes to the same as one by one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::convert::Infallible;

use consilium_contract::{
    ApplyError, Body, CandidateTransaction, Contract, ExecuteError, Receipt, Recorded,
    check_quantities,
    execute::{CheckedAhead, Loaded, check_ahead, run_entries},
    transaction::{entry, parse_entry},
};
use consilium_hash::StateRoot;
use consilium_ledger::Block;
use consilium_proto::v1::{Reason, SignedTransaction, transaction::Action};
use consilium_testkit::{Parties as _, Run, Traders, World, ceremony};
use rand_core::OsRng;

/// Three institutions with accounts, of which the first two hold 1,000; the rest of the block is theirs.
struct Stretch {
    /// Ends before the block.
    run: Run,
    /// The same, to make what follows with.
    twin: Run,
    traders: Traders,
    block: Vec<SignedTransaction>,
}

fn prepared(run: &mut Run, before: &[SignedTransaction]) {
    before.iter().for_each(|signed| run.accept(signed.clone()));
}

impl Stretch {
    fn new() -> Self {
        let ceremony = || ceremony(4, |_| ());
        let run = Run::of(ceremony(), 6);
        let twin = Run::of(ceremony(), 6);
        let names = (0..4).map(|place| run.name(place)).collect();
        let traders = Traders::new(run.chain_id(), names, 7);
        let mut stretch = Self { run, twin, traders, block: Vec::new() };
        let mut before: Vec<_> = (0..4).map(|place| stretch.run.enrolment(place)).collect();
        prepared(&mut stretch.twin, &before);
        for place in 0..3 {
            let open = stretch.traders.open(place);
            before.push(stretch.says(place, open));
        }
        for place in 0..2 {
            let deposit = stretch.deposit(place, 0, 1_000);
            before.push(stretch.says(place, deposit));
            let roll = stretch.roll(place);
            before.push(stretch.says(place, roll));
        }
        prepared(&mut stretch.run, &before);
        stretch.block.clear();
        stretch
    }

    fn deposit(&mut self, place: usize, balance: u64, amount: u32) -> Action {
        let accounts = self.twin.contract.exchange().accounts();
        let authority = &self.twin.ceremony.authority.signing;
        self.traders.deposit(accounts, (place, balance), amount, authority)
    }

    fn transfer(&mut self, from: usize, balance: u64, to: usize, amount: u32) -> Action {
        let accounts = self.twin.contract.exchange().accounts();
        Action::Transfer(self.traders.transfer(accounts, (from, balance), to, amount))
    }

    fn roll(&mut self, place: usize) -> Action {
        self.traders.roll(self.twin.contract.exchange().accounts(), place)
    }

    /// Signs what the twin then takes, so that more can follow on it.
    fn says(&mut self, place: usize, action: Action) -> SignedTransaction {
        let signed = self.twin.says(place, action);
        self.twin.accept(signed.clone());
        self.block.push(signed.clone());
        signed
    }

    /// Everything that can be said of accounts, each built on what is before it.
    fn with_everything(mut self) -> Self {
        let open = self.traders.open(3);
        self.says(3, open);
        let transfer = self.transfer(0, 1_000, 1, 100);
        self.says(0, transfer);
        let transfer = self.transfer(0, 900, 2, 200);
        self.says(0, transfer);
        let roll = self.roll(2);
        self.says(2, roll);
        let transfer = self.transfer(2, 200, 3, 150);
        self.says(2, transfer);
        let roll = self.roll(3);
        self.says(3, roll);
        let transfer = self.transfer(3, 150, 0, 150);
        self.says(3, transfer);
        let deposit = self.deposit(1, 1_000, 50);
        self.says(1, deposit);
        let roll = self.roll(1);
        self.says(1, roll);
        let accounts = self.twin.contract.exchange().accounts();
        let rebase = self.traders.rebase(accounts, (1, 1_150));
        self.says(1, rebase);
        let transfer = self.transfer(1, 1_150, 0, 1_150);
        self.says(1, transfer);
        self
    }

    /// A contract that stands before the block.
    fn contract(&self) -> Contract {
        let mut twin = self.run.ceremony.contract();
        for op in &self.run.log {
            let consilium_testkit::Op::Apply(transaction, None) = op else { panic!("{op:?}") };
            twin.apply(transaction, Body::None).unwrap();
        }
        assert_eq!(twin.state_root(), self.run.contract.state_root());
        twin
    }
}

/// What everything came to, and where it led.
type Outcome = (Vec<Receipt>, StateRoot);

fn one_by_one(stretch: &Stretch, block: &[SignedTransaction]) -> Outcome {
    let mut contract = stretch.contract();
    let apply = |signed: &SignedTransaction| {
        let transaction = CandidateTransaction::parse(signed.clone()).unwrap();
        contract.apply(&transaction, Body::None).unwrap()
    };
    let receipts = block.iter().map(apply).collect();
    (receipts, contract.state_root())
}

fn loaded(stretch: &Stretch, block: &[SignedTransaction]) -> (Block, Loaded<'static>) {
    let mut world = World::founded(ceremony(4, |_| ()));
    world.time_ms = stretch.run.time_ms;
    let entries = block.iter().map(|signed| entry(signed.clone(), false)).collect();
    let block = world.sealed_block(entries, world.state);
    let loaded = Loaded::load(&block, |_| Ok::<_, Infallible>(None)).unwrap();
    (block, loaded)
}

fn ran(contract: &mut Contract, loaded: Loaded<'_>, checked: &mut CheckedAhead) -> Vec<Receipt> {
    let recorded = run_entries(contract, loaded, checked).unwrap();
    recorded.into_iter().map(|Recorded { receipt, .. }| receipt).collect()
}

fn folded(stretch: &Stretch, block: &[SignedTransaction]) -> Outcome {
    let mut contract = stretch.contract();
    let (_, loaded) = loaded(stretch, block);
    let mut checked = check_ahead(&contract, [&loaded], &mut OsRng);
    let receipts = ran(&mut contract, loaded, &mut checked);
    (receipts, contract.state_root())
}

/// The same statement, with another last byte of what it proves; signed again by its author.
fn spoilt(stretch: &Stretch, signed: &SignedTransaction) -> Option<SignedTransaction> {
    let transaction = CandidateTransaction::parse(signed.clone()).unwrap();
    let mut action = transaction.action().clone();
    let bytes = match &mut action {
        Action::OpenAccount(it) => &mut it.registration,
        Action::Deposit(it) => &mut it.deposit,
        Action::Transfer(it) => &mut it.transfer,
        Action::Rebase(it) => &mut it.rebase,
        _ => return None,
    };
    // The lowest byte of the last response: still a scalar. Of a deposit the authority's signature comes after it, and of a
    // statement without digits T_R.
    let after = match transaction.action() {
        Action::Deposit(_) => 64,
        Action::OpenAccount(_) => 32,
        _ => 0,
    };
    let last = bytes.len() - after - 32;
    bytes[last] ^= 1;
    let author = transaction.author().unwrap();
    let place = (0..4).find(|place| stretch.run.name(*place) == author).unwrap();
    Some(stretch.run.says(place, action))
}

fn read(block: &[SignedTransaction]) -> Vec<CandidateTransaction> {
    block.iter().map(|signed| CandidateTransaction::parse(signed.clone()).unwrap()).collect()
}

#[test]
fn every_true_proof_of_a_block_is_checked_ahead_and_the_block_comes_to_the_same() {
    let stretch = Stretch::new().with_everything();
    let outcome = folded(&stretch, &stretch.block);
    assert_eq!(outcome, one_by_one(&stretch, &stretch.block));
    assert!(outcome.0.iter().all(Receipt::is_accepted));
    assert_eq!(outcome.1, stretch.twin.contract.state_root());
    let block = read(&stretch.block);
    let block: Vec<_> = block.iter().collect();
    let accounts = stretch.run.contract.exchange().accounts();
    let rolls = block.iter().filter(|it| matches!(it.action(), Action::Roll(_))).count();
    assert_eq!(rolls, 3);
    assert_eq!(check_quantities(accounts, &block, &mut OsRng).len(), block.len() - rolls);
    // One alone is left to its turn.
    assert!(check_quantities(accounts, &block[..1], &mut OsRng).is_empty());
}

#[test]
fn a_false_proof_is_named_wherever_it_stands_in_a_block_as_it_is_one_by_one() {
    let stretch = Stretch::new().with_everything();
    let mut spoilt_ones = 0;
    for bad in 0..stretch.block.len() {
        let Some(other) = spoilt(&stretch, &stretch.block[bad]) else { continue };
        let mut block = stretch.block.clone();
        block[bad] = other;
        let outcome = folded(&stretch, &block);
        assert_eq!(outcome, one_by_one(&stretch, &block), "{bad}");
        let (receipts, _) = outcome;
        assert_eq!(receipts[bad].reason, Reason::BadStatement, "{bad}");
        assert!(receipts[bad].culprit.is_some());
        assert!(receipts[..bad].iter().all(Receipt::is_accepted));
        spoilt_ones += 1;
    }
    assert_eq!(spoilt_ones, 8);
}

#[test]
fn what_is_false_repeated_late_or_left_out_in_any_number_comes_to_the_same_as_one_by_one() {
    let stretch = Stretch::new().with_everything();
    let whole = &stretch.block;
    let mut rng = Cases(0x9E37_79B9_7F4A_7C15);
    for _ in 0..40 {
        let mut block = Vec::new();
        for signed in whole {
            match rng.below(6) {
                0 => block.extend(spoilt(&stretch, signed)),
                1 => block.extend([signed.clone(), signed.clone()]),
                2 => block.insert(rng.below(block.len() + 1), signed.clone()),
                3 => {}
                _ => block.push(signed.clone()),
            }
        }
        assert_eq!(folded(&stretch, &block), one_by_one(&stretch, &block));
    }
}

#[test]
fn what_was_checked_for_other_accounts_is_verified_again_and_never_taken_on_trust() {
    let stretch = Stretch::new().with_everything();
    // Without the first transfer, the author's second is for another balance.
    let without: Vec<_> = stretch
        .block
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, it)| it.clone())
        .collect();
    let mut contract = stretch.contract();
    let (_, all) = loaded(&stretch, &stretch.block);
    let mut checked = check_ahead(&contract, [&all], &mut OsRng);
    let (_, rest) = loaded(&stretch, &without);
    let receipts = ran(&mut contract, rest, &mut checked);
    let (expected, root) = one_by_one(&stretch, &without);
    assert_eq!((receipts, contract.state_root()), (expected, root));
}

#[test]
fn the_outcome_of_one_transaction_is_not_taken_for_another() {
    let stretch = Stretch::new().with_everything();
    let block = read(&stretch.block);
    let all: Vec<_> = block.iter().collect();
    let accounts = stretch.run.contract.exchange().accounts();
    let mut checked = check_quantities(accounts, &all, &mut OsRng);
    let mut contract = stretch.contract();
    let before = contract.state_root();
    let other = checked.remove(1);
    assert_ne!(other.transaction(), block[0].id());
    let refused = contract.apply(&block[0], Body::Checked(other.into()));
    assert_eq!(refused, Err(ApplyError::WrongBody));
    assert_eq!(contract.state_root(), before);
}

#[test]
fn an_entry_that_may_not_stand_is_named_at_its_place_although_the_proofs_around_it_are_folded() {
    let stretch = Stretch::new().with_everything();
    for bad in 0..stretch.block.len() {
        let mut block = stretch.block.clone();
        block[bad].signature[0] ^= 1;
        let mut contract = stretch.contract();
        let (sealed, loaded) = loaded(&stretch, &block);
        let mut checked = check_ahead(&contract, [&loaded], &mut OsRng);
        let refused = run_entries(&mut contract, loaded, &mut checked).unwrap_err();
        let ExecuteError::Entry { index, transaction, .. } = refused else { panic!("{refused}") };
        let (named, _) = parse_entry(&sealed.entries[bad]).unwrap();
        assert_eq!((index, transaction), (bad, Some(named.id())));
    }
}

/// A small generator of test cases: xorshift.
struct Cases(u64);

impl Cases {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}
