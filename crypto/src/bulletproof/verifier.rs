//! The verifier: a proof's two equations, weighted, become part of a sum that must be zero.
//!
//! 1. A + x·S − ẽ·g + Σ_k (u_k²·L_k + u_k⁻²·R_k) + w·(t_x − a·b)·h − Σ (z + a·s_i)·G_i
//!    + Σ (z + y^(−i)·(z^(2+j)·c_(i mod n) − b·s_i⁻¹))·H_i = 0, s_i = Π u_k^(±1) by the bits of i;
//! 2. x·T_1 + x²·T_2 − t̃_x·g + (δ − t_x)·h + Σ z^(2+j)·V_j = 0, δ = (z − z²)·Σ y^i − z³·M·Σ z^j.
//!
//! The crate has one check of 1 + c·2 with a random c; here each has a weight of its own.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use merlin::Transcript;

use super::{Range, RangeProtocol};
use crate::DecodeError;
use crate::fold::Folded;
use crate::group::encoding::Reader;
use crate::group::powers;
use crate::transcript::Protocol;

/// A proof that decodes.
pub(crate) struct RangeProof {
    values: usize,
    range: Range,
    /// A, S, T_1, T_2.
    heads: [CompressedRistretto; 4],
    /// L_k, R_k.
    rounds: Vec<[CompressedRistretto; 2]>,
    /// All of them, in this order; `None` if one is not canonical or is the identity, with which no proof holds.
    points: Option<Vec<RistrettoPoint>>,
    /// t_x, t̃_x, ẽ.
    responses: [Scalar; 3],
    /// a, b.
    last: [Scalar; 2],
}

impl RangeProof {
    /// Reads a proof over so many values, a power of two, in this range.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        values: usize,
        range: Range,
    ) -> Result<Self, DecodeError> {
        let heads = reader.encodings()?;
        let responses = reader.scalars()?;
        let rounds = (values * range.bits()).ilog2();
        let rounds = (0..rounds).map(|_| reader.encodings()).collect::<Result<Vec<[_; 2]>, _>>()?;
        let point = |encoding: &CompressedRistretto| {
            encoding.decompress().filter(|point| !point.is_identity())
        };
        let points = heads.iter().chain(rounds.iter().flatten()).map(point).collect();
        Ok(Self { values, range, heads, rounds, points, responses, last: reader.scalars()? })
    }

    /// Adds both equations to a fold and returns the coefficients of V in it; a proof that cannot hold refuses the fold.
    pub(crate) fn fold(
        &self,
        mut transcript: Transcript,
        commitments: &[CompressedRistretto],
        weights: [Scalar; 2],
        folded: &mut Folded,
    ) -> Vec<Scalar> {
        let Some(points) = self.points.as_ref().filter(|_| commitments.len() == self.values) else {
            folded.refuse();
            return Vec::new();
        };
        let [w_1, w_2] = weights;
        let bits = self.range.bits();
        let [t_x, t_blinding, e_blinding] = self.responses;
        let [a, b] = self.last;

        let [a_head, s_head, t_1_head, t_2_head] = &self.heads;
        transcript.begin_range_proof(self.range, commitments);
        transcript.append_element(b"A", a_head.as_bytes());
        transcript.append_element(b"S", s_head.as_bytes());
        let y = transcript.challenge(b"y");
        let z = transcript.challenge(b"z");
        transcript.append_element(b"T_1", t_1_head.as_bytes());
        transcript.append_element(b"T_2", t_2_head.as_bytes());
        let x = transcript.challenge(b"x");
        transcript.append_element(b"t_x", t_x.as_bytes());
        transcript.append_element(b"t_x_blinding", t_blinding.as_bytes());
        transcript.append_element(b"e_blinding", e_blinding.as_bytes());
        let w = transcript.challenge(b"w");
        transcript.begin_inner_product(self.values * bits);
        let challenge = |[left, right]: &[CompressedRistretto; 2]| {
            transcript.append_element(b"L", left.as_bytes());
            transcript.append_element(b"R", right.as_bytes());
            transcript.challenge(b"u")
        };
        let u: Vec<_> = self.rounds.iter().map(challenge).collect();
        let mut inverses: Vec<_> = u.iter().copied().chain([y]).collect();
        Scalar::invert_batch_alloc(&mut inverses);
        let y_inv = inverses.pop().unwrap_or_default();

        // V, g and h.
        let z_squared = z * z;
        let delta = (z - z_squared) * sum_of_powers(y, self.values * bits)
            - z_squared * z * Scalar::from(self.range.most()) * sum_of_powers(z, self.values);
        folded.g -= w_1 * e_blinding + w_2 * t_blinding;
        folded.h += w_1 * w * (t_x - a * b) + w_2 * (delta - t_x);
        let of_commitments = powers(z).map(|z_j| w_2 * z_squared * z_j).take(self.values).collect();

        // The proof's own points.
        let squares = |scalars: &[Scalar]| scalars.iter().map(|u| u * u).collect::<Vec<_>>();
        let u_squared = squares(&u);
        let inverses_squared = squares(&inverses);
        let of_heads = [w_1, w_1 * x, w_2 * x, w_2 * x * x];
        let of_rounds = u_squared
            .iter()
            .zip(&inverses_squared)
            .flat_map(|(u, inverse)| [w_1 * u, w_1 * inverse]);
        folded.terms.extend(of_heads.into_iter().chain(of_rounds).zip(points.iter().copied()));

        // G and H. The last challenge goes with the lowest bit of i.
        let s =
            tensor(-w_1 * a * inverses.iter().product::<Scalar>(), u_squared.iter().rev().copied());
        let y_squares = std::iter::successors(Some(y_inv), |power| Some(power * power));
        let factors = inverses_squared.iter().rev().zip(y_squares).map(|(inverse, y)| inverse * y);
        let s_inv = tensor(-w_1 * b * u.iter().product::<Scalar>(), factors);
        let mut coefficients = s.into_iter().zip(s_inv);
        let w_z = w_1 * z;
        let counts: Vec<_> =
            self.range.counts().zip(powers(y_inv)).map(|(count, y)| count * y).collect();
        let y_inv_n = powers(y_inv).nth(bits).unwrap_or_default();
        let mut first = w_1 * z_squared;
        for value in 0..self.values {
            let row = folded.generators_of(value, bits).iter_mut().zip(&counts);
            for (([of_g, of_h], count), (s, s_inv)) in row.zip(&mut coefficients) {
                *of_g += s - w_z;
                *of_h += s_inv + first * count + w_z;
            }
            first *= z * y_inv_n;
        }
        of_commitments
    }
}

/// start·Π factor_k over the bits k of i, i = 0, 1, …
fn tensor(start: Scalar, factors: impl Iterator<Item = Scalar>) -> Vec<Scalar> {
    let mut tensor = vec![start];
    for factor in factors {
        let upper: Vec<_> = tensor.iter().map(|scalar| scalar * factor).collect();
        tensor.extend(upper);
    }
    tensor
}

/// 1 + x + … + x^(count−1), `count` a power of two.
fn sum_of_powers(x: Scalar, count: usize) -> Scalar {
    let squares = std::iter::successors(Some(x), |power| Some(power * power));
    squares.take(count.ilog2() as usize).map(|power| Scalar::ONE + power).product()
}
