//! Giving consent: what an owner makes of a request.
//!
//! x random, X = x·g; for each month d = H(X, B, x·B, consent, month) and rk = a·d^(−1), shared among n proxies by a
//! polynomial of degree t − 1. The requester has d from b·X; a proxy has its share; both together have a, and with it the
//! months of this consent and nothing else.

use consilium_crypto::SigningKey;
use consilium_crypto::building_blocks::{evaluate, random_polynomial, random_scalar};
use consilium_hash::{ChainId, ConsentHash, Pseudonym};
use curve25519_dalek::scalar::Scalar;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::consent::{Content, MAX_PROXIES, consent_hash};
use super::grant::Grant;
use super::notice::Notice;
use super::request::check_keywords;
use super::terms::{KeywordTerms, Terms, keyword_hash};
use super::transcript::rekey_scalar;
use super::{
    Consent, Keyword, KeywordKey, OwnerSeed, PublicKey, RecordError, Request, SecretKey, Selection,
    Standing, Trapdoor,
};

/// An owner's secrets, as giving consent needs them.
#[derive(Debug)]
pub struct OwnerKeys<'a> {
    /// The owner.
    pub name: &'a Pseudonym,
    /// Its Ed25519 key.
    pub signing: &'a SigningKey,
    /// Of its delegator keys.
    pub seed: &'a OwnerSeed,
    /// Its keyword key with the custodian of the records.
    pub keyword_key: &'a KeywordKey,
}

/// What an owner allows, which may be less than what the request asks for.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Which records.
    pub selection: Selection,
    /// With any of which keywords, 1 to 16.
    pub keywords: Vec<Keyword>,
    /// Until when, in ms since 1970; not any more at that time.
    pub until_ms: u64,
    /// Through which proxies, 1 to 16.
    pub proxies: Vec<Pseudonym>,
    /// How many of them must take part.
    pub threshold: u8,
}

impl Allowance {
    fn check(&self) -> Result<(), RecordError> {
        check_keywords(&self.keywords)?;
        let found = self.proxies.len();
        if !(1..=MAX_PROXIES).contains(&found) {
            return Err(RecordError::Count { what: "proxies", found, allowed: "1 to 16" });
        }
        // One that is there twice would count twice towards the threshold.
        let mut distinct = self.proxies.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != found {
            let (what, found) = ("proxies named twice", found - distinct.len());
            return Err(RecordError::Count { what, found, allowed: "none" });
        }
        let found = usize::from(self.threshold);
        if !(1..=self.proxies.len()).contains(&found) {
            let (what, allowed) = ("proxies as threshold", "1 to the number of proxies");
            return Err(RecordError::Count { what, found, allowed });
        }
        Ok(())
    }
}

/// A consent, with what proxies and requester get once it is on the ledger.
#[derive(Debug)]
pub struct GivenConsent {
    pub(super) consent: Consent,
    pub(super) hash: ConsentHash,
    pub(super) grants: Vec<Grant>,
    pub(super) notice: Notice,
}

impl GivenConsent {
    /// For the ledger.
    pub fn consent(&self) -> &Consent {
        &self.consent
    }

    /// The consent's name.
    pub fn hash(&self) -> &ConsentHash {
        &self.hash
    }

    /// A grant for each proxy, in their order, and the notice for the requester. Not before the consent is in a sealed
    /// block: otherwise a proxy could serve a consent that nobody can see or withdraw.
    pub fn release(self, standing: Standing) -> Result<(Vec<Grant>, Notice), RecordError> {
        standing.check()?;
        Ok((self.grants, self.notice))
    }
}

/// Consents to a request as far as `allowance` goes.
pub fn give_consent(
    chain_id: &ChainId,
    owner: &OwnerKeys<'_>,
    request: &Request,
    allowance: &Allowance,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<GivenConsent, RecordError> {
    allowance.check()?;
    let trapdoors = trapdoors(owner.keyword_key, allowance);
    let salts: Vec<[u8; 32]> = allowance.keywords.iter().map(|_| random_bytes(rng)).collect();
    let terms = terms(request, allowance, &trapdoors, &salts, random_bytes(rng));
    let x = SecretKey::generate(rng);
    let terms_hash = terms.hash();
    let hash = consent_hash(chain_id, owner.name, &terms_hash, x.public());
    let keys = rekey(owner, request, allowance, &hash, &x, rng);
    let content = Content {
        owner: *owner.name,
        terms: terms_hash,
        x: *x.public(),
        threshold: allowance.threshold,
        shares: keys.iter().map(|shares| public_shares(shares)).collect(),
    };
    let consent = content.sign(chain_id, owner.signing);
    let grant = |(proxy, place)| {
        // Never grown, which would leave copies behind.
        let mut of_proxy = Zeroizing::new(Vec::with_capacity(keys.len()));
        of_proxy.extend(keys.iter().filter_map(|shares| shares.get(proxy)));
        Grant {
            consent: hash,
            place,
            keys: of_proxy,
            trapdoors: trapdoors.clone(),
            terms: terms.clone(),
        }
    };
    let grants = (0..allowance.proxies.len()).zip(1..).map(grant).collect();
    let keywords = allowance.keywords.iter().cloned().zip(salts).collect();
    Ok(GivenConsent { consent, hash, grants, notice: Notice { consent: hash, terms, keywords } })
}

fn random_bytes(rng: &mut (impl RngCore + CryptoRng)) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// τ by keyword and month.
fn trapdoors(key: &KeywordKey, allowance: &Allowance) -> Vec<Vec<Trapdoor>> {
    let selection = &allowance.selection;
    let of_keyword = |keyword| {
        let trapdoor = |period: &_| key.trapdoor(selection.category(), *period, keyword);
        selection.periods().iter().map(trapdoor).collect()
    };
    allowance.keywords.iter().map(of_keyword).collect()
}

fn terms(
    request: &Request,
    allowance: &Allowance,
    trapdoors: &[Vec<Trapdoor>],
    salts: &[[u8; 32]],
    blinding: [u8; 32],
) -> Terms {
    let keywords = allowance.keywords.iter().zip(salts).zip(trapdoors);
    let keyword_terms = |((keyword, salt), trapdoors): ((&Keyword, &[u8; 32]), &Vec<Trapdoor>)| {
        let trapdoors = trapdoors.iter().map(Trapdoor::hash).collect();
        KeywordTerms { keyword: keyword_hash(salt, keyword), trapdoors }
    };
    Terms {
        requester: *request.requester(),
        requester_key: *request.key(),
        selection: allowance.selection.clone(),
        until_ms: allowance.until_ms,
        proxies: allowance.proxies.clone(),
        keywords: keywords.map(keyword_terms).collect(),
        blinding,
    }
}

/// Shares of rk by month and proxy.
fn rekey(
    owner: &OwnerKeys<'_>,
    request: &Request,
    allowance: &Allowance,
    consent: &ConsentHash,
    x: &SecretKey,
    rng: &mut (impl RngCore + CryptoRng),
) -> Vec<Zeroizing<Vec<Scalar>>> {
    let shared = x.agree(request.key());
    let places = 1..=allowance.proxies.len() as u32;
    let degree = usize::from(allowance.threshold).saturating_sub(1);
    let scopes = allowance.selection.scopes(owner.name);
    let of_month = |scope: super::Scope| {
        let d = rekey_scalar(
            x.public().encoding(),
            request.key().encoding(),
            &shared,
            consent,
            &scope.period.encode(),
        );
        let key = owner.seed.delegator_key(&scope);
        let rk = Zeroizing::new(key.scalar() * d.invert());
        let polynomial = random_polynomial(*rk, degree, || random_scalar(rng));
        let mut shares = Zeroizing::new(Vec::with_capacity(MAX_PROXIES));
        shares.extend(places.clone().map(|place| evaluate(&polynomial, place)));
        shares
    };
    scopes.map(of_month).collect()
}

/// R by proxy.
fn public_shares(shares: &[Scalar]) -> Vec<PublicKey> {
    shares.iter().map(PublicKey::of).collect()
}
