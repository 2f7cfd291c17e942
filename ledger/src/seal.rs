//! Who vouches for a block.
//!
//! A header says what a block is; a seal says that those who may speak for the chain, its [`Validators`], stand by that
//! header. Whoever is shown a header asks the seal and nothing else. Today there is one validator, the coordinator, and
//! a seal is its signature; several validators will seal with a commit certificate, and nobody outside this file will
//! have to know.
//!
//! Encoding: 64 bytes of Ed25519 signature over a label, the chain id and the encoded header. A sealed header is the
//! header followed by its seal, 216 bytes in all. The seal is no part of the header's hash.

use consilium_hash::{BlockHash, ChainId};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::{
    header::{Header, take},
    malformed::Malformed,
};

/// Prefix of what a validator signs.
const SEAL_LABEL: &[u8] = b"consilium/ledger/header/seal/v2";

/// Those who may vouch for the blocks of one chain: today one, the coordinator that the genesis names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validators {
    chain_id: ChainId,
    coordinator: VerifyingKey,
}

impl Validators {
    /// The set of one.
    pub fn single(chain_id: ChainId, coordinator: VerifyingKey) -> Self {
        Self { chain_id, coordinator }
    }

    /// The chain they speak for: the hash of its genesis entry.
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The key that seals headers and signs heads.
    pub fn coordinator(&self) -> &VerifyingKey {
        &self.coordinator
    }
}

/// The seal over a header is not one that the chain's validators made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signature over the header at height {height} is not the coordinator's for this chain: discard it"
)]
pub struct BadSeal {
    /// Height the header claims.
    pub height: u64,
}

/// What vouches for a header. Whether it holds is not known before [`Seal::verify`] has said so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    signature: [u8; 64],
}

impl Seal {
    /// Length of an encoded seal in bytes.
    pub const LEN: usize = 64;

    /// The only validator's seal.
    ///
    /// A validator seals one header a height, for ever: two are evidence against it.
    pub fn sign(header: &Header, chain_id: &ChainId, validator: &SigningKey) -> Self {
        Self { signature: validator.sign(&signed_bytes(header, chain_id)).to_bytes() }
    }

    /// Checks that the validators vouch for this header of their chain (strict Ed25519 verification).
    ///
    /// # Errors
    /// [`BadSeal`].
    pub fn verify(&self, header: &Header, validators: &Validators) -> Result<(), BadSeal> {
        let signed = signed_bytes(header, &validators.chain_id);
        validators
            .coordinator
            .verify_strict(&signed, &Signature::from_bytes(&self.signature))
            .map_err(|_| BadSeal { height: header.height })
    }

    /// The seal's only encoding.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.signature
    }

    /// A candidate out of its encoding.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self { signature: bytes }
    }
}

/// The chain id keeps a header from being evidence, or a block, on another chain.
fn signed_bytes(header: &Header, chain_id: &ChainId) -> Vec<u8> {
    [SEAL_LABEL, chain_id.as_slice(), &header.encode()].concat()
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({})", hex::encode(self.signature))
    }
}

/// A header with what vouches for it. A candidate: nothing about it has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedHeader {
    /// The header.
    pub header: Header,
    /// Its seal.
    pub seal: Seal,
}

impl Header {
    /// Seals the header for the chain `chain_id`, as its only validator.
    pub fn seal(self, chain_id: &ChainId, validator: &SigningKey) -> SealedHeader {
        SealedHeader { header: self, seal: Seal::sign(&self, chain_id, validator) }
    }
}

impl SealedHeader {
    /// Length of an encoded sealed header in bytes.
    pub const LEN: usize = Header::LEN + Seal::LEN;

    /// The sealed header's only encoding.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes
            .iter_mut()
            .zip(self.header.encode().into_iter().chain(self.seal.encode()))
            .for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads an encoding of exactly [`Self::LEN`] bytes.
    ///
    /// # Errors
    /// [`Malformed`] for any other length.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wrong_length = || Malformed {
            what: "sealed header",
            detail: format!("expected {} bytes, got {}", Self::LEN, bytes.len()),
        };
        let mut rest = bytes;
        let sealed = Self::take(&mut rest).ok_or_else(wrong_length)?;
        if rest.is_empty() { Ok(sealed) } else { Err(wrong_length()) }
    }

    pub(crate) fn take(rest: &mut &[u8]) -> Option<Self> {
        let header = Header::take(rest)?;
        Some(Self { header, seal: Seal::from_bytes(take(rest)?) })
    }

    /// Hash of the header; the seal is not part of it.
    pub fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// Checks that the validators vouch for the header.
    ///
    /// # Errors
    /// [`BadSeal`].
    pub fn verify(&self, validators: &Validators) -> Result<(), BadSeal> {
        self.seal.verify(&self.header, validators)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::header::tests::a_header;

    fn validators(chain: u8, key: u8) -> Validators {
        Validators::single(ChainId([chain; 32]), SigningKey::from_bytes(&[key; 32]).verifying_key())
    }

    fn a_sealed_header() -> SealedHeader {
        a_header().seal(&ChainId([9; 32]), &SigningKey::from_bytes(&[10; 32]))
    }

    #[test]
    fn the_encoding_is_held_fixed() {
        let sealed = a_sealed_header();
        let seal = hex::encode(sealed.seal.encode());
        assert_eq!(hex::encode(sealed.encode()), hex::encode(a_header().encode()) + &seal);
        assert_eq!(
            seal,
            "8895b4fcc0e5a5552f5269cbc24fcda8cb5ef3d1392bbb9b9785c96189867e42829f9a3d21a58d29b77b433c2c92764a400e4d7463bdfbac3876ebde0243ed0b"
        );
    }

    #[test]
    fn a_seal_holds_for_its_chain_key_and_header_alone() {
        let sealed = a_sealed_header();
        assert_eq!(sealed.verify(&validators(9, 10)), Ok(()));
        let refused = Err(BadSeal { height: 2 });
        assert_eq!(sealed.verify(&validators(8, 10)), refused);
        assert_eq!(sealed.verify(&validators(9, 11)), refused);
        let other = Header { count: 9, ..sealed.header };
        assert_eq!(sealed.seal.verify(&other, &validators(9, 10)), refused);
    }

    #[test]
    fn a_flip_of_any_bit_breaks_the_seal_and_one_of_the_header_its_hash() {
        let sealed = a_sealed_header();
        for place in 0..SealedHeader::LEN {
            let mut bytes = sealed.encode();
            bytes[place] ^= 1 << (place % 8);
            let flipped = SealedHeader::decode(&bytes).unwrap();
            assert!(flipped.verify(&validators(9, 10)).is_err(), "byte {place}");
            assert_eq!(flipped.hash() == sealed.hash(), place >= Header::LEN, "byte {place}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_the_right_length_decode_to_what_encodes_to_them(bytes in prop::collection::vec(any::<u8>(), 216)) {
            prop_assert_eq!(SealedHeader::decode(&bytes).unwrap().encode().to_vec(), bytes);
        }

        #[test]
        fn bytes_of_any_other_length_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(SealedHeader::decode(&bytes).is_ok(), bytes.len() == 216);
        }
    }
}
