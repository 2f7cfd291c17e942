//! The sum of encrypted mask keys, certified.

use consilium_hash::{EvaluationHash, HeaderHash};

use super::{Parameters, VerifiedHeader};
use crate::{
    AggregateError, DecodeError, Evaluation as GroupEvaluation, EvaluationKey, PublicKey,
    RoundContext, VerifiedEvaluation as GroupVerified, VerifiedHeader as GroupHeader,
};

/// A certified sum that decodes. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// Under elements of the group.
    Group(GroupEvaluation),
}

/// Sums the encrypted mask keys of a round and certifies the sum.
///
/// # Errors
/// [`AggregateError`] where these are not headers of one round by distinct institutions.
pub fn evaluate(
    evaluation_key: &EvaluationKey,
    round: &RoundContext,
    headers: &[&VerifiedHeader],
) -> Result<Evaluation, AggregateError> {
    evaluation_key.evaluate(round, &group(headers)).map(Evaluation::Group)
}

fn group<'a>(headers: &[&'a VerifiedHeader]) -> Vec<&'a GroupHeader> {
    let group = |header: &&'a VerifiedHeader| match header {
        VerifiedHeader::Group(header) => header,
    };
    headers.iter().map(group).collect()
}

impl Evaluation {
    /// Reads the certified sum of a round.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are none, or one under another mask.
    pub fn decode(bytes: &[u8], parameters: &Parameters) -> Result<Self, DecodeError> {
        match parameters {
            Parameters::Group(_) => GroupEvaluation::decode(bytes).map(Self::Group),
        }
    }

    /// The round and the inputs that the bytes claim, without looking at the sum: [`Self::decode`] decides whether they
    /// are an evaluation.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn peek(
        bytes: &[u8],
        parameters: &Parameters,
    ) -> Result<(RoundContext, Vec<HeaderHash>), DecodeError> {
        match parameters {
            Parameters::Group(_) => GroupEvaluation::peek(bytes),
        }
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Group(evaluation) => evaluation.encode(),
        }
    }

    /// The round it claims to sum.
    pub fn round(&self) -> &RoundContext {
        match self {
            Self::Group(evaluation) => evaluation.round(),
        }
    }

    /// SHA-256 of the headers it claims to sum, in order.
    pub fn inputs(&self) -> &[HeaderHash] {
        match self {
            Self::Group(evaluation) => evaluation.inputs(),
        }
    }

    /// Verifies everything: the round, the certificate, that the headers are the inputs in order, that their authors are
    /// distinct and their round this one, and the sum.
    ///
    /// # Errors
    /// [`AggregateError`]: the first that does not hold.
    pub fn verify(
        &self,
        key: &PublicKey,
        round: &RoundContext,
        headers: &[&VerifiedHeader],
    ) -> Result<VerifiedEvaluation, AggregateError> {
        match self {
            Self::Group(evaluation) => {
                evaluation.verify(key, round, &group(headers)).map(VerifiedEvaluation::Group)
            }
        }
    }
}

/// A certified sum that its holder has recomputed. Only such a one is opened.
#[derive(Clone, Debug)]
pub enum VerifiedEvaluation {
    /// Under elements of the group.
    Group(GroupVerified),
}

impl VerifiedEvaluation {
    /// m, the number of updates in the sum.
    pub fn summands(&self) -> u32 {
        match self {
            Self::Group(evaluation) => evaluation.summands(),
        }
    }

    /// The round it sums.
    pub fn round(&self) -> &RoundContext {
        match self {
            Self::Group(evaluation) => evaluation.round(),
        }
    }

    /// The hash of all that is certified: two evaluations with one hash have one sum over one list of inputs.
    pub fn hash(&self) -> EvaluationHash {
        match self {
            Self::Group(evaluation) => evaluation.hash(),
        }
    }
}
