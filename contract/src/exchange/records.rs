//! Records on the ledger, consents to them, and withdrawals: hashes, commitments and signatures.

use std::collections::BTreeMap;

use consilium_crypto::signature::VerifyingKey;
use consilium_exchange::records::{Consent, Record, Standing, Withdrawal};
use consilium_hash::{ChainId, ConsentHash, LengthError, Pseudonym, RecordHash};
use consilium_proto::v1::{
    ExchangeSnapshot, GiveConsent, GivenSnapshot, KeptSnapshot, Reason, StoreRecord,
    WithdrawConsent,
};
use sha2::{Digest, Sha256};

use super::{count, false_statement, malformed};
use crate::{
    handler::Refusal,
    malformed::{self, Malformed},
};

/// Whose a record is, and who keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Whom it is about.
    pub owner: Pseudonym,
    /// Who made it and keeps it.
    pub custodian: Pseudonym,
}

/// A consent on the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// Who gave it.
    pub owner: Pseudonym,
    /// Whether its owner has taken it back.
    pub is_withdrawn: bool,
}

/// Everything that is said of records.
#[derive(Debug, Clone, Default)]
pub struct Records {
    records: BTreeMap<RecordHash, Kept>,
    consents: BTreeMap<ConsentHash, Given>,
}

impl Records {
    /// The record of this hash.
    pub fn record(&self, hash: &RecordHash) -> Option<&Kept> {
        self.records.get(hash)
    }

    /// All records, in the order of their hashes.
    pub fn records(&self) -> impl Iterator<Item = (&RecordHash, &Kept)> {
        self.records.iter()
    }

    /// All consents, in the order of their hashes.
    pub fn consents(&self) -> impl Iterator<Item = (&ConsentHash, &Given)> {
        self.consents.iter()
    }

    /// What the blocks read so far say of a consent: a proxy acts on nothing but one in force.
    pub fn standing(&self, consent: &ConsentHash) -> Standing {
        match self.consents.get(consent) {
            None => Standing::NotSealed,
            Some(given) if given.is_withdrawn => Standing::Withdrawn,
            Some(_) => Standing::InForce,
        }
    }

    /// Takes a record that custodian and owner have signed; the custodian says it.
    pub(super) fn store(
        &mut self,
        it: &StoreRecord,
        author: &Pseudonym,
        key: &VerifyingKey,
        key_of_owner: impl FnOnce(&Pseudonym) -> Option<VerifyingKey>,
        chain_id: &ChainId,
    ) -> Result<(), Refusal> {
        let record = Record::decode(&it.record).map_err(malformed)?;
        if record.custodian() != author {
            return Err(Refusal::fault(Reason::NotTheAuthor));
        }
        if self.records.contains_key(record.hash()) {
            return Err(Reason::Duplicate.into());
        }
        let owner = key_of_owner(record.owner()).ok_or(Reason::UnknownParticipant)?;
        let record = record.verify(chain_id, key, &owner).map_err(false_statement)?;
        let kept = Kept { owner: *record.owner(), custodian: *record.custodian() };
        self.records.insert(*record.hash(), kept);
        Ok(())
    }

    /// Takes a consent that its owner has signed; the owner says it.
    pub(super) fn consent(
        &mut self,
        it: &GiveConsent,
        author: &Pseudonym,
        key: &VerifyingKey,
        chain_id: &ChainId,
    ) -> Result<(), Refusal> {
        let consent = Consent::decode(&it.consent).map_err(malformed)?;
        if consent.owner() != author {
            return Err(Refusal::fault(Reason::NotTheAuthor));
        }
        let consent = consent.verify(chain_id, key).map_err(false_statement)?;
        if self.consents.contains_key(consent.hash()) {
            return Err(Reason::Duplicate.into());
        }
        let given = Given { owner: *author, is_withdrawn: false };
        self.consents.insert(*consent.hash(), given);
        Ok(())
    }

    /// Takes a consent back, for ever.
    pub(super) fn withdraw(
        &mut self,
        it: &WithdrawConsent,
        author: &Pseudonym,
        key: &VerifyingKey,
        chain_id: &ChainId,
    ) -> Result<(), Refusal> {
        let withdrawal = Withdrawal::decode(&it.withdrawal).map_err(malformed)?;
        let given = self.consents.get_mut(withdrawal.consent()).ok_or(Reason::UnknownConsent)?;
        if given.owner != *author {
            return Err(Refusal::fault(Reason::NotTheAuthor));
        }
        if given.is_withdrawn {
            return Err(Reason::Withdrawn.into());
        }
        withdrawal.verify(chain_id, key).map_err(false_statement)?;
        given.is_withdrawn = true;
        Ok(())
    }

    pub(super) fn snapshot(&self) -> (Vec<KeptSnapshot>, Vec<GivenSnapshot>) {
        let Self { records, consents } = self;
        let kept = |(record, kept): (&RecordHash, &Kept)| KeptSnapshot {
            record: record.to_vec(),
            owner: kept.owner.to_vec(),
            custodian: kept.custodian.to_vec(),
        };
        let given = |(consent, given): (&ConsentHash, &Given)| GivenSnapshot {
            consent: consent.to_vec(),
            owner: given.owner.to_vec(),
            is_withdrawn: given.is_withdrawn,
        };
        (records.iter().map(kept).collect(), consents.iter().map(given).collect())
    }

    pub(super) fn resume(message: &ExchangeSnapshot) -> Result<Self, Malformed> {
        let kept = |it: &KeptSnapshot| {
            let (owner, custodian) = (it.owner.as_slice(), it.custodian.as_slice());
            let kept = Kept { owner: owner.try_into()?, custodian: custodian.try_into()? };
            Ok((RecordHash::try_from(it.record.as_slice())?, kept))
        };
        let given = |it: &GivenSnapshot| {
            let owner = it.owner.as_slice().try_into()?;
            let given = Given { owner, is_withdrawn: it.is_withdrawn };
            Ok((ConsentHash::try_from(it.consent.as_slice())?, given))
        };
        let read = || {
            Ok::<_, LengthError>(Self {
                records: message.records.iter().map(kept).collect::<Result<_, LengthError>>()?,
                consents: message.consents.iter().map(given).collect::<Result<_, LengthError>>()?,
            })
        };
        read().map_err(malformed::malformed("list of records"))
    }

    pub(super) fn hash(&self, hasher: &mut Sha256) {
        hasher.update(count(self.records.len()));
        for (record, Kept { owner, custodian }) in &self.records {
            hasher.update(record);
            hasher.update(owner);
            hasher.update(custodian);
        }
        hasher.update(count(self.consents.len()));
        for (consent, Given { owner, is_withdrawn }) in &self.consents {
            hasher.update(consent);
            hasher.update(owner);
            hasher.update([u8::from(*is_withdrawn)]);
        }
    }
}
