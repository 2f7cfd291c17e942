//! One owner's repair record on its way from the shop to the insurer, in memory: what the four stages are timed on. Bytes
//! come into every stage, and bytes leave it, as between the parties.

use consilium_crypto::{SigningKey, VerifyingKey};
use consilium_exchange::records::{
    AcceptedConsent, Allowance, BodyDecryptor, CandidateHeader, Category, DelegatorKey, Keyword,
    KeywordKey, Named, OfferedRecord, OwnerKeys, OwnerSeed, Period, Record, RecordEncryptor,
    RecordError, Reencryption, Request, Review, Scope, SecretKey, Selection, Standing,
    VerifiedDelegatorKey, VerifiedGrant, VerifiedHeader, give_consent,
};
use consilium_hash::{ChainId, Pseudonym};
use rand_core::{OsRng, RngCore as _};

use super::operations::Stage;
use crate::ExperimentError;

const CHAIN: ChainId = ChainId([1; 32]);
/// Before the consent's end.
const NOW_MS: u64 = 1;
const UNTIL_MS: u64 = 2;

/// A shop or an insurer as an owner deals with it.
pub(super) struct Firm {
    name: Pseudonym,
    signing: SigningKey,
    secret: SecretKey,
}

impl Firm {
    pub(super) fn new() -> Self {
        Self {
            name: random_name(),
            signing: SigningKey::generate(&mut OsRng),
            secret: SecretKey::generate(&mut OsRng),
        }
    }
}

/// See the module. What is made once, before any stage, is all there.
pub(super) struct Claim {
    shop_signing: SigningKey,
    shop_key: VerifyingKey,
    owner_key: VerifyingKey,
    seed: OwnerSeed,
    scope: Scope,
    delegator: VerifiedDelegatorKey,
    keyword_key: KeywordKey,
    keywords: Vec<Keyword>,
    data: Vec<u8>,
    /// As the shop offers it; its header; its body, encrypted.
    offered: Vec<u8>,
    header: Vec<u8>,
    body: Vec<u8>,
    record: Record,
    grant: VerifiedGrant,
    accepted: AcceptedConsent,
    reencryption: Vec<u8>,
}

impl Claim {
    /// An owner with fresh keys, a repair record of so many bytes at a shop, and a consent for an insurer.
    pub(super) fn new(shop: &Firm, insurer: &Firm, length: usize) -> Result<Self, ExperimentError> {
        Self::make(shop, insurer, length).map_err(ExperimentError::bench("a claim"))
    }

    fn make(shop: &Firm, insurer: &Firm, length: usize) -> Result<Self, RecordError> {
        let owner = random_name();
        let signing = SigningKey::generate(&mut OsRng);
        let secret = SecretKey::generate(&mut OsRng);
        let seed = OwnerSeed::generate(&mut OsRng);
        let category = Category::new("repair")?;
        let scope = Scope { owner, custodian: shop.name, category, period: Period::new(2026, 11)? };
        let published = seed.delegator_key(&scope).publish(&CHAIN, &signing);
        let delegator = published.verify(&CHAIN, &signing.verifying_key())?;
        let named = Named { name: &owner, key: secret.public() };
        let keyword_key = KeywordKey::of_custodian(&shop.name, &shop.secret, named);
        let keywords = vec![Keyword::new("bumper")?];
        let mut data = vec![0; length];
        OsRng.fill_bytes(&mut data);
        let (offered, body) = encrypt(&delegator, &keyword_key, &keywords, &data, &shop.signing)?;

        let header = offered.header().encode();
        let encoded = offered.encode();
        let delegator_key = seed.delegator_key(&scope);
        let review = offered.review(&CHAIN, &delegator_key, &shop.signing.verifying_key())?;
        let record = read_through(review, &body)?.accept(&signing);

        let named = Named { name: &shop.name, key: shop.secret.public() };
        let owners = KeywordKey::of_owner(&owner, &secret, named);
        let keys = OwnerKeys { name: &owner, signing: &signing, seed: &seed, keyword_key: &owners };
        let consented = consent(&keys, &scope, &keywords, insurer)?;
        let (grant, accepted) = consented;
        let mut claim = Self {
            shop_signing: SigningKey::from_bytes(&shop.signing.to_bytes()),
            shop_key: shop.signing.verifying_key(),
            owner_key: signing.verifying_key(),
            seed,
            scope,
            delegator,
            keyword_key,
            keywords,
            data,
            offered: encoded,
            header,
            body,
            record,
            grant,
            accepted,
            reencryption: Vec::new(),
        };
        claim.reencryption = claim.reencrypt()?;
        Ok(claim)
    }

    /// Does what a stage does, once.
    pub(super) fn perform(&self, stage: Stage) -> Result<(), ExperimentError> {
        let done = match stage {
            Stage::Encrypt => self.encrypt(),
            Stage::Decrypt => self.decrypt(),
            Stage::Reencrypt => self.reencrypt().map(drop),
            Stage::Redecrypt => self.redecrypt(),
        };
        done.map_err(ExperimentError::bench(stage.name()))
    }

    fn encrypt(&self) -> Result<(), RecordError> {
        let (offered, body) = encrypt(
            &self.delegator,
            &self.keyword_key,
            &self.keywords,
            &self.data,
            &self.shop_signing,
        )?;
        std::hint::black_box((offered.encode(), body));
        Ok(())
    }

    fn decrypt(&self) -> Result<(), RecordError> {
        let offered = OfferedRecord::decode(&self.offered)?;
        let key: DelegatorKey = self.seed.delegator_key(&self.scope);
        let review = offered.review(&CHAIN, &key, &self.shop_key)?;
        read_through(review, &self.body).map(drop)
    }

    /// As proxy and requester verify a header: what both have signed, and the capsule.
    fn verify_header(&self) -> Result<VerifiedHeader, RecordError> {
        let record = self.record.clone().verify(&CHAIN, &self.shop_key, &self.owner_key)?;
        CandidateHeader::decode(&self.header)?.verify(&record)
    }

    fn reencrypt(&self) -> Result<Vec<u8>, RecordError> {
        let header = self.verify_header()?;
        let made = self.grant.reencrypt(&header, Standing::InForce, NOW_MS, &mut OsRng)?;
        Ok(made.encode().to_vec())
    }

    fn redecrypt(&self) -> Result<(), RecordError> {
        let header = self.verify_header()?;
        let made = Reencryption::decode(&self.reencryption)?;
        let made = self.accepted.verify(&header, 1, &made)?;
        let mut decryptor: BodyDecryptor = self.accepted.open(&header, &[made])?;
        let mut rest = self.body.as_slice();
        while !rest.is_empty() {
            std::hint::black_box(decryptor.absorb(&mut rest)?);
        }
        decryptor.finish()
    }
}

fn random_name() -> Pseudonym {
    let mut name = [0; 32];
    OsRng.fill_bytes(&mut name);
    Pseudonym(name)
}

fn encrypt(
    delegator: &VerifiedDelegatorKey,
    keyword_key: &KeywordKey,
    keywords: &[Keyword],
    data: &[u8],
    shop: &SigningKey,
) -> Result<(OfferedRecord, Vec<u8>), RecordError> {
    let mut encryptor = RecordEncryptor::new(delegator, keyword_key, keywords, &mut OsRng)?;
    let mut body = Vec::with_capacity(data.len() + 1024);
    let mut rest = data;
    while !rest.is_empty() {
        if let Some(chunk) = encryptor.absorb(&mut rest)? {
            body.extend_from_slice(chunk);
        }
    }
    let (last, unsigned) = encryptor.finish()?;
    body.extend_from_slice(&last);
    Ok((unsigned.sign(shop), body))
}

fn read_through(
    mut review: Review,
    body: &[u8],
) -> Result<consilium_exchange::records::ReviewedRecord, RecordError> {
    let mut rest = body;
    while !rest.is_empty() {
        std::hint::black_box(review.absorb(&mut rest)?);
    }
    review.finish()
}

/// What the owner's consent to the insurer's request comes to at the one proxy and at the insurer.
fn consent(
    owner: &OwnerKeys<'_>,
    scope: &Scope,
    keywords: &[Keyword],
    insurer: &Firm,
) -> Result<(VerifiedGrant, AcceptedConsent), RecordError> {
    let proxy = random_name();
    let key = SecretKey::generate(&mut OsRng);
    let selection = Selection::new(scope.custodian, scope.category.clone(), vec![scope.period])?;
    let request =
        Request::new(insurer.name, *key.public(), selection.clone(), keywords.to_vec(), "claim")?;
    let allowance = Allowance {
        selection,
        keywords: keywords.to_vec(),
        until_ms: UNTIL_MS,
        proxies: vec![proxy],
        threshold: 1,
    };
    let given = give_consent(&CHAIN, owner, &request, &allowance, &mut OsRng)?;
    let consent = given.consent().clone().verify(&CHAIN, &owner.signing.verifying_key())?;
    let (grants, notice) = given.release(Standing::InForce)?;
    let accepted = notice.verify(&consent, &insurer.name, key)?;
    let grant = grants.into_iter().next().ok_or(RecordError::TooFew { expected: 1, found: 0 })?;
    Ok((grant.verify(&consent, &proxy)?, accepted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_goes_through_all_four_stages_and_one_that_was_changed_through_none() {
        let mut claim = Claim::new(&Firm::new(), &Firm::new(), 1_000).unwrap();
        for stage in Stage::ALL {
            claim.perform(stage).unwrap();
        }
        claim.body[500] ^= 1;
        for stage in [Stage::Decrypt, Stage::Redecrypt] {
            assert!(claim.perform(stage).unwrap_err().to_string().contains(stage.name()));
        }
        claim.header[100] ^= 1;
        assert!(claim.perform(Stage::Reencrypt).is_err());
    }
}
