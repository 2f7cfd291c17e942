//! Requests: who asks for which records, with which fresh key, and why; sealed to the owner.
//!
//! On the way to the owner a request is its sealed bytes, all of one length, under a group's signature: the ledger and the
//! carriers learn that a member asks somebody something. The group signature is made and verified over
//! [`SealedRequest::encode`]; this module knows nothing of groups.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_crypto::dkg::{OpeningKey, SealingKey};
use consilium_hash::{ChainId, Pseudonym};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::selection::{read_count, read_many};
use super::transcript::REQUEST;
use super::{Keyword, PublicKey, RecordError, Selection};

/// Most keywords of one request or consent.
pub const MAX_KEYWORDS: usize = 16;
/// Longest purpose, in bytes of UTF-8.
pub const MAX_PURPOSE_LEN: usize = 1024;
/// Length of every request before it is sealed, in bytes.
const PADDED_LEN: usize = 4096;

const _: () = assert!(
    PADDED_LEN
        >= 64
            + Selection::MAX_LEN
            + 1
            + MAX_KEYWORDS * (1 + Keyword::MAX_LEN)
            + 2
            + MAX_PURPOSE_LEN
);

/// What an owner reads of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    requester: Pseudonym,
    key: PublicKey,
    selection: Selection,
    keywords: Vec<Keyword>,
    purpose: String,
}

impl Request {
    /// A request under a key that is fresh for it, for records with any of 1 to [`MAX_KEYWORDS`] keywords.
    pub fn new(
        requester: Pseudonym,
        key: PublicKey,
        selection: Selection,
        keywords: Vec<Keyword>,
        purpose: &str,
    ) -> Result<Self, RecordError> {
        check_keywords(&keywords)?;
        if purpose.len() > MAX_PURPOSE_LEN {
            let (what, found) = ("bytes of purpose", purpose.len());
            return Err(RecordError::Count { what, found, allowed: "0 to 1024" });
        }
        Ok(Self { requester, key, selection, keywords, purpose: purpose.to_owned() })
    }

    /// Who asks.
    pub fn requester(&self) -> &Pseudonym {
        &self.requester
    }

    /// B.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// For which records.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// With which keywords.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// Why, in the requester's words.
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// Requester ‖ B ‖ selection ‖ keywords ‖ purpose ‖ zeros.
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Never grown, which would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(PADDED_LEN));
        bytes.extend_from_slice(self.requester.as_slice());
        bytes.extend_from_slice(self.key.encoding());
        self.selection.encode_to(&mut bytes);
        // At most 16.
        bytes.push(self.keywords.len() as u8);
        self.keywords.iter().for_each(|keyword| keyword.encode_to(&mut bytes));
        // At most 1,024.
        bytes.extend_from_slice(&(self.purpose.len() as u16).to_be_bytes());
        bytes.extend_from_slice(self.purpose.as_bytes());
        bytes.resize(PADDED_LEN, 0);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("request", bytes, PADDED_LEN)?;
        let requester = Pseudonym(reader.array()?);
        let key = PublicKey::read(&mut reader)?;
        let selection = Selection::read(&mut reader)?;
        let most = MAX_KEYWORDS as u8;
        let count = read_count(&mut reader, "keywords of a request", 1..=most, "1 to 16")?;
        let keywords = read_many(count, || Keyword::read(&mut reader))?;
        let length = u16::from_be_bytes(reader.array()?);
        let purpose = reader.take(length.into())?;
        let not_allowed = |allowed| DecodeError::Value {
            what: "purpose of a request",
            found: length.into(),
            allowed,
        };
        if usize::from(length) > MAX_PURPOSE_LEN {
            return Err(not_allowed("0 to 1024 bytes"));
        }
        let purpose = String::from_utf8(purpose.to_vec()).map_err(|_| not_allowed("UTF-8"))?;
        Ok(Self { requester, key, selection, keywords, purpose })
    }

    /// Seals the request to an owner on a ledger.
    pub fn seal(
        &self,
        chain_id: &ChainId,
        owner: &Pseudonym,
        key: &SealingKey,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<SealedRequest, RecordError> {
        let sealed = key.seal(REQUEST, &associated(chain_id, owner), self.encode(), rng)?;
        Ok(SealedRequest { owner: *owner, sealed })
    }
}

pub(super) fn check_keywords(keywords: &[Keyword]) -> Result<(), RecordError> {
    if !(1..=MAX_KEYWORDS).contains(&keywords.len()) {
        let (what, found) = ("keywords of a request or consent", keywords.len());
        return Err(RecordError::Count { what, found, allowed: "1 to 16" });
    }
    Ok(())
}

fn associated(chain_id: &ChainId, owner: &Pseudonym) -> Vec<u8> {
    [chain_id.as_slice(), owner.as_slice()].concat()
}

/// A request as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRequest {
    owner: Pseudonym,
    sealed: Vec<u8>,
}

impl SealedRequest {
    /// Length of the encoding, in bytes: the same for every request.
    pub const LEN: usize = 32 + SealingKey::sealed_len(PADDED_LEN);

    /// Whom it is for.
    pub fn owner(&self) -> &Pseudonym {
        &self.owner
    }

    /// Owner ‖ sealed request: what the group signature covers.
    pub fn encode(&self) -> Vec<u8> {
        [self.owner.as_slice(), &self.sealed].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("sealed request", bytes, Self::LEN)?;
        let owner = Pseudonym(reader.array()?);
        Ok(Self { owner, sealed: reader.take(SealingKey::sealed_len(PADDED_LEN))?.to_vec() })
    }

    /// What the owner reads.
    pub fn open(&self, chain_id: &ChainId, key: &OpeningKey) -> Result<Request, RecordError> {
        let message = key.open(REQUEST, &associated(chain_id, &self.owner), &self.sealed);
        Ok(Request::decode(&message.ok_or(RecordError::Unreadable)?)?)
    }
}
