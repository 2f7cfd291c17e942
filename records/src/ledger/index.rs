//! What of the ledger the contract's followers forget and the parties of an exchange need: whole consents, requests,
//! joins, and the group at each epoch.

use std::collections::BTreeMap;

use consilium_contract::{CandidateTransaction, light::View};
use consilium_exchange::{
    group_signature::{
        GroupParameters, GroupSignature, Join, Revocation, VerifiedJoin, VerifiedRevocation,
    },
    records::{Consent, SealedRequest, VerifiedConsent},
};
use consilium_hash::{ConsentHash, Pseudonym};
use consilium_proto::v1::{GiveConsent, JoinGroup, PostRequest, RevokeMember, transaction::Action};
use sha2::{Digest, Sha256};

/// A request on the ledger.
#[derive(Debug, Clone)]
pub struct Posted {
    /// SHA-256 of its bytes, which names it.
    pub name: [u8; 32],
    /// The block that it stands in.
    pub height: u64,
    /// The group's epoch under which it was signed.
    pub epoch: u64,
    /// The request, for its owner to open.
    pub sealed: SealedRequest,
    /// The member's signature.
    pub signature: GroupSignature,
}

/// The name of a request.
pub fn request_name(request: &[u8]) -> [u8; 32] {
    Sha256::digest(request).into()
}

/// See the module. Everything in it has taken effect in the contract.
#[derive(Debug, Default)]
pub struct Index {
    consents: BTreeMap<ConsentHash, VerifiedConsent>,
    requests: Vec<Posted>,
    /// The latest join of each member, with the epoch that it is of.
    joins: BTreeMap<Pseudonym, VerifiedJoin>,
    /// By epoch.
    groups: Vec<GroupParameters>,
    /// That which ends epoch i.
    revocations: Vec<VerifiedRevocation>,
}

impl Index {
    /// A consent, whole.
    pub fn consent(&self, hash: &ConsentHash) -> Option<&VerifiedConsent> {
        self.consents.get(hash)
    }

    /// All consents, in the order of their hashes.
    pub fn consents(&self) -> impl Iterator<Item = (&ConsentHash, &VerifiedConsent)> {
        self.consents.iter()
    }

    /// All requests, in the order of the ledger.
    pub fn requests(&self) -> &[Posted] {
        &self.requests
    }

    /// The latest join of a member.
    pub fn join(&self, member: &Pseudonym) -> Option<&VerifiedJoin> {
        self.joins.get(member)
    }

    /// The group's public key at an epoch.
    pub fn group(&self, epoch: u64) -> Option<&GroupParameters> {
        usize::try_from(epoch).ok().and_then(|epoch| self.groups.get(epoch))
    }

    /// The revocations that end this epoch and later ones.
    pub fn revocations_since(&self, epoch: u64) -> &[VerifiedRevocation] {
        let epoch = usize::try_from(epoch).unwrap_or(usize::MAX);
        self.revocations.get(epoch..).unwrap_or_default()
    }

    /// An entry has taken effect. The contract has verified it; what it is made into here is verified once more, since
    /// only verified values are used further on.
    pub(super) fn take(&mut self, view: &View, transaction: &CandidateTransaction, height: u64) {
        let taken = match transaction.action() {
            Action::GiveConsent(it) => self.consent_given(view, transaction, it),
            Action::PostRequest(it) => self.request_posted(it, height),
            Action::JoinGroup(it) => self.joined(view, transaction, it),
            Action::FoundGroup(_) => self.current_group(view),
            Action::RevokeMember(it) => self.revoked(view, it),
            _ => Some(()),
        };
        if taken.is_none() {
            tracing::warn!(
                height,
                "an entry that has taken effect does not verify again; it is left out here"
            );
        }
    }

    fn consent_given(
        &mut self,
        view: &View,
        transaction: &CandidateTransaction,
        it: &GiveConsent,
    ) -> Option<()> {
        let key = view.exchange().key_of(&transaction.author()?, view.roster())?;
        let consent = Consent::decode(&it.consent).ok()?;
        let consent = consent.verify(&view.parameters().chain_id, &key).ok()?;
        self.consents.insert(*consent.hash(), consent);
        Some(())
    }

    fn request_posted(&mut self, it: &PostRequest, height: u64) -> Option<()> {
        let sealed = SealedRequest::decode(&it.request).ok()?;
        let signature = GroupSignature::decode(&it.signature).ok()?;
        let name = request_name(&it.request);
        self.requests.push(Posted { name, height, epoch: it.epoch, sealed, signature });
        Some(())
    }

    fn joined(
        &mut self,
        view: &View,
        transaction: &CandidateTransaction,
        it: &JoinGroup,
    ) -> Option<()> {
        let author = transaction.author()?;
        let key = view.exchange().key_of(&author, view.roster())?;
        let join = Join::decode(&it.join).ok()?;
        let group = self.groups.last()?;
        let join = join.verify(group, &view.parameters().chain_id, &key).ok()?;
        self.joins.insert(author, join);
        Some(())
    }

    fn current_group(&mut self, view: &View) -> Option<()> {
        self.groups.push(view.exchange().group()?.parameters().clone());
        Some(())
    }

    fn revoked(&mut self, view: &View, it: &RevokeMember) -> Option<()> {
        let revocation = Revocation::decode(&it.revocation).ok()?;
        self.revocations.push(revocation.verify(self.groups.last()?).ok()?);
        self.current_group(view)
    }
}
