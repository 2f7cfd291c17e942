//! What a key part proves: that the committed s is ternary, and that the ciphertexts encrypt it.
//!
//! Base transcript: label, context, gpk, parameters, C, C_s = Σs_i·G_i + β_s·g, h_c. On a fork of it:
//!
//! 1. χ_i (2,048) and ρ_i (one a limb), of 128 bits;
//! 2. D, 32 bytes of the transcript of the body's first messages; M_s = Σn_i·G_i + μ_s·g; Q of the cubic below;
//!    T1 = a1·X1, T2 = a2·X2, T3 = (a1 + a2)·g + ⟨ℓ, n⟩·h with ℓ_(n·i+a) = 2^(w·a)·ρ_i
//!    → one challenge e, which answers the body, too;
//! 3. f = n + e·s and φ (`vector`), z_Q (`coefficients`), z1 = a1 + e·⟨ρ, r⟩, z2 = a2 + e·⟨ρ, r'⟩.
//!
//! Checked: the opening; Σχ_i·f_i·(f_i² − e²) has no coefficient of e³ (`digits`); z1·X1 = T1 + e·Σρ_i·C1^(i);
//! z2·X2 = T2 + e·Σρ_i·C2^(i); (z1 + z2)·g + (⟨ℓ, f⟩ + e·Σℓ)·h = T3 + e·Σρ_i·C3^(i).
//!
//! **Why.** The coefficient of e³ is Σχ_i·(s_i³ − s_i), with χ after C_s: each s_i is −1, 0 or 1. Two answers give
//! Σρ_i·C^(i) = Enc(Σρ_i·K_i(s)), with ρ after C and C_s: every ciphertext encrypts its limb of s. So s is fixed and proven
//! before a seed of the body's projection exists, and v = c − A·s mod q is fixed with it.
//!
//! The mask n answers once. Two challenges for one n give s away: f − f' = (e − e')·s.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::bases::FIRST_OF_KEY;
use super::parameters::Limbs;
use super::ring::DEGREE;
use crate::fold::{Folded, Weights};
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{g_times, h_times, inner, random_scalar};
use crate::proof::coefficients::{CoefficientsProof, CommittedCoefficients};
use crate::proof::digits::Digits;
use crate::proof::vector::{CommittedVector, VectorProof};
use crate::transcript::{LATTICE_KEY, Protocol, witness_bytes};
use crate::{Ciphertext, DecodeError, PublicKey};

/// What an entry of a mask key is.
const TERNARY: Digits = Digits { least: -1, count: 3 };

/// D: what ties a body to its key part.
pub(crate) type BodyDigest = [u8; 32];

/// Step 1.
struct KeyWeights {
    chi: Vec<Scalar>,
    rho: Vec<Scalar>,
}

impl KeyWeights {
    fn draw(base: &Transcript, limbs: Limbs) -> (Transcript, Self) {
        let mut transcript = base.fork(LATTICE_KEY, 0);
        let chi = transcript.weights(b"chi", DEGREE);
        let rho = transcript.weights(b"rho", limbs.count());
        (transcript, Self { chi, rho })
    }

    /// ℓ.
    fn of_digits(&self, limbs: Limbs) -> Vec<Scalar> {
        let places: Vec<_> =
            (0..limbs.digits).map(|a| Scalar::from(1u64 << (limbs.bits * a as u32))).collect();
        let all = self.rho.iter().flat_map(|rho| places.iter().map(move |place| rho * place));
        all.take(DEGREE).collect()
    }
}

/// Step 2: what the prover says before e.
fn challenge(
    mut transcript: Transcript,
    digest: &BodyDigest,
    mask: &[u8],
    q: &[u8],
    t: &[u8],
) -> Scalar {
    transcript.append_message(b"D", digest);
    transcript.append_message(b"M", mask);
    transcript.append_message(b"Q", q);
    transcript.append_message(b"T", t);
    transcript.challenge(b"e")
}

/// Whose key it is that is proven.
pub(crate) struct KeyStatement<'a> {
    pub(crate) base: &'a Transcript,
    pub(crate) key: &'a PublicKey,
    pub(crate) limbs: Limbs,
}

/// What its author knows: s, committed to; the mask that opens it, as the body's first messages have used it; r and r'.
pub(crate) struct KeyWitness<'a> {
    pub(crate) s: &'a CommittedVector,
    pub(crate) mask: CommittedVector,
    pub(crate) randomness: [&'a [Scalar]; 2],
}

/// Proves that s is ternary and is what is encrypted; returns the proof and e, which the body is to be answered with.
pub(crate) fn prove(
    statement: &KeyStatement<'_>,
    witness: KeyWitness<'_>,
    s: &[i8],
    digest: &BodyDigest,
    rng: &mut impl CryptoRngCore,
) -> (Vec<u8>, Scalar) {
    let digits = Zeroizing::new(s.iter().map(|s| i64::from(*s)).collect::<Vec<_>>());
    let coefficients = |chi: &[Scalar], masks: &[Scalar]| TERNARY.coefficients(chi, &digits, masks);
    prove_with(statement, witness, &coefficients, digest, rng)
}

/// The coefficients of the cubic below e³, from χ and the masks.
pub(crate) type Coefficients<'a> = &'a dyn Fn(&[Scalar], &[Scalar]) -> Zeroizing<Vec<Scalar>>;

/// [`prove`] with the coefficients from elsewhere, whatever s is.
pub(crate) fn prove_with(
    statement: &KeyStatement<'_>,
    witness: KeyWitness<'_>,
    coefficients: Coefficients<'_>,
    digest: &BodyDigest,
    rng: &mut impl CryptoRngCore,
) -> (Vec<u8>, Scalar) {
    let KeyStatement { base, key, limbs } = *statement;
    let KeyWitness { s, mask, randomness } = witness;
    let (transcript, weights) = KeyWeights::draw(base, limbs);
    let q = coefficients(&weights.chi, mask.entries());
    let q = CommittedCoefficients::new(&q, rng);

    let secrets = Zeroizing::new(randomness.map(|r| inner(&weights.rho, r)));
    let mut nonces = transcript.witness_rng(&witness_bytes(secrets.iter()), rng);
    let a = Zeroizing::new([(); 2].map(|()| random_scalar(&mut nonces)));
    let [a1, a2] = &*a;
    let of_mask = Zeroizing::new(inner(&weights.of_digits(limbs), mask.entries()));
    let t = [key.x1 * a1, key.x2 * a2, g_times(&(a1 + a2)) + h_times(&of_mask)];
    let t: Vec<u8> = t.iter().flat_map(|point| point.compress().to_bytes()).collect();

    let e = challenge(transcript, digest, mask.encoded(), q.encoded(), &t);
    let mut proof = digest.to_vec();
    proof.extend(s.open(mask, &e));
    proof.extend(q.respond(&e));
    proof.extend(t);
    for (a, secret) in a.iter().zip(secrets.iter()) {
        proof.extend((a + e * secret).to_bytes());
    }
    (proof, e)
}

/// The proof as a verifier holds it.
pub(crate) struct KeyProof {
    digest: BodyDigest,
    s: VectorProof,
    q: CoefficientsProof,
    t: [RistrettoPoint; 3],
    t_bytes: [u8; 3 * ELEMENT_LEN],
    z: [Scalar; 2],
}

/// All that the verifier draws.
pub(crate) struct KeyChallenges {
    weights: KeyWeights,
    e: Scalar,
}

impl KeyChallenges {
    /// The one challenge of key part and body.
    pub(crate) fn e(&self) -> &Scalar {
        &self.e
    }
}

impl KeyProof {
    /// Length of the encoding, in bytes.
    pub(crate) fn length() -> usize {
        size_of::<BodyDigest>()
            + VectorProof::length(DEGREE)
            + CoefficientsProof::length(TERNARY.count)
            + 5 * ELEMENT_LEN
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let digest = reader.array()?;
        let s = VectorProof::read(reader, FIRST_OF_KEY, DEGREE)?;
        let q = CoefficientsProof::read(reader, TERNARY.count)?;
        let t_bytes = reader.array()?;
        let t = Reader::new("key proof", &t_bytes, t_bytes.len())?.points()?;
        Ok(Self { digest, s, q, t, t_bytes, z: reader.scalars()? })
    }

    /// D.
    pub(crate) fn digest(&self) -> &BodyDigest {
        &self.digest
    }

    /// The encoding of C_s, which the base transcript has.
    pub(crate) fn commitment_bytes(&self) -> &[u8] {
        self.s.commitment_bytes()
    }

    /// f, which the body's equations are about, too.
    pub(crate) fn responses(&self) -> &[Scalar] {
        self.s.responses()
    }

    /// What follows from the proof's own words.
    pub(crate) fn challenges(&self, base: &Transcript, limbs: Limbs) -> KeyChallenges {
        let (transcript, weights) = KeyWeights::draw(base, limbs);
        let mask = self.s.mask_bytes();
        let e = challenge(transcript, &self.digest, mask, self.q.q_bytes(), &self.t_bytes);
        KeyChallenges { weights, e }
    }

    /// Adds all equations, weighted, to a fold.
    pub(crate) fn fold(
        &self,
        challenges: &KeyChallenges,
        limbs: Limbs,
        ciphertexts: &[Ciphertext],
        weights: &mut Weights,
        folded: &mut Folded,
    ) {
        let KeyChallenges { weights: KeyWeights { chi, rho }, e } = challenges;
        let f = self.s.responses();
        let [of_opening, of_cubic, w1, w2, w3] = weights.take();
        self.s.fold(e, of_opening, folded);
        self.q.fold(&TERNARY.value(chi, f, e), e, of_cubic, folded);

        let [z1, z2] = self.z;
        let of_digits = challenges.weights.of_digits(limbs);
        let ones: Scalar = of_digits.iter().sum();
        folded.x1 += w1 * z1;
        folded.x2 += w2 * z2;
        folded.g += w3 * (z1 + z2);
        folded.h += w3 * (inner(&of_digits, f) + e * ones);
        folded.terms.extend([w1, w2, w3].into_iter().zip(self.t).map(|(weight, t)| (-weight, t)));
        let [f1, f2, f3] = [w1, w2, w3].map(|weight| -weight * e);
        for (rho, c) in rho.iter().zip(ciphertexts) {
            folded.terms.extend([(f1 * rho, c.c1), (f2 * rho, c.c2), (f3 * rho, c.c3)]);
        }
    }
}
