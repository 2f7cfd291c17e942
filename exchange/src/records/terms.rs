//! The terms of a consent: what the ledger has a commitment to, and proxies and requester are told.
//!
//! Commitment = SHA-256 of the terms and 32 random bytes. Keywords are in the terms as two hashes, so that a proxy can
//! verify its trapdoors without learning the words, and the requester its words without learning the trapdoors: of each
//! word with a salt, and of each trapdoor, which is pseudorandom by itself.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::{Pseudonym, TermsHash};

use super::consent::{MAX_PROXIES, VerifiedConsent};
use super::request::MAX_KEYWORDS;
use super::selection::{MAX_PERIODS, read_count, read_many};
use super::transcript::{KEYWORD_HASH, TERMS_HASH, hash};
use super::{Keyword, PublicKey, RecordError, Selection};

/// The terms as an owner tells them. That a consent commits to them is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub(super) requester: Pseudonym,
    pub(super) requester_key: PublicKey,
    pub(super) selection: Selection,
    pub(super) until_ms: u64,
    pub(super) proxies: Vec<Pseudonym>,
    pub(super) keywords: Vec<KeywordTerms>,
    pub(super) blinding: [u8; 32],
}

/// What the terms say of one keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeywordTerms {
    pub(super) keyword: [u8; 32],
    /// By month.
    pub(super) trapdoors: Vec<[u8; 32]>,
}

/// What the terms have of a word.
pub(super) fn keyword_hash(salt: &[u8; 32], keyword: &Keyword) -> [u8; 32] {
    hash(KEYWORD_HASH, &[salt, keyword.as_str().as_bytes()])
}

impl Terms {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = 64
        + Selection::MAX_LEN
        + 8
        + (1 + MAX_PROXIES * 32)
        + (1 + MAX_KEYWORDS * 32 * (1 + MAX_PERIODS))
        + 32;

    /// Requester ‖ B ‖ selection ‖ until ‖ proxies ‖ keywords ‖ blinding.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(self.requester.as_slice());
        bytes.extend_from_slice(self.requester_key.encoding());
        self.selection.encode_to(&mut bytes);
        bytes.extend_from_slice(&self.until_ms.to_be_bytes());
        // Both are at most 16.
        bytes.push(self.proxies.len() as u8);
        self.proxies.iter().for_each(|proxy| bytes.extend_from_slice(proxy.as_slice()));
        bytes.push(self.keywords.len() as u8);
        for terms in &self.keywords {
            bytes.extend_from_slice(&terms.keyword);
            bytes.extend_from_slice(terms.trapdoors.as_flattened());
        }
        bytes.extend_from_slice(&self.blinding);
        bytes
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let requester = Pseudonym(reader.array()?);
        let requester_key = PublicKey::read(reader)?;
        let selection = Selection::read(reader)?;
        let until_ms = reader.u64()?;
        let most = MAX_PROXIES as u8;
        let count = read_count(reader, "proxies of a consent", 1..=most, "1 to 16")?;
        let proxies = read_many(count, || reader.array().map(Pseudonym))?;
        let most = MAX_KEYWORDS as u8;
        let count = read_count(reader, "keywords of a consent", 1..=most, "1 to 16")?;
        // At most 60.
        let periods = selection.periods().len() as u8;
        let keywords = read_many(count, || {
            let keyword = reader.array()?;
            Ok(KeywordTerms { keyword, trapdoors: read_many(periods, || reader.array())? })
        })?;
        let blinding = reader.array()?;
        Ok(Self { requester, requester_key, selection, until_ms, proxies, keywords, blinding })
    }

    pub(super) fn hash(&self) -> TermsHash {
        hash(TERMS_HASH, &[&self.encode()])
    }

    /// Verifies that these are the terms of a consent, and of its shape.
    pub(super) fn verify(self, consent: &VerifiedConsent) -> Result<VerifiedTerms, RecordError> {
        let shape = (self.selection.periods().len(), self.proxies.len());
        if self.hash() != *consent.terms() || shape != consent.shape() {
            return Err(RecordError::WrongTerms);
        }
        Ok(VerifiedTerms(self))
    }
}

/// Terms that a verified consent commits to.
#[derive(Clone, Debug)]
pub(super) struct VerifiedTerms(Terms);

impl VerifiedTerms {
    pub(super) fn get(&self) -> &Terms {
        &self.0
    }
}
