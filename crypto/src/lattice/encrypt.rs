//! The institution's side: an update is hidden by noise and a lattice mask, the mask's key encrypted, and all of it proven.
//!
//! All randomness is the operating system's, drawn through a transcript rekeyed with the update, and fresh at every call: s,
//! e and every mask of a proof. With one s for two updates c − c' = v − v', which anyone can read; with one mask under two
//! challenges f − f' = (e − e')·s. What is sent again after a cut connection is the stored bytes, never a new encryption.

use rand_core::{CryptoRngCore, OsRng};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::bases::FIRST_OF_KEY;
use super::body_proof::{CommittedBody, Statement, Witness, length_of};
use super::header::{LatticeHeader, Part};
use super::key::MaskKey;
use super::key_part::base_transcript;
use super::key_proof::{self, KeyStatement, KeyWitness};
use super::mask;
use super::parameters::LatticeParameters;
use super::sample::Noise;
use crate::bound::square;
use crate::proof::vector::CommittedVector;
use crate::transcript::{self, Protocol};
use crate::{Bound, Context, EncryptError, PublicKey, QuantisedUpdate};

/// An update under a lattice mask as it is sent. The institution signs the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedLatticeUpdate {
    /// What is signed; it names the two parts.
    pub header: LatticeHeader,
    /// Read by [`CandidateKeyPart`](super::CandidateKeyPart).
    pub key_part: Vec<u8>,
    /// c and the proof of its bound.
    pub bound_part: Vec<u8>,
}

impl EncryptedLatticeUpdate {
    /// What is sent and stored: both parts, read by [`CandidateLatticeUpdate`](super::CandidateLatticeUpdate).
    pub fn body(&self) -> Vec<u8> {
        [self.key_part.as_slice(), &self.bound_part].concat()
    }
}

/// Masks, encrypts and proves an update, on all cores, with randomness of the operating system. The parameters are the
/// round's; the author's own bound, which may be less, is in its context.
///
/// # Errors
/// [`EncryptError::Unlucky`] once in 2^42 times: again, with fresh randomness. The others say what does not belong together.
pub fn encrypt_lattice(
    key: &PublicKey,
    context: &Context,
    parameters: &LatticeParameters,
    update: &QuantisedUpdate,
) -> Result<EncryptedLatticeUpdate, EncryptError> {
    encrypt_lattice_with_rng(key, context, parameters, update, &mut OsRng)
}

/// [`encrypt_lattice`] with given randomness; crate-private, so that nothing but a test can fix it.
pub(crate) fn encrypt_lattice_with_rng(
    key: &PublicKey,
    context: &Context,
    parameters: &LatticeParameters,
    update: &QuantisedUpdate,
    rng: &mut impl CryptoRngCore,
) -> Result<EncryptedLatticeUpdate, EncryptError> {
    let parameters = &own_parameters(key, context, parameters, update)?;
    let matrix = mask::matrix_of(&context.round);
    let x = update.as_slice();
    let mut hash = Sha256::new();
    x.iter().for_each(|x| hash.update(x.to_le_bytes()));
    let witness = Zeroizing::new(<[u8; 32]>::from(hash.finalize()));
    let mut rng = transcript::lattice(&context.encode(), &key.encode()).witness_rng(&*witness, rng);

    let v = mask::hide(x, parameters.scale(), &Noise::draw(&mut *rng));
    let Bound::Norm { norm, .. } = parameters.bound() else { return Err(EncryptError::Unlucky) };
    let is_honest = square(x) <= u128::from(norm).pow(2);
    if is_honest && length_of(&v) > u128::from(parameters.longest()) {
        return Err(EncryptError::Unlucky);
    }
    let mask_key = MaskKey::fresh(parameters.limbs(), &mut *rng);
    let c_bytes = mask::mask(&matrix, &mask_key.transformed(), &v);
    let mask_hash: [u8; 64] = Sha512::digest(&c_bytes).into();
    let c = mask::decode(&c_bytes)?;

    let ciphertexts = mask_key.encrypt(key);
    let s = CommittedVector::ternary(FIRST_OF_KEY, mask_key.s(), &mut *rng);
    let mask_of_s = s.mask(&mut *rng);
    let base = base_transcript(context, key, parameters, &ciphertexts, s.encoded(), &mask_hash);
    let statement = Statement { base: &base, parameters, matrix: &matrix, c: &c };
    let witness = Witness { v: &v, s: mask_key.s(), mask_of_s: &mask_of_s };
    let committed = CommittedBody::new(&statement, &witness, &mut *rng)?;

    let statement = KeyStatement { base: &base, key, limbs: parameters.limbs() };
    let witness = KeyWitness { s: &s, mask: mask_of_s, randomness: mask_key.randomness() };
    let (key_proof, e) =
        key_proof::prove(&statement, witness, mask_key.s(), committed.digest(), &mut *rng);
    let key_part = [ciphertexts, key_proof].concat();
    let bound_part = [c_bytes, committed.respond(&e)].concat();
    let body = Part::of_all(&[&key_part, &bound_part]);
    let header = LatticeHeader::new(context.clone(), mask_hash, Part::of(&key_part), body);
    Ok(EncryptedLatticeUpdate { header, key_part, bound_part })
}

/// The author's own parameters, where all belongs together.
fn own_parameters(
    key: &PublicKey,
    context: &Context,
    parameters: &LatticeParameters,
    update: &QuantisedUpdate,
) -> Result<LatticeParameters, EncryptError> {
    let expected = parameters.dimension() as usize;
    for found in [context.round.dimension as usize, update.len()] {
        if found != expected {
            return Err(EncryptError::Dimension { expected, found });
        }
    }
    for (expected, found) in
        [(parameters.bound(), context.round.bound), (context.bound, update.bound())]
    {
        if found != expected {
            return Err(EncryptError::Bound { expected, found });
        }
    }
    if context.round.key_hash != key.hash() {
        return Err(EncryptError::WrongKey);
    }
    let wrong = |_| EncryptError::Bound { expected: parameters.bound(), found: context.bound };
    parameters.for_bound(context.bound).map_err(wrong)
}
