//! The wing of sharing: what institutions and others share beside the rounds, with consent and without details on the chain.
//!
//! | file | concept |
//! | --- | --- |
//! | `accounts` | hidden quantities: accounts, and whose fault it is where a statement about one does not hold |
//! | [`check`] | proofs about accounts, ahead of time and folded |
//! | [`participants`] | who may speak, and with what credit |
//! | [`group`] | the group in whose name requests are signed: its members and epochs |
//! | [`records`] | records on the ledger, consents to them, withdrawals |
//!
//! Every statement carries all that decides it: no body comes beside it, and nothing of a round matters to it. So a follower
//! and the light audit run this wing whole, as the contract does. What the statements are made of, the crate
//! `consilium-exchange` knows; who has said what before, and who may, is decided here.
//!
//! A statement that does not hold although its author has signed it costs a credit of its own, which the third ends
//! (liu2021, 3.5: "more than three times"; a run counts to three everywhere). It is not the credit of the rounds: whoever
//! follows the chain without bodies cannot know that one.

mod accounts;
pub mod check;
pub mod group;
pub mod participants;
pub mod records;

use std::sync::OnceLock;

use consilium_crypto::signature::VerifyingKey;
use consilium_exchange::quantity::{Accounts, VerifiedAction};
use consilium_hash::{ChainId, Pseudonym, TransactionHash};
use consilium_proto::v1::{
    AdmitParticipant, Deposit, ExchangeSnapshot, FoundGroup, GiveConsent, JoinGroup, OpenAccount,
    PostRequest, Reason, Rebase, RevokeMember, Roll, StoreRecord, Transfer, WithdrawConsent,
};
use sha2::{Digest, Sha256};

use crate::{
    enrolment::roster::Roster, handler::Refusal, malformed::Malformed, parameters::Parameters,
};

use group::Group;
use participants::Participants;
use records::Records;

const LABEL: &[u8] = b"consilium/v1/exchange";

/// What can be said of sharing.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// Somebody who is no institution takes part.
    Admit(&'a AdmitParticipant),
    /// There is a group.
    FoundGroup(&'a FoundGroup),
    /// Somebody joins it.
    JoinGroup(&'a JoinGroup),
    /// Somebody leaves it, and its next epoch begins.
    RevokeMember(&'a RevokeMember),
    /// A custodian keeps a record of an owner.
    StoreRecord(&'a StoreRecord),
    /// An owner consents to a request.
    GiveConsent(&'a GiveConsent),
    /// An owner takes a consent back.
    WithdrawConsent(&'a WithdrawConsent),
    /// A member of the group asks an owner for records.
    PostRequest(&'a PostRequest),
    /// Somebody opens an account.
    OpenAccount(&'a OpenAccount),
    /// Units come into an account.
    Deposit(&'a Deposit),
    /// Units go from one account to another.
    Transfer(&'a Transfer),
    /// What has come becomes part of the balance.
    Roll(&'a Roll),
    /// A balance is proven to be small.
    Rebase(&'a Rebase),
}

/// What this wing knows of the rest of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) chain_id: &'a ChainId,
    pub(crate) roster: &'a Roster,
}

/// What has been shared so far.
#[derive(Debug, Clone)]
pub struct Exchange {
    participants: Participants,
    group: Option<Group>,
    records: Records,
    accounts: Accounts,
    /// The hash of all of this since it last changed: most blocks of a run say nothing here.
    hashed: OnceLock<[u8; 32]>,
}

impl Exchange {
    /// Nothing yet.
    pub(crate) fn new(parameters: &Parameters) -> Self {
        Self {
            participants: Participants::default(),
            group: None,
            records: Records::default(),
            accounts: Accounts::new(parameters.chain_id, parameters.authority),
            hashed: OnceLock::new(),
        }
    }

    /// Hidden quantities.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Who may speak besides the institutions.
    pub fn participants(&self) -> &Participants {
        &self.participants
    }

    /// The group, once it has been founded.
    pub fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// Records and consents.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The key of somebody who may speak here; `None` where nobody of that name takes part.
    pub fn key_of(&self, name: &Pseudonym, roster: &Roster) -> Option<VerifyingKey> {
        self.participants.key_of(name, roster)
    }

    /// Lets a statement take effect. Its author's signature has been verified; it has none where it is the authority's.
    /// `ahead` is what its proof was found to hold for, if it has one and was checked ahead of time.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub(crate) fn apply(
        &mut self,
        statement: Statement<'_>,
        author: Option<Pseudonym>,
        run: &Surroundings<'_>,
        ahead: Option<&VerifiedAction>,
    ) -> Result<(), Refusal> {
        self.hashed = OnceLock::new();
        match (statement, author) {
            (Statement::Admit(it), None) => self.participants.admit(it, run.roster),
            (Statement::FoundGroup(it), None) => {
                if self.group.is_some() {
                    return Err(Reason::Duplicate.into());
                }
                self.group = Some(Group::found(it)?);
                Ok(())
            }
            (statement, Some(author)) => {
                self.participants.may_speak(&author, run.roster)?;
                self.hear(statement, &author, run, ahead)
            }
            // The list of kinds lets nobody but the authority say the first two, and participants all others.
            (_, None) => Err(Reason::UnknownInstitution.into()),
        }
    }

    fn hear(
        &mut self,
        statement: Statement<'_>,
        author: &Pseudonym,
        run: &Surroundings<'_>,
        ahead: Option<&VerifiedAction>,
    ) -> Result<(), Refusal> {
        let key = self.key_of(author, run.roster).ok_or(Reason::UnknownInstitution)?;
        let Self { participants, group, records, accounts, .. } = self;
        let group = group.as_mut().ok_or(Refusal::from(Reason::NoGroup));
        match statement {
            Statement::JoinGroup(it) => group?.join(it, author, &key, run.chain_id),
            Statement::RevokeMember(it) => group?.revoke(it),
            Statement::PostRequest(it) => group?.request(it, run.chain_id),
            Statement::StoreRecord(it) => {
                let key_of_owner = |owner: &Pseudonym| participants.key_of(owner, run.roster);
                records.store(it, author, &key, key_of_owner, run.chain_id)
            }
            Statement::GiveConsent(it) => records.consent(it, author, &key, run.chain_id),
            Statement::WithdrawConsent(it) => records.withdraw(it, author, &key, run.chain_id),
            Statement::OpenAccount(it) => accounts::take(accounts, it, author, run.roster, ahead),
            Statement::Deposit(it) => accounts::take(accounts, it, author, run.roster, ahead),
            Statement::Transfer(it) => accounts::take(accounts, it, author, run.roster, ahead),
            Statement::Rebase(it) => accounts::take(accounts, it, author, run.roster, ahead),
            Statement::Roll(it) => accounts::roll(accounts, it, author),
            Statement::Admit(_) | Statement::FoundGroup(_) => {
                Err(Reason::UnknownInstitution.into())
            }
        }
    }

    /// Takes a credit for the fault that transaction `id` proves.
    pub(crate) fn charge(&mut self, author: Pseudonym, id: TransactionHash) {
        self.hashed = OnceLock::new();
        self.participants.charge(author, id);
    }

    /// Whether this transaction has cost a credit before.
    pub(crate) fn is_paid_for(&self, id: &TransactionHash) -> bool {
        self.participants.is_paid_for(id)
    }

    /// All of it, in a snapshot of the state.
    pub(crate) fn snapshot(&self) -> ExchangeSnapshot {
        let Self { participants, group, records, accounts, hashed: _ } = self;
        let (participants, credits, faults) = participants.snapshot();
        let (records, consents) = records.snapshot();
        let group = group.as_ref().map(Group::snapshot);
        let accounts = accounts::snapshot(accounts);
        ExchangeSnapshot { participants, credits, faults, group, records, consents, accounts }
    }

    pub(crate) fn resume(
        message: ExchangeSnapshot,
        parameters: &Parameters,
    ) -> Result<Self, Malformed> {
        Ok(Self {
            participants: Participants::resume(&message)?,
            group: message.group.as_ref().map(Group::resume).transpose()?,
            records: Records::resume(&message)?,
            accounts: accounts::resume(&message.accounts, parameters)?,
            hashed: OnceLock::new(),
        })
    }

    /// Hash of all of it, as the state root covers it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        *self.hashed.get_or_init(|| self.hash_anew())
    }

    fn hash_anew(&self) -> [u8; 32] {
        let mut hasher = Sha256::new_with_prefix(LABEL);
        self.participants.hash(&mut hasher);
        hasher.update([u8::from(self.group.is_some())]);
        if let Some(group) = &self.group {
            group.hash(&mut hasher);
        }
        self.records.hash(&mut hasher);
        accounts::hash(&self.accounts, &mut hasher);
        hasher.finalize().into()
    }
}

/// A statement that its author signed although it cannot be read.
fn malformed<E>(_: E) -> Refusal {
    Refusal::fault(Reason::MalformedEncoding)
}

/// A statement that its author signed although a signature or proof in it does not hold.
fn false_statement<E>(_: E) -> Refusal {
    Refusal::fault(Reason::BadStatement)
}

fn count(length: usize) -> [u8; 8] {
    (length as u64).to_be_bytes()
}
