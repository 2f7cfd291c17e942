//! Encrypting, re-encrypting and searching records.

use std::hint::black_box;

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use consilium_crypto::{SigningKey, VerifyingKey};
use consilium_exchange::records::{
    AcceptedConsent, Allowance, CandidateHeader, Category, Keyword, KeywordKey, Named, OwnerKeys,
    OwnerSeed, Period, Record, RecordEncryptor, Reencryption, Request, Scope, SecretKey, Selection,
    Standing, TAGS, VerifiedDelegatorKey, VerifiedGrant, VerifiedHeader, give_consent,
};
use consilium_hash::{ChainId, Pseudonym};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::OsRng;
use sha2::{Digest, Sha256};

use crate::turns::{Work, compare};

const CHAIN: ChainId = ChainId([1; 32]);
const OWNER: Pseudonym = Pseudonym([2; 32]);
const CUSTODIAN: Pseudonym = Pseudonym([3; 32]);
const REQUESTER: Pseudonym = Pseudonym([4; 32]);
const PROXY: Pseudonym = Pseudonym([5; 32]);
const MEBIBYTE: usize = 1 << 20;

struct World {
    owner: SigningKey,
    custodian: SigningKey,
    owner_secret: SecretKey,
    custodian_secret: SecretKey,
    seed: OwnerSeed,
    scope: Scope,
    keyword: Keyword,
}

/// A record as it lies on the ledger and in the custodian's store.
struct Stored {
    header: Vec<u8>,
    record: Record,
    body: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let category = Category::new("repair").unwrap();
        let period = Period::new(2026, 5).unwrap();
        Self {
            owner: SigningKey::generate(&mut OsRng),
            custodian: SigningKey::generate(&mut OsRng),
            owner_secret: SecretKey::generate(&mut OsRng),
            custodian_secret: SecretKey::generate(&mut OsRng),
            seed: OwnerSeed::generate(&mut OsRng),
            scope: Scope { owner: OWNER, custodian: CUSTODIAN, category, period },
            keyword: Keyword::new("brakes").unwrap(),
        }
    }

    fn delegator(&self) -> VerifiedDelegatorKey {
        let published = self.seed.delegator_key(&self.scope).publish(&CHAIN, &self.owner);
        published.verify(&CHAIN, &self.owner.verifying_key()).unwrap()
    }

    fn keyword_key(&self) -> KeywordKey {
        let custodian = Named { name: &CUSTODIAN, key: self.custodian_secret.public() };
        KeywordKey::of_owner(&OWNER, &self.owner_secret, custodian)
    }

    fn store(&self, data: &[u8], keywords: &[Keyword]) -> Stored {
        let (delegator, key) = (self.delegator(), self.keyword_key());
        let mut body = Vec::new();
        let encryptor = RecordEncryptor::new(&delegator, &key, keywords, &mut OsRng).unwrap();
        let unsigned = encrypt(encryptor, data, |chunk| body.extend_from_slice(chunk));
        let offered = unsigned.sign(&self.custodian);
        let header = offered.header().encode();
        let delegator = self.seed.delegator_key(&self.scope);
        let custodian = self.custodian.verifying_key();
        let mut review = offered.review(&CHAIN, &delegator, &custodian).unwrap();
        let mut rest = body.as_slice();
        while !rest.is_empty() {
            review.absorb(&mut rest).unwrap();
        }
        Stored { header, record: review.finish().unwrap().accept(&self.owner), body }
    }

    fn keys(&self) -> (VerifyingKey, VerifyingKey) {
        (self.custodian.verifying_key(), self.owner.verifying_key())
    }

    fn verify(&self, stored: &Stored) -> VerifiedHeader {
        let (custodian, owner) = self.keys();
        let record = stored.record.clone().verify(&CHAIN, &custodian, &owner).unwrap();
        CandidateHeader::decode(&stored.header).unwrap().verify(&record).unwrap()
    }

    fn consent(&self) -> (VerifiedGrant, AcceptedConsent) {
        let key = SecretKey::generate(&mut OsRng);
        let Scope { category, period, .. } = self.scope.clone();
        let selection = Selection::new(CUSTODIAN, category, vec![period]).unwrap();
        let keywords = vec![self.keyword.clone()];
        let request =
            Request::new(REQUESTER, *key.public(), selection.clone(), keywords.clone(), "bench");
        let keyword_key = self.keyword_key();
        let owner = OwnerKeys {
            name: &OWNER,
            signing: &self.owner,
            seed: &self.seed,
            keyword_key: &keyword_key,
        };
        let proxies = vec![PROXY];
        let allowance = Allowance { selection, keywords, until_ms: 2, proxies, threshold: 1 };
        let given = give_consent(&CHAIN, &owner, &request.unwrap(), &allowance, &mut OsRng);
        let given = given.unwrap();
        let consent = given.consent().clone();
        let consent = consent.verify(&CHAIN, &self.owner.verifying_key()).unwrap();
        let (mut grants, notice) = given.release(Standing::InForce).unwrap();
        let grant = grants.remove(0).verify(&consent, &PROXY).unwrap();
        (grant, notice.verify(&consent, &REQUESTER, key).unwrap())
    }
}

fn encrypt(
    mut encryptor: RecordEncryptor,
    data: &[u8],
    mut write: impl FnMut(&[u8]),
) -> consilium_exchange::records::UnsignedRecord {
    let mut rest = data;
    while !rest.is_empty() {
        if let Some(chunk) = encryptor.absorb(&mut rest).unwrap() {
            write(chunk);
        }
    }
    let (last, unsigned) = encryptor.finish().unwrap();
    write(&last);
    unsigned
}

fn decrypt(accepted: &AcceptedConsent, header: &VerifiedHeader, made: &[u8], body: &[u8]) {
    let made = Reencryption::decode(made).unwrap();
    let made = accepted.verify(header, 1, &made).unwrap();
    let mut decryptor = accepted.open(header, &[made]).unwrap();
    let mut rest = body;
    while !rest.is_empty() {
        black_box(decryptor.absorb(&mut rest).unwrap());
    }
    decryptor.finish().unwrap();
}

pub fn run() {
    let world = World::new();
    let data = vec![7; MEBIBYTE];
    let (grant, accepted) = world.consent();
    let keywords = std::slice::from_ref(&world.keyword);
    let small = world.store(&data[..1024], keywords);
    let large = world.store(&data, keywords);
    let header = world.verify(&large);
    let made = grant.reencrypt(&header, Standing::InForce, 1, &mut OsRng).unwrap().encode();
    encrypting(&world, &data, || decrypt(&accepted, &header, &made, &large.body));
    reencrypting(&world, &grant, &accepted, &small, &large);
    searching(&world, &grant);
}

fn encrypting(world: &World, data: &[u8], mut decrypt: impl FnMut()) {
    let mut buffer = data.to_vec();
    let cipher = ChaCha20Poly1305::new(&[1; 32].into());
    let (delegator, key) = (world.delegator(), world.keyword_key());
    println!("record of 1 MiB");
    compare(&mut [
        Work::new("AEAD and SHA-256 alone", 1, None, || {
            let nonce = [0; 12].into();
            let tag = cipher.encrypt_inout_detached(&nonce, b"", buffer.as_mut_slice().into());
            black_box((tag.unwrap(), Sha256::digest(&buffer)));
        }),
        Work::new("encrypt and sign", 1, Some(1.3), || {
            let keywords = std::slice::from_ref(&world.keyword);
            let encryptor = RecordEncryptor::new(&delegator, &key, keywords, &mut OsRng).unwrap();
            let unsigned = encrypt(encryptor, data, |chunk| {
                black_box(chunk);
            });
            black_box(unsigned.sign(&world.custodian));
        }),
        Work::new("check, decrypt as requester", 1, None, &mut decrypt),
    ]);
}

fn reencrypting(
    world: &World,
    grant: &VerifiedGrant,
    accepted: &AcceptedConsent,
    small: &Stored,
    large: &Stored,
) {
    let point = RistrettoPoint::mul_base(&Scalar::from_bytes_mod_order([9; 32]));
    let scalar = Scalar::from_bytes_mod_order([7; 32]);
    let headers = [small, large].map(|stored| world.verify(stored));
    let (custodian, owner) = world.keys();
    let records = [small, large]
        .map(|stored| stored.record.clone().verify(&CHAIN, &custodian, &owner).unwrap());
    let reencrypt = |header: &VerifiedHeader| {
        grant.reencrypt(header, Standing::InForce, 1, &mut OsRng).unwrap()
    };
    let made = reencrypt(&headers[1]).encode();
    println!("re-encryption");
    compare(&mut [
        Work::new("multiplication in ristretto255", 50, None, || {
            black_box(black_box(point) * black_box(scalar));
        }),
        Work::new("re-encrypt, record of 1 KiB", 20, Some(8.0), || {
            black_box(reencrypt(&headers[0]));
        }),
        Work::new("re-encrypt, record of 1 MiB", 20, Some(8.0), || {
            black_box(reencrypt(&headers[1]));
        }),
        Work::new("read, check header, re-encrypt, 1 MiB", 20, Some(8.0), || {
            let header = CandidateHeader::decode(&large.header).unwrap();
            black_box(reencrypt(&header.verify(&records[1]).unwrap()));
        }),
        Work::new("read and verify a re-encryption", 20, None, || {
            let made = Reencryption::decode(&made).unwrap();
            black_box(accepted.verify(&headers[1], 1, &made).unwrap());
        }),
    ]);
}

fn searching(world: &World, grant: &VerifiedGrant) {
    let other = [Keyword::new("tyres").unwrap()];
    let records: Vec<VerifiedHeader> =
        (0..100).map(|_| world.verify(&world.store(b"", &other))).collect();
    let Scope { category, period, .. } = &world.scope;
    let trapdoor = world.keyword_key().trapdoor(category, *period, &world.keyword);
    let tags = (100 * TAGS) as f64;
    println!("search, 100 records with 8 tags each: bar {tags} us for all");
    compare(&mut [
        Work::new("100 headers against a consent", 5, None, || {
            for header in &records {
                assert!(grant.check(header).is_err());
            }
        }),
        Work::new("their tags against the trapdoor alone", 5, None, || {
            for header in &records {
                assert!(!trapdoor.matches(header.id(), header.tags()));
            }
        }),
    ]);
}
