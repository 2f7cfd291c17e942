//! A small ledger: institutions with wallets, an authority, and everything that they do followed by all of them.

mod completeness;
mod deposits;
mod encodings;
mod folding;
mod forge;
mod forgery;
mod registering;
mod rules;
mod simulator;
mod statements;
mod wallets;

pub(super) use consilium_crypto::building_blocks::h_times;
use consilium_crypto::building_blocks::random_scalar;
use consilium_crypto::{DiscreteLogTable, SigningKey};
use consilium_hash::{ChainId, Pseudonym};
use curve25519_dalek::Scalar;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::ciphertext::Randomness;
use super::proof::Witness;
use super::statement::Statement;
use super::transcript::{Context, Kind};
use super::*;

pub(super) const CHAIN: ChainId = ChainId([9; 32]);

pub(super) fn name(place: usize) -> Pseudonym {
    Pseudonym([place as u8 + 1; 32])
}

pub(super) fn randomness(rng: &mut ChaCha20Rng) -> Randomness {
    Randomness { y1: random_scalar(rng), y2: random_scalar(rng) }
}

pub(super) struct World {
    pub(super) rng: ChaCha20Rng,
    pub(super) authority: SigningKey,
    pub(super) accounts: Accounts,
    pub(super) wallets: Vec<Wallet>,
}

impl World {
    /// So many institutions, all of them registered.
    pub(super) fn new(seed: u64, institutions: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let authority = SigningKey::generate(&mut rng);
        let accounts = Accounts::new(CHAIN, authority.verifying_key());
        let wallet = |place, rng: &mut ChaCha20Rng| {
            Wallet::new(CHAIN, name(place), AccountSecret::generate(rng).unwrap())
        };
        let wallets = (0..institutions).map(|place| wallet(place, &mut rng)).collect();
        let mut world = Self { rng, authority, accounts, wallets };
        for place in 0..institutions {
            let registration = world.wallets[place].register(&mut world.rng);
            world.act(place, Action::Registration(registration)).unwrap();
        }
        world
    }

    pub(super) fn account(&self, place: usize) -> &Account {
        self.accounts.get(&name(place)).unwrap()
    }

    pub(super) fn account_mut(&mut self, place: usize) -> &mut Account {
        self.accounts.accounts.get_mut(&name(place)).unwrap()
    }

    pub(super) fn verify(
        &self,
        place: usize,
        action: Action,
    ) -> Result<VerifiedAction, QuantityError> {
        self.accounts.claim(&name(place), action)?.verify()
    }

    /// An action goes all its way.
    pub(super) fn act(&mut self, place: usize, action: Action) -> Result<(), QuantityError> {
        let verified = self.verify(place, action)?;
        self.apply(place, &verified)
    }

    pub(super) fn apply(
        &mut self,
        place: usize,
        verified: &VerifiedAction,
    ) -> Result<(), QuantityError> {
        self.accounts.apply(&name(place), verified)?;
        let table = DiscreteLogTable::shared();
        self.wallets
            .iter_mut()
            .try_for_each(|wallet| wallet.follow(&name(place), verified.action(), &table))
    }

    pub(super) fn deposit(&mut self, place: usize, amount: u32) -> Deposit {
        let account = self.accounts.get(&name(place)).unwrap();
        let wallet = &self.wallets[place];
        let (deposit, opening) = wallet.deposit(account, amount, &mut self.rng).unwrap();
        let keys = account.keys();
        deposit.approve(&CHAIN, &name(place), keys, &opening, &self.authority).unwrap()
    }

    pub(super) fn roll(&mut self, place: usize) {
        let roll = self.wallets[place].roll(self.account(place));
        self.accounts.roll(&name(place), &roll).unwrap();
        self.wallets[place].rolled();
    }

    /// A deposit that is rolled in.
    pub(super) fn fund(&mut self, place: usize, amount: u32) {
        let deposit = self.deposit(place, amount);
        self.act(place, Action::Deposit(deposit)).unwrap();
        self.roll(place);
    }

    pub(super) fn try_transfer(
        &mut self,
        from: usize,
        to: usize,
        amount: u32,
    ) -> Result<Transfer, QuantityError> {
        let [sender, receiver] = [from, to].map(|place| self.accounts.get(&name(place)).unwrap());
        let receiver = (&name(to), receiver);
        self.wallets[from].transfer(sender, receiver, amount, &mut self.rng)
    }

    pub(super) fn transfer(&mut self, from: usize, to: usize, amount: u32) -> Transfer {
        self.try_transfer(from, to, amount).unwrap()
    }

    pub(super) fn send(
        &mut self,
        from: usize,
        to: usize,
        amount: u32,
    ) -> Result<(), QuantityError> {
        let transfer = self.transfer(from, to, amount);
        self.act(from, Action::Transfer(transfer))
    }

    pub(super) fn rebase(&mut self, place: usize) -> Rebase {
        let account = self.accounts.get(&name(place)).unwrap();
        self.wallets[place].rebase(account, &mut self.rng).unwrap()
    }

    /// What a transfer from 0 to 1 states where its third component hides this scalar, and the scalars that make it true.
    pub(super) fn stated(&mut self, amount: Scalar) -> (Statement, Vec<Scalar>) {
        let randomness = randomness(&mut self.rng);
        let [sender, receiver] = [self.account(0), self.account(1)];
        let secret = &self.wallets[0].secret;
        let mut sent = randomness.encrypt(secret.keys(), 0);
        sent.c3 = point::Point::new(sent.c3.element() + h_times(&amount));
        let received = randomness.blind(&receiver.keys);
        let (sequence, proof) = (sender.sequence, vec![]);
        let transfer = Transfer { sequence, receiver: name(1), sent, received, proof };
        let context = sender.context(&CHAIN, Kind::Transfer, &name(0));
        let context = Context { receiver: Some(name(1)), ..context };
        let statement = transfer.statement(context, &sender.keys, &receiver.keys, &sender.balance);
        let scalars = vec![randomness.y1, randomness.y2, *secret.alpha(), *secret.beta()];
        (statement, scalars)
    }

    /// The same for an amount, with a witness.
    pub(super) fn true_statement(&mut self, amount: u32) -> (Statement, Witness) {
        let rest = self.wallets[0].balance - u64::from(amount);
        let (statement, scalars) = self.stated(Scalar::from(amount));
        (statement, Witness { scalars, numbers: vec![amount.into(), rest] })
    }
}

#[test]
fn amounts_go_from_one_institution_to_another_and_everybody_agrees() {
    let mut world = World::new(1, 3);
    world.fund(0, 1000);
    world.send(0, 1, 300).unwrap();
    world.send(0, 2, 700).unwrap();
    assert_eq!(world.wallets[1].pending(), 300);
    world.roll(1);
    world.send(1, 2, 299).unwrap();
    world.roll(2);
    world.send(2, 0, 999).unwrap();
    world.roll(0);
    let balances = world.wallets.iter().map(Wallet::balance).collect::<Vec<_>>();
    assert_eq!(balances, [999, 1, 0]);
}
