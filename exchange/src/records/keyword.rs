//! Keywords: their normal form, the key under which owner and custodian tag them, trapdoors and tags.
//!
//! κ = KDF(Diffie–Hellman of the two static keys, both names); τ_w = HMAC(κ, category, period, normal form of w); the tag
//! on a record is the first 16 bytes of HMAC(τ_w, record id). Authenticated searchable encryption (Huang, Li, Information
//! Sciences 2017) for a pair that shares a key anyway: without κ no dictionary helps, since a trapdoor or a tag cannot be
//! computed from a word. Whoever has τ_w sees which records carry w, and whether two trapdoors are the same.

use std::fmt;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::Pseudonym;
use hmac::{Hmac, Mac};
use rand_core::{CryptoRng, RngCore};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

use super::scope::push_text;
use super::transcript::{TRAPDOOR_HASH, hash, keyword_key};
use super::{Category, Period, PublicKey, RecordError, RecordId, SecretKey};

/// Tags on every record, so that their number says nothing.
pub const TAGS: usize = 8;
/// Length of a tag, in bytes.
const TAG_LEN: usize = 16;

/// A word in its normal form: NFKC, lower case, single spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyword(String);

impl Keyword {
    /// Longest normal form, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Normalises a word; refuses what is then empty or too long.
    pub fn new(word: &str) -> Result<Self, DecodeError> {
        // No input of more than 16 times the length has a normal form that fits; nothing unbounded is allocated.
        let length = word.len();
        let too_long = |length: usize| {
            let (found, allowed) = (length as u64, "1 to 128 bytes");
            DecodeError::Value { what: "length of a keyword", found, allowed }
        };
        if length > 16 * Self::MAX_LEN {
            return Err(too_long(length));
        }
        let normal = normalise(word);
        if normal.is_empty() || normal.len() > Self::MAX_LEN {
            return Err(too_long(normal.len()));
        }
        // Otherwise one party would read another word than the other wrote.
        if normalise(&normal) != normal {
            let (found, allowed) = (length as u64, "a word whose normal form is stable");
            return Err(DecodeError::Value { what: "keyword", found, allowed });
        }
        Ok(Self(normal))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Length in one byte ‖ normal form.
    pub(super) fn encode_to(&self, bytes: &mut Vec<u8>) {
        push_text(&self.0, bytes);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [length] = reader.array()?;
        let bytes = reader.take(length.into())?;
        let keyword = Self::new(&String::from_utf8_lossy(bytes))?;
        if keyword.0.as_bytes() != bytes {
            let (found, allowed) = (length.into(), "its normal form only");
            return Err(DecodeError::Value { what: "keyword", found, allowed });
        }
        Ok(keyword)
    }
}

fn normalise(word: &str) -> String {
    let composed: String = word.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let words: Vec<&str> = composed.split_whitespace().collect();
    words.join(" ")
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is searched for is as telling as what is found.
        f.write_str("Keyword(redacted)")
    }
}

/// κ of one owner and one custodian, whose static keys it is derived from. Wiped when dropped, never shown.
pub struct KeywordKey(Zeroizing<[u8; 32]>);

/// A party's name and its static public key.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its pseudonym.
    pub name: &'a Pseudonym,
    /// Its static key.
    pub key: &'a PublicKey,
}

impl KeywordKey {
    /// As the owner derives it.
    pub fn of_owner(owner: &Pseudonym, secret: &SecretKey, custodian: Named<'_>) -> Self {
        let owner = Named { name: owner, key: secret.public() };
        Self::derive(secret, custodian.key, owner, custodian)
    }

    /// As the custodian derives it.
    pub fn of_custodian(custodian: &Pseudonym, secret: &SecretKey, owner: Named<'_>) -> Self {
        let custodian = Named { name: custodian, key: secret.public() };
        Self::derive(secret, owner.key, owner, custodian)
    }

    fn derive(
        secret: &SecretKey,
        peer: &PublicKey,
        owner: Named<'_>,
        custodian: Named<'_>,
    ) -> Self {
        let names: [&[u8]; 4] = [
            owner.name.as_slice(),
            custodian.name.as_slice(),
            owner.key.encoding(),
            custodian.key.encoding(),
        ];
        Self(keyword_key(&secret.agree(peer), &names))
    }

    /// τ_w.
    pub fn trapdoor(&self, category: &Category, period: Period, keyword: &Keyword) -> Trapdoor {
        let mut message = Vec::with_capacity(Category::MAX_LEN + Keyword::MAX_LEN + 5);
        category.encode_to(&mut message);
        message.extend_from_slice(&period.encode());
        keyword.encode_to(&mut message);
        let trapdoor = Trapdoor(Zeroizing::new(mac(&self.0, &message)));
        message.zeroize();
        trapdoor
    }
}

impl fmt::Debug for KeywordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeywordKey(redacted)")
    }
}

/// τ_w: finds the records of one owner, custodian, category and month that carry w. Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Trapdoor(Zeroizing<[u8; 32]>);

impl Trapdoor {
    /// Length of the encoding, in bytes.
    pub(super) const LEN: usize = 32;

    pub(super) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// What a consent commits to: it says nothing of a trapdoor that one does not have.
    pub(super) fn hash(&self) -> [u8; 32] {
        hash(TRAPDOOR_HASH, &[&*self.0])
    }

    /// The tag that its keyword has on a record.
    fn tag(&self, id: &RecordId) -> [u8; TAG_LEN] {
        let mac = mac(&self.0, &id.0);
        mac.first_chunk().copied().unwrap_or_default()
    }

    /// Whether one of the tags is its keyword's, in the same time whichever it is.
    pub fn matches(&self, id: &RecordId, tags: &Tags) -> bool {
        let own = self.tag(id);
        let found =
            tags.0.iter().fold(Choice::from(0), |found, tag| found | tag.as_slice().ct_eq(&own));
        found.into()
    }
}

impl fmt::Debug for Trapdoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trapdoor(redacted)")
    }
}

/// HMAC-SHA-256 (RFC 2104).
fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // Of a block or less, as here, the key is padded to a block: this is what `new_from_slice` does, without its error.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(padded, byte)| *padded = *byte);
    let mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new((&*block).into());
    mac.chain_update(message).finalize().into_bytes().into()
}

/// The tags of a record: those of its keywords and random ones, in random order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags([[u8; TAG_LEN]; TAGS]);

impl Tags {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = TAG_LEN * TAGS;

    /// Tags a record with at most [`TAGS`] keywords. One that is there twice is tagged once.
    pub fn new(
        key: &KeywordKey,
        category: &Category,
        period: Period,
        id: &RecordId,
        keywords: &[Keyword],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Self, RecordError> {
        let mut distinct: Vec<&Keyword> = keywords.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() > TAGS {
            let (what, found) = ("keywords on a record", distinct.len());
            return Err(RecordError::Count { what, found, allowed: "0 to 8" });
        }
        let mut tags = [[0; TAG_LEN]; TAGS];
        tags.iter_mut().for_each(|tag| rng.fill_bytes(tag));
        for (tag, keyword) in tags.iter_mut().zip(distinct) {
            *tag = key.trapdoor(category, period, keyword).tag(id);
        }
        // Tags are pseudorandom, but their places would tell how many keywords there are.
        for last in (1..TAGS).rev() {
            tags.swap(last, below(last as u32 + 1, rng) as usize);
        }
        Ok(Self(tags))
    }

    /// All tags, one after the other.
    pub fn encode(&self) -> &[u8] {
        self.0.as_flattened()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut tags = [[0; TAG_LEN]; TAGS];
        for tag in &mut tags {
            *tag = reader.array()?;
        }
        Ok(Self(tags))
    }
}

/// A uniform number below `bound`, up to a bias of 2^-60.
fn below(bound: u32, rng: &mut (impl RngCore + CryptoRng)) -> u32 {
    // A product of 64 and at most 4 bits; its high half is below the bound.
    ((u128::from(rng.next_u64()) * u128::from(bound)) >> 64) as u32
}
