//! Items 1 and 2 of an encrypted update: ciphertexts are well formed and hold limbs of 16 bits.
//!
//! The digits of 4 bits of all limbs, κ_i = Σ16^a·b_(4i+a), are committed to as one vector (`vector`), C_b. One transcript
//! says: context, gpk, C, h_E; C_b → weights ρ_i and χ_i of 128 bits; M, Q_0..Q_15, T → one challenge e; the responses.
//!
//! Item 1. ρ folds the triples into R_c = Σρ_i·C_c^(i), r̄ = Σρ_i·r_i, s̄ likewise. With n the masks of the digits and
//! l_(4i+a) = 16^a·ρ_i: T1 = a1·X1, T2 = a2·X2, T3 = (a1+a2)·g + ⟨l, n⟩·h; z1 = a1 + e·r̄, z2 = a2 + e·s̄, f = n + e·b. Check
//! z1·X1 = T1 + e·R1; z2·X2 = T2 + e·R2; (z1+z2)·g + ⟨l, f⟩·h = T3 + e·R3.
//!
//! Item 2. κ_i ∈ [0, 2^16): f opens C_b, and Σχ_i·Π_c (f_i − c·e), c = 0..15, has no term in e^16 (`digits`,
//! `coefficients`).
//!
//! **Why.** C_b binds the digits before ρ: R3 = (r̄+s̄)·g + ⟨l, b⟩·h, where R1 and R2 fix r̄ and s̄, says limb by limb that C3
//! holds Σ16^a·b_(4i+a), but for 2^-128. χ comes after C_b, too: each b is a digit.
//!
//! A verifier folds all of it with what other ciphertexts prove. In a header: T ‖ z1 ‖ z2 ‖ C_b ‖ M ‖ f ‖ φ ‖ Q ‖ z.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::fold::Folded;
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{g_times, h_times, inner, powers, random_scalar, signed};
use crate::proof::coefficients::{CoefficientsProof, CommittedCoefficients};
use crate::proof::digits::{Digits, hexadecimal};
use crate::proof::vector::{CommittedVector, VectorProof};
use crate::transcript::{LIMBS, Protocol, witness_bytes};
use crate::{Ciphertext, DecodeError, PublicKey};

/// Bits of a limb.
pub(crate) const LIMB_BITS: u8 = 16;
/// Digits of a limb.
const DIGITS: usize = 4;
const HEXADECIMAL: Digits = Digits::HEXADECIMAL;

/// What the prover knows: limbs κ_i and the randomness r_i, s_i of their encryptions.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct LimbWitness {
    pub(crate) kappa: Vec<u64>,
    pub(crate) r: Vec<Scalar>,
    pub(crate) s: Vec<Scalar>,
}

impl LimbWitness {
    /// The limbs with fresh randomness.
    pub(crate) fn fresh(kappa: Vec<u64>, rng: &mut impl CryptoRngCore) -> Self {
        let mut draw = || kappa.iter().map(|_| random_scalar(rng)).collect();
        let r = draw();
        let s = draw();
        Self { kappa, r, s }
    }

    /// C^(i) = Enc(κ_i; r_i, s_i).
    pub(crate) fn encrypt(&self, key: &PublicKey) -> Vec<Ciphertext> {
        let randomness = self.r.iter().zip(&self.s);
        let limbs = self.kappa.iter().zip(randomness);
        limbs.map(|(kappa, (r, s))| Ciphertext::encrypt(key, &Scalar::from(*kappa), r, s)).collect()
    }

    /// The digits of every limb. What a limb has beyond 16 bits, which only an adversary's has, stays in its last digit.
    fn digits(&self) -> Vec<i64> {
        let mut digits = Vec::with_capacity(DIGITS * self.kappa.len());
        for limb in &self.kappa {
            digits.extend(hexadecimal(*limb).take(DIGITS - 1));
            digits.push((limb >> (4 * (DIGITS - 1))).cast_signed());
        }
        digits
    }
}

/// What is drawn once the digits are committed to.
pub(crate) struct Draws {
    pub(crate) rho: Vec<Scalar>,
    pub(crate) chi: Vec<Scalar>,
}

impl Draws {
    pub(crate) fn after(transcript: &mut Transcript, commitment: &[u8], limbs: usize) -> Self {
        transcript.append_message(b"C_b", commitment);
        Self {
            rho: transcript.weights(b"rho", limbs),
            chi: transcript.weights(b"chi", DIGITS * limbs),
        }
    }

    /// l.
    pub(crate) fn of_digits(&self) -> Vec<Scalar> {
        let places: Vec<_> = powers(Scalar::from(16u64)).take(DIGITS).collect();
        self.rho.iter().flat_map(|rho| places.iter().map(move |place| rho * place)).collect()
    }
}

/// What comes after the draws and before e.
pub(crate) fn append_commitments(transcript: &mut Transcript, mask: &[u8], q: &[u8], t: &[u8]) {
    transcript.append_message(b"M", mask);
    transcript.append_message(b"Q", q);
    transcript.append_message(b"T", t);
}

/// Proves items 1 and 2; `base` has absorbed context, key and ciphertexts.
pub(crate) fn prove(
    base: &Transcript,
    key: &PublicKey,
    witness: &LimbWitness,
    rng: &mut impl CryptoRngCore,
) -> Vec<u8> {
    let mut transcript = base.fork(LIMBS, 0);
    let digits = Zeroizing::new(witness.digits());
    let scalars = digits.iter().map(|digit| signed(*digit)).collect::<Vec<_>>();
    let secrets = witness_bytes(scalars.iter().chain(&witness.r).chain(&witness.s));
    let mut nonces = transcript.witness_rng(&secrets, rng);
    let vector = CommittedVector::new(0, scalars, &mut nonces);
    let draws = Draws::after(&mut transcript, vector.encoded(), witness.kappa.len());

    let mask = vector.mask(&mut nonces);
    let coefficients = HEXADECIMAL.coefficients(&draws.chi, &digits, mask.entries());
    let coefficients = CommittedCoefficients::new(&coefficients, &mut nonces);
    let a = Zeroizing::new([(); 2].map(|()| random_scalar(&mut nonces)));
    let [a1, a2] = &*a;
    let a3 = Zeroizing::new(inner(&draws.of_digits(), mask.entries()));
    let [t1, t2] = key.times(a1, a2);
    let t = [t1, t2, g_times(&(a1 + a2)) + h_times(&a3)];
    let mut proof: Vec<u8> = t.iter().flat_map(|point| point.compress().to_bytes()).collect();
    append_commitments(&mut transcript, mask.encoded(), coefficients.encoded(), &proof);
    let e = transcript.challenge(b"e");

    let secrets = Zeroizing::new([&witness.r, &witness.s].map(|secret| inner(&draws.rho, secret)));
    for (a, secret) in a.iter().zip(secrets.iter()) {
        let response = Zeroizing::new(a + e * secret);
        proof.extend(response.as_bytes());
    }
    proof.extend(vector.open(mask, &e));
    proof.extend(coefficients.respond(&e));
    proof
}

/// Items 1 and 2 as a verifier holds them.
pub(crate) struct LimbProof {
    t: [RistrettoPoint; 3],
    t_bytes: [u8; 3 * ELEMENT_LEN],
    /// z1, z2.
    z: [Scalar; 2],
    vector: VectorProof,
    coefficients: CoefficientsProof,
}

impl LimbProof {
    /// Length of the encoding for so many limbs, in bytes.
    pub(crate) const fn length(limbs: usize) -> usize {
        5 * ELEMENT_LEN
            + VectorProof::length(DIGITS * limbs)
            + CoefficientsProof::length(HEXADECIMAL.count)
    }

    pub(crate) fn read(reader: &mut Reader<'_>, limbs: usize) -> Result<Self, DecodeError> {
        let t_bytes = reader.array()?;
        let t = Reader::new("key proof", &t_bytes, t_bytes.len())?.points()?;
        Ok(Self {
            t,
            t_bytes,
            z: reader.scalars()?,
            vector: VectorProof::read(reader, 0, DIGITS * limbs)?,
            coefficients: CoefficientsProof::read(reader, HEXADECIMAL.count)?,
        })
    }

    /// Adds items 1 and 2, weighted, to a fold.
    pub(crate) fn fold(
        &self,
        base: &Transcript,
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 5],
        folded: &mut Folded,
    ) {
        let (draws, e) = self.challenges(base, ciphertexts.len());
        self.fold_under(&draws, &e, ciphertexts, weights, folded);
    }

    /// What follows from the proof's own words.
    pub(crate) fn challenges(&self, base: &Transcript, limbs: usize) -> (Draws, Scalar) {
        let mut transcript = base.fork(LIMBS, 0);
        let draws = Draws::after(&mut transcript, self.vector.commitment_bytes(), limbs);
        let q = self.coefficients.q_bytes();
        append_commitments(&mut transcript, self.vector.mask_bytes(), q, &self.t_bytes);
        (draws, transcript.challenge(b"e"))
    }

    /// [`fold`](Self::fold) under these challenges.
    pub(crate) fn fold_under(
        &self,
        draws: &Draws,
        e: &Scalar,
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 5],
        folded: &mut Folded,
    ) {
        let [z1, z2] = self.z;
        let [w1, w2, w3, of_opening, of_digits] = weights;
        let digits = self.vector.responses();
        folded.g += w3 * (z1 + z2);
        folded.h += w3 * inner(&draws.of_digits(), digits);
        folded.x1 += w1 * z1;
        folded.x2 += w2 * z2;
        folded.terms.extend([w1, w2, w3].into_iter().zip(self.t).map(|(weight, t)| (-weight, t)));
        let [f1, f2, f3] = [w1, w2, w3].map(|weight| -weight * e);
        for (rho, c) in draws.rho.iter().zip(ciphertexts) {
            folded.terms.extend([(f1 * rho, c.c1), (f2 * rho, c.c2), (f3 * rho, c.c3)]);
        }

        self.vector.fold(e, of_opening, folded);
        let value = HEXADECIMAL.value(&draws.chi, digits, e);
        self.coefficients.fold(&value, e, of_digits, folded);
    }
}
