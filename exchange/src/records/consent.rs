//! Consents, as the ledger has them: a commitment to the terms, X, and what re-encryptions are verified against.
//!
//! For each month of the terms and each proxy R = rk·g, where rk is the proxy's share of the month's re-encryption key. A
//! month's R lie on one polynomial of degree t − 1, which everyone verifies: any t proxies will do, whichever they are.
//! The ledger learns of whom a consent is, of how many months and proxies, and nothing else of what it says.

use consilium_crypto::building_blocks::{Reader, lagrange};
use consilium_crypto::{DecodeError, SIGNATURE_LEN, Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, ConsentHash, Pseudonym, TermsHash};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::VartimeMultiscalarMul;

use super::selection::{MAX_PERIODS, read_count, read_many};
use super::transcript::{CONSENT, CONSENT_HASH, hash};
use super::{Party, PublicKey, RecordError};

/// Most proxies of one consent.
pub const MAX_PROXIES: usize = 16;

/// A consent's statement for the ledger. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub(super) content: Content,
    pub(super) signature: Signature,
}

/// What the owner signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) owner: Pseudonym,
    pub(super) terms: TermsHash,
    pub(super) x: PublicKey,
    pub(super) threshold: u8,
    /// R by month and proxy. Every month has as many.
    pub(super) shares: Vec<Vec<PublicKey>>,
}

impl Content {
    /// Owner ‖ terms ‖ X ‖ t ‖ n ‖ months ‖ R.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Consent::MAX_LEN);
        bytes.extend_from_slice(self.owner.as_slice());
        bytes.extend_from_slice(self.terms.as_slice());
        bytes.extend_from_slice(self.x.encoding());
        // At most 16 and 60.
        bytes.push(self.threshold);
        bytes.push(self.shares.first().map_or(0, Vec::len) as u8);
        bytes.push(self.shares.len() as u8);
        let shares = self.shares.iter().flatten();
        shares.for_each(|share| bytes.extend_from_slice(share.encoding()));
        bytes
    }

    pub(super) fn sign(self, chain_id: &ChainId, owner: &SigningKey) -> Consent {
        let signature = owner.sign(CONSENT, &[chain_id.as_slice(), &self.encode()]);
        Consent { content: self, signature }
    }
}

/// The name of a consent. R follows from it, so it does not cover R; X is fresh, so that no two are the same.
pub(super) fn consent_hash(
    chain_id: &ChainId,
    owner: &Pseudonym,
    terms: &TermsHash,
    x: &PublicKey,
) -> ConsentHash {
    let parts = [chain_id.as_slice(), owner.as_slice(), terms.as_slice(), x.encoding()];
    hash(CONSENT_HASH, &parts)
}

impl Consent {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = 3 * 32 + 3 + MAX_PERIODS * MAX_PROXIES * 32 + SIGNATURE_LEN;

    /// Owner ‖ terms ‖ X ‖ t ‖ n ‖ months ‖ R ‖ signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.content.encode();
        bytes.extend_from_slice(&self.signature.encode());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::at_most("consent", bytes, Self::MAX_LEN)?;
        let owner = Pseudonym(reader.array()?);
        let terms = TermsHash(reader.array()?);
        let x = PublicKey::read(&mut reader)?;
        let most = MAX_PROXIES as u8;
        let threshold = read_count(&mut reader, "threshold of a consent", 1..=most, "1 to 16")?;
        let proxies = read_count(
            &mut reader,
            "proxies of a consent",
            threshold..=most,
            "at least the threshold and at most 16",
        )?;
        let most = MAX_PERIODS as u8;
        let periods = read_count(&mut reader, "months of a consent", 1..=most, "1 to 60")?;
        let shares = read_many(periods, || read_many(proxies, || PublicKey::read(&mut reader)))?;
        let signature = Signature::decode(reader.take(SIGNATURE_LEN)?)?;
        reader.end()?;
        Ok(Self { content: Content { owner, terms, x, threshold, shares }, signature })
    }

    /// Whose consent it is said to be.
    pub fn owner(&self) -> &Pseudonym {
        &self.content.owner
    }

    /// Verifies the owner's signature, under the key of the one whom the consent names, and the degree of every month's R.
    pub fn verify(
        self,
        chain_id: &ChainId,
        owner: &VerifyingKey,
    ) -> Result<VerifiedConsent, RecordError> {
        let content = self.content;
        owner
            .verify(CONSENT, &[chain_id.as_slice(), &content.encode()], &self.signature)
            .map_err(|_| RecordError::BadSignature { what: "consent", by: Party::Owner })?;
        let threshold = content.threshold;
        for (period, shares) in content.shares.iter().enumerate() {
            if !of_degree_below(threshold, shares) {
                return Err(RecordError::InconsistentShares { period, threshold });
            }
        }
        let hash = consent_hash(chain_id, &content.owner, &content.terms, &content.x);
        Ok(VerifiedConsent { hash, content })
    }
}

/// Whether the values at 1, 2, … are those of a polynomial of degree below t: the first t determine all others.
fn of_degree_below(threshold: u8, shares: &[PublicKey]) -> bool {
    let (first, others) = shares.split_at(shares.len().min(threshold.into()));
    let places: Vec<u32> = (1..).take(first.len()).collect();
    (u32::from(threshold) + 1..).zip(others).all(|(place, share)| {
        let factors = lagrange(&places, place);
        let points = first.iter().map(|share| *share.point());
        RistrettoPoint::vartime_multiscalar_mul(&factors, points) == *share.point()
    })
}

/// A consent that its owner has signed and any t of its proxies can serve. Whether it is in force, [`Standing`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedConsent {
    hash: ConsentHash,
    content: Content,
}

impl VerifiedConsent {
    /// The consent's name. The ledger takes each once.
    pub fn hash(&self) -> &ConsentHash {
        &self.hash
    }

    /// Whose consent it is.
    pub fn owner(&self) -> &Pseudonym {
        &self.content.owner
    }

    /// t.
    pub fn threshold(&self) -> u8 {
        self.content.threshold
    }

    pub(super) fn terms(&self) -> &TermsHash {
        &self.content.terms
    }

    pub(super) fn x(&self) -> &PublicKey {
        &self.content.x
    }

    /// Months and proxies.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.content.shares.len(), self.content.shares.first().map_or(0, Vec::len))
    }

    /// R of a month, by its number from 0, and a proxy, by its place from 1.
    pub(super) fn share(&self, period: usize, place: u8) -> Result<&PublicKey, RecordError> {
        let index = usize::from(place).checked_sub(1);
        let share = self.content.shares.get(period).zip(index).and_then(|(row, i)| row.get(i));
        share.ok_or(RecordError::OtherProxy { place })
    }
}

/// What the ledger says of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its block is not sealed: it may never be on the ledger.
    NotSealed,
    /// It is on the ledger, and no withdrawal is.
    InForce,
    /// A withdrawal is on the ledger.
    Withdrawn,
}

impl Standing {
    /// Refuses all but a consent in force.
    pub(super) fn check(self) -> Result<(), RecordError> {
        match self {
            Self::NotSealed => Err(RecordError::NotSealed),
            Self::InForce => Ok(()),
            Self::Withdrawn => Err(RecordError::Withdrawn),
        }
    }
}
