//! The relation modulo q that a body proves: γ^(r)·y = ⟨γ^(r)Π, c⟩ − ⟨γ^(r)Π·A, s⟩ for each repetition r. Public but for y, s.
//!
//! α^(r) = (γ^(r)Π)·A and τ^(r) = ⟨γ^(r)Π, c⟩ modulo q are made block by block, in one pass over d that holds no more than one
//! block. With σ_b the part of γΠ in block b, α = Σ_b Aᵦᵀσ_b, and the transpose of "times a(X)" is "times a(X^-1)", whose
//! transform is that of a in reverse: place i and place 2047 − i of a transform belong to inverse powers of ψ. So each block
//! costs one transform a repetition, and only the sum is transformed back.

use rayon::prelude::*;

use super::matrix::Matrix;
use super::projection::{Projection, REPETITIONS, Weights};
use super::ring::{DEGREE, Element, Q, reduce, shorten, transform, untransform};

/// α^(r) and τ^(r), in [0, q).
pub(crate) struct Relation {
    pub(crate) alpha: Box<[Element; REPETITIONS]>,
    pub(crate) tau: [u64; REPETITIONS],
}

/// Sums over blocks: transforms of α whose places are below 2q a block, and τ.
struct Partial {
    alpha: Box<[Element; REPETITIONS]>,
    tau: [u128; REPETITIONS],
    /// Where σ of one block is made.
    sigma: Box<[Element; REPETITIONS]>,
}

impl Default for Partial {
    fn default() -> Self {
        let zeros = || Box::new([[0; DEGREE]; REPETITIONS]);
        Self { alpha: zeros(), tau: [0; REPETITIONS], sigma: zeros() }
    }
}

impl Relation {
    /// Of c (`[d]`).
    pub(crate) fn new(
        matrix: &Matrix,
        projection: &Projection,
        weights: &Weights,
        c: &[u32],
    ) -> Self {
        let blocks = c.par_chunks(DEGREE).enumerate();
        let sum = blocks.fold(Partial::default, |mut partial, (block, c)| {
            partial.add(matrix, projection, weights, block as u64, c);
            partial
        });
        let Partial { mut alpha, tau, .. } = sum.reduce(Partial::default, Partial::merge);
        for alpha in alpha.iter_mut() {
            alpha.iter_mut().for_each(|place| *place = shorten(*place));
            untransform(alpha);
        }
        Self { alpha, tau: tau.map(|tau| (tau % u128::from(Q)) as u64) }
    }
}

impl Partial {
    fn add(
        &mut self,
        matrix: &Matrix,
        projection: &Projection,
        weights: &Weights,
        block: u64,
        c: &[u32],
    ) {
        let row = matrix.row(block);
        projection.combine(block, weights, c.len(), &mut self.sigma);
        let sums = self.alpha.iter_mut().zip(&mut self.tau);
        for (sigma, (alpha, tau)) in self.sigma.iter_mut().zip(sums) {
            for (sigma, c) in sigma.iter().zip(c) {
                *tau += u128::from(reduce(*sigma) * u64::from(*c));
            }
            transform(sigma);
            for ((alpha, sigma), a) in alpha.iter_mut().zip(sigma.iter()).zip(row.iter().rev()) {
                *alpha += shorten(reduce(*sigma) * u64::from(*a));
            }
        }
    }

    fn merge(mut self, other: Self) -> Self {
        let pairs = self.alpha.as_flattened_mut().iter_mut().zip(other.alpha.as_flattened());
        pairs.for_each(|(sum, more)| *sum += more);
        self.tau.iter_mut().zip(other.tau).for_each(|(sum, more)| *sum += more);
        self
    }
}

#[cfg(test)]
mod tests {
    use consilium_hash::ChainId;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;
    use crate::lattice::key::transformed;
    use crate::lattice::mask;

    /// ⟨γΠ, A·s⟩ = ⟨γΠ·A, s⟩ is what the whole proof modulo q stands on.
    #[test]
    fn weights_times_the_masked_update_are_weights_times_projection_and_key() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let matrix = Matrix::new(&ChainId([1; 32]), 2, 3);
        for (d, rows) in [(1, 256), (2047, 256), (2048, 256), (2049, 512), (5000, 1024)] {
            let s: Vec<i64> = (0..DEGREE).map(|_| i64::from(rng.next_u32() % 3) - 1).collect();
            let v: Vec<i32> = (0..d).map(|_| rng.next_u32() as i32 % 12_000_000).collect();
            let c = mask::mask(&matrix, &transformed(s.iter().copied()), &v);
            let c = mask::decode(&c).unwrap();
            let projection = Projection::new([5; 32], rows);
            let mut random = || u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
            let gamma: Vec<[u128; REPETITIONS]> =
                (0..rows).map(|_| [(); REPETITIONS].map(|()| random())).collect();
            let weights = Weights::new(&gamma);
            let relation = Relation::new(&matrix, &projection, &weights, &c);
            let mut y = vec![0; rows];
            for (block, v) in v.chunks(DEGREE).enumerate() {
                projection.project(block as u64, v, &mut y);
            }
            for r in 0..REPETITIONS {
                let q = i128::from(Q);
                let terms = weights.rows().iter().zip(&y);
                let of_y: i128 =
                    terms.map(|(gamma, y)| i128::from(gamma[r]) * i128::from(*y)).sum();
                let terms = relation.alpha[r].iter().zip(&s);
                let of_s: i128 = terms.map(|(a, s)| i128::from(*a) * i128::from(*s)).sum();
                assert_eq!((of_y + of_s - i128::from(relation.tau[r])) % q, 0, "d = {d}, {r}");
            }
        }
    }
}
