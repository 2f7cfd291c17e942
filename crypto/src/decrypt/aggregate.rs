//! The sum of encrypted mask keys, certified: Eval of the keyed-homomorphic encryption over a round's headers.
//!
//! C̄^(l) = Σ C^(l), l = 0..15, over the accepted headers, with a certificate under sk_h over round, inputs and result. Who
//! verifies it recomputes the sum from headers whose key proofs it has verified: sk_h lets its holder add, and nothing
//! else.
//!
//! Encoding: round ‖ m ‖ m·SHA-256 of a header ‖ 16 ciphertexts ‖ certificate. All but the certificate is certified.

use std::collections::HashSet;

use consilium_hash::{EvaluationHash, HeaderHash};

use crate::group::encoding::Reader;
use crate::signature::{SIGNATURE_LEN, Signature};
use crate::transcript::{EVALUATION, EVALUATION_HASH, labelled_hash};
use crate::update::header::{CIPHERTEXTS_LEN, LIMBS};
use crate::{
    AggregateError, Ciphertext, DecodeError, EvaluationKey, MAX_SUMMANDS, PublicKey, RoundContext,
    VerifiedHeader,
};

/// An evaluated ciphertext that decodes. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    round: RoundContext,
    inputs: Vec<HeaderHash>,
    sums: Vec<Ciphertext>,
    content: Vec<u8>,
    certificate: Signature,
}

impl EvaluationKey {
    /// Sums the encrypted mask keys of a round and certifies the sum.
    pub fn evaluate(
        &self,
        round: &RoundContext,
        headers: &[&VerifiedHeader],
    ) -> Result<Evaluation, AggregateError> {
        let sums = sum(round, headers)?;
        let inputs: Vec<HeaderHash> = headers.iter().map(|header| header.hash()).collect();
        let mut content = round.encode().to_vec();
        content.extend((inputs.len() as u32).to_be_bytes());
        content.extend(inputs.iter().flat_map(|input| input.0));
        content.extend(sums.iter().flat_map(Ciphertext::encode));
        let certificate = self.0.sign(EVALUATION, &[&content]);
        Ok(Evaluation { round: round.clone(), inputs, sums, content, certificate })
    }
}

/// The sum of headers of one round by distinct institutions.
fn sum(
    round: &RoundContext,
    headers: &[&VerifiedHeader],
) -> Result<Vec<Ciphertext>, AggregateError> {
    if headers.is_empty() || headers.len() > MAX_SUMMANDS as usize {
        return Err(AggregateError::Count { found: headers.len(), most: MAX_SUMMANDS });
    }
    let mut seen = HashSet::new();
    let mut sums = vec![Ciphertext::default(); LIMBS];
    for header in headers {
        let pseudonym = header.context().pseudonym;
        if header.context().round != *round {
            return Err(AggregateError::OtherRound { pseudonym });
        }
        if !seen.insert(pseudonym) {
            return Err(AggregateError::Duplicate { pseudonym });
        }
        for (sum, ciphertext) in sums.iter_mut().zip(header.ciphertexts()) {
            *sum += ciphertext;
        }
    }
    Ok(sums)
}

impl Evaluation {
    /// Length of the encoding over so many inputs, in bytes.
    pub const fn length(inputs: usize) -> usize {
        RoundContext::LEN + 4 + 32 * inputs + CIPHERTEXTS_LEN + SIGNATURE_LEN
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.content.clone();
        bytes.extend(self.certificate.encode());
        bytes
    }

    /// The round and the inputs that the bytes claim, without looking at the sum: [`Self::decode`] decides whether they
    /// are an evaluation.
    pub fn peek(bytes: &[u8]) -> Result<(RoundContext, Vec<HeaderHash>), DecodeError> {
        Self::head(bytes).map(|(round, inputs, _)| (round, inputs))
    }

    /// Round, inputs, and the rest of the bytes.
    fn head(bytes: &[u8]) -> Result<(RoundContext, Vec<HeaderHash>, Reader<'_>), DecodeError> {
        const WHAT: &str = "evaluation";
        let prefix = RoundContext::LEN + 4;
        let head = bytes.get(..prefix).ok_or(DecodeError::Length {
            what: WHAT,
            expected: prefix,
            found: bytes.len(),
        })?;
        let mut reader = Reader::new(WHAT, head, prefix)?;
        let round = RoundContext::decode(reader.take(RoundContext::LEN)?)?;
        let count = reader.u32()?;
        if !(1..=MAX_SUMMANDS).contains(&count) {
            return Err(DecodeError::Value {
                what: "inputs",
                found: u64::from(count),
                allowed: "1 to 1024",
            });
        }
        let mut reader = Reader::new(WHAT, bytes, Self::length(count as usize))?;
        reader.take(prefix)?;
        let inputs =
            (0..count).map(|_| reader.array().map(HeaderHash)).collect::<Result<_, _>>()?;
        Ok((round, inputs, reader))
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (round, inputs, mut reader) = Self::head(bytes)?;
        let sums = (0..LIMBS).map(|_| Ciphertext::read(&mut reader)).collect::<Result<_, _>>()?;
        let certificate = Signature::decode(reader.take(SIGNATURE_LEN)?)?;
        let content = bytes.get(..bytes.len() - SIGNATURE_LEN).unwrap_or_default().to_vec();
        Ok(Self { round, inputs, sums, content, certificate })
    }

    /// The round it claims to sum.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// SHA-256 of the headers it claims to sum, in order.
    pub fn inputs(&self) -> &[HeaderHash] {
        &self.inputs
    }

    /// The hash of all that is certified: two evaluations with one hash have one sum over one list of inputs.
    pub fn hash(&self) -> EvaluationHash {
        labelled_hash(EVALUATION_HASH, &self.content)
    }

    /// Verifies everything: the round, the certificate, that the headers are the inputs in order, that their authors are
    /// distinct and their round this one, and the sum.
    pub fn verify(
        &self,
        key: &PublicKey,
        round: &RoundContext,
        headers: &[&VerifiedHeader],
    ) -> Result<VerifiedEvaluation, AggregateError> {
        if self.round != *round {
            return Err(AggregateError::WrongRound);
        }
        if round.key_hash != key.hash() {
            return Err(AggregateError::WrongKey);
        }
        let certified =
            key.evaluation_key().verify(EVALUATION, &[&self.content], &self.certificate);
        certified.map_err(|_| AggregateError::BadCertificate)?;
        if !self.inputs.iter().eq(headers
            .iter()
            .map(|header| header.hash())
            .collect::<Vec<_>>()
            .iter())
        {
            let differs =
                self.inputs.iter().zip(headers).position(|(input, header)| *input != header.hash());
            let position = differs.unwrap_or(self.inputs.len().min(headers.len()));
            return Err(AggregateError::WrongInputs { position });
        }
        if sum(round, headers)? != self.sums {
            return Err(AggregateError::WrongSum);
        }
        Ok(VerifiedEvaluation(self.clone()))
    }
}

#[cfg(test)]
impl Evaluation {
    /// What a cheating holder of sk_h can do: certify what is not the sum.
    pub(crate) fn add_to_limb(
        &mut self,
        limb: usize,
        difference: &Ciphertext,
        key: &EvaluationKey,
    ) {
        let sum = self.sums.get_mut(limb).unwrap();
        *sum += difference;
        let start = RoundContext::LEN + 4 + 32 * self.inputs.len() + limb * Ciphertext::LEN;
        self.content[start..start + Ciphertext::LEN].copy_from_slice(&sum.encode());
        self.certificate = key.0.sign(EVALUATION, &[&self.content]);
    }
}

/// An evaluation that its holder has recomputed. Only such a one is opened.
#[derive(Clone, Debug)]
pub struct VerifiedEvaluation(Evaluation);

impl VerifiedEvaluation {
    /// m, the number of updates in the sum.
    pub fn summands(&self) -> u32 {
        self.0.inputs.len() as u32
    }

    pub(crate) fn sums(&self) -> &[Ciphertext] {
        &self.0.sums
    }

    /// [`sums`](Self::sums), encoded: what the certified content ends with.
    pub(crate) fn encoded_sums(&self) -> &[u8] {
        let content = &self.0.content;
        content.get(content.len().saturating_sub(CIPHERTEXTS_LEN)..).unwrap_or_default()
    }
}

impl std::ops::Deref for VerifiedEvaluation {
    type Target = Evaluation;

    fn deref(&self) -> &Evaluation {
        &self.0
    }
}
