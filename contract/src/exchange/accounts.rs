//! Hidden quantities: accounts whose balances and transfers nobody but their owners can read (mo2023, sections 5.1 to 5.3).
//!
//! The rules of an account, and what a statement has to prove under them, are `exchange`'s. Here stands who may say it, and
//! what of a refusal is the author's fault: a proof that does not hold, a deposit without the authority's word. What an
//! honest author may come to by being late, or by somebody else's doing, is none.

use consilium_exchange::quantity::{
    Accounts, Action, Deposit, Party, QuantityError, Rebase, Registration, Roll, Transfer,
};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{self, Reason};
use sha2::{Digest, Sha256};

use super::{count, malformed};
use crate::{enrolment::roster::Roster, handler::Refusal};

/// Takes the registration of an account's keys.
pub(super) fn open(
    accounts: &mut Accounts,
    it: &v1::OpenAccount,
    author: &Pseudonym,
) -> Result<(), Refusal> {
    let registration = Registration::decode(&it.registration).map_err(malformed)?;
    take(accounts, Action::Registration(registration), author)
}

/// Takes a deposit that the authority has approved.
pub(super) fn deposit(
    accounts: &mut Accounts,
    it: &v1::Deposit,
    author: &Pseudonym,
) -> Result<(), Refusal> {
    let deposit = Deposit::decode(&it.deposit).map_err(malformed)?;
    take(accounts, Action::Deposit(deposit), author)
}

/// Takes a transfer to somebody whom the authority has not revoked.
pub(super) fn transfer(
    accounts: &mut Accounts,
    it: &v1::Transfer,
    author: &Pseudonym,
    roster: &Roster,
) -> Result<(), Refusal> {
    let transfer = Transfer::decode(&it.transfer).map_err(malformed)?;
    if roster.is_revoked(transfer.receiver()) {
        return Err(Reason::Revoked.into());
    }
    take(accounts, Action::Transfer(transfer), author)
}

/// What waits becomes part of the balance.
pub(super) fn roll(
    accounts: &mut Accounts,
    it: &v1::Roll,
    author: &Pseudonym,
) -> Result<(), Refusal> {
    let roll = Roll::decode(&it.roll).map_err(malformed)?;
    accounts.roll(author, &roll).map_err(refusal)
}

/// Credits count from one again, for a balance that is proven to be small.
pub(super) fn rebase(
    accounts: &mut Accounts,
    it: &v1::Rebase,
    author: &Pseudonym,
) -> Result<(), Refusal> {
    let rebase = Rebase::decode(&it.rebase).map_err(malformed)?;
    take(accounts, Action::Rebase(rebase), author)
}

fn take(accounts: &mut Accounts, action: Action, author: &Pseudonym) -> Result<(), Refusal> {
    let claim = accounts.claim(author, action).map_err(refusal)?;
    let verified = claim.verify().map_err(refusal)?;
    accounts.apply(author, &verified).map_err(refusal)
}

fn refusal(error: QuantityError) -> Refusal {
    match error {
        QuantityError::Decode(_) => Refusal::fault(Reason::MalformedEncoding),
        QuantityError::BadProof { .. }
        | QuantityError::NotApproved
        | QuantityError::WrongOpening => Refusal::fault(Reason::BadStatement),
        QuantityError::ToSelf => Refusal::fault(Reason::WrongContext),
        QuantityError::AlreadyRegistered | QuantityError::KeyTaken => Reason::Duplicate.into(),
        QuantityError::NotRegistered { who: Party::Receiver } => Reason::UnknownParticipant.into(),
        QuantityError::NotRegistered { .. } => Reason::NoAccount.into(),
        QuantityError::Revoked { .. } => Reason::Revoked.into(),
        QuantityError::AccountFull { .. } => Reason::AccountFull.into(),
        // The others are a wallet's own: no rule of an account gives them.
        QuantityError::WrongSequence { .. }
        | QuantityError::Outdated
        | QuantityError::Overspent { .. }
        | QuantityError::TooMuchToRebase { .. }
        | QuantityError::OutOfStep
        | QuantityError::Unreadable => Reason::WrongSequence.into(),
    }
}

pub(super) fn hash(accounts: &Accounts, hasher: &mut Sha256) {
    hasher.update(count(accounts.iter().count()));
    for (name, account) in accounts.iter() {
        hasher.update(name);
        hasher.update(account.encode());
    }
}
