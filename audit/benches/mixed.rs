//! A ledger that mixes rounds, transfers and consents, audited against the same in ledgers of their own:
//! `cargo bench -p consilium-audit`.
//!
//! The audits take turns in one run, on one core; times are those of the processor.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

use std::path::{Path, PathBuf};

use consilium_audit::audit;
use consilium_contract::{
    Body, CandidateTransaction,
    transaction::{entry, parse_entry, sign},
};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{self, SignedTransaction, transaction::Action};
use consilium_testkit::{Sharing, Traders, World, admission, ceremony};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 60;
const TRANSFERS: usize = 1_000;
const CONSENTS: usize = 1_000;
/// Statements of a block, as a coordinator seals them.
const BLOCK: usize = 20;
/// Units in the account that sends, and units of a transfer.
const FUNDS: u32 = 1_000_000;
const AMOUNT: u32 = 7;
/// Audits of each ledger.
const TURNS: usize = 7;
const PROXY: Pseudonym = Pseudonym([203; 32]);

/// A run in the making, with everybody who says something in it.
struct Scene {
    world: World,
    traders: Traders,
    sharing: Sharing,
    balance: u64,
}

impl Scene {
    /// Everyone enrolled, the key made, an owner admitted, and two accounts, of which the first has funds: what all of these
    /// ledgers have in common.
    fn new() -> Self {
        let mut world = World::of(ceremony(1, |spec| spec.steps = ROUNDS as u64));
        let names = vec![world.name(0), world.name(1)];
        let mut traders = Traders::new(world.chain_id(), names, 8);
        let sharing = Sharing::new(world.chain_id(), world.name(2), world.key(2));
        let mut said = vec![world.decrees(admission(&sharing.owner, &sharing.owner_key))];
        for place in 0..2 {
            let open = traders.open(place);
            said.push(world.says(place, open));
        }
        world.commit(said);
        let accounts = world.contract.exchange().accounts();
        let authority = &world.ceremony.authority.signing;
        let deposit = traders.deposit(accounts, (0, 0), FUNDS, authority);
        let deposit = world.says(0, deposit);
        world.commit(vec![deposit]);
        let roll = traders.roll(world.contract.exchange().accounts(), 0);
        let roll = world.says(0, roll);
        world.commit(vec![roll]);
        Self { world, traders, sharing, balance: FUNDS.into() }
    }

    /// Transfers, each built on the one before it.
    fn transfers(&mut self, count: usize) {
        for start in (0..count).step_by(BLOCK) {
            let transfers = (start..count.min(start + BLOCK)).map(|_| self.transfer());
            let entries = transfers.collect();
            self.world.settle(entries, Vec::new());
        }
    }

    /// Has the contract take a transfer, on which the next of its block is built; its entry.
    fn transfer(&mut self) -> Vec<u8> {
        let accounts = self.world.contract.exchange().accounts();
        let transfer = self.traders.transfer(accounts, (0, self.balance), 1, AMOUNT);
        self.balance -= u64::from(AMOUNT);
        let signed = self.world.says(0, Action::Transfer(transfer));
        let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
        assert!(self.world.contract.apply(&candidate, Body::None).unwrap().is_accepted());
        entry(signed, false)
    }

    /// Consents of one owner, each to a request of its own.
    fn consents(&mut self, count: usize) {
        for start in (0..count).step_by(BLOCK) {
            let consents = (start..count.min(start + BLOCK)).map(|_| self.consent());
            let said = consents.collect();
            self.world.commit(said);
        }
    }

    fn consent(&mut self) -> SignedTransaction {
        let (_, request) = self.sharing.request(self.world.name(3));
        let given = self.sharing.consent(&request, PROXY);
        let action = Action::GiveConsent(v1::GiveConsent { consent: given.consent().encode() });
        let owner = &self.sharing.owner;
        sign(&self.sharing.owner_key, &self.world.chain_id(), Some(owner), action)
    }

    fn ledger(&self, directory: &Path) -> PathBuf {
        self.world.ledger(directory);
        directory.to_path_buf()
    }
}

/// Seconds of processor time.
fn processor_time() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);

    let scene = Scene::new();
    let common = scene.world.blocks.len();
    let base = scene.ledger(&at("base"));
    let mut rounds = Scene::new();
    (0..ROUNDS).for_each(|_| drop(rounds.world.full_round()));
    let rounds = rounds.ledger(&at("rounds"));
    let mut transfers = Scene::new();
    transfers.transfers(TRANSFERS);
    let entries = transfers.world.blocks[common..].iter().flat_map(|block| &block.entries);
    let alone: Vec<_> = entries.map(|entry| parse_entry(entry).unwrap().0).collect();
    assert_eq!(alone.len(), TRANSFERS);
    let transfers = transfers.ledger(&at("transfers"));
    let mut consents = Scene::new();
    consents.consents(CONSENTS);
    let consents = consents.ledger(&at("consents"));
    let mut mixed = Scene::new();
    for round in 0..ROUNDS {
        let due = |all: usize| all * (round + 1) / ROUNDS - all * round / ROUNDS;
        mixed.transfers(due(TRANSFERS));
        mixed.consents(due(CONSENTS));
        mixed.world.full_round();
    }
    let mixed = mixed.ledger(&at("mixed"));

    let named = [
        ("what all have in common", base),
        ("60 rounds", rounds),
        ("1,000 transfers", transfers),
        ("1,000 consents", consents),
        ("all of them, mixed", mixed),
    ];
    let mut seconds = [const { Vec::new() }; 5];
    let mut one_by_one = Vec::new();
    for _ in 0..TURNS {
        for ((_, ledger), seconds) in named.iter().zip(&mut seconds) {
            let start = processor_time();
            audit(ledger, folder.path(), None).unwrap();
            seconds.push(processor_time() - start);
        }
        let mut scene = Scene::new();
        let start = processor_time();
        for transfer in &alone {
            assert!(scene.world.contract.apply(transfer, Body::None).unwrap().is_accepted());
        }
        one_by_one.push(processor_time() - start);
    }
    let [base, rounds, transfers, consents, mixed] =
        seconds.map(|mut seconds| median(&mut seconds));
    for ((name, _), median) in named.iter().zip([base, rounds, transfers, consents, mixed]) {
        println!("{name:44} {:9.1} ms", median * 1e3);
    }
    let one_by_one = median(&mut one_by_one);
    println!("{:44} {:9.1} ms", "the same transfers, one by one", one_by_one * 1e3);
    let folded = (transfers - base) / one_by_one;
    println!("{:44} {folded:9.3}", "transfers: audited, against one by one");
    let sum = rounds + transfers + consents;
    println!("{:44} {:9.3} bar 1", "mixed, against the sum of its parts", mixed / sum);
    // Stricter: founding, enrolment and the key are in each part, and once in the mixed one.
    let net = mixed / (sum - 2.0 * base);
    println!("{:44} {net:9.3}", "the same, with what they have in common once");
}
