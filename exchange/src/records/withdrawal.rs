//! Withdrawals of consents. One binds an honest proxy at once. It binds any proxy from the first month that is not in the
//! consent, for which the proxy has no key: an owner who wants to be able to stop a dishonest one consents to months to
//! come one at a time.

use consilium_crypto::building_blocks::Reader;
use consilium_crypto::{DecodeError, SIGNATURE_LEN, Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, ConsentHash};

use super::transcript::WITHDRAWAL;
use super::{Party, RecordError};

/// A withdrawal's statement for the ledger. Its signature is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    consent: ConsentHash,
    signature: Signature,
}

impl Withdrawal {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 32 + SIGNATURE_LEN;

    /// Takes a consent back.
    pub fn sign(chain_id: &ChainId, consent: &ConsentHash, owner: &SigningKey) -> Self {
        let signature = owner.sign(WITHDRAWAL, &[chain_id.as_slice(), consent.as_slice()]);
        Self { consent: *consent, signature }
    }

    /// Consent ‖ signature.
    pub fn encode(&self) -> Vec<u8> {
        [self.consent.as_slice(), &self.signature.encode()].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("withdrawal", bytes, Self::LEN)?;
        let consent = ConsentHash(reader.array()?);
        Ok(Self { consent, signature: Signature::decode(reader.take(SIGNATURE_LEN)?)? })
    }

    /// The consent that it takes back, whose owner's key is to be looked up.
    pub fn consent(&self) -> &ConsentHash {
        &self.consent
    }

    /// Verifies the signature under the key of the consent's owner.
    pub fn verify(
        self,
        chain_id: &ChainId,
        owner: &VerifyingKey,
    ) -> Result<VerifiedWithdrawal, RecordError> {
        owner
            .verify(WITHDRAWAL, &[chain_id.as_slice(), self.consent.as_slice()], &self.signature)
            .map_err(|_| RecordError::BadSignature { what: "withdrawal", by: Party::Owner })?;
        Ok(VerifiedWithdrawal { consent: self.consent })
    }
}

/// A withdrawal by the owner under whose key it was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedWithdrawal {
    consent: ConsentHash,
}

impl VerifiedWithdrawal {
    /// The consent that it takes back.
    pub fn consent(&self) -> &ConsentHash {
        &self.consent
    }
}
