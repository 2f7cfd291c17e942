//! A consent on its owner's disk: from before it is said until what proxies and requester get has been released, so that an
//! owner who is stopped in between goes on, and has not to take it back.

use consilium_crypto::building_blocks::Reader;
use consilium_hash::ChainId;
use zeroize::Zeroizing;

use super::consent::{MAX_PROXIES, consent_hash};
use super::selection::read_many;
use super::{Consent, GivenConsent, Grant, Notice, RecordError, Request, Selection};

impl GivenConsent {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize =
        3 * 4 + Consent::MAX_LEN + MAX_PROXIES * (4 + Grant::MAX_LEN) + Notice::MAX_LEN;

    /// Whether it answers this request: every request has a key of its own.
    pub fn answers(&self, request: &Request) -> bool {
        let terms = &self.notice.terms;
        terms.requester == *request.requester() && terms.requester_key == *request.key()
    }

    /// Which records it is for.
    pub fn selection(&self) -> &Selection {
        &self.notice.terms.selection
    }

    /// Its end, in ms since 1970.
    pub fn until_ms(&self) -> u64 {
        self.notice.terms.until_ms
    }

    /// Consent ‖ number of grants ‖ grants ‖ notice, each with its length before it. Secret: the grants are.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let consent = self.consent.encode();
        let grants: Vec<_> = self.grants.iter().map(Grant::encode).collect();
        let notice = self.notice.encode();
        let of_grants: usize = grants.iter().map(|grant| 4 + grant.len()).sum();
        // Never grown, which would leave copies behind.
        let length = 3 * 4 + consent.len() + of_grants + notice.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        append(&mut bytes, &consent);
        bytes.extend(length_of(grants.len()));
        grants.iter().for_each(|grant| append(&mut bytes, grant));
        append(&mut bytes, &notice);
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes, for the ledger that it was given on.
    ///
    /// # Errors
    /// [`RecordError::Decode`]; [`RecordError::OtherConsent`] where grants or notice are of another consent.
    pub fn decode(chain_id: &ChainId, bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::at_most("given consent", bytes, Self::MAX_LEN)?;
        let length = reader.u32()?;
        let consent = Consent::decode(reader.take(length as usize)?)?;
        let expected = consent.content.shares.first().map_or(0, Vec::len);
        let count = u8::try_from(reader.u32()?).ok();
        let count = count.filter(|count| usize::from(*count) == expected);
        let grants = read_many(count.ok_or(RecordError::OtherConsent)?, || {
            let length = reader.u32()?;
            Grant::decode(reader.take(length as usize)?)
        })?;
        let length = reader.u32()?;
        let notice = Notice::decode(reader.take(length as usize)?)?;
        reader.end()?;
        let content = &consent.content;
        let hash = consent_hash(chain_id, &content.owner, &content.terms, &content.x);
        let is_of_this =
            |(place, grant): (u8, &Grant)| grant.consent == hash && grant.place == place;
        if notice.consent != hash || !(1..).zip(&grants).all(is_of_this) {
            return Err(RecordError::OtherConsent);
        }
        Ok(Self { consent, hash, grants, notice })
    }
}

fn append(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(length_of(part.len()));
    bytes.extend_from_slice(part);
}

/// No part is longer than its type's `MAX_LEN`.
fn length_of(length: usize) -> [u8; 4] {
    (length as u32).to_be_bytes()
}
