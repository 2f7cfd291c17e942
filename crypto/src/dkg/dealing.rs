//! A dealing: commitments for everyone, and a sealed share for each recipient.

use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::{Ceremony, DkgError, OpeningKey};
use crate::{DecodeError, Hash, KeyShare};

/// 32 bytes from which everything secret about a member's dealings is expanded, so that a restart reveals the same shares.
pub struct DealerSecret(#[expect(dead_code, reason = "skeleton")] Zeroizing<[u8; 32]>);

impl DealerSecret {
    /// A new secret.
    pub fn generate(_rng: &mut impl CryptoRngCore) -> Self {
        todo!()
    }

    /// The secret of 32 bytes.
    pub fn from_bytes(_bytes: &Zeroizing<[u8; 32]>) -> Self {
        todo!()
    }

    /// The 32 bytes, to be stored where only the member reads, before its first dealing is sent.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        todo!()
    }
}

/// A dealer in one ceremony: its polynomials. Wiped when dropped.
pub struct Dealer {}

impl Dealer {
    /// The dealer at this place in a key generation.
    pub fn new(_ceremony: &Ceremony, _place: u32, _secret: &DealerSecret) -> Result<Self, DkgError> {
        todo!()
    }

    /// The holder of this share of the old key in a resharing.
    pub fn of_share(_ceremony: &Ceremony, _share: &KeyShare, _secret: &DealerSecret) -> Result<Self, DkgError> {
        todo!()
    }

    /// The dealing. Its commitments follow from secret and ceremony; the sealing is fresh, so that what is sent again is
    /// the stored bytes.
    pub fn deal(&self, _rng: &mut impl CryptoRngCore) -> Result<Dealing, DkgError> {
        todo!()
    }

    /// The share of this recipient in the open, in answer to its complaint.
    pub fn reveal(&self, _recipient: u32) -> Result<RevealedShare, DkgError> {
        todo!()
    }
}

/// A dealing that decodes. Whether its shares are what it commits to, each recipient finds out with [`open`](Self::open).
#[derive(Clone, Debug)]
pub struct Dealing {
    dealer: u32,
}

impl Dealing {
    /// Reads [`encode`](Self::encode)'s bytes: [`Ceremony::dealing_len`] of them.
    pub fn decode(_bytes: &[u8], _ceremony: &Ceremony, _dealer: u32) -> Result<Self, DkgError> {
        todo!()
    }

    /// Commitments ‖ sealed shares, in the order of the recipients.
    pub fn encode(&self) -> &[u8] {
        todo!()
    }

    /// Its author's place among the dealers.
    pub fn dealer(&self) -> u32 {
        self.dealer
    }

    /// SHA-256 over ceremony, dealer and bytes.
    pub fn hash(&self) -> &Hash {
        todo!()
    }

    /// Opens the share of this recipient and verifies it against the commitments; an error is a reason to complain.
    pub fn open(&self, _recipient: u32, _key: &OpeningKey) -> Result<PrivateShare, DkgError> {
        todo!()
    }

    /// Verifies a share that the dealer has revealed. What holds voids the complaint, and is the recipient's share.
    pub fn check_reveal(&self, _recipient: u32, _share: &RevealedShare) -> Result<PrivateShare, DkgError> {
        todo!()
    }
}

/// A share in the open, in answer to a complaint. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevealedShare {}

impl RevealedShare {
    /// The scalars of the share in order.
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }

    /// Reads [`encode`](Self::encode)'s bytes: [`Ceremony::revealed_share_len`] of them.
    pub fn decode(_bytes: &[u8], _ceremony: &Ceremony) -> Result<Self, DecodeError> {
        todo!()
    }
}

/// A recipient's share of one dealing, which its commitments confirm. Wiped when dropped.
pub struct PrivateShare {
    dealer: u32,
}

impl PrivateShare {
    /// The dealer that it is from.
    pub fn dealer(&self) -> u32 {
        self.dealer
    }
}
