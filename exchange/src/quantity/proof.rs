//! Proofs of statements: one commitment to all that is secret, digits of two bits in it, and a polynomial that loses a degree.
//!
//! # Construction
//!
//! Generators G_1..G_(m+n), scalars w, digits d of all numbers. One transcript, in this order:
//!
//! 1. everything that the statement has;
//! 2. D = δ·g + Σ w_i·G_i + Σ d_j·G_(m+j) and T_D, the same of masks s → **ρ, τ**;
//! 3. T_R = Σ ρ^k·φ_k(s); E_0..E_3 = e_k·h + ε_k·g, where Σ e_k·X^k = Σ τ^j·Π_v ((d_j − v)·X + s_j), v = 0..3, whose term
//!    in X^4 is Σ τ^j·Π_v (d_j − v) = 0 → **c**;
//! 4. z = s + c·(w, d), z_δ, z_ε = Σ c^k·ε_k.
//!
//! # Verification
//!
//! ```text
//! (V1) z_δ·g + Σ z_i·G_i + Σ z_j·G_(m+j) = T_D + c·D
//! (V2) Σ ρ^k·φ_k(z) = T_R + c·Σ ρ^k·Q_k
//! (V3) (Σ τ^j·Π_v (z_j − v·c))·h + z_ε·g = Σ c^k·E_k
//! ```
//!
//! as one multiscalar multiplication. (V1) is `VectorProof`, (V3) `CoefficientsProof` over `Digits` of the `crypto` crate,
//! which prove the norm of an update, too.
//!
//! # Why
//!
//! Five answers to c open D, so w and d do not depend on ρ and τ; (V2) at random ρ is every equation, but for K/ℓ; (V3) says
//! that Σ τ^j·Π_v (d_j − v) is 0, at random τ that every product is, but for n/ℓ. **D comes before ρ and τ, everything
//! before c**: with ρ known before D a sender makes a ciphertext that nobody can read (`tests/forgery.rs`).
//! z, z_δ, z_ε, D, E_1..E_3 are uniform whatever is proven, and T_D, T_R, E_0 follow (`tests/simulator.rs`).
//!
//! # Cost and secrecy
//!
//! 32·(9 + m + n) bytes; 32·(4 + m) without digits. Digits enter D by conditional addition, masks D's and the equations' sums
//! by multiplications in constant time; no secret chooses a place in a table.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{
    CoefficientsProof, CommittedCoefficients, CommittedVector, Digits, ELEMENT_LEN, Folded,
    Protocol, Reader, VectorProof, g_times, h_times, powers, quaternary, witness_bytes,
};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::MultiscalarMul;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::point::Point;
use super::statement::Statement;

const DIGITS: Digits = Digits::QUATERNARY;

/// What makes a statement true.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Witness {
    /// w.
    pub(super) scalars: Vec<Scalar>,
    /// v.
    pub(super) numbers: Vec<u64>,
}

impl Witness {
    /// d: the digits of all numbers.
    pub(super) fn digits(&self, statement: &Statement) -> Zeroizing<Vec<i64>> {
        // Never grown, which would leave copies behind.
        let mut digits = Zeroizing::new(Vec::with_capacity(statement.total_digits()));
        let numbers = self.numbers.iter().zip(&statement.digits);
        numbers.for_each(|(number, count)| digits.extend(quaternary(*number, *count)));
        digits
    }
}

/// ρ, τ and c, each drawn after what it must come after.
pub(super) struct Challenges {
    pub(super) rho: Scalar,
    pub(super) tau: Scalar,
    pub(super) c: Scalar,
}

/// ρ and τ: D and T_D have been said.
pub(super) fn draw_weights(transcript: &mut Transcript, d: &[u8], t_d: &[u8]) -> (Scalar, Scalar) {
    transcript.append_message(b"D", d);
    transcript.append_message(b"T_D", t_d);
    (transcript.challenge(b"rho"), transcript.challenge(b"tau"))
}

/// c: everything but the responses has been said.
pub(super) fn draw_challenge(transcript: &mut Transcript, t_r: &[u8], e: &[u8]) -> Scalar {
    transcript.append_message(b"T_R", t_r);
    transcript.append_message(b"E", e);
    transcript.challenge(b"c")
}

/// Weights of n digits.
pub(super) fn digit_weights(tau: &Scalar, count: usize) -> Vec<Scalar> {
    powers(*tau).take(count).collect()
}

/// A prover that has said everything up to c.
pub(super) struct Committed {
    vector: CommittedVector,
    mask: CommittedVector,
    t_r: Point,
    coefficients: Option<CommittedCoefficients>,
}

impl Committed {
    /// Steps 2 and 3; the challenge that follows from them.
    pub(super) fn new(
        statement: &Statement,
        witness: &Witness,
        rng: &mut impl CryptoRngCore,
    ) -> (Self, Scalar) {
        let mut transcript = statement.begin();
        let digits = witness.digits(statement);
        let numbers: Zeroizing<Vec<Scalar>> =
            Zeroizing::new(witness.numbers.iter().map(|number| Scalar::from(*number)).collect());
        let secrets = witness_bytes(witness.scalars.iter().chain(numbers.iter()));
        let mut nonces = transcript.witness_rng(&secrets, rng);
        let vector = CommittedVector::with_quaternary(0, &witness.scalars, &digits, &mut *nonces);
        let mask = vector.mask(&mut *nonces);
        let (rho, tau) = draw_weights(&mut transcript, vector.encoded(), mask.encoded());

        let t_r = Point::new(masked_sum(statement, &rho, mask.entries()));
        let (_, masks) = mask.entries().split_at_checked(statement.scalars).unwrap_or_default();
        // A statement without numbers has no digits to say anything of.
        let coefficients = (!digits.is_empty()).then(|| {
            let weights = digit_weights(&tau, digits.len());
            let coefficients = DIGITS.coefficients(&weights, &digits, masks);
            CommittedCoefficients::new(&coefficients, &mut *nonces)
        });
        let e = coefficients.as_ref().map(CommittedCoefficients::encoded).unwrap_or_default();
        let c = draw_challenge(&mut transcript, t_r.encoding(), e);
        (Self { vector, mask, t_r, coefficients }, c)
    }

    /// Step 4. Two answers would give all secrets away, so the first takes the prover.
    pub(super) fn respond(self, c: &Scalar) -> Vec<u8> {
        let mut proof = self.vector.open(self.mask, c);
        proof.extend(self.t_r.encoding());
        proof.extend(self.coefficients.iter().flat_map(|coefficients| coefficients.respond(c)));
        proof
    }
}

/// Σ ρ^k·φ_k(s), in constant time.
fn masked_sum(statement: &Statement, rho: &Scalar, masks: &[Scalar]) -> RistrettoPoint {
    let mut coefficients = statement.left(rho, masks);
    let mut terms = statement.on_the_left(&coefficients);
    let scalars = terms.iter().map(|(scalar, _)| scalar);
    let points = terms.iter().map(|(_, point)| point);
    let sum = RistrettoPoint::multiscalar_mul(scalars, points);
    let sum = sum + g_times(&coefficients.g) + h_times(&coefficients.h);
    // Two of these for known ρ would be equations among the masks.
    terms.iter_mut().for_each(|(scalar, _)| scalar.zeroize());
    coefficients.zeroize();
    sum
}

/// Proves a statement.
pub(super) fn prove(
    statement: &Statement,
    witness: &Witness,
    rng: &mut impl CryptoRngCore,
) -> Vec<u8> {
    let (committed, c) = Committed::new(statement, witness, rng);
    committed.respond(&c)
}

/// A proof as a verifier holds it.
pub(super) struct Proof {
    pub(super) vector: VectorProof,
    pub(super) t_r: Point,
    pub(super) coefficients: Option<CoefficientsProof>,
}

impl Proof {
    /// Length of the encoding for so many scalars and digits, in bytes.
    pub(super) const fn length(scalars: usize, digits: usize) -> usize {
        let of_digits = if digits > 0 { CoefficientsProof::length(DIGITS.count) } else { 0 };
        VectorProof::length(scalars + digits) + ELEMENT_LEN + of_digits
    }

    /// D ‖ T_D ‖ z ‖ z_δ ‖ T_R and, where there are digits, E_0..E_3 ‖ z_ε.
    pub(super) fn decode(statement: &Statement, bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "quantity proof";
        let scalars = statement.scalars;
        let digits = statement.total_digits();
        let mut reader = Reader::new(WHAT, bytes, Self::length(scalars, digits))?;
        let vector = VectorProof::read(&mut reader, 0, scalars + digits)?;
        let t_r = Point::read(WHAT, &mut reader)?;
        let coefficients = (digits > 0).then(|| CoefficientsProof::read(&mut reader, DIGITS.count));
        Ok(Self { vector, t_r, coefficients: coefficients.transpose()? })
    }

    /// What follows from the statement and the proof's own words; and a digest of these and of all responses.
    pub(super) fn challenges(&self, statement: &Statement, bytes: &[u8]) -> (Challenges, [u8; 32]) {
        let mut transcript = statement.begin();
        let vector = &self.vector;
        let (rho, tau) =
            draw_weights(&mut transcript, vector.commitment_bytes(), vector.mask_bytes());
        let e = self.coefficients.as_ref().map(CoefficientsProof::q_bytes).unwrap_or_default();
        let c = draw_challenge(&mut transcript, self.t_r.encoding(), e);
        transcript.append_message(b"proof", bytes);
        let mut digest = [0; 32];
        transcript.challenge_bytes(b"digest", &mut digest);
        (Challenges { rho, tau, c }, digest)
    }

    /// Adds (V1), (V2) and (V3), weighted, to a fold.
    pub(super) fn fold(
        &self,
        statement: &Statement,
        challenges: &Challenges,
        [of_opening, of_equations, of_digits]: [Scalar; 3],
        folded: &mut Folded,
    ) {
        let Challenges { rho, tau, c } = challenges;
        self.vector.fold(c, of_opening, folded);

        let responses = self.vector.responses();
        let left = statement.left(rho, responses);
        let right = statement.right(rho);
        folded.g += of_equations * (left.g - c * right.g);
        folded.h += of_equations * (left.h - c * right.h);
        let coefficients = left.points.iter().zip(&right.points).zip(&statement.points);
        let terms = coefficients
            .map(|((left, right), point)| (of_equations * (left - c * right), *point.element()));
        folded.terms.extend(terms);
        folded.terms.push((-of_equations, *self.t_r.element()));

        if let Some(coefficients) = &self.coefficients {
            let (_, digits) = responses.split_at_checked(statement.scalars).unwrap_or_default();
            let value = DIGITS.value(&digit_weights(tau, digits.len()), digits, c);
            coefficients.fold(&value, c, of_digits, folded);
        }
    }
}
