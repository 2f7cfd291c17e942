//! An institution's own view of its account: the balance in plain numbers, followed along the ledger.
//!
//! Each amount is opened by itself, a number below 2^32; no logarithm of a sum is ever taken. What a wallet makes is checked
//! against the account first: a proof of a balance that the ledger does not have would only be refused later.

use std::fmt;

use consilium_crypto::DiscreteLogTable;
use consilium_crypto::building_blocks::h_times;
use consilium_hash::{ChainId, Pseudonym};
use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::QuantityError;
use super::accounts::Account;
use super::ciphertext::Ciphertext;
use super::claim::Action;
use super::deposit::{DepositOpening, UnapprovedDeposit};
use super::keys::AccountSecret;
use super::rebase::Rebase;
use super::registration::Registration;
use super::roll::Roll;
use super::transcript::{Context, Kind};
use super::transfer::Transfer;

/// Bits of an amount.
const AMOUNT_BITS: u32 = 32;

/// Keys, balance and what waits. Wiped when dropped, never shown.
#[derive(ZeroizeOnDrop)]
pub struct Wallet {
    #[zeroize(skip)]
    chain_id: ChainId,
    #[zeroize(skip)]
    name: Pseudonym,
    pub(super) secret: AccountSecret,
    pub(super) balance: u64,
    pending: u64,
}

impl Wallet {
    /// An empty one.
    pub fn new(chain_id: ChainId, name: Pseudonym, secret: AccountSecret) -> Self {
        Self { chain_id, name, secret, balance: 0, pending: 0 }
    }

    /// One that has followed the ledger so far; what it then makes is refused if the numbers are not the account's.
    pub fn resume(
        chain_id: ChainId,
        name: Pseudonym,
        secret: AccountSecret,
        balance: u64,
        pending: u64,
    ) -> Self {
        Self { chain_id, name, secret, balance, pending }
    }

    /// What can be sent.
    pub fn balance(&self) -> u64 {
        self.balance
    }

    /// What has come and was not rolled in.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// The first action.
    pub fn register(&self, rng: &mut impl CryptoRngCore) -> Registration {
        Registration::new(&self.chain_id, &self.name, &self.secret, rng)
    }

    /// A deposit for the authority to sign, and its opening.
    pub fn deposit(
        &self,
        account: &Account,
        amount: u32,
        rng: &mut impl CryptoRngCore,
    ) -> Result<(UnapprovedDeposit, DepositOpening), QuantityError> {
        self.check(account)?;
        let context = self.context(account, Kind::Deposit);
        Ok(UnapprovedDeposit::new(context, &self.secret, amount, rng))
    }

    /// A transfer of an amount to somebody, whose account this is.
    pub fn transfer(
        &self,
        account: &Account,
        receiver: (&Pseudonym, &Account),
        amount: u32,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Transfer, QuantityError> {
        self.check(account)?;
        let (name, receiver) = receiver;
        if *name == self.name {
            return Err(QuantityError::ToSelf);
        }
        let balance = self.balance;
        let rest = balance.checked_sub(u64::from(amount));
        let rest = rest.ok_or(QuantityError::Overspent { balance, amount })?;
        let context = Context { receiver: Some(*name), ..self.context(account, Kind::Transfer) };
        let receiver = (name, &receiver.keys);
        let amounts = (amount, rest);
        Ok(Transfer::new(context, &self.secret, receiver, &account.balance, amounts, rng))
    }

    /// A proof that the balance is below 2^32.
    pub fn rebase(
        &self,
        account: &Account,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Rebase, QuantityError> {
        self.check(account)?;
        let too_much = |_| QuantityError::TooMuchToRebase { balance: self.balance };
        let balance = u32::try_from(self.balance).map_err(too_much)?;
        let context = self.context(account, Kind::Rebase);
        Ok(Rebase::new(context, &self.secret, &account.balance, balance, rng))
    }

    /// What waits becomes part of the balance.
    pub fn roll(&self, account: &Account) -> Roll {
        Roll { sequence: account.sequence() }
    }

    /// Follows an action that the ledger has taken, and so verified, whoever is its author.
    pub fn follow(
        &mut self,
        author: &Pseudonym,
        action: &Action,
        table: &DiscreteLogTable,
    ) -> Result<(), QuantityError> {
        let is_own = *author == self.name;
        match action {
            Action::Deposit(deposit) if is_own => {
                self.pending += self.open(&deposit.content.ciphertext, table)?;
            }
            Action::Transfer(transfer) if is_own => {
                let rest = self.balance.checked_sub(self.open(&transfer.sent, table)?);
                self.balance = rest.ok_or(QuantityError::OutOfStep)?;
            }
            Action::Transfer(transfer) if transfer.receiver == self.name => {
                self.pending += self.open(&transfer.credited(), table)?;
            }
            // Nothing of ours changes its amount.
            Action::Registration(_)
            | Action::Deposit(_)
            | Action::Transfer(_)
            | Action::Rebase(_) => {}
        }
        Ok(())
    }

    /// Follows a roll of one's own that the ledger has taken.
    pub fn rolled(&mut self) {
        self.balance += self.pending;
        self.pending = 0;
    }

    fn open(
        &self,
        ciphertext: &Ciphertext,
        table: &DiscreteLogTable,
    ) -> Result<u64, QuantityError> {
        let point = self.secret.open(ciphertext.points());
        table.find(&point, AMOUNT_BITS).ok_or(QuantityError::Unreadable)
    }

    fn context(&self, account: &Account, kind: Kind) -> Context {
        account.context(&self.chain_id, kind, &self.name)
    }

    /// Whether the account is this wallet's, and balance and what waits are what this wallet has.
    ///
    /// # Errors
    /// [`QuantityError::OutOfStep`] where they are not.
    pub fn compare(&self, account: &Account) -> Result<(), QuantityError> {
        self.check(account)?;
        self.holds(&account.pending, self.pending)
    }

    /// That the account is this wallet's, and holds what it thinks it does.
    fn check(&self, account: &Account) -> Result<(), QuantityError> {
        if account.keys != *self.secret.keys() {
            return Err(QuantityError::OutOfStep);
        }
        self.holds(&account.balance, self.balance)
    }

    fn holds(&self, ciphertext: &Ciphertext, amount: u64) -> Result<(), QuantityError> {
        let held = self.secret.open(ciphertext.points());
        let agrees = held == h_times(&Scalar::from(amount));
        if agrees { Ok(()) } else { Err(QuantityError::OutOfStep) }
    }
}

impl Zeroize for Wallet {
    fn zeroize(&mut self) {
        self.secret.zeroize();
        self.balance.zeroize();
        self.pending.zeroize();
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wallet(of {:?})", self.secret)
    }
}
