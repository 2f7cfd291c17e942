//! What the requester gets of a consent, and opening records with it.

use std::fmt;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::{ConsentHash, Pseudonym};
use zeroize::Zeroizing;

use super::consent::VerifiedConsent;
use super::reencryption::combine;
use super::request::MAX_KEYWORDS;
use super::selection::{read_count, read_many};
use super::terms::{Terms, VerifiedTerms, keyword_hash};
use super::transcript::rekey_scalar;
use super::{
    BodyDecryptor, Keyword, Party, RecordError, Reencryption, SecretKey, Selection, VerifiedHeader,
    VerifiedReencryption,
};

/// What an owner sends to the requester over a channel of their own. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub(super) consent: ConsentHash,
    pub(super) terms: Terms,
    /// The keywords with their salts.
    pub(super) keywords: Vec<(Keyword, [u8; 32])>,
}

impl Notice {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = 32 + 1 + MAX_KEYWORDS * (1 + Keyword::MAX_LEN + 32) + Terms::MAX_LEN;

    /// Consent ‖ keywords with salts ‖ terms.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(self.consent.as_slice());
        // At most 16.
        bytes.push(self.keywords.len() as u8);
        for (keyword, salt) in &self.keywords {
            keyword.encode_to(&mut bytes);
            bytes.extend_from_slice(salt);
        }
        bytes.extend_from_slice(&self.terms.encode());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::at_most("notice of a consent", bytes, Self::MAX_LEN)?;
        let consent = ConsentHash(reader.array()?);
        let most = MAX_KEYWORDS as u8;
        let count = read_count(&mut reader, "keywords of a notice", 1..=most, "1 to 16")?;
        let keywords = read_many(count, || Ok((Keyword::read(&mut reader)?, reader.array()?)))?;
        let terms = Terms::read(&mut reader)?;
        reader.end()?;
        Ok(Self { consent, terms, keywords })
    }

    /// The consent that it belongs to.
    pub fn consent(&self) -> &ConsentHash {
        &self.consent
    }

    /// Verifies that the notice is what the consent says, for this requester and the key of its request.
    pub fn verify(
        self,
        consent: &VerifiedConsent,
        requester: &Pseudonym,
        key: SecretKey,
    ) -> Result<AcceptedConsent, RecordError> {
        if self.consent != *consent.hash() {
            return Err(RecordError::OtherConsent);
        }
        let terms = self.terms.verify(consent)?;
        if terms.get().requester != *requester || terms.get().requester_key != *key.public() {
            return Err(RecordError::OtherRequester);
        }
        if self.keywords.len() != terms.get().keywords.len() {
            return Err(RecordError::WrongTerms);
        }
        let committed = self.keywords.iter().zip(&terms.get().keywords);
        for (number, ((keyword, salt), committed)) in committed.enumerate() {
            if keyword_hash(salt, keyword) != committed.keyword {
                return Err(RecordError::OtherKeyword { keyword: number });
            }
        }
        let keywords = self.keywords.into_iter().map(|(keyword, _)| keyword).collect();
        Ok(AcceptedConsent { consent: consent.clone(), terms, keywords, key })
    }
}

/// A consent that a requester can use.
pub struct AcceptedConsent {
    consent: VerifiedConsent,
    terms: VerifiedTerms,
    keywords: Vec<Keyword>,
    key: SecretKey,
}

impl AcceptedConsent {
    /// Which records it opens.
    pub fn selection(&self) -> &Selection {
        &self.terms.get().selection
    }

    /// With any of which keywords.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// Its end, in ms since 1970.
    pub fn until_ms(&self) -> u64 {
        self.terms.get().until_ms
    }

    /// Its proxies, by place from 1, of which [`VerifiedConsent::threshold`] are needed.
    pub fn proxies(&self) -> &[Pseudonym] {
        &self.terms.get().proxies
    }

    /// Verifies what a proxy made of a record's capsule.
    pub fn verify(
        &self,
        header: &VerifiedHeader,
        place: u8,
        reencryption: &Reencryption,
    ) -> Result<VerifiedReencryption, RecordError> {
        let period = self.period(header)?;
        let r = self.consent.share(period, place)?;
        let e = header.prologue().capsule.e();
        if !reencryption.holds(self.consent.hash(), place, e, r) {
            return Err(RecordError::BadReencryption { place });
        }
        let (consent, record) = (*self.consent.hash(), *header.hash());
        Ok(VerifiedReencryption { consent, record, place, e: reencryption.e })
    }

    /// Opens a record with the re-encryptions of t proxies; its body follows. K = KDF(d·E', E, A, ctx).
    pub fn open(
        &self,
        header: &VerifiedHeader,
        reencryptions: &[VerifiedReencryption],
    ) -> Result<BodyDecryptor, RecordError> {
        if reencryptions.iter().any(|made| made.consent != *self.consent.hash()) {
            return Err(RecordError::OtherConsent);
        }
        if reencryptions.iter().any(|made| made.record != *header.hash()) {
            return Err(RecordError::OtherRecord);
        }
        let period = header.scope().period;
        self.period(header)?;
        let reencrypted = Zeroizing::new(combine(self.consent.threshold(), reencryptions)?);
        let (x, b) = (self.consent.x(), self.key.public());
        let agreed = self.key.agree(x);
        let d = rekey_scalar(
            x.encoding(),
            b.encoding(),
            &agreed,
            self.consent.hash(),
            &period.encode(),
        );
        let shared = Zeroizing::new(*reencrypted * *d);
        let prologue = header.prologue();
        let context = prologue.context.encode();
        let key = prologue.capsule.key_from(&shared, &prologue.delegator, &context);
        // The owner signed the header, so it has read the record, and R, so it says that rk is of A.
        key.check(&prologue.commitment, Party::Owner)?;
        BodyDecryptor::new(&key.body_key(), prologue.hash(), header.body())
    }

    fn period(&self, header: &VerifiedHeader) -> Result<usize, RecordError> {
        if header.scope().owner != *self.consent.owner() {
            return Err(RecordError::NotConsented { what: "owner" });
        }
        self.terms.get().selection.position(header.scope())
    }
}

impl fmt::Debug for AcceptedConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptedConsent({:?})", self.consent.hash())
    }
}
