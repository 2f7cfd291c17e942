//! What a trustee countersigns: a sealed block, by its hash and by the checkpoint of the tree that it completes.
//!
//! The transaction names the hash; the cosignature in it is over the checkpoint, in the format of [C2SP
//! tlog-cosignature], so that a note with the cosignatures of a quorum can be put together from the chain and verified by
//! tools that know nothing of this contract. Hash and checkpoint belong to each other: the header binds the tree before
//! it, and is the last leaf of the tree with it.
//!
//! The time in the cosignature is that of the block: as of then no larger head existed, which is what a cosignature
//! states; and a countersignature that is sent again is the same bytes.
//!
//! [C2SP tlog-cosignature]: https://c2sp.org/tlog-cosignature

use consilium_crypto::signature::{SigningKey, VerifyingKey};
use consilium_hash::{BlockHash, Pseudonym};
use consilium_ledger::{Checkpoint, Cosignature, NoteError, VerifiedHeader};
use consilium_proto::v1::Countersign;

/// The block at the end of a chain, as trustees speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedBlock {
    /// Hash of its header.
    pub hash: BlockHash,
    /// The tree over all headers up to and with this one.
    pub checkpoint: Checkpoint,
    /// Its time, in milliseconds since the epoch.
    pub time_ms: u64,
}

impl From<&VerifiedHeader> for SealedBlock {
    fn from(header: &VerifiedHeader) -> Self {
        Self { hash: *header.hash(), checkpoint: *header.checkpoint(), time_ms: header.time_ms }
    }
}

impl SealedBlock {
    /// A trustee's word that it answers for this block and no other one of `step`.
    pub fn countersign(&self, step: u64, key: &SigningKey) -> Countersign {
        Countersign {
            step,
            sealed_block: self.hash.to_vec(),
            cosignature: self.cosign(key).encode().to_vec(),
        }
    }

    /// The cosignature alone.
    pub fn cosign(&self, key: &SigningKey) -> Cosignature {
        self.checkpoint.cosign(self.time_ms / 1000, &key.into())
    }

    /// Reads the cosignature of a countersignature of this block and verifies that `trustee` has given it.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where it is no encoding of one, [`NoteError::BadSignature`] where it is not the
    /// trustee's or of another checkpoint, [`NoteError::OtherTime`] where its time is not the block's.
    pub fn verify(
        &self,
        cosignature: &[u8],
        trustee: &Pseudonym,
        key: VerifyingKey,
    ) -> Result<Cosignature, NoteError> {
        let cosignature = Cosignature::decode(cosignature)?;
        self.checkpoint.verify_cosignature(&cosignature, trustee, &key.into())?;
        let expected = self.time_ms / 1000;
        if cosignature.time_s() != expected {
            // Otherwise a note put together from the chain would say that its head was the last one at whatever time.
            let name = trustee.to_string();
            let found = cosignature.time_s();
            return Err(NoteError::OtherTime { name, expected, found });
        }
        Ok(cosignature)
    }
}
