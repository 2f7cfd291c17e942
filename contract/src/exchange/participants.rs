//! Who may speak of sharing: every enrolled institution, and whom the authority has admitted besides.

use std::collections::{BTreeMap, BTreeSet};

use consilium_crypto::signature::VerifyingKey;
use consilium_hash::{Pseudonym, TransactionHash};
use consilium_proto::v1::{
    AdmitParticipant, CreditSnapshot, ExchangeSnapshot, ParticipantSnapshot, Reason,
};
use sha2::{Digest, Sha256};

use super::{count, malformed};
use crate::{
    enrolment::roster::{INITIAL_CREDIT, Roster},
    handler::Refusal,
    malformed::{self, Malformed},
};

/// Those who were admitted, and what credit everyone has left who has lost some.
#[derive(Debug, Clone, Default)]
pub struct Participants {
    keys: BTreeMap<Pseudonym, VerifyingKey>,
    /// Of whom a fault has been proven, institutions among them.
    credits: BTreeMap<Pseudonym, u32>,
    /// Transactions that have cost a credit: each counts once, however often it is sent again.
    faults: BTreeSet<TransactionHash>,
}

impl Participants {
    /// The key of somebody who may speak here, an institution or whoever was admitted; `None` where nobody of that name
    /// takes part.
    pub fn key_of(&self, name: &Pseudonym, roster: &Roster) -> Option<VerifyingKey> {
        let institution = roster.get(name).map(|other| other.certificate.signing_key);
        institution.or_else(|| self.keys.get(name).copied())
    }

    /// Those who were admitted, in the order of their pseudonyms.
    pub fn iter(&self) -> impl Iterator<Item = (&Pseudonym, &VerifyingKey)> {
        self.keys.iter()
    }

    /// Whether somebody was admitted under this name, or with this key. No institution may enrol with either.
    pub(crate) fn has(&self, name: &Pseudonym, key: &VerifyingKey) -> bool {
        self.keys.contains_key(name) || self.keys.values().any(|other| other == key)
    }

    /// Proven faults that somebody may still have before nothing more is heard of it.
    pub fn credit(&self, name: &Pseudonym) -> u32 {
        self.credits.get(name).copied().unwrap_or(INITIAL_CREDIT)
    }

    /// Admits somebody. A name or key that is taken or revoked is refused: a signature is one participant's.
    pub(super) fn admit(&mut self, it: &AdmitParticipant, roster: &Roster) -> Result<(), Refusal> {
        let name: Pseudonym = it.pseudonym.as_slice().try_into().map_err(malformed)?;
        let key = VerifyingKey::decode(&it.signing_key).map_err(malformed)?;
        if roster.is_revoked(&name) {
            return Err(Reason::Revoked.into());
        }
        let of_institution = |other: &VerifyingKey| {
            roster.iter().any(|(_, institution)| institution.certificate.signing_key == *other)
        };
        let is_taken = self.has(&name, &key) || roster.get(&name).is_some() || of_institution(&key);
        if is_taken {
            return Err(Reason::Duplicate.into());
        }
        self.keys.insert(name, key);
        Ok(())
    }

    /// Refuses those whom the authority has revoked, and those who have no credit left.
    pub(super) fn may_speak(&self, name: &Pseudonym, roster: &Roster) -> Result<(), Refusal> {
        if roster.is_revoked(name) {
            return Err(Reason::Revoked.into());
        }
        if self.credit(name) == 0 {
            return Err(Reason::Expelled.into());
        }
        Ok(())
    }

    pub(super) fn charge(&mut self, name: Pseudonym, id: TransactionHash) {
        let left = self.credit(&name);
        if left > 0 && self.faults.insert(id) {
            self.credits.insert(name, left - 1);
        }
    }

    pub(super) fn is_paid_for(&self, id: &TransactionHash) -> bool {
        self.faults.contains(id)
    }

    /// Who was admitted, whose credit is less than all, and what has cost it.
    pub(super) fn snapshot(&self) -> (Vec<ParticipantSnapshot>, Vec<CreditSnapshot>, Vec<Vec<u8>>) {
        let Self { keys, credits, faults } = self;
        let admitted = keys.iter().map(|(name, key)| ParticipantSnapshot {
            pseudonym: name.to_vec(),
            signing_key: key.encode().to_vec(),
        });
        let credit = |(name, credit): (&Pseudonym, &u32)| CreditSnapshot {
            pseudonym: name.to_vec(),
            credit: *credit,
        };
        (
            admitted.collect(),
            credits.iter().map(credit).collect(),
            faults.iter().map(TransactionHash::to_vec).collect(),
        )
    }

    pub(super) fn resume(message: &ExchangeSnapshot) -> Result<Self, Malformed> {
        const WHAT: &str = "list of participants";
        let name = |name: &[u8]| Pseudonym::try_from(name).map_err(malformed::malformed(WHAT));
        let admitted = |it: &ParticipantSnapshot| {
            let key = VerifyingKey::decode(&it.signing_key).map_err(malformed::malformed(WHAT))?;
            Ok((name(&it.pseudonym)?, key))
        };
        let credit = |it: &CreditSnapshot| Ok((name(&it.pseudonym)?, it.credit));
        let fault = |id: &Vec<u8>| id.as_slice().try_into().map_err(malformed::malformed(WHAT));
        Ok(Self {
            keys: message.participants.iter().map(admitted).collect::<Result<_, Malformed>>()?,
            credits: message.credits.iter().map(credit).collect::<Result<_, Malformed>>()?,
            faults: message.faults.iter().map(fault).collect::<Result<_, Malformed>>()?,
        })
    }

    pub(super) fn hash(&self, hasher: &mut Sha256) {
        hasher.update(count(self.keys.len()));
        for (name, key) in &self.keys {
            hasher.update(name);
            hasher.update(key.encode());
        }
        hasher.update(count(self.credits.len()));
        for (name, credit) in &self.credits {
            hasher.update(name);
            hasher.update(credit.to_be_bytes());
        }
        hasher.update(count(self.faults.len()));
        for id in &self.faults {
            hasher.update(id);
        }
    }
}
