//! What a body proves: that v = c − A·s modulo q is short, s being the ternary key that the key part has proven.
//!
//! On a fork of the base transcript, after C, C_s and h_c, in this order, all of which is load-bearing:
//!
//! 1. the seed of Π; y = Πv over the integers;
//! 2. C_y, the commitment to y and to the digits of Γ·B_v² − Σy_t² (`squares`) → γ^(r) ∈ Z_q^N for four repetitions r, hence
//!    α^(r) = (γ^(r)Π)·A and τ^(r) = ⟨γ^(r)Π, c⟩ modulo q (`relation`); χ of 128 bits for the digits;
//! 3. w_r = (⟨γ^(r), y⟩ + ⟨α^(r), s⟩ − τ^(r))/q, an integer; C_w, the commitment to w and to the 128 masks p of approximate
//!    shortness (`shortness`) → subsets R of y ‖ w;
//! 4. F = p + R·(y ‖ w) → weights ω_j (128) and ω'_r (four) of 128 bits, hence
//!    λ_y = Rᵀω + Σ_r ω'_r·γ^(r), λ_w = Rᵀω − q·ω', λ_p = ω, λ_s = Σ_r ω'_r·α^(r);
//! 5. M_y, M_w; a0 = ⟨λ_s, n_s⟩ + ⟨λ, n⟩ over the masks n_s of the key part and n of this; Q (`squares`) → D, 32 bytes;
//! 6. the key part says D and draws e; f and φ of each commitment, z_Q.
//!
//! Checked: D is the key part's; the openings of C_y and of C_w, *each by itself*;
//! ⟨λ_s, f_s⟩ + ⟨λ, f_y ‖ f_w ‖ f_p⟩ = a0 + e·(Σω_j·F_j + Σ_r ω'_r·τ^(r)); the squares.
//!
//! **Why.** s is fixed before the seed, and v with it. The equation, with ω after F and after C_w, says for every j that
//! F_j = p_j + Σ R_jt·(y ‖ w)_t modulo ℓ, and for every r that ⟨γ^(r), y⟩ + ⟨α^(r), s⟩ − τ^(r) = q·w_r modulo ℓ. The former
//! makes all |y_t|, |w_r| < 2^120; so the latter, no term of which exceeds 2^163, holds over the integers, and
//! ⟨γ^(r), y − Π(c − A·s)⟩ = 0 modulo q. With γ after y: y = Πv modulo q, but for q^-4 = 2^-128. Squares: ‖y‖² ≤ Γ·B_v², and
//! Πv modulo q, centred, is not longer than y. By the modular lemma ‖v‖ ≤ √(Γ/λ)·B_v, which the parameters keep at or below
//! q/125.
//!
//! w depends on γ, so that C_w comes after it; if only C_y + C_w were opened, y could be chosen after γ, too, and four
//! equations modulo q in hundreds of unknowns have solutions of single digits (`tests/forgery.rs` makes one).

use std::cell::OnceCell;

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::bases::{FIRST_OF_MULTIPLES, FIRST_OF_PROJECTIONS};
use super::key_proof::BodyDigest;
use super::matrix::Matrix;
use super::parameters::LatticeParameters;
use super::projection::{Projection, REPETITIONS, Weights as Combination};
use super::relation::Relation;
use super::ring::{DEGREE, Element, Q};
use crate::bound::square;
use crate::fold::{Folded, Weights};
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{inner, signed};
use crate::proof::coefficients::{CoefficientsProof, CommittedCoefficients};
use crate::proof::shortness::{self, SUMS, SUMS_LEN, Subsets, Sums};
use crate::proof::squares::{self, COEFFICIENTS, DIGITS};
use crate::proof::vector::{CommittedVector, VectorProof};
use crate::transcript::{LATTICE_BODY, Protocol};
use crate::{DecodeError, EncryptError};

/// Length of the proof, in bytes; nothing of it depends on d.
pub(crate) fn length(parameters: &LatticeParameters) -> usize {
    VectorProof::length(parameters.projections() + DIGITS)
        + VectorProof::length(REPETITIONS + SUMS)
        + SUMS_LEN
        + ELEMENT_LEN
        + CoefficientsProof::length(COEFFICIENTS)
}

/// Step 1.
pub(super) fn projection(
    base: &Transcript,
    parameters: &LatticeParameters,
) -> (Transcript, Projection) {
    let mut transcript = base.fork(LATTICE_BODY, 0);
    let mut seed = [0; 32];
    transcript.challenge_bytes(b"seed", &mut seed);
    (transcript, Projection::new(seed, parameters.projections()))
}

/// What is drawn once y is committed to: step 2.
pub(crate) struct Draws {
    pub(crate) combination: Combination,
    pub(crate) chi: Vec<Scalar>,
    pub(crate) relation: Relation,
}

impl Draws {
    pub(super) fn after(
        transcript: &mut Transcript,
        commitment: &[u8],
        matrix: &Matrix,
        projection: &Projection,
        c: &[u32],
    ) -> Self {
        transcript.append_message(b"C_y", commitment);
        let gamma = transcript.short_weights(b"gamma", REPETITIONS * projection.rows());
        let combination = Combination::new(gamma.as_chunks().0);
        let chi = transcript.weights(b"chi", DIGITS);
        let relation = Relation::new(matrix, projection, &combination, c);
        Self { combination, chi, relation }
    }

    /// w: exact quotients by q. They and all that is divided are found modulo 2^64, where q has an inverse, in the same time
    /// for all secrets; they are below 2^40.
    fn multiples(&self, y: &[i64], s: &[i8]) -> Zeroizing<Vec<i64>> {
        let Self { combination, relation, .. } = self;
        let multiple = |(repetition, (alpha, tau)): (usize, (&Element, &u64))| {
            let gamma = combination.rows().iter().filter_map(|row| row.get(repetition));
            let of_y = gamma.zip(y).map(|(gamma, y)| gamma.wrapping_mul(y.cast_unsigned()));
            let s = s.iter().map(|s| i64::from(*s).cast_unsigned());
            let of_s = alpha.iter().zip(s).map(|(a, s)| a.wrapping_mul(s));
            let total = of_y.chain(of_s).fold(0u64, u64::wrapping_add).wrapping_sub(*tau);
            total.wrapping_mul(INVERSE_OF_Q).cast_signed()
        };
        let relations = relation.alpha.iter().zip(&relation.tau).enumerate();
        Zeroizing::new(relations.map(multiple).collect())
    }
}

/// R, once w and p are committed to: step 3.
pub(super) fn subsets(transcript: &mut Transcript, commitment: &[u8], rows: usize) -> Subsets {
    transcript.append_message(b"C_w", commitment);
    Subsets::draw(transcript, rows + REPETITIONS)
}

/// The linear equation: λ, and Σω_j·F_j + Σ_r ω'_r·τ^(r) without the former sum.
pub(super) struct Equation {
    of_y: Vec<Scalar>,
    /// Over w, then p.
    of_w: Vec<Scalar>,
    of_s: Vec<Scalar>,
    omega: Vec<u128>,
    tau: Scalar,
}

impl Equation {
    /// Step 4.
    pub(super) fn draw(
        transcript: &mut Transcript,
        sums: &[u8],
        draws: &Draws,
        subsets: &Subsets,
    ) -> Self {
        let omega = Sums::weights(transcript, sums);
        let of_relation = transcript.weights(b"omega of the relation", REPETITIONS);
        let Draws { combination, relation, .. } = draws;
        let mut of_y = subsets.combine(&omega);
        let mut of_w = of_y.split_off(combination.rows().len());
        for (lambda, gamma) in of_y.iter_mut().zip(combination.rows()) {
            let gamma = gamma.iter().map(|gamma| Scalar::from(*gamma));
            *lambda +=
                of_relation.iter().zip(gamma).map(|(omega, gamma)| omega * gamma).sum::<Scalar>();
        }
        for (lambda, omega) in of_w.iter_mut().zip(&of_relation) {
            *lambda -= omega * Scalar::from(Q);
        }
        of_w.extend(omega.iter().copied().map(Scalar::from));
        let mut of_s = vec![Scalar::ZERO; DEGREE];
        for (omega, alpha) in of_relation.iter().zip(relation.alpha.iter()) {
            for (lambda, alpha) in of_s.iter_mut().zip(alpha) {
                *lambda += omega * Scalar::from(*alpha);
            }
        }
        let tau = of_relation.iter().zip(relation.tau);
        let tau = tau.map(|(omega, tau)| omega * Scalar::from(tau)).sum();
        Self { of_y, of_w, of_s, omega, tau }
    }

    /// ω.
    #[cfg(test)]
    pub(super) fn omega(&self) -> &[u128] {
        &self.omega
    }

    /// ⟨λ, y ‖ w ‖ p⟩ + ⟨λ_s, s⟩; λ_y has nothing for the digits after y.
    pub(super) fn left(&self, y: &[Scalar], w: &[Scalar], s: &[Scalar]) -> Scalar {
        inner(&self.of_y, y) + inner(&self.of_w, w) + inner(&self.of_s, s)
    }
}

/// Step 5: D.
pub(super) fn digest(
    mut transcript: Transcript,
    masks: [&[u8]; 2],
    a0: &[u8; ELEMENT_LEN],
    q: &[u8],
) -> BodyDigest {
    let [mask_of_y, mask_of_w] = masks;
    transcript.append_message(b"M_y", mask_of_y);
    transcript.append_message(b"M_w", mask_of_w);
    transcript.append_message(b"a0", a0);
    transcript.append_message(b"Q", q);
    let mut digest = BodyDigest::default();
    transcript.challenge_bytes(b"D", &mut digest);
    digest
}

/// What a prover has before it knows e.
pub(crate) struct CommittedBody {
    y: CommittedVector,
    mask_of_y: CommittedVector,
    w: CommittedVector,
    mask_of_w: CommittedVector,
    sums: Zeroizing<Vec<u8>>,
    a0: [u8; ELEMENT_LEN],
    q: CommittedCoefficients,
    digest: BodyDigest,
}

/// Whose update it is that is proven.
pub(crate) struct Statement<'a> {
    pub(crate) base: &'a Transcript,
    pub(crate) parameters: &'a LatticeParameters,
    pub(crate) matrix: &'a Matrix,
    pub(crate) c: &'a [u32],
}

/// What its author knows: v; s, committed to, and the mask that the key part will open it with.
pub(crate) struct Witness<'a> {
    pub(crate) v: &'a [i32],
    pub(crate) s: &'a [i8],
    pub(crate) mask_of_s: &'a CommittedVector,
}

/// What a prover commits to as it goes on. Another than the honest choice gives a false proof.
pub(crate) struct Choices<'a> {
    /// y, then the digits.
    pub(crate) y: Vec<Scalar>,
    pub(crate) digits: Zeroizing<Vec<i64>>,
    /// w, then p, once γ is known.
    pub(crate) w: &'a dyn Fn(&Draws) -> Vec<Scalar>,
    /// F, encoded, once R is known; `None` where it is out of range.
    pub(crate) sums: &'a dyn Fn(&Subsets) -> Option<Zeroizing<Vec<u8>>>,
}

impl CommittedBody {
    /// Steps 1 to 5.
    ///
    /// # Errors
    /// [`EncryptError::Unlucky`] where an honest v has a projection that is too long, once in 2^42 times.
    pub(crate) fn new(
        statement: &Statement<'_>,
        witness: &Witness<'_>,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Self, EncryptError> {
        let parameters = statement.parameters;
        let (transcript, projection) = projection(statement.base, parameters);
        let y = projected(&projection, witness.v);
        // Only values made unchecked, by an adversary, are beyond the bound. Their author gets a false proof.
        let is_honest = length_of(witness.v) <= u128::from(parameters.longest());
        if is_honest && square(&y) > u128::from(parameters.squares()) {
            return Err(EncryptError::Unlucky);
        }
        let secret: Zeroizing<Vec<u8>> =
            Zeroizing::new(y.iter().flat_map(|y| y.to_le_bytes()).collect());
        let mut nonces = transcript.witness_rng(&secret, rng);
        let masks = shortness::masks(&mut nonces);
        // Found once γ is known, and needed again for F.
        let found = OnceCell::new();
        let digits = squares::digits_of_rest(parameters.squares(), &y);
        let mut entries = Vec::with_capacity(y.len() + DIGITS);
        entries.extend(y.iter().chain(digits.iter()).map(|value| signed(*value)));
        let choices = Choices {
            y: entries,
            digits,
            w: &|draws| {
                let w = found.get_or_init(|| draws.multiples(&y, witness.s));
                let mut entries = Vec::with_capacity(REPETITIONS + SUMS);
                entries.extend(w.iter().map(|w| signed(*w)));
                entries.extend(masks.iter().map(|mask| Scalar::from(*mask)));
                entries
            },
            sums: &|subsets| {
                let w = found.get().map_or(&[][..], |w| w);
                let mut short = Zeroizing::new(Vec::with_capacity(y.len() + REPETITIONS));
                short.extend(y.iter().chain(w));
                let (sums, fit) = subsets.sums(&short, &masks);
                (fit || !is_honest).then_some(sums)
            },
        };
        Self::with_choices(statement, witness.mask_of_s, choices, &mut nonces)
    }

    /// Steps 2 to 5, whatever is chosen.
    pub(crate) fn with_choices(
        statement: &Statement<'_>,
        mask_of_s: &CommittedVector,
        choices: Choices<'_>,
        nonces: &mut impl CryptoRngCore,
    ) -> Result<Self, EncryptError> {
        let Statement { base, parameters, matrix, c } = statement;
        let (mut transcript, projection) = projection(base, parameters);
        let rows = projection.rows();
        let y = CommittedVector::new(FIRST_OF_PROJECTIONS, choices.y, nonces);
        let draws = Draws::after(&mut transcript, y.encoded(), matrix, &projection, c);
        let w = CommittedVector::new(FIRST_OF_MULTIPLES, (choices.w)(&draws), nonces);
        let subsets = subsets(&mut transcript, w.encoded(), rows);
        let sums = (choices.sums)(&subsets).ok_or(EncryptError::Unlucky)?;
        let equation = Equation::draw(&mut transcript, &sums, &draws, &subsets);

        let mask_of_y = y.mask(nonces);
        let mask_of_w = w.mask(nonces);
        let of_s = mask_of_s.entries();
        let a0 = equation.left(mask_of_y.entries(), mask_of_w.entries(), of_s).to_bytes();
        let (of_y, _) = y.entries().split_at(rows);
        let (masks_of_y, masks_of_digits) = mask_of_y.entries().split_at(rows);
        let q =
            squares::coefficients(&draws.chi, of_y, &choices.digits, masks_of_y, masks_of_digits);
        let q = CommittedCoefficients::new(&q, nonces);
        let masks: [&[u8]; 2] = [mask_of_y.encoded(), mask_of_w.encoded()];
        let digest = digest(transcript, masks, &a0, q.encoded());
        Ok(Self { y, mask_of_y, w, mask_of_w, sums, a0, q, digest })
    }

    /// D.
    pub(crate) fn digest(&self) -> &BodyDigest {
        &self.digest
    }

    /// F, encoded.
    #[cfg(test)]
    pub(crate) fn sums(&self) -> &[u8] {
        &self.sums
    }

    /// Step 6, which uses the masks up.
    pub(crate) fn respond(self, e: &Scalar) -> Vec<u8> {
        let Self { y, mask_of_y, w, mask_of_w, sums, a0, q, .. } = self;
        let y = y.open(mask_of_y, e);
        let w = w.open(mask_of_w, e);
        [&*y, &w, &sums, &a0, &q.respond(e)].concat()
    }
}

/// Πv over the integers.
fn projected(projection: &Projection, v: &[i32]) -> Zeroizing<Vec<i64>> {
    let zeros = || Zeroizing::new(vec![0i64; projection.rows()]);
    let blocks = v.par_chunks(DEGREE).enumerate();
    let sum = blocks.fold(zeros, |mut y, (block, v)| {
        projection.project(block as u64, v, &mut y);
        y
    });
    sum.reduce(zeros, |mut y, other| {
        y.iter_mut().zip(other.iter()).for_each(|(y, more)| *y = y.wrapping_add(*more));
        y
    })
}

/// y, as an update with this base transcript has it.
#[cfg(test)]
pub(crate) fn projected_of(
    base: &Transcript,
    parameters: &LatticeParameters,
    v: &[i32],
) -> Vec<i64> {
    projected(&projection(base, parameters).1, v).to_vec()
}

/// ‖v‖².
pub(crate) fn length_of(v: &[i32]) -> u128 {
    v.iter().map(|v| u128::from(i64::from(*v).pow(2).cast_unsigned())).sum()
}

/// 1/q modulo 2^64: each step of Newton's doubles the bits that are right.
const INVERSE_OF_Q: u64 = {
    let mut inverse = Q;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(Q.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
};
const _: () = assert!(INVERSE_OF_Q.wrapping_mul(Q) == 1);

/// The proof as a verifier holds it.
pub(crate) struct BodyProof {
    y: VectorProof,
    w: VectorProof,
    sums: Sums,
    a0: Scalar,
    q: CoefficientsProof,
}

/// All that a verifier computes from the proof's own words.
pub(crate) struct BodyChallenges {
    chi: Vec<Scalar>,
    equation: Equation,
    digest: BodyDigest,
}

impl BodyChallenges {
    /// D.
    pub(crate) fn digest(&self) -> &BodyDigest {
        &self.digest
    }
}

/// Which equations of a body are folded.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum BodyEquations {
    All,
    /// The openings and the linear equation.
    Relation,
}

/// A weight for each equation, unknown to the prover. Each opening has its own.
pub(crate) struct BodyWeights {
    pub(crate) of_y: Scalar,
    pub(crate) of_w: Scalar,
    pub(crate) of_equation: Scalar,
    pub(crate) of_squares: Option<Scalar>,
}

impl BodyProof {
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        parameters: &LatticeParameters,
    ) -> Result<Self, DecodeError> {
        let rows = parameters.projections();
        let y = VectorProof::read(reader, FIRST_OF_PROJECTIONS, rows + DIGITS)?;
        let w = VectorProof::read(reader, FIRST_OF_MULTIPLES, REPETITIONS + SUMS)?;
        let sums = Sums::read(reader)?;
        let [a0] = reader.scalars()?;
        Ok(Self { y, w, sums, a0, q: CoefficientsProof::read(reader, COEFFICIENTS)? })
    }

    /// What follows from the proof's own words: the only part whose work grows with d.
    pub(crate) fn challenges(&self, statement: &Statement<'_>) -> BodyChallenges {
        let Statement { base, parameters, matrix, c } = statement;
        let (mut transcript, projection) = projection(base, parameters);
        let commitment = self.y.commitment_bytes();
        let draws = Draws::after(&mut transcript, commitment, matrix, &projection, c);
        let subsets = subsets(&mut transcript, self.w.commitment_bytes(), projection.rows());
        let equation = Equation::draw(&mut transcript, self.sums.bytes(), &draws, &subsets);
        let masks = [self.y.mask_bytes(), self.w.mask_bytes()];
        let digest = digest(transcript, masks, self.a0.as_bytes(), self.q.q_bytes());
        BodyChallenges { chi: draws.chi, equation, digest }
    }

    /// Adds those of its equations that are asked for, weighted, to a fold; `e` and `s` are the key part's challenge and
    /// responses.
    pub(crate) fn fold(
        &self,
        challenges: &BodyChallenges,
        which: BodyEquations,
        parameters: &LatticeParameters,
        (e, s): (&Scalar, &[Scalar]),
        weights: &mut Weights,
        folded: &mut Folded,
    ) {
        let [of_y, of_w, of_equation, of_squares] = weights.take();
        let of_squares = (which == BodyEquations::All).then_some(of_squares);
        let weights = BodyWeights { of_y, of_w, of_equation, of_squares };
        self.fold_weighted(challenges, parameters, (e, s), &weights, folded);
    }

    pub(crate) fn fold_weighted(
        &self,
        challenges: &BodyChallenges,
        parameters: &LatticeParameters,
        (e, s): (&Scalar, &[Scalar]),
        weights: &BodyWeights,
        folded: &mut Folded,
    ) {
        let BodyChallenges { chi, equation, .. } = challenges;
        self.y.fold(e, weights.of_y, folded);
        self.w.fold(e, weights.of_w, folded);
        // In scalars alone, and in the fold like every other equation, so that only its own update fails with it.
        let left = equation.left(self.y.responses(), self.w.responses(), s);
        let right = self.a0 + e * (self.sums.combine(&equation.omega) + equation.tau);
        folded.h += weights.of_equation * (left - right);
        if let Some(of_squares) = weights.of_squares {
            let (y, digits) = self.y.responses().split_at(parameters.projections());
            let value = squares::value(parameters.squares(), chi, y, digits, e);
            self.q.fold(&value, e, of_squares, folded);
        }
    }
}
