//! A small world: an owner, a custodian, a requester and five proxies, and what they do with each other.

mod bodies;
mod claims;
mod collusion;
mod consents;
mod decoding;
mod given;
mod keywords;
mod reencryption;
mod statements;
mod storing;

use consilium_crypto::dkg::OpeningKey;
use consilium_crypto::{SigningKey, VerifyingKey};
use consilium_hash::{ChainId, Pseudonym};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;

pub(super) const CHAIN: ChainId = ChainId([9; 32]);
pub(super) const NOW_MS: u64 = 1_000_000;
pub(super) const UNTIL_MS: u64 = 2_000_000;

/// An owner or a custodian.
pub(super) struct Member {
    pub(super) name: Pseudonym,
    pub(super) signing: SigningKey,
    pub(super) secret: SecretKey,
    pub(super) seed: OwnerSeed,
    pub(super) opening: OpeningKey,
}

impl Member {
    pub(super) fn new(name: u8, rng: &mut ChaCha20Rng) -> Self {
        Self {
            name: Pseudonym([name; 32]),
            signing: SigningKey::generate(rng),
            secret: SecretKey::generate(rng),
            seed: OwnerSeed::generate(rng),
            opening: OpeningKey::generate(rng),
        }
    }

    pub(super) fn key(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    pub(super) fn named(&self) -> Named<'_> {
        Named { name: &self.name, key: self.secret.public() }
    }

    /// κ, as this owner has it.
    pub(super) fn keyword_key(&self, custodian: &Self) -> KeywordKey {
        KeywordKey::of_owner(&self.name, &self.secret, custodian.named())
    }
}

pub(super) struct World {
    pub(super) rng: ChaCha20Rng,
    pub(super) owner: Member,
    pub(super) custodian: Member,
    /// Another owner and custodian, and a member who is neither.
    pub(super) other: Member,
    pub(super) requester: Pseudonym,
    pub(super) proxies: Vec<Pseudonym>,
}

/// A record on the ledger and in its custodian's store.
pub(super) struct Stored {
    pub(super) candidate: CandidateHeader,
    pub(super) record: Record,
    pub(super) header: VerifiedHeader,
    pub(super) body: Vec<u8>,
}

/// A consent in force, as everybody has it.
pub(super) struct Shared {
    pub(super) consent: VerifiedConsent,
    pub(super) grants: Vec<VerifiedGrant>,
    pub(super) accepted: AcceptedConsent,
}

pub(super) fn period(month: u8) -> Period {
    Period::new(2026, month).unwrap()
}

pub(super) fn category(name: &str) -> Category {
    Category::new(name).unwrap()
}

pub(super) fn words(words: &[&str]) -> Vec<Keyword> {
    words.iter().map(|word| Keyword::new(word).unwrap()).collect()
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let [owner, custodian, other] = [1, 2, 3].map(|name| Member::new(name, &mut rng));
        let proxies = (11..16).map(|name| Pseudonym([name; 32])).collect();
        Self { rng, owner, custodian, other, requester: Pseudonym([4; 32]), proxies }
    }

    pub(super) fn scope(&self, name: &str, month: u8) -> Scope {
        Scope {
            owner: self.owner.name,
            custodian: self.custodian.name,
            category: category(name),
            period: period(month),
        }
    }

    /// What the custodian encrypts, before it signs.
    pub(super) fn encrypt(
        &mut self,
        scope: &Scope,
        keywords: &[&str],
        data: &[u8],
    ) -> (UnsignedRecord, Vec<u8>) {
        let published = self.owner.seed.delegator_key(scope).publish(&CHAIN, &self.owner.signing);
        let delegator = published.verify(&CHAIN, &self.owner.key()).unwrap();
        let owner = self.owner.named();
        let key = KeywordKey::of_custodian(&self.custodian.name, &self.custodian.secret, owner);
        let keywords = words(keywords);
        let mut encryptor =
            RecordEncryptor::new(&delegator, &key, &keywords, &mut self.rng).unwrap();
        let mut body = Vec::new();
        let mut rest = data;
        while !rest.is_empty() {
            if let Some(chunk) = encryptor.absorb(&mut rest).unwrap() {
                body.extend_from_slice(chunk);
            }
        }
        let (last, unsigned) = encryptor.finish().unwrap();
        body.extend(last);
        (unsigned, body)
    }

    /// The owner's check of what the custodian signed.
    pub(super) fn review(
        &self,
        offered: OfferedRecord,
        scope: &Scope,
        body: &[u8],
    ) -> Result<(ReviewedRecord, Vec<u8>), RecordError> {
        let delegator = self.owner.seed.delegator_key(scope);
        let mut review = offered.review(&CHAIN, &delegator, &self.custodian.key())?;
        let mut data = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            if let Some(chunk) = review.absorb(&mut rest)? {
                data.extend_from_slice(chunk);
            }
        }
        Ok((review.finish()?, data))
    }

    pub(super) fn store(&mut self, scope: &Scope, keywords: &[&str], data: &[u8]) -> Stored {
        let (unsigned, body) = self.encrypt(scope, keywords, data);
        let offered = unsigned.sign(&self.custodian.signing);
        let candidate = offered.header().clone();
        let (reviewed, read) = self.review(offered, scope, &body).unwrap();
        assert_eq!(read, data);
        let record = reviewed.accept(&self.owner.signing);
        let verified = self.verify(&record).unwrap();
        let header = candidate.clone().verify(&verified).unwrap();
        Stored { candidate, record, header, body }
    }

    pub(super) fn verify(&self, record: &Record) -> Result<VerifiedRecord, RecordError> {
        record.clone().verify(&CHAIN, &self.custodian.key(), &self.owner.key())
    }

    pub(super) fn selection(&self, name: &str, months: &[u8]) -> Selection {
        let months = months.iter().map(|month| period(*month)).collect();
        Selection::new(self.custodian.name, category(name), months).unwrap()
    }

    /// A request as the owner reads it, and its key.
    pub(super) fn request(
        &mut self,
        selection: Selection,
        keywords: &[&str],
    ) -> (Request, SecretKey) {
        let key = SecretKey::generate(&mut self.rng);
        let keywords = words(keywords);
        let request =
            Request::new(self.requester, *key.public(), selection, keywords, "an audit").unwrap();
        let sealing = self.owner.opening.sealing_key();
        let sealed = request.seal(&CHAIN, &self.owner.name, &sealing, &mut self.rng).unwrap();
        let sealed = SealedRequest::decode(&sealed.encode()).unwrap();
        assert_eq!(sealed.open(&CHAIN, &self.owner.opening).unwrap(), request);
        (request, key)
    }

    pub(super) fn give(
        &mut self,
        request: &Request,
        proxies: usize,
        threshold: u8,
    ) -> GivenConsent {
        let keyword_key = self.owner.keyword_key(&self.custodian);
        let owner = OwnerKeys {
            name: &self.owner.name,
            signing: &self.owner.signing,
            seed: &self.owner.seed,
            keyword_key: &keyword_key,
        };
        let allowance = Allowance {
            selection: request.selection().clone(),
            keywords: request.keywords().to_vec(),
            until_ms: UNTIL_MS,
            proxies: self.proxies[..proxies].to_vec(),
            threshold,
        };
        give_consent(&CHAIN, &owner, request, &allowance, &mut self.rng).unwrap()
    }

    /// A consent to one keyword, everything in it sent as bytes.
    pub(super) fn share(
        &mut self,
        selection: Selection,
        keywords: &[&str],
        proxies: usize,
        threshold: u8,
    ) -> Shared {
        let (request, key) = self.request(selection, keywords);
        let given = self.give(&request, proxies, threshold);
        let consent = Consent::decode(&given.consent().encode()).unwrap();
        let consent = consent.verify(&CHAIN, &self.owner.key()).unwrap();
        let (grants, notice) = given.release(Standing::InForce).unwrap();
        let grants = grants.iter().zip(&self.proxies).map(|(grant, proxy)| {
            Grant::decode(&grant.encode()).unwrap().verify(&consent, proxy).unwrap()
        });
        let grants = grants.collect();
        let notice = Notice::decode(&notice.encode()).unwrap();
        let accepted = notice.verify(&consent, &self.requester, key).unwrap();
        Shared { consent, grants, accepted }
    }
}

impl Shared {
    /// Proxy `place`'s answer, as bytes and back.
    pub(super) fn reencrypt(
        &self,
        place: u8,
        header: &VerifiedHeader,
        rng: &mut ChaCha20Rng,
    ) -> Result<Reencryption, RecordError> {
        let grant = &self.grants[usize::from(place) - 1];
        let made = grant.reencrypt(header, Standing::InForce, NOW_MS, rng)?;
        Ok(Reencryption::decode(&made.encode()).unwrap())
    }

    /// What the requester reads with the answers of these proxies.
    pub(super) fn read(
        &self,
        places: &[u8],
        stored: &Stored,
        rng: &mut ChaCha20Rng,
    ) -> Result<Vec<u8>, RecordError> {
        let mut made = Vec::new();
        for place in places {
            let reencryption = self.reencrypt(*place, &stored.header, rng)?;
            made.push(self.accepted.verify(&stored.header, *place, &reencryption)?);
        }
        decrypt(self.accepted.open(&stored.header, &made)?, &stored.body)
    }
}

/// Everything that a decryptor makes of a body.
pub(super) fn decrypt(mut decryptor: BodyDecryptor, body: &[u8]) -> Result<Vec<u8>, RecordError> {
    let mut data = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        if let Some(chunk) = decryptor.absorb(&mut rest)? {
            data.extend_from_slice(chunk);
        }
    }
    decryptor.finish()?;
    Ok(data)
}
