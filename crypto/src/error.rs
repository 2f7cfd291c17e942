//! What can go wrong, one enum per question asked of the crate.
//!
//! A message says what was expected, what came and what to do. Where somebody can be to blame, `culprits` names them; it
//! matches exhaustively, so that a new variant has to decide whom it blames.

use consilium_hash::Pseudonym;
use consilium_privacy::PrivacyError;
use thiserror::Error;

use crate::{Bound, DecodeError};

/// A signature that does not verify.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the Ed25519 signature does not verify under this key and label; whoever is named may not have sent this"
)]
pub struct SignatureError;

/// An update that its own author cannot encrypt.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncryptError {
    /// The update does not have the round's length.
    #[error(
        "the round's model has {expected} parameters, the update {found}; train the round's own model"
    )]
    Dimension {
        /// d of the round.
        expected: usize,
        /// Length of the update.
        found: usize,
    },
    /// The update was quantised for another bound.
    #[error("the round asks for {expected}; the update was quantised for {found}")]
    Bound {
        /// The round's bound.
        expected: Bound,
        /// The update's bound.
        found: Bound,
    },
    /// The projections of a norm that is within its bound are not, which happens once in 2^42 times.
    #[error(
        "the random projections of this encryption came out too long; encrypt the update again"
    )]
    Unlucky,
    /// The bound is none.
    #[error("the round's bound: {0}")]
    BadBound(#[from] DecodeError),
    /// The context names another public key.
    #[error(
        "the context names another public key than the one given; take both from the same genesis"
    )]
    WrongKey,
    /// The range prover cannot prove so many values at once, which no caller brings about.
    #[error(
        "cannot prove {values} values of {bits} bits at once; give a power of two up to 256 of 8, 16, 32 or 64 bits, and a blinding and a commitment each"
    )]
    RangeProver {
        /// How many values there are.
        values: usize,
        /// Bits of a value.
        bits: usize,
    },
}

/// Why an update is rejected. The variants are the reasons that the contract records.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UpdateError {
    /// Length, point, scalar or field that is not canonical.
    #[error("malformed encoding: {0}")]
    MalformedEncoding(#[from] DecodeError),
    /// Not the dimension of the round.
    #[error("the round has dimension {expected}, the header says {found}")]
    WrongDimension {
        /// The round's value.
        expected: u32,
        /// The header's value.
        found: u32,
    },
    /// Not the bound of the round.
    #[error("the round asks for {expected}; the header says {found}")]
    WrongBound {
        /// The round's bound.
        expected: Bound,
        /// The header's bound.
        found: Bound,
    },
    /// The body has not the length or the hash that the header announces: a transfer to be repeated, not a fault.
    #[error(
        "incomplete body: the header announces {expected} bytes and their SHA-256, {found} bytes came that differ; send it again"
    )]
    IncompleteBody {
        /// Length in the header, in bytes.
        expected: u64,
        /// Length that came, in bytes.
        found: u64,
    },
    /// The key part has not the length or the hash that the header announces: a transfer to be repeated, not a fault.
    #[error(
        "incomplete key part: the header announces {expected} bytes and their SHA-256, {found} bytes came that differ; send \
         it again"
    )]
    IncompleteKeyPart {
        /// Length in the header, in bytes.
        expected: u64,
        /// Length that came, in bytes.
        found: u64,
    },
    /// The limbs of the mask key are not proven to be well formed and in range.
    #[error(
        "bad key proof: the encrypted mask key is not proven to be limbs of 16 bits under this public key and context"
    )]
    BadKeyProof,
    /// The mask, the bounded commitments and the key are not proven to agree.
    #[error(
        "bad link proof: the masked update, its commitments and the encrypted mask key are not proven to agree"
    )]
    BadLinkProof,
    /// The norm of the update is not proven to be within its bound.
    #[error("bad norm proof: the update is not proven to keep the bound on its norm")]
    BadNormProof,
    /// A parameter is not proven to be in range.
    #[error("bad range proof: not every parameter is proven to lie within its bound")]
    BadRangeProof,
}

/// Why a sum of encrypted mask keys is not accepted. Nobody whose update is listed is to blame: whoever made the list can
/// name an update twice, or one of another round, without its author.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AggregateError {
    /// Nothing, or more than any table reads off, is to be summed.
    #[error("{found} updates to sum; between 1 and {most} are possible")]
    Count {
        /// How many came.
        found: usize,
        /// The most that a sum can hold.
        most: u32,
    },
    /// One institution twice.
    #[error("an institution is in the sum twice; take its first update only")]
    Duplicate {
        /// Its pseudonym.
        pseudonym: Pseudonym,
    },
    /// An update of another round in the sum.
    #[error("an update of another round is in the sum; only this round's count")]
    OtherRound {
        /// Its author's pseudonym.
        pseudonym: Pseudonym,
    },
    /// The evaluation speaks of another round than the one asked for.
    #[error(
        "the evaluation is of another round; expected the current step, attempt, model and key"
    )]
    WrongRound,
    /// The headers at hand are not those that the evaluation lists.
    #[error(
        "input {position} of the evaluation is not the header at hand; fetch the headers it lists, in its order"
    )]
    WrongInputs {
        /// First position that differs, from 0.
        position: usize,
    },
    /// The evaluation key given is not the half of the public key.
    #[error("the evaluation key does not belong to the public key")]
    WrongKey,
    /// The ciphertexts are not the sum of the inputs.
    #[error(
        "the evaluated ciphertexts are not the sum of the inputs; whoever certified them cheated"
    )]
    WrongSum,
    /// The certificate does not verify.
    #[error(
        "the certificate of the evaluation does not verify under the public key's evaluation key"
    )]
    BadCertificate,
}

/// Why a dealing or a decryption share is not accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShareError {
    /// n and t that the protocol does not allow.
    #[error(
        "{trustees} trustees cannot have threshold {threshold}: n ≥ 3t − 2 and t ≥ 1 are needed; lower the threshold or enrol more trustees"
    )]
    Threshold {
        /// n.
        trustees: u32,
        /// t.
        threshold: u32,
    },
    /// Bytes that do not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The commitments do not belong to the public key.
    #[error(
        "the dealing's commitments do not open to the public key; the dealing is void, deal again"
    )]
    WrongDealing,
    /// A trustee's secret share contradicts the commitments.
    #[error(
        "the key share of trustee {index} contradicts the dealing's commitments; complain and deal again"
    )]
    WrongKeyShare {
        /// The trustee who was dealt the share.
        index: u32,
    },
    /// An index outside 1..=n.
    #[error("trustee {index} does not exist; indices run from 1 to {trustees}")]
    UnknownTrustee {
        /// The index that came.
        index: u32,
        /// n.
        trustees: u32,
    },
    /// A share that answers another block.
    #[error("the share of trustee {index} answers another sealed block than this step's")]
    OtherBlock {
        /// Its author.
        index: u32,
    },
    /// A share whose proof does not hold.
    #[error(
        "bad share proof: the share of trustee {index} is not proven to be made with its key share"
    )]
    BadShareProof {
        /// Its author.
        index: u32,
    },
    /// One trustee twice.
    #[error("trustee {index} is among the shares twice; combine distinct ones")]
    Duplicate {
        /// The trustee.
        index: u32,
    },
    /// Fewer than t shares.
    #[error("{found} valid shares, {expected} are needed; wait for more trustees")]
    TooFew {
        /// t.
        expected: u32,
        /// How many came.
        found: usize,
    },
    /// The combined value is not a sum of limbs.
    #[error(transparent)]
    ReadOff(#[from] ReadOffError),
}

impl ShareError {
    /// The indices of the trustees to blame, if any.
    pub fn culprits(&self) -> Vec<u32> {
        match self {
            Self::UnknownTrustee { index, .. }
            | Self::OtherBlock { index }
            | Self::BadShareProof { index }
            | Self::Duplicate { index } => vec![*index],
            // The dealer is to blame for a share that contradicts its own commitments, not the trustee.
            Self::Threshold { .. }
            | Self::Decode(_)
            | Self::WrongDealing
            | Self::WrongKeyShare { .. }
            | Self::TooFew { .. }
            | Self::ReadOff(_) => Vec::new(),
        }
    }
}

/// A discrete logarithm that is not where it must be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ReadOffError {
    /// No value in the range fits.
    #[error(
        "value {index} of the sum has no discrete logarithm from {least} to below {bound}; the mask key or the sum is wrong"
    )]
    NotFound {
        /// Which value, from 0.
        index: usize,
        /// The least value searched.
        least: i64,
        /// The exclusive bound searched.
        bound: i64,
    },
    /// The range is beyond what the table is made for.
    #[error(
        "a range of {length} values is beyond the table's {most}; lower the number of summands, the bits or the norm"
    )]
    TooLarge {
        /// The length asked for.
        length: u64,
        /// The largest length possible.
        most: u64,
    },
}

/// Sums that updates within their bound, under this sum of mask keys, do not add up to.
///
/// Under a countersigned sum of the keys this means that something in the sum is no update within its bound, or that
/// the sums said to be there are others.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SumError {
    /// Another number of sums than of parameters.
    #[error("there are {found} sums for {expected} parameters")]
    Length {
        /// d.
        expected: usize,
        /// How many sums there are.
        found: usize,
    },
    /// A sum in one place that not all updates together can reach.
    #[error(
        "sum {index} is {value}; updates within their bound add up to at least {least} and to less than {bound}"
    )]
    OutOfRange {
        /// Which sum, from 0.
        index: usize,
        /// What it is.
        value: i64,
        /// The least that is possible.
        least: i64,
        /// The first number beyond what is possible.
        bound: i64,
    },
    /// All sums together are longer than the updates together can be.
    #[error(
        "the sums have norm {norm}; {summands} updates within their bound add up to at most {most}"
    )]
    TooLong {
        /// The norm of the sums, rounded up.
        norm: u128,
        /// m.
        summands: u32,
        /// The norm of m updates of the greatest length, all in one direction.
        most: u128,
    },
    /// The sums are not those of the masked updates.
    #[error("the sums are not what is left of the masked updates without their masks")]
    Mismatch,
    /// A sum is not read off.
    #[error(transparent)]
    ReadOff(#[from] ReadOffError),
}

/// Numbers that cannot be quantised.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum QuantiseError {
    /// The bound is not provable.
    #[error(transparent)]
    Bound(#[from] DecodeError),
    /// The clipping bound is no positive number.
    #[error("the clipping bound is {clip}; it must be finite and above 0")]
    Clip {
        /// What came.
        clip: f32,
    },
    /// ω is no weight.
    #[error(
        "the weight is {weight}; it must be above 0 and at most 1 (rows of the institution over the largest)"
    )]
    Weight {
        /// What came.
        weight: f64,
    },
    /// There would be more updates than any sum holds.
    #[error(
        "sums of {summands} updates cannot be read off; lower the number of institutions to {most}"
    )]
    Headroom {
        /// Updates in a sum.
        summands: u32,
        /// The most possible.
        most: u32,
    },
    /// The sum would outgrow the table of discrete logarithms.
    #[error(
        "sums of {summands} updates of norm {norm} cannot be read off; lower the norm to {most}"
    )]
    NormHeadroom {
        /// Updates in a sum.
        summands: u32,
        /// B.
        norm: u32,
        /// The largest B possible with so many updates.
        most: u32,
    },
    /// Rounding alone would reach the norm.
    #[error(
        "rounding {dimension} parameters alone may reach a norm of {norm}; raise the norm to at least {least}"
    )]
    NormTooSmall {
        /// d.
        dimension: usize,
        /// B.
        norm: u32,
        /// The least B possible with so many parameters.
        least: u64,
    },
    /// NaN or infinity.
    #[error(
        "parameter {index} of the update is {value}; training has diverged: lower the learning rate"
    )]
    NotFinite {
        /// Which parameter, from 0.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// Another number of quantities than the run counts.
    #[error(
        "{} counts and {} sums were brought, {} and {} are asked for: rows are counted by another layout",
        found.0, found.1, expected.0, expected.1
    )]
    Quantities {
        /// Counts and sums that came.
        found: (usize, usize),
        /// Counts and sums of the run.
        expected: (usize, usize),
    },
    /// More rows than an institution of the run can have, or no number at all.
    #[error("quantity {index} takes more rows than the largest institution has, or is no number")]
    Quantity {
        /// Which one, from 0, counts before sums.
        index: usize,
    },
    /// A quantised value outside the bounds.
    #[error("quantised parameter {index} is {value}, outside ±{bound}")]
    OutOfBounds {
        /// Which parameter, from 0.
        index: usize,
        /// What it is.
        value: i64,
        /// The largest magnitude allowed, 2^(b−1) − 1.
        bound: i64,
    },
    /// Noise of no usable variance.
    #[error(transparent)]
    Noise(#[from] PrivacyError),
    /// Only a norm admits noise: a bound on each parameter would clip it.
    #[error("noise needs a bound on the norm; this run bounds every parameter")]
    NoiseWithoutNorm,
    /// A noisy update that outgrew the norm, which happens once in 2^100 draws.
    #[error(
        "with noise of variance {variance} the update is longer than the norm {norm}: its random numbers are broken, or \
         the norm is too small; raise the norm to {least} or lower the noise"
    )]
    NoiseTooLong {
        /// μ.
        variance: u64,
        /// B.
        norm: u32,
        /// The least B that admits the noise.
        least: u64,
    },
    /// A quantised update longer than the norm.
    #[error("the quantised update is longer than the norm {norm}")]
    TooLong {
        /// B.
        norm: u32,
    },
}
