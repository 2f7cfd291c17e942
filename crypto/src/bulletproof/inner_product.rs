//! The inner-product argument with folding put off.
//!
//! In round k the argument has M = N/2^(k−1) pairs G', H' and halves them, the halves being (L) and (R):
//! L = ⟨a_L, G'_R⟩ + ⟨b_R, H'_L⟩ + ⟨a_L, b_R⟩·Q, R = ⟨a_R, G'_L⟩ + ⟨b_L, H'_R⟩ + ⟨a_R, b_L⟩·Q, then with the challenge u
//! a ← u·a_L + u⁻¹·a_R, b ← u⁻¹·b_L + u·b_R, G' ← u⁻¹·G'_L + u·G'_R, H' ← u·H'_L + u⁻¹·H'_R (Bünz et al., section 3).
//!
//! Folding M pairs costs M multiplications by two scalars each, three quarters of a prover that does it in every round. But
//! G'_i = Σ_j c_j·G_(j·M+i) with c the tensor product of the (u⁻¹, u) so far: L and R can be had from the generators as they
//! were, in 2N terms a round, at a price a term, in a large sum, of a tenth of a multiplication. After [`PUT_OFF`] rounds
//! the generators are folded in one go. H' = y^(−i)·H at first: the powers of y⁻¹ stay outside until then, where i < M, and
//! go into the tensor otherwise.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use merlin::Transcript;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::RangeProtocol;
use crate::group::generators::Pair;
use crate::group::{inner, powers};
use crate::transcript::Protocol;

/// Rounds between two foldings. Measured over 2 to 4, the cost has a flat minimum here.
const PUT_OFF: usize = 3;
/// So few generators are not folded any more: it would cost what it saves.
const FEW: usize = 32;

/// Says L_1, R_1, …, a, b for ⟨l, r⟩ under the generators G and y^(−i)·H and Q = `q.0`·`q.1`.
pub(super) fn prove(
    transcript: &mut Transcript,
    proof: &mut Vec<u8>,
    pairs: &[&Pair],
    y_inv: Scalar,
    q: (Scalar, &RistrettoPoint),
    mut a: Zeroizing<Vec<Scalar>>,
    mut b: Zeroizing<Vec<Scalar>>,
) {
    transcript.begin_inner_product(pairs.len());
    let mut g = Deferred::new(pairs.iter().map(|[g, _]| *g).collect());
    let mut h = Deferred::new(pairs.iter().map(|[_, h]| *h).collect());
    let y_powers: Vec<_> = powers(y_inv).take(pairs.len()).collect();

    while a.len() > 1 {
        let half = a.len() / 2;
        let (a_l, a_r) = a.split_at_mut(half);
        let (b_l, b_r) = b.split_at_mut(half);
        let shift = y_powers.get(half).copied().unwrap_or(Scalar::ONE);
        let sum = |a: &[Scalar], g_side, b: &[Scalar], h_side, h_factor| {
            let b_y =
                Zeroizing::new(b.iter().zip(&y_powers).map(|(b, y)| b * y).collect::<Vec<_>>());
            let mut terms = Terms::new(g.points.len() + 1);
            terms.extend(&g, a, g_side, Scalar::ONE);
            terms.extend(&h, &b_y, h_side, h_factor);
            terms.push(inner(a, b) * q.0, q.1);
            terms.sum().compress()
        };
        let (left, right) = rayon::join(
            || sum(a_l, Side::Right, b_r, Side::Left, Scalar::ONE),
            || sum(a_r, Side::Left, b_l, Side::Right, shift),
        );
        transcript.say(proof, b"L", left.as_bytes());
        transcript.say(proof, b"R", right.as_bytes());
        let u = transcript.challenge(b"u");
        let u_inv = u.invert();

        for (left, right) in a_l.iter_mut().zip(a_r) {
            *left = u * *left + u_inv * *right;
        }
        for (left, right) in b_l.iter_mut().zip(b_r) {
            *left = u_inv * *left + u * *right;
        }
        // What is cut off stays in the vectors' capacity, which is wiped with them.
        a.truncate(half);
        b.truncate(half);
        g.fold(u_inv, u);
        h.fold(u, u_inv * shift);
        if g.tensor.len() == 1 << PUT_OFF && g.points.len() > FEW {
            rayon::join(|| g.collapse(), || h.collapse());
        }
    }
    proof.extend(a.iter().chain(b.iter()).flat_map(Scalar::to_bytes));
}

#[derive(Clone, Copy)]
enum Side {
    Left = 0,
    Right = 1,
}

/// M generators that are Σ_j tensor_j·points_(j·M+i), i < M.
struct Deferred {
    points: Vec<RistrettoPoint>,
    tensor: Vec<Scalar>,
}

impl Deferred {
    fn new(points: Vec<RistrettoPoint>) -> Self {
        Self { points, tensor: vec![Scalar::ONE] }
    }

    /// left·(left half) + right·(right half), put off.
    fn fold(&mut self, left: Scalar, right: Scalar) {
        self.tensor = self.tensor.iter().flat_map(|c| [c * left, c * right]).collect();
    }

    /// What was put off, done, but for the factor that all generators have in common: it is a scalar less a generator.
    fn collapse(&mut self) {
        let Some((first, rest)) = self.tensor.split_first() else { return };
        let inverse = first.invert();
        let rest: Vec<_> = rest.iter().map(|c| c * inverse).collect();
        let count = self.points.len() / self.tensor.len();
        let (kept, folded) = self.points.split_at(count);
        let generator = |(i, kept): (usize, &RistrettoPoint)| {
            let others = folded.get(i..).unwrap_or_default().iter().step_by(count);
            kept + RistrettoPoint::vartime_multiscalar_mul(&rest, others)
        };
        self.points = kept.par_iter().enumerate().with_min_len(8).map(generator).collect();
        self.tensor = vec![*first];
    }
}

/// A sum of secret scalars times public points, in variable time (see the module above on why it may be).
struct Terms<'a> {
    scalars: Zeroizing<Vec<Scalar>>,
    points: Vec<&'a RistrettoPoint>,
}

impl<'a> Terms<'a> {
    fn new(capacity: usize) -> Self {
        Self {
            scalars: Zeroizing::new(Vec::with_capacity(capacity)),
            points: Vec::with_capacity(capacity),
        }
    }

    fn push(&mut self, scalar: Scalar, point: &'a RistrettoPoint) {
        self.scalars.push(scalar);
        self.points.push(point);
    }

    /// factor·⟨scalars, one half of the generators⟩.
    fn extend(&mut self, generators: &'a Deferred, scalars: &[Scalar], side: Side, factor: Scalar) {
        let halves = generators.points.chunks(scalars.len()).skip(side as usize).step_by(2);
        for (c, points) in generators.tensor.iter().zip(halves) {
            let c = c * factor;
            self.scalars.extend(scalars.iter().map(|scalar| c * scalar));
            self.points.extend(points);
        }
    }

    /// On half of the cores, the other half being at the other one of L and R, where the sum is long enough.
    fn sum(&self) -> RistrettoPoint {
        let share = self.points.len().div_ceil((rayon::current_num_threads() / 2).max(1)).max(1024);
        let parts = self.scalars.par_chunks(share).zip(self.points.par_chunks(share));
        parts
            .map(|(scalars, points)| {
                RistrettoPoint::vartime_multiscalar_mul(scalars, points.iter().copied())
            })
            .sum()
    }
}
