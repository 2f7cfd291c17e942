//! What a proof is bound to: the round it was made for and the institution that made it.

use consilium_hash::{ChainId, KeyHash, ModelHash, Pseudonym};

use crate::group::encoding::Reader;
use crate::{Bound, DecodeError};

/// Largest number of parameters of a model.
pub const MAX_DIMENSION: u32 = 1 << 24;
/// Largest number of updates in one sum.
pub const MAX_SUMMANDS: u32 = 1024;
/// The most members that a committee can have: a dealing for so many fits 64 KiB.
pub const MAX_MEMBERS: u32 = 128;
/// The longest range that sums are read off from: those of [`MAX_SUMMANDS`] values of 16 bits.
pub(crate) const MAX_RANGE: u64 = (MAX_SUMMANDS as u64) << 16;
/// The longest range that sums of limbs are read off from: those of a lattice mask and 63 updates. Proofs keep them in it, so
/// that nobody searches it in vain.
pub(crate) const MAX_LIMB_RANGE: u64 = 1 << 28;

/// The public numbers that fix every length of an encrypted update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameters {
    dimension: u32,
    bound: Bound,
}

impl Parameters {
    /// d parameters under a bound; d is at least 1 and at most [`MAX_DIMENSION`].
    pub fn new(dimension: u32, bound: Bound) -> Result<Self, DecodeError> {
        if !(1..=MAX_DIMENSION).contains(&dimension) {
            let found = u64::from(dimension);
            return Err(DecodeError::Value { what: "dimension", found, allowed: "1 to 2^24" });
        }
        bound.check()?;
        Ok(Self { dimension, bound })
    }

    /// d, the number of parameters.
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// What is proven about an update.
    pub fn bound(&self) -> Bound {
        self.bound
    }
}

/// A round: one attempt at one step, with all that its participants must agree on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoundContext {
    /// Version of the protocol.
    pub protocol_version: u32,
    /// SHA-256 of the genesis.
    pub chain_id: ChainId,
    /// The improvement of the model, from 0.
    pub step: u64,
    /// The try at the step, from 0.
    pub attempt: u32,
    /// SHA-256 of the model that the round starts from.
    pub model_hash: ModelHash,
    /// What is proven about an update.
    pub bound: Bound,
    /// d, the number of parameters.
    pub dimension: u32,
    /// [`PublicKey::hash`](crate::PublicKey::hash) of gpk.
    pub key_hash: KeyHash,
}

impl RoundContext {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 4 + 32 + 8 + 4 + 32 + 1 + 8 + 4 + 32;

    /// The fixed-width encoding; integers are big-endian.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (kind, number) = self.bound.encode();
        let fields: [&[u8]; 9] = [
            &self.protocol_version.to_be_bytes(),
            &self.chain_id.0,
            &self.step.to_be_bytes(),
            &self.attempt.to_be_bytes(),
            &self.model_hash.0,
            &[kind],
            &number.to_be_bytes(),
            &self.dimension.to_be_bytes(),
            &self.key_hash.0,
        ];
        for (slot, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *slot = *byte;
        }
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes and no others.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("round context", bytes, Self::LEN)?;
        let protocol_version = reader.u32()?;
        let chain_id = ChainId(reader.array()?);
        let step = reader.u64()?;
        let attempt = reader.u32()?;
        let model_hash = ModelHash(reader.array()?);
        let [kind] = reader.array()?;
        let bound = Bound::decode(kind, reader.u64()?)?;
        let dimension = reader.u32()?;
        Parameters::new(dimension, bound)?;
        Ok(Self {
            protocol_version,
            chain_id,
            step,
            attempt,
            model_hash,
            bound,
            dimension,
            key_hash: KeyHash(reader.array()?),
        })
    }

    /// The numbers that fix the lengths; refused where d is out of bounds.
    pub fn parameters(&self) -> Result<Parameters, DecodeError> {
        Parameters::new(self.dimension, self.bound)
    }
}

/// A round and the institution that speaks in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// The round.
    pub round: RoundContext,
    /// The institution's pseudonym.
    pub pseudonym: Pseudonym,
    /// What is proven about this institution's update: the round's bound, or less of the same kind for one with less weight.
    pub bound: Bound,
}

impl Context {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = RoundContext::LEN + 32 + 1 + 8;

    /// The fixed-width encoding: the round's, then the pseudonym and the bound.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (kind, number) = self.bound.encode();
        let fields: [&[u8]; 4] =
            [&self.round.encode(), &self.pseudonym.0, &[kind], &number.to_be_bytes()];
        for (slot, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *slot = *byte;
        }
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes and no others.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("context", bytes, Self::LEN)?;
        let round = RoundContext::decode(reader.take(RoundContext::LEN)?)?;
        let pseudonym = Pseudonym(reader.array()?);
        let [kind] = reader.array()?;
        let bound = Bound::decode(kind, reader.u64()?)?;
        if !bound.is_within(&round.bound) {
            return Err(DecodeError::Value {
                what: "an institution's bound",
                found: bound.encode().1,
                allowed: "no more than the round's, of the same kind",
            });
        }
        Ok(Self { round, pseudonym, bound })
    }

    /// The numbers that fix the lengths of this institution's update; refused where d is out of bounds.
    pub fn parameters(&self) -> Result<Parameters, DecodeError> {
        Parameters::new(self.round.dimension, self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(bound: Bound) -> Context {
        let round = RoundContext {
            protocol_version: 1,
            chain_id: ChainId([2; 32]),
            step: 3,
            attempt: 4,
            model_hash: ModelHash([5; 32]),
            bound,
            dimension: 289,
            key_hash: KeyHash([7; 32]),
        };
        let own = match bound {
            Bound::Parameter { bits, most } => Bound::Parameter { bits, most: most / 3 },
            Bound::Norm { norm, projections } => Bound::Norm { norm: norm / 3, projections },
        };
        Context { round, pseudonym: Pseudonym([8; 32]), bound: own }
    }

    #[test]
    fn a_context_survives_its_encoding_and_every_byte_of_it_counts() {
        for bound in [Bound::parameter(8), Bound::Norm { norm: 5000, projections: 256 }] {
            let context = example(bound);
            let bytes = context.encode();
            assert_eq!(Context::decode(&bytes), Ok(context.clone()));
            for position in 0..bytes.len() {
                let mut changed = bytes;
                changed[position] ^= 1;
                assert_ne!(Context::decode(&changed), Ok(context.clone()), "byte {position}");
            }
            assert!(Context::decode(&bytes[1..]).is_err());
        }
    }

    #[test]
    fn sizes_that_no_model_has_and_kinds_of_bound_that_there_are_not_are_refused() {
        for dimension in [0, MAX_DIMENSION + 1] {
            assert!(
                Parameters::new(dimension, Bound::parameter(8)).is_err(),
                "{dimension} parameters"
            );
        }
        assert!(Parameters::new(1, Bound::parameter(9)).is_err());
        let mut bytes = example(Bound::parameter(8)).encode();
        bytes[4 + 32 + 8 + 4 + 32] = 3;
        let error = Context::decode(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "kind of bound is 3; allowed: 1 (parameter) or 2 (norm)");
    }
}
