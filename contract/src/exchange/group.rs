//! The group in whose name requests are signed: who has joined it, and which epoch it is in.
//!
//! A request names its epoch, and only one of the current epoch is taken: whoever has been revoked cannot follow there. What
//! was signed before stays anonymous.

use consilium_crypto::signature::VerifyingKey;
use consilium_exchange::{
    group_signature::{
        Claim, GroupError, GroupParameters, GroupSignature, IssuerPublicKey, Join, OpenerPublicKey,
        Registry, Revocation,
    },
    records::SealedRequest,
};
use consilium_hash::{ChainId, Pseudonym};
use consilium_proto::v1::{
    FoundGroup, GroupSnapshot, JoinGroup, PostRequest, Reason, RevokeMember,
};
use sha2::{Digest, Sha256};

use super::{count, false_statement, malformed};
use crate::{
    handler::Refusal,
    malformed::{self, Malformed},
};

const REQUEST_LABEL: &[u8] = b"consilium/v1/exchange/request";

/// The group as the ledger knows it.
#[derive(Debug, Clone)]
pub struct Group {
    parameters: GroupParameters,
    registry: Registry,
    /// Hash of every request so far: the same one is not taken twice.
    requests: std::collections::BTreeSet<[u8; 32]>,
}

/// What a member's signature under a request is bound to besides the request: the ledger.
pub fn request_context(chain_id: &ChainId) -> Vec<u8> {
    [REQUEST_LABEL, chain_id.as_slice()].concat()
}

impl Group {
    /// The public key of the current epoch.
    pub fn parameters(&self) -> &GroupParameters {
        &self.parameters
    }

    /// Which F is whose.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn found(it: &FoundGroup) -> Result<Self, Refusal> {
        let issuer = IssuerPublicKey::decode(&it.issuer_key).map_err(malformed)?;
        let opener = OpenerPublicKey::decode(&it.opener_key).map_err(malformed)?;
        Ok(Self {
            parameters: GroupParameters::found(issuer, opener),
            registry: Registry::new(),
            requests: Default::default(),
        })
    }

    /// Takes a join that its author has made for the current epoch.
    pub(super) fn join(
        &mut self,
        it: &JoinGroup,
        author: &Pseudonym,
        key: &VerifyingKey,
        chain_id: &ChainId,
    ) -> Result<(), Refusal> {
        let join = Join::decode(&it.join).map_err(malformed)?;
        if join.member() != author {
            return Err(Refusal::fault(Reason::NotTheAuthor));
        }
        let join = join.verify(&self.parameters, chain_id, key).map_err(refusal)?;
        self.registry.enrol(&join).map_err(refusal)
    }

    /// Goes on to the next epoch. Nobody but the issuer can make what leads there, so it matters little who says it.
    pub(super) fn revoke(&mut self, it: &RevokeMember) -> Result<(), Refusal> {
        let revocation = Revocation::decode(&it.revocation).map_err(malformed)?;
        // Two may have passed it on; the later one has done nothing wrong.
        if it.epoch != self.parameters.epoch() {
            return Err(Reason::WrongEpoch.into());
        }
        let revocation = revocation.verify(&self.parameters).map_err(refusal)?;
        self.parameters = revocation.parameters().clone();
        Ok(())
    }

    /// Takes a request that some member has signed in the current epoch.
    pub(super) fn request(&mut self, it: &PostRequest, chain_id: &ChainId) -> Result<(), Refusal> {
        SealedRequest::decode(&it.request).map_err(malformed)?;
        let signature = GroupSignature::decode(&it.signature).map_err(malformed)?;
        let name: [u8; 32] = Sha256::digest(&it.request).into();
        if self.requests.contains(&name) {
            return Err(Reason::Duplicate.into());
        }
        let context = request_context(chain_id);
        let claim = Claim {
            epoch: it.epoch,
            context: &context,
            message: &it.request,
            signature: &signature,
        };
        claim.verify(&self.parameters).map_err(refusal)?;
        self.requests.insert(name);
        Ok(())
    }

    pub(super) fn snapshot(&self) -> GroupSnapshot {
        let Self { parameters, registry, requests } = self;
        let (points, members) =
            registry.entries().map(|(f, member)| (f.to_vec(), member.to_vec())).unzip();
        GroupSnapshot {
            parameters: parameters.encode(),
            points,
            members,
            requests: requests.iter().map(|name| name.to_vec()).collect(),
        }
    }

    pub(super) fn resume(message: &GroupSnapshot) -> Result<Self, Malformed> {
        const WHAT: &str = "group";
        let member =
            |name: &Vec<u8>| name.as_slice().try_into().map_err(malformed::malformed(WHAT));
        let members: Vec<Pseudonym> =
            message.members.iter().map(member).collect::<Result<_, Malformed>>()?;
        let entries = message.points.iter().map(Vec::as_slice).zip(members);
        let request =
            |name: &Vec<u8>| name.as_slice().try_into().map_err(malformed::malformed(WHAT));
        Ok(Self {
            parameters: GroupParameters::decode(&message.parameters)
                .map_err(malformed::malformed(WHAT))?,
            registry: Registry::of(entries).map_err(malformed::malformed(WHAT))?,
            requests: message.requests.iter().map(request).collect::<Result<_, Malformed>>()?,
        })
    }

    pub(super) fn hash(&self, hasher: &mut Sha256) {
        hasher.update(self.parameters.encode());
        hasher.update(count(self.registry.entries().count()));
        for (f, member) in self.registry.entries() {
            hasher.update(f);
            hasher.update(member);
        }
        hasher.update(count(self.requests.len()));
        for request in &self.requests {
            hasher.update(request);
        }
    }
}

/// Another epoch or a taken secret is nobody's fault: the group may have gone on while the statement was on its way.
fn refusal(error: GroupError) -> Refusal {
    match error {
        GroupError::OtherEpoch { .. } => Reason::WrongEpoch.into(),
        GroupError::SecretTaken => Reason::Duplicate.into(),
        other => false_statement(other),
    }
}
