//! The mask: c = A·s + Δx + e modulo q, block by block; its encoding; and what is left of a sum without the mask.
//!
//! c is encoded in four bytes a parameter, least first. Only c_j < q is read: otherwise c would have two encodings.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::matrix::Matrix;
use super::ring::{DEGREE, Element, Q, centred, finish, residue, shorten, untransform};
use super::sample::Noise;
use crate::{DecodeError, RoundContext};

/// Bytes of a masked parameter.
pub(crate) const PARAMETER_LEN: usize = 4;

/// A round's matrix.
pub(crate) fn matrix_of(round: &RoundContext) -> Matrix {
    Matrix::new(&round.chain_id, round.step, round.attempt)
}

/// v = Δx + e. Wraps where values that nobody honest has overflow.
pub(crate) fn hide(x: &[i64], scale: u32, noise: &Noise) -> Zeroizing<Vec<i32>> {
    let mut v = Zeroizing::new(vec![0; x.len()]);
    let blocks = v.par_chunks_mut(DEGREE).zip(x.par_chunks(DEGREE)).enumerate();
    blocks.for_each(|(block, (v, x))| {
        for (v, x) in v.iter_mut().zip(x) {
            *v = x.wrapping_mul(scale.into()) as i32;
        }
        noise.add(block as u64, v);
    });
    v
}

/// The encoding of c = A·s + v modulo q, in the same time for all s and v; `key` is the transform of s.
pub(crate) fn mask(matrix: &Matrix, key: &Element, v: &[i32]) -> Vec<u8> {
    let mut c = vec![0; PARAMETER_LEN * v.len()];
    let blocks = c.par_chunks_mut(PARAMETER_LEN * DEGREE).zip(v.par_chunks(DEGREE)).enumerate();
    blocks.for_each(|(block, (c, v))| {
        let product = Zeroizing::new(product(matrix, key, block as u64));
        let c = c.as_chunks_mut::<PARAMETER_LEN>().0.iter_mut();
        for ((c, v), product) in c.zip(v).zip(product.iter()) {
            let masked = finish(product + residue(i64::from(*v)));
            *c = (masked as u32).to_le_bytes();
        }
    });
    c
}

/// a_b·s.
fn product(matrix: &Matrix, key: &Element, block: u64) -> Element {
    let mut product = [0; DEGREE];
    for (place, (a, s)) in product.iter_mut().zip(matrix.row(block).iter().zip(key)) {
        *place = shorten(u64::from(*a) * s);
    }
    untransform(&mut product);
    product
}

/// Σv of c̄ = Σc and the transform of s̄ = Σs: (c̄ − A·s̄) modulo q, centred.
pub(crate) fn unmask(matrix: &Matrix, key: &Element, sum: &[u32]) -> Vec<i64> {
    let block = |(block, sum): (usize, &[u32])| {
        let product = product(matrix, key, block as u64);
        let values = sum.iter().zip(product);
        values
            .map(|(sum, product)| centred(finish(u64::from(*sum) + Q - product)))
            .collect::<Vec<_>>()
    };
    sum.par_chunks(DEGREE).enumerate().flat_map_iter(block).collect()
}

/// Reads c.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<u32>, DecodeError> {
    let c = bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let c: Vec<u32> = c.collect();
    match c.iter().find(|c| u64::from(**c) >= Q) {
        None => Ok(c),
        Some(c) => Err(DecodeError::Value {
            what: "masked parameter",
            found: u64::from(*c),
            allowed: "below 4294955009",
        }),
    }
}

/// Adds c to a sum modulo q.
pub(crate) fn add(sum: &mut [u32], c: &[u32]) {
    for (sum, c) in sum.iter_mut().zip(c) {
        *sum = finish(u64::from(*sum) + u64::from(*c)) as u32;
    }
}
