//! The header of a block, its encoding, its hash and its seal.
//!
//! Encoding, 152 bytes: version u32 ‖ height u64 ‖ previous ‖ time_ms u64 ‖ history_root ‖ entries_root ‖ state_root ‖
//! count u32. Sealed: the same and 64 bytes of Ed25519 signature, 216 bytes in all. Every bit string of that length
//! is the encoding of exactly one header.

use consilium_hash::{BlockHash, ChainId, StateRoot};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{ChainError, Hash, LedgerError};

/// The one version of headers this crate writes and reads.
pub const HEADER_VERSION: u32 = 1;

/// Prefix of what a header's hash is taken over. Both labels have fixed lengths and different bytes.
const HASH_LABEL: &[u8] = b"consilium/ledger/header/hash/v1";
/// Prefix of what the coordinator signs.
const SEAL_LABEL: &[u8] = b"consilium/ledger/header/seal/v1";

/// What the coordinator states about a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version of this layout.
    pub version: u32,
    /// Number of blocks before this one.
    pub height: u64,
    /// Hash of the header before; of the first, the chain id.
    pub previous: BlockHash,
    /// When the block was made, in milliseconds since the epoch; never before its predecessor's.
    pub time_ms: u64,
    /// RFC 6962 root over the hashes of the headers at heights 0 up to, not including, this one.
    pub history_root: Hash,
    /// RFC 6962 root over the entries.
    pub entries_root: Hash,
    /// The contract's state after the entries.
    pub state_root: StateRoot,
    /// Number of entries.
    pub count: u32,
}

impl Header {
    /// Length of an encoded header in bytes.
    pub const LEN: usize = 4 + 8 + 32 + 8 + 32 + 32 + 32 + 4;

    /// The header's only encoding.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let fields: [&[u8]; 8] = [
            &self.version.to_be_bytes(),
            &self.height.to_be_bytes(),
            &self.previous.0,
            &self.time_ms.to_be_bytes(),
            &self.history_root,
            &self.entries_root,
            &self.state_root.0,
            &self.count.to_be_bytes(),
        ];
        let mut bytes = [0; Self::LEN];
        bytes.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads an encoding of exactly [`Self::LEN`] bytes.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`] for any other length.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let wrong_length = || LedgerError::Malformed {
            what: "header",
            detail: format!("expected {} bytes, got {}", Self::LEN, bytes.len()),
        };
        let mut rest = bytes;
        let header = Self::take(&mut rest).ok_or_else(wrong_length)?;
        if rest.is_empty() { Ok(header) } else { Err(wrong_length()) }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Some(Self {
            version: u32::from_be_bytes(take(rest)?),
            height: u64::from_be_bytes(take(rest)?),
            previous: BlockHash(take(rest)?),
            time_ms: u64::from_be_bytes(take(rest)?),
            history_root: take(rest)?,
            entries_root: take(rest)?,
            state_root: StateRoot(take(rest)?),
            count: u32::from_be_bytes(take(rest)?),
        })
    }

    /// SHA-256 over a label and the encoding: what the next header and every countersignature name.
    pub fn hash(&self) -> BlockHash {
        let hash = Sha256::new().chain_update(HASH_LABEL).chain_update(self.encode());
        BlockHash(hash.finalize().into())
    }

    /// Signs the header for the chain `chain_id`.
    ///
    /// A coordinator signs one header a height, for ever: two are evidence against it.
    pub fn seal(self, chain_id: &ChainId, coordinator: &SigningKey) -> SealedHeader {
        let signature = coordinator.sign(&self.signed_bytes(chain_id)).to_bytes();
        SealedHeader { header: self, signature }
    }

    /// What the signature is over. The chain id keeps a header from being evidence, or a block, on another chain.
    fn signed_bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        [SEAL_LABEL, chain_id.as_slice(), &self.encode()].concat()
    }
}

/// A header with a signature over it. A candidate: nothing about it has been checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealedHeader {
    /// The header.
    pub header: Header,
    /// Ed25519, over a label, the chain id and the encoded header.
    pub signature: [u8; 64],
}

impl SealedHeader {
    /// Length of an encoded sealed header in bytes.
    pub const LEN: usize = Header::LEN + 64;

    /// The sealed header's only encoding.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes
            .iter_mut()
            .zip(self.header.encode().into_iter().chain(self.signature))
            .for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads an encoding of exactly [`Self::LEN`] bytes.
    ///
    /// # Errors
    /// [`LedgerError::Malformed`] for any other length.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let wrong_length = || LedgerError::Malformed {
            what: "sealed header",
            detail: format!("expected {} bytes, got {}", Self::LEN, bytes.len()),
        };
        let mut rest = bytes;
        let sealed = Self::take(&mut rest).ok_or_else(wrong_length)?;
        if rest.is_empty() { Ok(sealed) } else { Err(wrong_length()) }
    }

    pub(crate) fn take(rest: &mut &[u8]) -> Option<Self> {
        Some(Self { header: Header::take(rest)?, signature: take(rest)? })
    }

    /// Hash of the header; the signature is not part of it.
    pub fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// Checks that the coordinator signed this header for this chain (`verify_strict`).
    ///
    /// # Errors
    /// [`ChainError::BadSignature`].
    pub fn verify_signature(
        &self,
        chain_id: &ChainId,
        coordinator: &VerifyingKey,
    ) -> Result<(), ChainError> {
        coordinator
            .verify_strict(
                &self.header.signed_bytes(chain_id),
                &Signature::from_bytes(&self.signature),
            )
            .map_err(|_| ChainError::BadSignature { height: self.header.height })
    }
}

impl std::fmt::Debug for SealedHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedHeader")
            .field("header", &self.header)
            .field("signature", &hex::encode(self.signature))
            .finish()
    }
}

/// Takes the first `N` bytes off `rest`.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_header() -> Header {
        Header {
            version: 1,
            height: 2,
            previous: BlockHash([3; 32]),
            time_ms: 4,
            history_root: [5; 32],
            entries_root: [6; 32],
            state_root: StateRoot([7; 32]),
            count: 8,
        }
    }

    #[test]
    fn encodings_and_hashes_are_held_fixed() {
        let header = a_header();
        let expected = [
            "00000001",
            "0000000000000002",
            &"03".repeat(32),
            "0000000000000004",
            &"05".repeat(32),
            &"06".repeat(32),
            &"07".repeat(32),
            "00000008",
        ]
        .concat();
        assert_eq!(hex::encode(header.encode()), expected);
        assert_eq!(
            hex::encode(header.hash()),
            "afc4053b98b3afc48e297a63a236622a184e5b73d9a7c207ae05cd0d7c5b5c8d"
        );
        let sealed = header.seal(&ChainId([9; 32]), &SigningKey::from_bytes(&[10; 32]));
        assert_eq!(hex::encode(sealed.encode()), expected + &hex::encode(sealed.signature));
        assert_eq!(
            hex::encode(sealed.signature),
            "6ef5e9b3076ee73edd580d58c8bb470cec1e48a6fedaafe2dc92e23f3e44f1c4ce6da7214f121122dca74da93f41d1898b152ec0639e9a3b26d3ba2b0c84ff03"
        );
    }

    #[test]
    fn a_seal_holds_for_its_chain_key_and_header_alone() {
        let key = SigningKey::from_bytes(&[10; 32]);
        let sealed = a_header().seal(&ChainId([9; 32]), &key);
        assert_eq!(sealed.verify_signature(&ChainId([9; 32]), &key.verifying_key()), Ok(()));
        let refused = Err(ChainError::BadSignature { height: 2 });
        assert_eq!(sealed.verify_signature(&ChainId([8; 32]), &key.verifying_key()), refused);
        let other = SigningKey::from_bytes(&[11; 32]).verifying_key();
        assert_eq!(sealed.verify_signature(&ChainId([9; 32]), &other), refused);
    }

    #[test]
    fn a_flip_of_any_bit_breaks_the_seal_and_the_hash() {
        let key = SigningKey::from_bytes(&[10; 32]);
        let sealed = a_header().seal(&ChainId([9; 32]), &key);
        for place in 0..SealedHeader::LEN {
            let mut bytes = sealed.encode();
            bytes[place] ^= 1 << (place % 8);
            let flipped = SealedHeader::decode(&bytes).unwrap();
            assert!(
                flipped.verify_signature(&ChainId([9; 32]), &key.verifying_key()).is_err(),
                "byte {place}"
            );
            assert_eq!(flipped.hash() == sealed.hash(), place >= Header::LEN, "byte {place}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_the_right_length_decode_to_what_encodes_to_them(bytes in prop::collection::vec(any::<u8>(), 216)) {
            prop_assert_eq!(SealedHeader::decode(&bytes).unwrap().encode().to_vec(), bytes.clone());
            prop_assert_eq!(Header::decode(&bytes[..152]).unwrap().encode().to_vec(), &bytes[..152]);
        }

        #[test]
        fn bytes_of_any_other_length_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Header::decode(&bytes).is_ok(), bytes.len() == 152);
            prop_assert_eq!(SealedHeader::decode(&bytes).is_ok(), bytes.len() == 216);
        }
    }
}
