//! Hidden quantities: accounts whose balances and transfers nobody but their owners can read (mo2023, sections 5.1 to 5.3).
//!
//! The rules of an account, and what a statement has to prove under them, are `exchange`'s. Here stands who may say it, and
//! what of a refusal is the author's fault: a proof that does not hold, a deposit without the authority's word. What an
//! honest author may come to by being late, or by somebody else's doing, is none.

use consilium_crypto::DecodeError;
use consilium_exchange::quantity::{
    Account, Accounts, Action, Deposit, Party, QuantityError, Rebase, Registration, Roll, Transfer,
    VerifiedAction,
};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{self, AccountSnapshot, Reason};
use sha2::{Digest, Sha256};

use super::{count, malformed};
use crate::{
    enrolment::roster::Roster,
    handler::Refusal,
    malformed::{self, Malformed},
    parameters::Parameters,
};

/// A message that proves something of its author's account.
pub(super) trait Proven {
    /// What it says, decoded.
    fn action(&self) -> Result<Action, DecodeError>;
}

impl Proven for v1::OpenAccount {
    fn action(&self) -> Result<Action, DecodeError> {
        Registration::decode(&self.registration).map(Action::Registration)
    }
}

impl Proven for v1::Deposit {
    fn action(&self) -> Result<Action, DecodeError> {
        Deposit::decode(&self.deposit).map(Action::Deposit)
    }
}

impl Proven for v1::Transfer {
    fn action(&self) -> Result<Action, DecodeError> {
        Transfer::decode(&self.transfer).map(Action::Transfer)
    }
}

impl Proven for v1::Rebase {
    fn action(&self) -> Result<Action, DecodeError> {
        Rebase::decode(&self.rebase).map(Action::Rebase)
    }
}

/// Takes what its author proves; `ahead` is the outcome where the proof was verified ahead of time.
pub(super) fn take(
    accounts: &mut Accounts,
    it: &impl Proven,
    author: &Pseudonym,
    roster: &Roster,
    ahead: Option<&VerifiedAction>,
) -> Result<(), Refusal> {
    if let Some(verified) = ahead {
        judge_receiver(verified.action(), roster)?;
        match accounts.apply(author, verified) {
            // It was verified for accounts that came to be others, and is judged as if it had not been.
            Err(QuantityError::Outdated) => {}
            outcome => return outcome.map_err(refusal),
        }
    }
    let action = it.action().map_err(malformed)?;
    judge_receiver(&action, roster)?;
    let claim = accounts.claim(author, action).map_err(refusal)?;
    let verified = claim.verify().map_err(refusal)?;
    accounts.apply(author, &verified).map_err(refusal)
}

/// Nothing goes to somebody whom the authority has revoked.
fn judge_receiver(action: &Action, roster: &Roster) -> Result<(), Refusal> {
    match action {
        Action::Transfer(transfer) if roster.is_revoked(transfer.receiver()) => {
            Err(Reason::Revoked.into())
        }
        _ => Ok(()),
    }
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

pub(super) fn snapshot(accounts: &Accounts) -> Vec<AccountSnapshot> {
    let one = |(owner, account): (&Pseudonym, &Account)| AccountSnapshot {
        owner: owner.to_vec(),
        account: account.encode(),
    };
    accounts.iter().map(one).collect()
}

pub(super) fn resume(
    snapshots: &[AccountSnapshot],
    parameters: &Parameters,
) -> Result<Accounts, Malformed> {
    const WHAT: &str = "list of accounts";
    let one = |it: &AccountSnapshot| {
        let owner = it.owner.as_slice().try_into().map_err(malformed::malformed(WHAT))?;
        Ok((owner, Account::decode(&it.account).map_err(malformed::malformed(WHAT))?))
    };
    let accounts = snapshots.iter().map(one).collect::<Result<Vec<_>, Malformed>>()?;
    let mut resumed = Accounts::new(parameters.chain_id, parameters.authority);
    resumed.resume(accounts);
    Ok(resumed)
}
