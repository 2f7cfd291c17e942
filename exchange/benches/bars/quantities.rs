//! Transfers against the bulletproofs crate's aggregated proof of two 32-bit ranges on given commitments, and nothing else.
//!
//! Ours makes the ciphertexts too, checks that the wallet is in step, and proves all of the statement: two ranges, 32 and 48
//! bits, well-formed encryptions under two keys, one's own keys, and that a balance is divided.

use std::hint::black_box;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use consilium_crypto::building_blocks::h_times;
use consilium_crypto::{DiscreteLogTable, SigningKey};
use consilium_exchange::quantity::{
    Account, AccountSecret, Accounts, Action, Claim, Transfer, Wallet, verify_claims,
};
use consilium_hash::{ChainId, Pseudonym};
use curve25519_dalek::Scalar;
use curve25519_dalek_4::ristretto::CompressedRistretto;
use merlin::Transcript;
use rand_core::OsRng;

use crate::turns::{Work, compare};

const CHAIN: ChainId = ChainId([1; 32]);
const SENDER: Pseudonym = Pseudonym([2; 32]);
const RECEIVER: Pseudonym = Pseudonym([3; 32]);
const BALANCE: u32 = 1_000_000;
const AMOUNT: u32 = 300;
/// Proofs of a fold.
const FOLDED: usize = 200;

struct World {
    accounts: Accounts,
    sender: Wallet,
}

impl World {
    fn new() -> Self {
        let authority = SigningKey::generate(&mut OsRng);
        let mut accounts = Accounts::new(CHAIN, authority.verifying_key());
        let mut wallets = [SENDER, RECEIVER].map(|name| {
            let wallet = Wallet::new(CHAIN, name, AccountSecret::generate(&mut OsRng).unwrap());
            let registration = Action::Registration(wallet.register(&mut OsRng));
            let verified = accounts.claim(&name, registration).unwrap().verify().unwrap();
            accounts.apply(&name, &verified).unwrap();
            wallet
        });
        let account = accounts.get(&SENDER).unwrap();
        let (deposit, opening) = wallets[0].deposit(account, BALANCE, &mut OsRng).unwrap();
        let deposit =
            deposit.approve(&CHAIN, &SENDER, account.keys(), &opening, &authority).unwrap();
        let verified = accounts.claim(&SENDER, Action::Deposit(deposit)).unwrap().verify().unwrap();
        accounts.apply(&SENDER, &verified).unwrap();
        let table = DiscreteLogTable::shared();
        wallets[0].follow(&SENDER, verified.action(), &table).unwrap();
        let roll = wallets[0].roll(accounts.get(&SENDER).unwrap());
        accounts.roll(&SENDER, &roll).unwrap();
        wallets[0].rolled();
        let [sender, _] = wallets;
        Self { accounts, sender }
    }

    fn account(&self, name: &Pseudonym) -> &Account {
        self.accounts.get(name).unwrap()
    }

    fn prove(&self) -> Transfer {
        let receiver = (&RECEIVER, self.account(&RECEIVER));
        self.sender.transfer(self.account(&SENDER), receiver, AMOUNT, &mut OsRng).unwrap()
    }

    fn read(&self, bytes: &[u8]) -> Claim {
        let transfer = Transfer::decode(black_box(bytes)).unwrap();
        self.accounts.claim(&SENDER, Action::Transfer(transfer)).unwrap()
    }
}

struct Reference {
    generators: BulletproofGens,
    pedersen: PedersenGens,
}

type Ranges = (Vec<u8>, Vec<CompressedRistretto>);

impl Reference {
    fn prove(&self) -> Ranges {
        let values = [AMOUNT, BALANCE - AMOUNT].map(u64::from);
        let blindings = [(); 2].map(|()| curve25519_dalek_4::Scalar::random(&mut OsRng));
        let transcript = &mut Transcript::new(b"reference");
        let (generators, pedersen) = (&self.generators, &self.pedersen);
        let proven = RangeProof::prove_multiple_with_rng(
            generators, pedersen, transcript, &values, &blindings, 32, &mut OsRng,
        );
        let (proof, commitments) = proven.unwrap();
        (proof.to_bytes(), commitments)
    }

    fn verify(&self, (proof, commitments): &Ranges) {
        let proof = RangeProof::from_bytes(proof).unwrap();
        let transcript = &mut Transcript::new(b"reference");
        let (generators, pedersen) = (&self.generators, &self.pedersen);
        let verified = proof.verify_multiple_with_rng(
            generators,
            pedersen,
            transcript,
            commitments,
            32,
            &mut OsRng,
        );
        verified.unwrap();
    }
}

pub fn run() {
    let world = World::new();
    let reference =
        Reference { generators: BulletproofGens::new(32, 2), pedersen: PedersenGens::default() };
    let transfers: Vec<Vec<u8>> = (0..FOLDED).map(|_| world.prove().encode()).collect();
    let ranges = reference.prove();
    let bytes = Transfer::PROOF_LEN;
    println!("proof of a transfer: {bytes} bytes, bar 1700; two ranges: {}", ranges.0.len());
    compare(&mut [
        Work::new("two 32-bit ranges: prove", 5, None, || {
            black_box(reference.prove());
        }),
        Work::new("transfer: encrypt and prove", 5, Some(1.0 / 6.0), || {
            black_box(world.prove());
        }),
    ]);
    let alone = || transfers.iter().for_each(|bytes| drop(world.read(bytes).verify().unwrap()));
    let folded = || {
        let claims = transfers.iter().map(|bytes| world.read(bytes)).collect();
        assert!(verify_claims(claims, &mut OsRng).iter().all(Result::is_ok));
    };
    compare(&mut [
        Work::new("200 times two ranges: read and verify", 1, None, || {
            (0..FOLDED).for_each(|_| reference.verify(black_box(&ranges)));
        }),
        Work::new("200 transfers, each alone", 1, Some(0.5), alone),
        Work::new("200 transfers, folded", 1, Some(0.2), folded),
    ]);
    compare(&mut [
        Work::new("200 transfers, each alone", 1, None, alone),
        Work::new("200 transfers, folded", 1, Some(0.5), folded),
    ]);
    let table = DiscreteLogTable::shared();
    let [smallest, largest] = [0, u32::MAX].map(|amount| h_times(&Scalar::from(amount)));
    compare(&mut [
        Work::new("open an incoming amount of 0", 5, None, || {
            assert_eq!(table.find(black_box(&smallest), 32), Some(0));
        }),
        Work::new("open one of 2^32 - 1", 1, None, || {
            assert_eq!(table.find(black_box(&largest), 32), Some(u32::MAX.into()));
        }),
    ]);
}
