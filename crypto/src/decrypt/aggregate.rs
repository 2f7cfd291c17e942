//! The sum of encrypted mask keys, certified: Eval of the keyed-homomorphic encryption over a round's headers.
//!
//! C̄^(l) = Σ C^(l) over the accepted headers, for the 16 limbs of a group mask or the hundreds of a lattice mask, with a
//! certificate under sk_h over round, inputs and SHA-256 of the result. Who verifies it recomputes the sum from keys whose
//! proofs it has verified: sk_h lets its holder add, and nothing else. So the sum itself is not in it: it is never needed by
//! anybody who could not compute it, and for a lattice mask it is 39 to 98 kB.
//!
//! Encoding: round ‖ m ‖ m·SHA-256 of a header ‖ SHA-256 of the encoded sum ‖ certificate. All but the certificate is
//! certified.

use std::collections::HashSet;

use consilium_hash::{EvaluationHash, HeaderHash};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::encrypted_key::EncryptedKey;
use crate::group::encoding::Reader;
use crate::signature::{SIGNATURE_LEN, Signature};
use crate::transcript::{EVALUATION, EVALUATION_HASH, labelled_hash};
use crate::{
    AggregateError, Ciphertext, DecodeError, EvaluationKey, Hash, MAX_SUMMANDS, PublicKey,
    RoundContext,
};

/// An evaluated ciphertext that decodes. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    round: RoundContext,
    inputs: Vec<HeaderHash>,
    sums_hash: Hash,
    content: Vec<u8>,
    certificate: Signature,
}

/// C̄ and its encoding.
#[derive(Clone, Debug)]
struct Sums {
    ciphertexts: Vec<Ciphertext>,
    encoded: Vec<u8>,
}

impl Sums {
    fn hash(&self) -> Hash {
        Sha256::digest(&self.encoded).into()
    }
}

impl EvaluationKey {
    /// Sums the encrypted mask keys of a round and certifies the sum.
    pub fn evaluate<Key: EncryptedKey>(
        &self,
        round: &RoundContext,
        keys: &[&Key],
    ) -> Result<Evaluation, AggregateError> {
        let sums_hash = sum(round, keys)?.hash();
        let inputs: Vec<HeaderHash> = keys.iter().map(|key| key.header_hash()).collect();
        let mut content = round.encode().to_vec();
        content.extend((inputs.len() as u32).to_be_bytes());
        content.extend(inputs.iter().flat_map(|input| input.0));
        content.extend(sums_hash);
        let certificate = self.0.sign(EVALUATION, &[&content]);
        Ok(Evaluation { round: round.clone(), inputs, sums_hash, content, certificate })
    }
}

/// The sum of keys of one round by distinct institutions.
fn sum<Key: EncryptedKey>(round: &RoundContext, keys: &[&Key]) -> Result<Sums, AggregateError> {
    let most = keys.iter().map(|key| key.most_summands()).min().unwrap_or(MAX_SUMMANDS);
    if keys.is_empty() || keys.len() > most as usize {
        return Err(AggregateError::Count { found: keys.len(), most });
    }
    let mut seen = HashSet::new();
    let limbs = keys.first().map_or(0, |key| key.limbs().len());
    let mut ciphertexts = vec![Ciphertext::default(); limbs];
    for key in keys {
        let pseudonym = key.context().pseudonym;
        // A key of another number of limbs is of another mask.
        if key.context().round != *round || key.limbs().len() != limbs {
            return Err(AggregateError::OtherRound { pseudonym });
        }
        if !seen.insert(pseudonym) {
            return Err(AggregateError::Duplicate { pseudonym });
        }
        for (sum, ciphertext) in ciphertexts.iter_mut().zip(key.limbs()) {
            *sum += ciphertext;
        }
    }
    let encodings: Vec<_> =
        ciphertexts.par_iter().with_min_len(16).map(Ciphertext::encode).collect();
    Ok(Sums { ciphertexts, encoded: encodings.concat() })
}

impl Evaluation {
    /// Length of the encoding over so many inputs, in bytes.
    pub const fn length(inputs: usize) -> usize {
        RoundContext::LEN + 4 + 32 * inputs + 32 + SIGNATURE_LEN
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
        let sums_hash = reader.array()?;
        let certificate = Signature::decode(reader.take(SIGNATURE_LEN)?)?;
        let content = bytes.get(..bytes.len() - SIGNATURE_LEN).unwrap_or_default().to_vec();
        Ok(Self { round, inputs, sums_hash, content, certificate })
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
    pub fn verify<Key: EncryptedKey>(
        &self,
        key: &PublicKey,
        round: &RoundContext,
        keys: &[&Key],
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
        let at_hand: Vec<HeaderHash> = keys.iter().map(|key| key.header_hash()).collect();
        if self.inputs != at_hand {
            let differs = self.inputs.iter().zip(&at_hand).position(|(input, here)| input != here);
            let position = differs.unwrap_or(self.inputs.len().min(at_hand.len()));
            return Err(AggregateError::WrongInputs { position });
        }
        let sums = sum(round, keys)?;
        if sums.hash() != self.sums_hash {
            return Err(AggregateError::WrongSum);
        }
        Ok(VerifiedEvaluation { evaluation: self.clone(), sums })
    }
}

#[cfg(test)]
impl Evaluation {
    /// What a cheating holder of sk_h can do: certify what is not the sum of these keys.
    pub(crate) fn add_to_limb<Key: EncryptedKey>(
        &mut self,
        keys: &[&Key],
        limb: usize,
        difference: &Ciphertext,
        key: &EvaluationKey,
    ) {
        let mut ciphertexts = sum(&self.round, keys).unwrap().ciphertexts;
        ciphertexts[limb] += difference;
        let encoded: Vec<u8> = ciphertexts.iter().flat_map(Ciphertext::encode).collect();
        self.sums_hash = Sha256::digest(encoded).into();
        let end = self.content.len();
        self.content[end - 32..].copy_from_slice(&self.sums_hash);
        self.certificate = key.0.sign(EVALUATION, &[&self.content]);
    }
}

/// An evaluation that its holder has recomputed. Only such a one is opened.
#[derive(Clone, Debug)]
pub struct VerifiedEvaluation {
    evaluation: Evaluation,
    sums: Sums,
}

impl VerifiedEvaluation {
    /// m, the number of updates in the sum.
    pub fn summands(&self) -> u32 {
        self.evaluation.inputs.len() as u32
    }

    /// Limbs of a mask key: as many sums there are to open.
    pub fn limbs(&self) -> usize {
        self.sums.ciphertexts.len()
    }

    pub(crate) fn sums(&self) -> &[Ciphertext] {
        &self.sums.ciphertexts
    }

    /// [`sums`](Self::sums), encoded.
    pub(crate) fn encoded_sums(&self) -> &[u8] {
        &self.sums.encoded
    }
}

impl std::ops::Deref for VerifiedEvaluation {
    type Target = Evaluation;

    fn deref(&self) -> &Evaluation {
        &self.evaluation
    }
}
