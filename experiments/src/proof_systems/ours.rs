//! Our row: a transfer of the `exchange` crate, whole, as an institution sends it and a contract claims and verifies it.

use consilium_crypto::{DiscreteLogTable, SigningKey};
use consilium_exchange::quantity::{
    Account, AccountSecret, Accounts, Action, Claim, Party, QuantityError, Transfer, Wallet,
    verify_claims,
};
use consilium_hash::{ChainId, Pseudonym};
use rand_core::OsRng;

use super::prover::{AMOUNT, BALANCE, Message, Prover};
use super::system::System;
use crate::ExperimentError;

const CHAIN: ChainId = ChainId([1; 32]);
const SENDER: Pseudonym = Pseudonym([2; 32]);
const RECEIVER: Pseudonym = Pseudonym([3; 32]);

/// Two accounts, one of which has a balance.
pub(crate) struct Ours {
    accounts: Accounts,
    sender: Wallet,
}

impl Ours {
    /// # Errors
    /// [`ExperimentError::Bench`] where one of the steps before a transfer is refused.
    pub(crate) fn new() -> Result<Self, ExperimentError> {
        Self::prepare().map_err(ExperimentError::bench("accounts with a balance"))
    }

    fn prepare() -> Result<Self, QuantityError> {
        let authority = SigningKey::generate(&mut OsRng);
        let mut accounts = Accounts::new(CHAIN, authority.verifying_key());
        let mut sender = Wallet::new(CHAIN, SENDER, AccountSecret::generate(&mut OsRng)?);
        let receiver = Wallet::new(CHAIN, RECEIVER, AccountSecret::generate(&mut OsRng)?);
        for (name, wallet) in [(SENDER, &sender), (RECEIVER, &receiver)] {
            let registration = Action::Registration(wallet.register(&mut OsRng));
            let verified = accounts.claim(&name, registration)?.verify()?;
            accounts.apply(&name, &verified)?;
        }
        let account = account_of(&accounts, &SENDER, Party::Author)?;
        let (deposit, opening) = sender.deposit(account, BALANCE, &mut OsRng)?;
        let deposit = deposit.approve(&CHAIN, &SENDER, account.keys(), &opening, &authority)?;
        let verified = accounts.claim(&SENDER, Action::Deposit(deposit))?.verify()?;
        accounts.apply(&SENDER, &verified)?;
        sender.follow(&SENDER, verified.action(), &DiscreteLogTable::shared())?;
        let roll = sender.roll(account_of(&accounts, &SENDER, Party::Author)?);
        accounts.roll(&SENDER, &roll)?;
        sender.rolled();
        Ok(Self { accounts, sender })
    }

    fn claim(&self, message: &Message) -> Result<Claim, QuantityError> {
        let transfer = Transfer::decode(&message.bytes)?;
        self.accounts.claim(&SENDER, Action::Transfer(transfer))
    }

    fn transfer(&self) -> Result<Transfer, QuantityError> {
        let receiver = account_of(&self.accounts, &RECEIVER, Party::Receiver)?;
        let own = account_of(&self.accounts, &SENDER, Party::Author)?;
        self.sender.transfer(own, (&RECEIVER, receiver), AMOUNT, &mut OsRng)
    }
}

fn account_of<'a>(
    accounts: &'a Accounts,
    name: &Pseudonym,
    who: Party,
) -> Result<&'a Account, QuantityError> {
    accounts.get(name).ok_or(QuantityError::NotRegistered { who })
}

impl Prover for Ours {
    fn system(&self) -> System {
        System::Ours
    }

    fn prove(&self) -> Result<Message, ExperimentError> {
        let transfer = self.transfer().map_err(ExperimentError::bench("a transfer"))?;
        Ok(Message { bytes: transfer.encode(), proof_len: Transfer::PROOF_LEN })
    }

    fn verify(&self, message: &Message) -> Result<(), ExperimentError> {
        let verified = self.claim(message).and_then(Claim::verify);
        verified.map(drop).map_err(ExperimentError::bench("a transfer"))
    }

    fn verify_folded(&self, messages: &[Message]) -> Option<Result<(), ExperimentError>> {
        let claims = messages.iter().map(|message| self.claim(message)).collect();
        let verified = |claims| verify_claims(claims, &mut OsRng).into_iter().collect();
        let verified: Result<Vec<_>, _> = Result::and_then(claims, verified);
        Some(verified.map(drop).map_err(ExperimentError::bench("folded transfers")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::prover::tests::{check_prover, check_randomness};
    use super::*;

    #[test]
    fn a_transfer_is_verified_alone_and_folded_and_no_byte_of_it_can_change() {
        let ours = Ours::new().unwrap();
        check_prover(&ours);
        check_randomness(&ours);
    }
}
