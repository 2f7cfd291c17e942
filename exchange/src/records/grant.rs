//! Grants: what a proxy gets of a consent, and searching and re-encrypting with it.
//!
//! E' = rk·E with a proof of log_g R = log_E E' (Chaum, Pedersen, "Wallet databases with observers", CRYPTO 1992), the
//! challenge over consent, place, E, E' and R. Cost: three multiplications besides the checks; none depends on the length
//! of the record, whose body a proxy never sees.

use std::fmt;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{Protocol, Reader, random_scalar, witness_bytes};
use consilium_hash::{ConsentHash, Pseudonym};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::consent::{MAX_PROXIES, VerifiedConsent};
use super::reencryption::Reencryption;
use super::request::MAX_KEYWORDS;
use super::selection::{MAX_PERIODS, read_count, read_many};
use super::terms::{Terms, VerifiedTerms};
use super::transcript::reencryption;
use super::{PublicKey, RecordError, Selection, Standing, Trapdoor, VerifiedHeader};

/// What an owner sends to one proxy over a channel of their own. Nothing of it is verified. Its secrets are wiped when it
/// is dropped, and never shown.
pub struct Grant {
    pub(super) consent: ConsentHash,
    pub(super) place: u8,
    /// The proxy's share of rk, by month.
    pub(super) keys: Zeroizing<Vec<Scalar>>,
    /// By keyword and month.
    pub(super) trapdoors: Vec<Vec<Trapdoor>>,
    pub(super) terms: Terms,
}

impl Grant {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize =
        32 + 3 + MAX_PERIODS * 32 + MAX_KEYWORDS * MAX_PERIODS * 32 + Terms::MAX_LEN;

    /// The consent that it belongs to.
    pub fn consent(&self) -> &ConsentHash {
        &self.consent
    }

    /// Consent ‖ place ‖ months ‖ keywords ‖ rk ‖ trapdoors ‖ terms, to be sent to the proxy alone.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Never grown, which would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::MAX_LEN));
        bytes.extend_from_slice(self.consent.as_slice());
        // At most 60 and 16.
        bytes.extend([self.place, self.keys.len() as u8, self.trapdoors.len() as u8]);
        bytes.extend(self.keys.iter().flat_map(Scalar::to_bytes));
        bytes.extend(self.trapdoors.iter().flatten().flat_map(|trapdoor| trapdoor.bytes()));
        bytes.extend_from_slice(&self.terms.encode());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::at_most("grant", bytes, Self::MAX_LEN)?;
        let consent = ConsentHash(reader.array()?);
        let most = MAX_PROXIES as u8;
        let place = read_count(&mut reader, "place of a proxy", 1..=most, "1 to 16")?;
        let most = MAX_PERIODS as u8;
        let periods = read_count(&mut reader, "months of a grant", 1..=most, "1 to 60")?;
        let most = MAX_KEYWORDS as u8;
        let keywords = read_count(&mut reader, "keywords of a grant", 1..=most, "1 to 16")?;
        let keys = Zeroizing::new(reader.scalar_vec(periods.into())?);
        let trapdoors = read_many(keywords, || {
            read_many(periods, || reader.array().map(Trapdoor::from_bytes))
        })?;
        let terms = Terms::read(&mut reader)?;
        reader.end()?;
        Ok(Self { consent, place, keys, trapdoors, terms })
    }

    /// Verifies that the grant is what the consent says, for this proxy: terms, keys and trapdoors.
    pub fn verify(
        self,
        consent: &VerifiedConsent,
        proxy: &Pseudonym,
    ) -> Result<VerifiedGrant, RecordError> {
        if self.consent != *consent.hash() {
            return Err(RecordError::OtherConsent);
        }
        let terms = self.terms.verify(consent)?;
        let named = usize::from(self.place).checked_sub(1).and_then(|i| terms.get().proxies.get(i));
        if named != Some(proxy) {
            return Err(RecordError::OtherProxy { place: self.place });
        }
        check_keys(consent, &terms, self.place, &self.keys)?;
        check_trapdoors(&terms, &self.trapdoors)?;
        let (keys, trapdoors) = (self.keys, self.trapdoors);
        Ok(VerifiedGrant { consent: consent.clone(), place: self.place, keys, trapdoors, terms })
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant(of {:?} to proxy {})", self.consent, self.place)
    }
}

/// R = rk·g in every month.
fn check_keys(
    consent: &VerifiedConsent,
    terms: &VerifiedTerms,
    place: u8,
    keys: &[Scalar],
) -> Result<(), RecordError> {
    let periods = terms.get().selection.periods();
    if keys.len() != periods.len() {
        return Err(RecordError::WrongTerms);
    }
    for (number, (period, key)) in periods.iter().zip(keys).enumerate() {
        if PublicKey::of(key) != *consent.share(number, place)? {
            return Err(RecordError::WrongReencryptionKey { period: *period });
        }
    }
    Ok(())
}

/// Every trapdoor is the committed one.
fn check_trapdoors(terms: &VerifiedTerms, trapdoors: &[Vec<Trapdoor>]) -> Result<(), RecordError> {
    let terms = terms.get();
    let months = terms.selection.periods().len();
    if trapdoors.len() != terms.keywords.len() || trapdoors.iter().any(|row| row.len() != months) {
        return Err(RecordError::WrongTerms);
    }
    for (keyword, (committed, trapdoors)) in terms.keywords.iter().zip(trapdoors).enumerate() {
        let months = terms.selection.periods().iter().zip(&committed.trapdoors).zip(trapdoors);
        for ((period, hash), trapdoor) in months {
            if trapdoor.hash() != *hash {
                return Err(RecordError::ForgedTrapdoor { keyword, period: *period });
            }
        }
    }
    Ok(())
}

/// A grant that a proxy can serve.
pub struct VerifiedGrant {
    consent: VerifiedConsent,
    place: u8,
    keys: Zeroizing<Vec<Scalar>>,
    trapdoors: Vec<Vec<Trapdoor>>,
    terms: VerifiedTerms,
}

impl VerifiedGrant {
    /// The consent that it belongs to.
    pub fn consent(&self) -> &ConsentHash {
        self.consent.hash()
    }

    /// For whom the proxy re-encrypts.
    pub fn requester(&self) -> &Pseudonym {
        &self.terms.get().requester
    }

    /// Which records the consent is for.
    pub fn selection(&self) -> &Selection {
        &self.terms.get().selection
    }

    /// The consent's end, in ms since 1970.
    pub fn until_ms(&self) -> u64 {
        self.terms.get().until_ms
    }

    /// Refuses a record that the consent does not open: of another scope, or with none of the keywords. The search is
    /// this check over the custodian's headers.
    pub fn check(&self, header: &VerifiedHeader) -> Result<(), RecordError> {
        let period = self.period(header)?;
        let of_month = self.trapdoors.iter().filter_map(|months| months.get(period));
        // All are tried, so that the time does not tell which keyword it was.
        let matches =
            of_month.filter(|trapdoor| trapdoor.matches(header.id(), header.tags())).count();
        if matches == 0 { Err(RecordError::NoKeyword) } else { Ok(()) }
    }

    fn period(&self, header: &VerifiedHeader) -> Result<usize, RecordError> {
        if header.scope().owner != *self.consent.owner() {
            return Err(RecordError::NotConsented { what: "owner" });
        }
        self.terms.get().selection.position(header.scope())
    }

    /// Re-encrypts the record's capsule for the requester, if the consent allows it now.
    ///
    /// `standing` is what the ledger says of the consent at `now_ms`, in ms since 1970.
    pub fn reencrypt(
        &self,
        header: &VerifiedHeader,
        standing: Standing,
        now_ms: u64,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Reencryption, RecordError> {
        standing.check()?;
        let until_ms = self.terms.get().until_ms;
        if now_ms >= until_ms {
            return Err(RecordError::Expired { until_ms, now_ms });
        }
        self.check(header)?;
        let period = self.period(header)?;
        // `verify` has counted the keys.
        let key = self.keys.get(period).ok_or(RecordError::WrongTerms)?;
        let r = self.consent.share(period, self.place)?;
        Ok(prove(self.consent.hash(), self.place, header.prologue().capsule.e(), r, key, rng))
    }
}

impl fmt::Debug for VerifiedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedGrant(of {:?} to proxy {})", self.consent.hash(), self.place)
    }
}

/// E' and the proof, in constant time.
pub(super) fn prove(
    consent: &ConsentHash,
    place: u8,
    e: &PublicKey,
    r: &PublicKey,
    key: &Scalar,
    rng: &mut (impl RngCore + CryptoRng),
) -> Reencryption {
    let reencrypted = PublicKey::from_point(e.point() * key);
    let mut transcript =
        reencryption(consent, place, e.encoding(), r.encoding(), reencrypted.encoding());
    let mut nonces = transcript.witness_rng(&witness_bytes([key]), rng);
    let alpha = Zeroizing::new(random_scalar(&mut nonces));
    let t = [RistrettoPoint::mul_base(&alpha), e.point() * *alpha];
    transcript.append_points(b"T", &t);
    let c = transcript.challenge(b"c");
    Reencryption { e: reencrypted, c, z: *alpha + c * key }
}
