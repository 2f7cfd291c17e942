//! Institutions with accounts, and what they say of hidden quantities.

use consilium_crypto::SigningKey;
use consilium_exchange::quantity::{Account, AccountSecret, Accounts, Wallet};
use consilium_hash::{ChainId, Pseudonym};
use consilium_proto::v1::{self, transaction::Action};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

/// The keys of some institutions' accounts. What an account holds, whoever uses them keeps count of.
pub struct Traders {
    chain_id: ChainId,
    names: Vec<Pseudonym>,
    secrets: Vec<Zeroizing<[u8; 64]>>,
    rng: ChaCha20Rng,
}

impl Traders {
    /// Keys for institutions of these names.
    pub fn new(chain_id: ChainId, names: Vec<Pseudonym>, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let secret = |_| AccountSecret::generate(&mut rng).unwrap().to_bytes();
        let secrets = names.iter().map(secret).collect();
        Self { chain_id, names, secrets, rng }
    }

    fn wallet(&self, place: usize, balance: u64) -> Wallet {
        let secret = AccountSecret::from_bytes(&self.secrets[place]).unwrap();
        Wallet::resume(self.chain_id, self.names[place], secret, balance, 0)
    }

    fn account<'a>(&self, accounts: &'a Accounts, place: usize) -> &'a Account {
        accounts.get(&self.names[place]).unwrap()
    }

    /// An account is opened.
    pub fn open(&mut self, place: usize) -> Action {
        let registration = self.wallet(place, 0).register(&mut self.rng).encode();
        Action::OpenAccount(v1::OpenAccount { registration })
    }

    /// A deposit into an account with this balance, in which the authority has its say.
    pub fn deposit(
        &mut self,
        accounts: &Accounts,
        (place, balance): (usize, u64),
        amount: u32,
        authority: &SigningKey,
    ) -> Action {
        let account = self.account(accounts, place);
        let wallet = self.wallet(place, balance);
        let (deposit, opening) = wallet.deposit(account, amount, &mut self.rng).unwrap();
        let name = &self.names[place];
        let deposit =
            deposit.approve(&self.chain_id, name, account.keys(), &opening, authority).unwrap();
        Action::Deposit(v1::Deposit { deposit: deposit.encode() })
    }

    /// A transfer out of an account with this balance.
    pub fn transfer(
        &mut self,
        accounts: &Accounts,
        (from, balance): (usize, u64),
        to: usize,
        amount: u32,
    ) -> v1::Transfer {
        let wallet = self.wallet(from, balance);
        let receiver = (&self.names[to], self.account(accounts, to));
        let sender = self.account(accounts, from);
        let transfer = wallet.transfer(sender, receiver, amount, &mut self.rng).unwrap();
        v1::Transfer { transfer: transfer.encode() }
    }

    /// What has come in is rolled in.
    pub fn roll(&self, accounts: &Accounts, place: usize) -> Action {
        let roll = self.wallet(place, 0).roll(self.account(accounts, place));
        Action::Roll(v1::Roll { roll: roll.encode().to_vec() })
    }

    /// A proof that this balance is small.
    pub fn rebase(&mut self, accounts: &Accounts, (place, balance): (usize, u64)) -> Action {
        let wallet = self.wallet(place, balance);
        let rebase = wallet.rebase(self.account(accounts, place), &mut self.rng).unwrap();
        Action::Rebase(v1::Rebase { rebase: rebase.encode() })
    }
}
