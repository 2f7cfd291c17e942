//! An owner of records, their custodian, a requester's group, and what they have to say on a ledger.

use consilium_crypto::{SigningKey, dkg::OpeningKey};
use consilium_exchange::{
    group_signature::{GroupParameters, IssuerKey, Join, Member, MemberSecret, OpenerKey},
    records::{
        Allowance, Category, GivenConsent, Keyword, KeywordKey, Named, OwnerKeys, OwnerSeed,
        Period, Record, RecordEncryptor, Request, Scope, SealedRequest, SecretKey, Selection,
    },
};
use consilium_hash::{ChainId, Pseudonym};
use consilium_proto::v1::{self, transaction::Action};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// The authority's word that somebody takes part.
pub fn admission(name: &Pseudonym, key: &SigningKey) -> Action {
    Action::AdmitParticipant(v1::AdmitParticipant {
        pseudonym: name.to_vec(),
        signing_key: key.verifying_key().encode().to_vec(),
    })
}

/// Everything that owner, custodian, issuer and opener hold.
pub struct Sharing {
    chain_id: ChainId,
    /// The owner's name and key.
    pub owner: Pseudonym,
    /// See [`Self::owner`].
    pub owner_key: SigningKey,
    /// The custodian, an institution.
    pub custodian: Pseudonym,
    custodian_key: SigningKey,
    /// Who certifies members.
    pub issuer: IssuerKey,
    opener: OpenerKey,
    seed: OwnerSeed,
    secrets: [SecretKey; 2],
    opening: OpeningKey,
    /// Where randomness comes from.
    pub rng: ChaCha20Rng,
}

impl Sharing {
    /// A world in which the custodian is an institution of this name and key.
    pub fn new(chain_id: ChainId, custodian: Pseudonym, custodian_key: &SigningKey) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(77);
        Self {
            chain_id,
            owner: Pseudonym([201; 32]),
            owner_key: SigningKey::generate(&mut rng),
            custodian,
            custodian_key: SigningKey::from_bytes(&custodian_key.to_bytes()),
            issuer: IssuerKey::generate(&mut rng),
            opener: OpenerKey::generate(&mut rng),
            seed: OwnerSeed::generate(&mut rng),
            secrets: [(); 2].map(|()| SecretKey::generate(&mut rng)),
            opening: OpeningKey::generate(&mut rng),
            rng,
        }
    }

    fn scope(&self) -> Scope {
        Scope {
            owner: self.owner,
            custodian: self.custodian,
            category: Category::new("cardiology").unwrap(),
            period: Period::new(2026, 11).unwrap(),
        }
    }

    /// κ, as the owner has it.
    fn keyword_key(&self) -> KeywordKey {
        let [owner, custodian] = &self.secrets;
        let custodian = Named { name: &self.custodian, key: custodian.public() };
        KeywordKey::of_owner(&self.owner, owner, custodian)
    }

    /// A record of these bytes, encrypted by the custodian, checked and signed by the owner.
    pub fn record(&mut self, data: &[u8]) -> Record {
        let scope = self.scope();
        let delegator = self.seed.delegator_key(&scope);
        let published = delegator.publish(&self.chain_id, &self.owner_key);
        let published = published.verify(&self.chain_id, &self.owner_key.verifying_key()).unwrap();
        let [owner, custodian] = &self.secrets;
        let owner = Named { name: &self.owner, key: owner.public() };
        let key = KeywordKey::of_custodian(&self.custodian, custodian, owner);
        let words = [Keyword::new("stent").unwrap()];
        let mut encryptor = RecordEncryptor::new(&published, &key, &words, &mut self.rng).unwrap();
        let mut body = Vec::new();
        let mut rest = data;
        while !rest.is_empty() {
            body.extend_from_slice(encryptor.absorb(&mut rest).unwrap().unwrap_or_default());
        }
        let (last, unsigned) = encryptor.finish().unwrap();
        body.extend(last);
        let custodian = self.custodian_key.verifying_key();
        let offered = unsigned.sign(&self.custodian_key);
        let mut review = offered.review(&self.chain_id, &delegator, &custodian).unwrap();
        let mut rest = body.as_slice();
        while !rest.is_empty() {
            review.absorb(&mut rest).unwrap();
        }
        review.finish().unwrap().accept(&self.owner_key)
    }

    /// Somebody's request for this month's records, sealed to the owner; and as the owner reads it.
    pub fn request(&mut self, requester: Pseudonym) -> (SealedRequest, Request) {
        let key = SecretKey::generate(&mut self.rng);
        let months = vec![self.scope().period];
        let selection = Selection::new(self.custodian, self.scope().category, months).unwrap();
        let words = vec![Keyword::new("stent").unwrap()];
        let request =
            Request::new(requester, *key.public(), selection, words, "a second opinion").unwrap();
        let sealing = self.opening.sealing_key();
        let sealed = request.seal(&self.chain_id, &self.owner, &sealing, &mut self.rng).unwrap();
        (sealed, request)
    }

    /// The owner's consent to all of a request, through one proxy.
    pub fn consent(&mut self, request: &Request, proxy: Pseudonym) -> GivenConsent {
        let keyword_key = self.keyword_key();
        let owner = OwnerKeys {
            name: &self.owner,
            signing: &self.owner_key,
            seed: &self.seed,
            keyword_key: &keyword_key,
        };
        let allowance = Allowance {
            selection: request.selection().clone(),
            keywords: request.keywords().to_vec(),
            until_ms: 2_000_000_000_000,
            proxies: vec![proxy],
            threshold: 1,
        };
        consilium_exchange::records::give_consent(
            &self.chain_id,
            &owner,
            request,
            &allowance,
            &mut self.rng,
        )
        .unwrap()
    }

    /// The authority's word that there is a group.
    pub fn group(&self) -> Action {
        Action::FoundGroup(v1::FoundGroup {
            issuer_key: self.issuer.public().encode().to_vec(),
            opener_key: self.opener.public().encode().to_vec(),
        })
    }

    /// The join of somebody who is certified for it: the statement, and the member that follows.
    pub fn join(
        &mut self,
        group: &GroupParameters,
        name: &Pseudonym,
        key: &SigningKey,
    ) -> (Join, Member) {
        let secret = MemberSecret::generate(&mut self.rng);
        let join = secret.join(group, &self.chain_id, name, key, &mut self.rng);
        let verified = join.clone().verify(group, &self.chain_id, &key.verifying_key()).unwrap();
        let certificate = self.issuer.certify(group, &verified, &mut self.rng).unwrap();
        (join, Member::new(group, secret, &certificate).unwrap())
    }
}
