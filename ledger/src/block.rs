//! A sealed header with its entries.
//!
//! Encoding: the sealed header, then each entry as its length (u32) and its bytes. The number of entries is the
//! header's; nothing may follow. Limits are checked before memory is taken.

use consilium_hash::{BlockHash, MerkleNode, MerkleRoot};

use crate::{
    error::ChainError,
    header::{Header, take},
    limits::{MAX_ENTRIES, MAX_ENTRY_BYTES},
    malformed::Malformed,
    merkle,
    seal::SealedHeader,
};

/// The longest an encoded block can be, in bytes.
pub const MAX_BLOCK_BYTES: usize = SealedHeader::LEN + MAX_ENTRIES * (4 + MAX_ENTRY_BYTES);

/// A sealed header with its entries. A candidate: only the limits have been checked, and only by `decode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The header and its seal.
    pub sealed: SealedHeader,
    /// The entries in order, opaque here.
    pub entries: Vec<Vec<u8>>,
}

/// RFC 6962 root over the entries.
pub fn entries_root(entries: &[Vec<u8>]) -> MerkleRoot {
    merkle::root(&leaf_hashes(entries))
}

fn leaf_hashes(entries: &[Vec<u8>]) -> Vec<MerkleNode> {
    entries.iter().map(|entry| merkle::leaf_hash(entry)).collect()
}

/// Checks number and lengths of a block's entries.
pub(crate) fn check_limits(height: u64, count: u32, entries: &[Vec<u8>]) -> Result<(), ChainError> {
    let got = entries.len();
    if got == 0 || got > MAX_ENTRIES || u32::try_from(got) != Ok(count) {
        return Err(ChainError::WrongCount { height, expected: count, got });
    }
    match entries.iter().enumerate().find(|(_, entry)| entry.len() > MAX_ENTRY_BYTES) {
        Some((index, entry)) => Err(ChainError::EntryTooLong { height, index, got: entry.len() }),
        None => Ok(()),
    }
}

impl Block {
    /// The header, not verified.
    pub fn header(&self) -> &Header {
        &self.sealed.header
    }

    /// The height its header claims.
    pub fn height(&self) -> u64 {
        self.sealed.header.height
    }

    /// Hash of its header.
    pub fn hash(&self) -> BlockHash {
        self.sealed.hash()
    }

    /// The block's only encoding.
    ///
    /// # Errors
    /// [`ChainError::WrongCount`], [`ChainError::EntryTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, ChainError> {
        check_limits(self.height(), self.sealed.header.count, &self.entries)?;
        let mut bytes = self.sealed.encode().to_vec();
        for entry in &self.entries {
            // MAX_ENTRY_BYTES, checked above, fits u32.
            bytes.extend_from_slice(&(entry.len() as u32).to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        Ok(bytes)
    }

    /// Reads exactly one block.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the encoding of a block inside the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |detail: String| Malformed { what: "block", detail };
        let mut rest = bytes;
        let sealed = SealedHeader::take(&mut rest).ok_or_else(|| {
            malformed(format!(
                "expected a sealed header of {} bytes, got {}",
                SealedHeader::LEN,
                bytes.len()
            ))
        })?;
        let count = usize::try_from(sealed.header.count).unwrap_or(usize::MAX);
        if count == 0 || count > MAX_ENTRIES {
            return Err(malformed(format!("expected 1 to {MAX_ENTRIES} entries, got {count}")));
        }
        let mut entries = Vec::with_capacity(count);
        for index in 0..count {
            let ends =
                || malformed(format!("expected {count} entries, the bytes end in entry {index}"));
            let len = u32::from_be_bytes(take(&mut rest).ok_or_else(ends)?);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len > MAX_ENTRY_BYTES {
                return Err(malformed(format!(
                    "entry {index} has {len} bytes, at most {MAX_ENTRY_BYTES} are allowed"
                )));
            }
            let (entry, after) = rest.split_at_checked(len).ok_or_else(ends)?;
            entries.push(entry.to_vec());
            rest = after;
        }
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes follow the last entry", rest.len())));
        }
        Ok(Self { sealed, entries })
    }

    /// Checks that the entries are those the header speaks of.
    ///
    /// # Errors
    /// [`ChainError::WrongCount`], [`ChainError::EntryTooLong`], [`ChainError::WrongEntries`].
    pub fn verify_entries(&self) -> Result<(), ChainError> {
        let header = &self.sealed.header;
        check_limits(header.height, header.count, &self.entries)?;
        let got = entries_root(&self.entries);
        if got == header.entries_root {
            Ok(())
        } else {
            Err(ChainError::WrongEntries {
                height: header.height,
                expected: header.entries_root,
                got,
            })
        }
    }

    /// A proof that entry `index` is under `entries_root`; `None` where there is none.
    ///
    /// Check it with [`merkle::InclusionProof::verify`], the leaf being [`merkle::leaf_hash`] of the entry.
    pub fn entry_proof(&self, index: usize) -> Option<merkle::InclusionProof> {
        merkle::inclusion_proof(&leaf_hashes(&self.entries), u64::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use consilium_hash::{ChainId, StateRoot};
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    use super::*;
    use crate::{header::HEADER_VERSION, seal::Validators, sha256};

    fn block_of(entries: Vec<Vec<u8>>) -> Block {
        let header = Header {
            version: HEADER_VERSION,
            height: 0,
            previous: BlockHash([1; 32]),
            time_ms: 2,
            history_root: MerkleRoot([3; 32]),
            entries_root: entries_root(&entries),
            state_root: StateRoot([4; 32]),
            count: entries.len() as u32,
        };
        Block { sealed: header.seal(&ChainId([1; 32]), &SigningKey::from_bytes(&[5; 32])), entries }
    }

    #[test]
    fn the_encoding_is_held_fixed() {
        let bytes = block_of(vec![b"genesis".to_vec(), vec![], vec![0xff; 3]]).encode().unwrap();
        assert_eq!(
            hex::encode(&bytes[SealedHeader::LEN..]),
            "0000000767656e657369730000000000000003ffffff"
        );
        assert_eq!(
            hex::encode(sha256(&bytes)),
            "11e220960a1e0d81a8d97d402d9458cc955ad7be4f89fe1d89e214be3d225e71"
        );
    }

    #[test]
    fn a_flip_of_any_byte_is_refused_or_changes_what_is_signed() {
        let coordinator = SigningKey::from_bytes(&[5; 32]).verifying_key();
        let validators = Validators::single(ChainId([1; 32]), coordinator);
        let bytes = block_of(vec![b"genesis".to_vec(), vec![], vec![0xff; 300]]).encode().unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                let Ok(block) = Block::decode(&flipped) else { continue };
                let sealed = block.sealed.verify(&validators);
                assert!(
                    sealed.is_err() || block.verify_entries().is_err(),
                    "byte {place}, bit {bit}"
                );
            }
        }
    }

    #[test]
    fn limits_hold_both_ways() {
        assert!(block_of(vec![]).encode().is_err());
        assert!(block_of(vec![vec![]; MAX_ENTRIES + 1]).encode().is_err());
        assert!(block_of(vec![vec![0; MAX_ENTRY_BYTES + 1]]).encode().is_err());
        let largest = block_of(vec![vec![0; MAX_ENTRY_BYTES]; MAX_ENTRIES]);
        let bytes = largest.encode().unwrap();
        assert_eq!(bytes.len(), MAX_BLOCK_BYTES);
        assert_eq!(Block::decode(&bytes).unwrap(), largest);

        let mut too_long = block_of(vec![vec![]]).encode().unwrap();
        let announced = (MAX_ENTRY_BYTES as u32 + 1).to_be_bytes();
        too_long
            .splice(SealedHeader::LEN.., announced.into_iter().chain(vec![0; MAX_ENTRY_BYTES + 1]));
        assert!(Block::decode(&too_long).is_err());
    }

    #[test]
    fn every_entry_has_a_proof_under_the_entries_root() {
        let block = block_of((0..7u8).map(|i| vec![i; i as usize]).collect());
        for (index, entry) in block.entries.iter().enumerate() {
            let proof = block.entry_proof(index).unwrap();
            assert_eq!(
                proof.verify(&merkle::leaf_hash(entry), &block.header().entries_root),
                Ok(())
            );
        }
        assert_eq!(block.entry_proof(7), None);
    }

    proptest! {
        #[test]
        fn decoding_is_the_inverse_of_encoding(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..=MAX_ENTRIES),
        ) {
            let block = block_of(entries);
            prop_assert_eq!(block.verify_entries(), Ok(()));
            prop_assert_eq!(&Block::decode(&block.encode().unwrap()).unwrap(), &block);
        }

        #[test]
        fn truncated_or_extended_blocks_are_refused(cut in 0usize..300, extra in 1usize..5) {
            let bytes = block_of(vec![vec![7; 60], vec![8; 20]]).encode().unwrap();
            prop_assert!(Block::decode(&bytes[..cut.min(bytes.len() - 1)]).is_err());
            prop_assert!(Block::decode(&[bytes.as_slice(), &vec![0; extra]].concat()).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_decode_only_to_their_own_encoding(
            bytes in prop::collection::vec(any::<u8>(), 0..600), count in 0u32..4,
        ) {
            let mut bytes = bytes;
            if let Some(at) = bytes.get_mut(148..152) { at.copy_from_slice(&count.to_be_bytes()); }
            if let Ok(block) = Block::decode(&bytes) {
                prop_assert_eq!(block.encode().unwrap(), bytes);
            }
        }
    }
}
