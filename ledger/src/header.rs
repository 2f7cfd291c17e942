//! The header of a block, its encoding and its hash. Who vouches for it is the business of `seal`.
//!
//! Encoding, 152 bytes: version u32 ‖ height u64 ‖ previous ‖ time_ms u64 ‖ history_root ‖ entries_root ‖ state_root ‖
//! count u32. Every bit string of that length is the encoding of exactly one header.
//!
//! # The state before the entries
//!
//! A header names the contract's state *before* the block's entries, as Tendermint's app hash does: the state in which
//! the block before it left the contract. So the header of a block can be made, signed and voted on before anyone has
//! executed the block. Block 0 founds the contract, and so names no state: [`NO_STATE`].
//!
//! - What a block's entries lead to is vouched for by the next header. Nobody vouches for what the last block of a chain
//!   leads to. It follows from the entries all the same, which the last header binds: whoever executes the chain needs
//!   nobody's word for it. A final state that others should be able to cite without executing the chain needs one more
//!   block.
//! - A coordinator that executes block h wrongly says so in the header of block h + 1. Evidence of a wrong state is the
//!   blocks 0 to h, with their bodies, and that next block, of which only the header matters. Until there is a block
//!   h + 1 nothing false has been signed about the state. An entry that the contract refuses, and that no honest
//!   coordinator seals, convicts in block h itself.
//! - Whoever executes a chain compares a header's state with its own before it applies the entries: entries that follow
//!   a wrong state are not worth executing.

use consilium_hash::{BlockHash, MerkleRoot, StateRoot};
use sha2::{Digest, Sha256};

use crate::malformed::Malformed;

/// The one version of headers this crate writes and reads.
pub const HEADER_VERSION: u32 = 2;

/// The state root in the header of block 0, before which there is no contract.
pub const NO_STATE: StateRoot = StateRoot([0; 32]);

/// Prefix of what a header's hash is taken over. What seals are over begins with other bytes of the same length.
const HASH_LABEL: &[u8] = b"consilium/ledger/header/hash/v2";

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
    pub history_root: MerkleRoot,
    /// RFC 6962 root over the entries.
    pub entries_root: MerkleRoot,
    /// The contract's state before the entries; of block 0, [`NO_STATE`]. See the module.
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
            &self.history_root.0,
            &self.entries_root.0,
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
    /// [`Malformed`] for any other length.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wrong_length = || Malformed {
            what: "header",
            detail: format!("expected {} bytes, got {}", Self::LEN, bytes.len()),
        };
        let mut rest = bytes;
        let header = Self::take(&mut rest).ok_or_else(wrong_length)?;
        if rest.is_empty() { Ok(header) } else { Err(wrong_length()) }
    }

    pub(crate) fn take(rest: &mut &[u8]) -> Option<Self> {
        Some(Self {
            version: u32::from_be_bytes(take(rest)?),
            height: u64::from_be_bytes(take(rest)?),
            previous: BlockHash(take(rest)?),
            time_ms: u64::from_be_bytes(take(rest)?),
            history_root: MerkleRoot(take(rest)?),
            entries_root: MerkleRoot(take(rest)?),
            state_root: StateRoot(take(rest)?),
            count: u32::from_be_bytes(take(rest)?),
        })
    }

    /// SHA-256 over a label and the encoding: what the next header and every countersignature name.
    pub fn hash(&self) -> BlockHash {
        let hash = Sha256::new().chain_update(HASH_LABEL).chain_update(self.encode());
        BlockHash(hash.finalize().into())
    }
}

/// Takes the first `N` bytes off `rest`.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn a_header() -> Header {
        Header {
            version: 2,
            height: 2,
            previous: BlockHash([3; 32]),
            time_ms: 4,
            history_root: MerkleRoot([5; 32]),
            entries_root: MerkleRoot([6; 32]),
            state_root: StateRoot([7; 32]),
            count: 8,
        }
    }

    #[test]
    fn the_encoding_and_the_hash_are_held_fixed() {
        let header = a_header();
        let expected = [
            "00000002",
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
            "280b85241aaacb25dffe54a2d5d76f323a9efbcd10f0219ea2382e941a15c884"
        );
    }

    #[test]
    fn a_flip_of_any_bit_changes_the_hash() {
        let header = a_header();
        for place in 0..Header::LEN {
            for bit in 0..8 {
                let mut bytes = header.encode();
                bytes[place] ^= 1 << bit;
                let flipped = Header::decode(&bytes).unwrap();
                assert_ne!(flipped.hash(), header.hash(), "byte {place}, bit {bit}");
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_of_the_right_length_decode_to_what_encodes_to_them(bytes: [u8; 152]) {
            prop_assert_eq!(Header::decode(&bytes).unwrap().encode(), bytes);
        }

        #[test]
        fn bytes_of_any_other_length_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Header::decode(&bytes).is_ok(), bytes.len() == 152);
        }
    }
}
