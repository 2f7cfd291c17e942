//! The keyed-homomorphic encryption by itself: Gen, Enc, Dec and Eval of mo2023, Definition 1, for one message.
//!
//! A federation uses the same parts on sixteen limbs at a time and with a shared key (headers, evaluations, decryption
//! shares). Here is the whole scheme with one key holder, as the definition and its game have it; do not use it where
//! nobody may hold the key.
//!
//! - A fresh ciphertext is (context, C, proof that C is well formed and its message below 2^16, bound to the context).
//! - An evaluated one is (context, its fresh inputs, result, certificate under sk_h). Evaluations of evaluations list all
//!   fresh inputs, in order.
//! - Dec verifies every input's proof, recomputes the sum, verifies the certificate, and answers ⊥ ([`Bottom`]) otherwise.

use merlin::Transcript;
use rand_core::{CryptoRngCore, OsRng};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::fold::{Folded, Weights};
use crate::group::encoding::Reader;
use crate::keys::KeyMaterial;
use crate::proof::limbs::{self, LIMB_BITS, LimbProof, LimbWitness};
use crate::signature::{SIGNATURE_LEN, Signature};
use crate::transcript::{self, HEADER_WEIGHTS, STANDALONE_EVALUATION};
use crate::{
    Ciphertext, DecodeError, DecryptionKey, DiscreteLogTable, EncryptError, EvaluationKey, Hash,
    MAX_SUMMANDS, PublicKey, ReadOffError,
};

/// ⊥: why Dec or Eval does not answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Bottom {
    /// The bytes do not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Made for another context.
    #[error("the ciphertext is of another context than the one asked for")]
    OtherContext,
    /// A fresh ciphertext, or an input of an evaluated one, has no valid proof.
    #[error("fresh ciphertext {input} has no valid proof for this key and context")]
    BadProof {
        /// Which input, from 0.
        input: usize,
    },
    /// The number of inputs cannot be summed.
    #[error("{found} inputs; between 1 and 1024 can be summed")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// The result is not the sum of the inputs.
    #[error("the result is not the sum of the inputs")]
    WrongSum,
    /// No certificate of the holder of sk_h.
    #[error("the certificate does not verify; only the holder of sk_h can evaluate")]
    BadCertificate,
    /// The message is out of bounds.
    #[error(transparent)]
    ReadOff(#[from] ReadOffError),
}

/// A ciphertext of the scheme, as it came: Dec and Eval verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Made by Enc.
    Fresh(Vec<u8>),
    /// Made by Eval.
    Evaluated(Vec<u8>),
}

/// Gen.
pub fn generate(
    rng: &mut impl CryptoRngCore,
) -> Result<(PublicKey, DecryptionKey, EvaluationKey), DecodeError> {
    let material = KeyMaterial::generate(rng);
    let evaluation = EvaluationKey::generate(rng);
    let public = PublicKey::new(material.x1, material.x2, evaluation.verifying_key())?;
    Ok((public, material.secret, evaluation))
}

/// Enc of a message in a context, with randomness of the operating system.
pub fn encrypt(key: &PublicKey, context: &Hash, message: u16) -> Result<Sealed, EncryptError> {
    encrypt_with_rng(key, context, message, &mut OsRng)
}

pub(crate) fn encrypt_with_rng(
    key: &PublicKey,
    context: &Hash,
    message: u16,
    rng: &mut impl CryptoRngCore,
) -> Result<Sealed, EncryptError> {
    use crate::transcript::Protocol;
    let mut rng =
        transcript::standalone(context, &key.encode()).witness_rng(&message.to_le_bytes(), rng);
    let witness = LimbWitness::fresh(vec![u64::from(message)], &mut rng);
    let ciphertext: Vec<u8> = witness.encrypt(key).iter().flat_map(Ciphertext::encode).collect();
    let proof = limbs::prove(&base(key, context, &ciphertext), key, &witness, &mut rng);
    Ok(Sealed::Fresh([context.as_slice(), &ciphertext, &proof].concat()))
}

fn base(key: &PublicKey, context: &Hash, ciphertext: &[u8]) -> Transcript {
    let mut transcript = transcript::standalone(context, &key.encode());
    transcript.append_message(b"C", ciphertext);
    transcript
}

/// Eval: the certified sum of ciphertexts of one context.
pub fn evaluate(
    key: &PublicKey,
    evaluation_key: &EvaluationKey,
    context: &Hash,
    ciphertexts: &[Sealed],
) -> Result<Sealed, Bottom> {
    let mut inputs = Vec::new();
    for ciphertext in ciphertexts {
        inputs.extend(Opened::verify(key, context, ciphertext)?.inputs);
    }
    let sum = sum(key, context, &inputs)?;
    let count = inputs.len() as u32;
    let mut content = context.to_vec();
    content.extend(count.to_be_bytes());
    content.extend(inputs.concat());
    content.extend(sum.encode());
    let certificate = evaluation_key.0.sign(STANDALONE_EVALUATION, &[&content]);
    content.extend(certificate.encode());
    Ok(Sealed::Evaluated(content))
}

/// Dec: the message, or ⊥. A sum of m messages is below m·2^16.
pub fn decrypt(
    key: &PublicKey,
    secret: &DecryptionKey,
    context: &Hash,
    ciphertext: &Sealed,
    table: &DiscreteLogTable,
) -> Result<u64, Bottom> {
    let opened = Opened::verify(key, context, ciphertext)?;
    let bound = (opened.inputs.len() as i64) << LIMB_BITS;
    let message = table.read_off(&[secret.open(&opened.result)], 0, bound)?;
    message.first().map(|message| message.cast_unsigned()).ok_or(Bottom::WrongSum)
}

/// A verified ciphertext with the fresh ones it is made of.
struct Opened {
    inputs: Vec<Vec<u8>>,
    result: Ciphertext,
}

impl Opened {
    fn verify(key: &PublicKey, context: &Hash, ciphertext: &Sealed) -> Result<Self, Bottom> {
        let bytes = match ciphertext {
            Sealed::Fresh(bytes) => {
                let inputs = vec![bytes.clone()];
                return Ok(Self { result: sum(key, context, &inputs)?, inputs });
            }
            Sealed::Evaluated(bytes) => bytes,
        };
        const WHAT: &str = "evaluated ciphertext";
        let head = bytes.get(..36).ok_or(DecodeError::Length {
            what: WHAT,
            expected: 36,
            found: bytes.len(),
        })?;
        let mut reader = Reader::new(WHAT, head, 36)?;
        if reader.array::<32>()? != *context {
            return Err(Bottom::OtherContext);
        }
        let count = reader.u32()? as usize;
        if !(1..=MAX_SUMMANDS as usize).contains(&count) {
            return Err(Bottom::Count { found: count });
        }
        let length = 36 + count * fresh_length() + Ciphertext::LEN + SIGNATURE_LEN;
        let mut reader = Reader::new(WHAT, bytes, length)?;
        reader.take(36)?;
        let inputs = (0..count).map(|_| Ok(reader.take(fresh_length())?.to_vec()));
        let inputs = inputs.collect::<Result<Vec<_>, DecodeError>>()?;
        let result = Ciphertext::read(&mut reader)?;
        let certificate = Signature::decode(reader.take(SIGNATURE_LEN)?)?;
        let content = bytes.get(..length - SIGNATURE_LEN).unwrap_or_default();
        let certified =
            key.evaluation_key().verify(STANDALONE_EVALUATION, &[content], &certificate);
        certified.map_err(|_| Bottom::BadCertificate)?;
        if sum(key, context, &inputs)? != result {
            return Err(Bottom::WrongSum);
        }
        Ok(Self { inputs, result })
    }
}

fn fresh_length() -> usize {
    32 + Ciphertext::LEN + LimbProof::length(1)
}

/// Verifies fresh ciphertexts and adds them up.
fn sum(key: &PublicKey, context: &Hash, inputs: &[Vec<u8>]) -> Result<Ciphertext, Bottom> {
    if !(1..=MAX_SUMMANDS as usize).contains(&inputs.len()) {
        return Err(Bottom::Count { found: inputs.len() });
    }
    let mut sum = Ciphertext::default();
    for (input, bytes) in inputs.iter().enumerate() {
        let mut reader = Reader::new("fresh ciphertext", bytes, fresh_length())?;
        if reader.array::<32>()? != *context {
            return Err(Bottom::OtherContext);
        }
        let encoded = reader.take(Ciphertext::LEN)?;
        let ciphertext =
            Ciphertext::read(&mut Reader::new("fresh ciphertext", encoded, Ciphertext::LEN)?)?;
        let proof = LimbProof::read(&mut reader, 1)?;
        let base = base(key, context, encoded);
        let digest: Hash = Sha256::digest(bytes).into();
        let mut weights = Weights::new(HEADER_WEIGHTS, 1, key, None, [&digest]);
        let mut folded = Folded::default();
        proof.fold(&base, std::slice::from_ref(&ciphertext), weights.take(), &mut folded);
        if !folded.holds(key) {
            return Err(Bottom::BadProof { input });
        }
        sum += &ciphertext;
    }
    Ok(sum)
}
