//! Accounts, as everybody who follows the ledger keeps them: a pure state and its rules (design of Zether's pending
//! balances).
//!
//! An author's actions carry its next sequence number and move it on. What others send waits in `pending` until the account's
//! owner rolls it in: so nobody else changes the C̃ that a proof in flight speaks of. A balance is at most
//! credits·(2^32 − 1); credits and pending credits are at most 2^16, so what is left after a transfer is below 2^48 and can
//! always be proven.
//!
//! That an action comes from its author, and that the author is enrolled, the caller has verified.

use std::collections::{BTreeMap, BTreeSet};

use consilium_crypto::building_blocks::{ELEMENT_LEN, Reader};
use consilium_crypto::{DecodeError, VerifyingKey};
use consilium_hash::{BalanceHash, ChainId, Pseudonym};

use super::ciphertext::Ciphertext;
use super::claim::{Action, Claim, VerifiedAction};
use super::keys::AccountKeys;
use super::roll::Roll;
use super::statement::Statement;
use super::transcript::{Context, Kind, balance_hash};
use super::{Party, QuantityError, deposit, rebase, registration};

/// Most credits of one account: t' < 2^48 then always has a proof.
pub const MAX_CREDITS: u32 = 1 << 16;

/// What the ledger says of one institution's units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub(super) keys: AccountKeys,
    /// C̃.
    pub(super) balance: Ciphertext,
    /// Amounts in C̃ since it was last proven to be small.
    pub(super) credits: u32,
    /// P.
    pub(super) pending: Ciphertext,
    pub(super) pending_credits: u32,
    pub(super) sequence: u64,
    pub(super) revoked: bool,
}

impl Account {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = AccountKeys::LEN + 2 * Ciphertext::LEN + 4 + 4 + 8 + 1;

    fn open(keys: AccountKeys) -> Self {
        let empty = Ciphertext::default();
        Self {
            keys,
            balance: empty,
            credits: 0,
            pending: empty,
            pending_credits: 0,
            sequence: 0,
            revoked: false,
        }
    }

    /// X1 and X2.
    pub fn keys(&self) -> &AccountKeys {
        &self.keys
    }

    /// The number that the next action of the owner must have.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Amounts in the balance and waiting, of which there are at most [`MAX_CREDITS`].
    pub fn total_credits(&self) -> u32 {
        self.credits + self.pending_credits
    }

    /// X1 ‖ X2 ‖ C̃ ‖ credits ‖ P ‖ pending credits ‖ sequence ‖ revoked, for the root of a state.
    pub fn encode(&self) -> Vec<u8> {
        [
            self.keys.encode().as_slice(),
            &self.balance.encode(),
            &self.credits.to_be_bytes(),
            &self.pending.encode(),
            &self.pending_credits.to_be_bytes(),
            &self.sequence.to_be_bytes(),
            &[u8::from(self.revoked)],
        ]
        .concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes, from where they are trusted: a snapshot under a state root.
    ///
    /// # Errors
    /// [`DecodeError`] where the length is another or a part is no key or hidden amount.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("account", bytes, Self::LEN)?;
        Ok(Self {
            keys: AccountKeys::read(&mut reader)?,
            balance: Ciphertext::read(&mut reader)?,
            credits: reader.u32()?,
            pending: Ciphertext::read(&mut reader)?,
            pending_credits: reader.u32()?,
            sequence: reader.u64()?,
            revoked: reader.array()? != [0],
        })
    }

    pub(super) fn balance_hash(&self) -> BalanceHash {
        balance_hash(&self.balance.encode(), self.credits)
    }

    /// What an action of this account's owner is bound to now.
    pub(super) fn context(&self, chain_id: &ChainId, kind: Kind, author: &Pseudonym) -> Context {
        Context {
            chain_id: *chain_id,
            kind,
            author: *author,
            receiver: None,
            sequence: self.sequence,
            balance: self.balance_hash(),
        }
    }

    fn check_sequence(&self, found: u64) -> Result<(), QuantityError> {
        if found != self.sequence {
            return Err(QuantityError::WrongSequence { expected: self.sequence, found });
        }
        Ok(())
    }

    fn check_room(&self) -> Result<(), QuantityError> {
        let credits = self.total_credits();
        if credits >= MAX_CREDITS {
            return Err(QuantityError::AccountFull { credits });
        }
        Ok(())
    }

    fn credit(&mut self, amount: &Ciphertext) {
        self.pending = self.pending.plus(amount);
        self.pending_credits += 1;
    }
}

/// All accounts of a ledger.
#[derive(Clone, Debug)]
pub struct Accounts {
    chain_id: ChainId,
    /// Who signs deposits.
    authority: VerifyingKey,
    pub(super) accounts: BTreeMap<Pseudonym, Account>,
    /// Every half of every key.
    keys: BTreeSet<[u8; ELEMENT_LEN]>,
}

impl Accounts {
    /// None yet.
    pub fn new(chain_id: ChainId, authority: VerifyingKey) -> Self {
        Self { chain_id, authority, accounts: BTreeMap::new(), keys: BTreeSet::new() }
    }

    /// Takes accounts as they were, from where they are trusted.
    pub fn resume(&mut self, accounts: impl IntoIterator<Item = (Pseudonym, Account)>) {
        for (owner, account) in accounts {
            let AccountKeys { x1, x2 } = account.keys;
            self.keys.extend([x1, x2].map(|point| *point.encoding()));
            self.accounts.insert(owner, account);
        }
    }

    /// Somebody's account.
    pub fn get(&self, name: &Pseudonym) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// All accounts, by their owners' names in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Pseudonym, &Account)> {
        self.accounts.iter()
    }

    /// Nothing comes out of somebody's account or into it any more.
    pub fn revoke(&mut self, name: &Pseudonym) -> Result<(), QuantityError> {
        self.active_mut(name, Party::Author)?.revoked = true;
        Ok(())
    }

    /// What an action has to prove, if no rule refuses it. This is cheap; verifying the claim is not, and needs no state.
    pub fn claim(&self, author: &Pseudonym, action: Action) -> Result<Claim, QuantityError> {
        let statement = self.statement(author, &action)?;
        Ok(Claim::new(action, statement)?)
    }

    /// Takes a verified action, if no rule refuses it now and it was verified for the accounts as they are.
    pub fn apply(
        &mut self,
        author: &Pseudonym,
        verified: &VerifiedAction,
    ) -> Result<(), QuantityError> {
        let statement = self.statement(author, &verified.action)?;
        if statement != verified.statement {
            return Err(QuantityError::Outdated);
        }
        self.take_effect(author, &verified.action)
    }

    /// What an action changes where no rule refuses it and its proof holds.
    pub(super) fn take_effect(
        &mut self,
        author: &Pseudonym,
        action: &Action,
    ) -> Result<(), QuantityError> {
        match action {
            Action::Registration(registration) => {
                let keys = registration.keys;
                self.keys.extend([keys.x1, keys.x2].map(|point| *point.encoding()));
                self.accounts.insert(*author, Account::open(keys));
                return Ok(());
            }
            Action::Deposit(deposit) => {
                self.active_mut(author, Party::Author)?.credit(&deposit.content.ciphertext);
            }
            Action::Transfer(transfer) => {
                let receiver = self.active_mut(&transfer.receiver, Party::Receiver)?;
                receiver.credit(&transfer.credited());
                let sender = self.active_mut(author, Party::Author)?;
                sender.balance = sender.balance.minus(&transfer.sent);
            }
            Action::Rebase(_) => self.active_mut(author, Party::Author)?.credits = 1,
        }
        self.active_mut(author, Party::Author)?.sequence += 1;
        Ok(())
    }

    /// The owner's own: what waits is part of the balance. A rule without a proof.
    pub fn roll(&mut self, author: &Pseudonym, roll: &Roll) -> Result<(), QuantityError> {
        let account = self.active_mut(author, Party::Author)?;
        account.check_sequence(roll.sequence)?;
        account.balance = account.balance.plus(&account.pending);
        account.credits += account.pending_credits;
        account.pending = Ciphertext::default();
        account.pending_credits = 0;
        account.sequence += 1;
        Ok(())
    }

    /// The rules; what the proof has to state where they all hold.
    fn statement(&self, author: &Pseudonym, action: &Action) -> Result<Statement, QuantityError> {
        match action {
            Action::Registration(registration) => {
                self.check_new(author, &registration.keys)?;
                let context = registration::context(&self.chain_id, author);
                Ok(registration::statement(context, &registration.keys))
            }
            Action::Deposit(deposit) => {
                let account = self.active(author, Party::Author)?;
                let content = &deposit.content;
                account.check_sequence(content.sequence)?;
                account.check_room()?;
                deposit.check_approval(&self.chain_id, author, &self.authority)?;
                let context = account.context(&self.chain_id, Kind::Deposit, author);
                Ok(deposit::statement(context, &account.keys, &content.ciphertext))
            }
            Action::Transfer(transfer) => {
                if transfer.receiver == *author {
                    return Err(QuantityError::ToSelf);
                }
                let sender = self.active(author, Party::Author)?;
                let receiver = self.active(&transfer.receiver, Party::Receiver)?;
                sender.check_sequence(transfer.sequence)?;
                receiver.check_room()?;
                let context = Context {
                    receiver: Some(transfer.receiver),
                    ..sender.context(&self.chain_id, Kind::Transfer, author)
                };
                // C̃ from the state, never from the message.
                Ok(transfer.statement(context, &sender.keys, &receiver.keys, &sender.balance))
            }
            Action::Rebase(rebase) => {
                let account = self.active(author, Party::Author)?;
                account.check_sequence(rebase.sequence)?;
                let context = account.context(&self.chain_id, Kind::Rebase, author);
                Ok(rebase::statement(context, &account.keys, &account.balance))
            }
        }
    }

    fn check_new(&self, author: &Pseudonym, keys: &AccountKeys) -> Result<(), QuantityError> {
        if self.accounts.contains_key(author) {
            return Err(QuantityError::AlreadyRegistered);
        }
        if [keys.x1, keys.x2].iter().any(|point| self.keys.contains(point.encoding())) {
            return Err(QuantityError::KeyTaken);
        }
        Ok(())
    }

    fn active(&self, name: &Pseudonym, who: Party) -> Result<&Account, QuantityError> {
        let account = self.accounts.get(name).ok_or(QuantityError::NotRegistered { who })?;
        if account.revoked {
            return Err(QuantityError::Revoked { who });
        }
        Ok(account)
    }

    fn active_mut(&mut self, name: &Pseudonym, who: Party) -> Result<&mut Account, QuantityError> {
        self.active(name, who)?;
        self.accounts.get_mut(name).ok_or(QuantityError::NotRegistered { who })
    }
}
