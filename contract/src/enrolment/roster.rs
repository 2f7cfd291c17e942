//! Who is enrolled, and what credit each has left.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use consilium_hash::{Pseudonym, TransactionHash};
use consilium_proto::v1::{Reason, Standing};

use super::certificate::Certificate;

mod snapshot;

/// Proven faults that an institution may have before it is expelled (liu2021, 3.5).
pub const INITIAL_CREDIT: u32 = 3;

/// An enrolled institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institution {
    /// The authority's word on it.
    pub certificate: Certificate,
    /// Proven faults left until it is expelled.
    pub credit: u32,
    /// Whether the authority has revoked it.
    pub revoked: bool,
    /// Collections in a row that ended without an update of it, counted up to where it is suspended.
    pub missed: u32,
    /// Transactions that proved a fault and cost a credit: each counts once, however often it is sent again.
    faults: Vec<TransactionHash>,
}

impl Institution {
    /// Whether its updates are still taken. Expulsion and revocation stop updates, not key shares.
    pub fn may_submit(&self) -> bool {
        !self.revoked && self.credit > 0
    }

    /// Whether collections that have enough updates no longer wait for it: it has missed `after` of them in a row. Its
    /// updates are taken as everyone's are, and one brings it back. 0 suspends nobody.
    pub fn is_suspended(&self, after: u32) -> bool {
        after > 0 && self.missed >= after
    }

    /// Whether this transaction has cost it a credit before.
    pub(crate) fn has_paid_for(&self, id: &TransactionHash) -> bool {
        self.faults.contains(id)
    }
}

/// Why an enrolment does not stand beside the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentConflict {
    /// The pseudonym is enrolled already.
    Pseudonym,
    /// Another institution has the same signing key or trustee index.
    KeyOrIndex,
    /// The pseudonym was revoked before it was enrolled.
    Revoked,
    /// As many take part as the genesis allows: another one has to be revoked first.
    NoPlace,
}

/// The enrolled institutions, by pseudonym.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    institutions: BTreeMap<Pseudonym, Institution>,
    /// Pseudonyms that were revoked before anyone enrolled under them.
    barred: BTreeSet<Pseudonym>,
}

impl Roster {
    /// Adds an institution with full credit.
    ///
    /// # Errors
    /// [`EnrolmentConflict`] where it [has no place](Self::has_place_for).
    pub fn enrol(
        &mut self,
        certificate: Certificate,
        places: u32,
    ) -> Result<(), EnrolmentConflict> {
        self.has_place_for(&certificate, places)?;
        self.add(certificate);
        Ok(())
    }

    /// Whether an institution may enrol.
    ///
    /// # Errors
    /// [`EnrolmentConflict`] where its pseudonym, key or trustee index is taken, its pseudonym revoked, or `places` have
    /// been filled with institutions that are not revoked.
    pub fn has_place_for(
        &self,
        certificate: &Certificate,
        places: u32,
    ) -> Result<(), EnrolmentConflict> {
        if self.institutions.contains_key(&certificate.pseudonym) {
            return Err(EnrolmentConflict::Pseudonym);
        }
        if self.barred.contains(&certificate.pseudonym) {
            return Err(EnrolmentConflict::Revoked);
        }
        let taken = self.iter().any(|(_, other)| {
            other.certificate.signing_key == certificate.signing_key
                || other.certificate.trustee_index == certificate.trustee_index
        });
        if taken {
            return Err(EnrolmentConflict::KeyOrIndex);
        }
        if self.iter().filter(|(_, other)| !other.revoked).count() >= places as usize {
            return Err(EnrolmentConflict::NoPlace);
        }
        Ok(())
    }

    /// Adds an institution that has a place.
    pub(crate) fn add(&mut self, certificate: Certificate) {
        let pseudonym = certificate.pseudonym;
        let institution = Institution {
            certificate,
            credit: INITIAL_CREDIT,
            revoked: false,
            missed: 0,
            faults: Vec::new(),
        };
        self.institutions.insert(pseudonym, institution);
    }

    /// The institution of that pseudonym.
    pub fn get(&self, pseudonym: &Pseudonym) -> Option<&Institution> {
        self.institutions.get(pseudonym)
    }

    /// All institutions, in the order of their pseudonyms.
    pub fn iter(&self) -> impl Iterator<Item = (&Pseudonym, &Institution)> {
        self.institutions.iter()
    }

    /// How many may submit updates.
    pub fn able(&self) -> usize {
        self.iter().filter(|(_, institution)| institution.may_submit()).count()
    }

    /// How many are enrolled.
    pub fn len(&self) -> usize {
        self.institutions.len()
    }

    /// Whether nobody is enrolled.
    pub fn is_empty(&self) -> bool {
        self.institutions.is_empty()
    }

    /// Whether a pseudonym is revoked, whether or not anyone has enrolled under it.
    pub fn is_revoked(&self, pseudonym: &Pseudonym) -> bool {
        self.barred.contains(pseudonym)
            || self.get(pseudonym).is_some_and(|institution| institution.revoked)
    }

    /// Revokes a pseudonym, for good and whether or not anyone has enrolled under it. Returns whether it was not revoked
    /// before.
    pub fn revoke(&mut self, pseudonym: &Pseudonym) -> bool {
        match self.institutions.get_mut(pseudonym) {
            Some(institution) => !mem::replace(&mut institution.revoked, true),
            None => self.barred.insert(*pseudonym),
        }
    }

    /// Pseudonyms that were revoked before anyone enrolled under them, in order.
    pub(crate) fn barred(&self) -> &BTreeSet<Pseudonym> {
        &self.barred
    }

    /// A collection has ended in which `has_spoken` says whose updates were recorded, whatever became of them.
    pub(crate) fn end_collection(&mut self, after: u32, has_spoken: impl Fn(&Pseudonym) -> bool) {
        for (name, institution) in &mut self.institutions {
            let missed = if has_spoken(name) { 0 } else { institution.missed.saturating_add(1) };
            institution.missed = missed.min(after);
        }
    }

    /// Whether an institution may say, with a word made in step `said`, that it is there again. The word holds until it would
    /// have suspended itself anew, so that one that lags behind is heard, and nobody can say it again for one that has gone.
    pub(crate) fn judge_rejoin(
        &self,
        pseudonym: &Pseudonym,
        said: u64,
        step: u64,
        after: u32,
    ) -> Result<(), Reason> {
        if step.checked_sub(said).is_none_or(|old| old >= u64::from(after)) {
            return Err(Reason::WrongStep);
        }
        let institution = self.get(pseudonym).ok_or(Reason::UnknownInstitution)?;
        if institution.is_suspended(after) { Ok(()) } else { Err(Reason::Duplicate) }
    }

    /// An institution is there again.
    pub(crate) fn rejoin(&mut self, pseudonym: &Pseudonym) {
        if let Some(institution) = self.institutions.get_mut(pseudonym) {
            institution.missed = 0;
        }
    }

    /// Takes one credit for the fault that transaction `id` proves.
    pub(crate) fn charge(&mut self, pseudonym: &Pseudonym, id: TransactionHash) {
        if let Some(institution) = self.institutions.get_mut(pseudonym)
            && institution.credit > 0
        {
            institution.credit -= 1;
            institution.faults.push(id);
        }
    }

    /// Who has lost credit, in the order of pseudonyms.
    pub fn standings(&self) -> Vec<Standing> {
        let fallen = self.iter().filter(|(_, institution)| institution.credit < INITIAL_CREDIT);
        fallen
            .map(|(name, other)| Standing { pseudonym: name.to_vec(), credit: other.credit })
            .collect()
    }

    /// Rows of the named institutions, together.
    pub fn rows<'a>(&self, pseudonyms: impl IntoIterator<Item = &'a Pseudonym>) -> u64 {
        let named = pseudonyms.into_iter().filter_map(|name| self.get(name));
        named.map(|institution| institution.certificate.rows).sum()
    }

    /// Rows of those who may submit updates, together.
    pub fn able_rows(&self) -> u64 {
        let able = self.iter().filter(|(_, institution)| institution.may_submit());
        able.map(|(_, institution)| institution.certificate.rows).sum()
    }

    /// Σω_k of the named institutions: their rows over `max_rows`.
    pub fn weight_sum<'a>(
        &self,
        pseudonyms: impl IntoIterator<Item = &'a Pseudonym>,
        max_rows: u64,
    ) -> f64 {
        self.rows(pseudonyms) as f64 / max_rows as f64
    }
}
