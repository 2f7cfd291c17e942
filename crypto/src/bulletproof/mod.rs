//! Aggregated range proofs: m committed values V_j = v_j·h + γ_j·g lie in [0, M], in n bits; M is 2^n − 1 or less.
//!
//! Bünz et al., "Bulletproofs", S&P 2018, section 4.2, with the inner-product argument of section 3. Transcript, generators
//! and encoding are those of the bulletproofs crate (5.0, commitment bases B = h and B_blinding = g): it accepts the proofs
//! made here, they are the same bytes where the randomness is the same, and its proofs are accepted here, all for M of
//! 2^n − 1. Three things differ:
//!
//! - **Range.** The n bits of a value count 1, 2, 4, …, 2^(k−1), then M − (2^k − 1) ≤ 2^k, then nothing ([`Range`]): their
//!   sums are the integers from 0 to M and no others, so that a smaller range costs no more than the whole one. Wherever
//!   the paper has 2^i, the count c_i stands; where it has 2^n − 1, M.
//! - **Prover.** The crate folds all generators in every round, at two scalar multiplications a pair. Here folding is put
//!   off: L and R of the next rounds are sums over the generators as they were, with tensor products of the challenges in
//!   the scalars, and every few rounds the generators are folded in one go (`inner_product`).
//! - **Verifier.** A proof is not decided by itself but adds its equation, weighted, to a [`Folded`](crate::fold::Folded):
//!   whatever the number of proofs, a generator is in the sum once.
//!
//! # Notation
//!
//! | symbol | meaning |
//! | --- | --- |
//! | n, m, N = n·m | bits a value (8, 16, 32 or 64), values (a power of two), pairs of generators |
//! | M; c_i | the largest value; what bit i of a value counts, Σ c_i = M |
//! | G_i, H_i | generators; value j has those of i = j·n .. (j+1)·n |
//! | A, S; y, z | commitments to the bits and to their masks; challenges |
//! | T_1, T_2; x | commitments to the coefficients of t(X) = ⟨l(X), r(X)⟩; challenge |
//! | t_x, t̃_x, ẽ; w | t(x), its blinding, the blinding of A + x·S; challenge |
//! | L_k, R_k; u_k; a, b | commitments of a round of the inner-product argument; its challenge; the last l and r |
//!
//! # Cost, and its limit
//!
//! Almost all of a proof is terms of multiscalar multiplications over N = 2,048 pairs (256 values of 8 bits), at these
//! prices on one core of a Zen 4 (AVX-512; AVX2 in brackets), in µs:
//!
//! | part | terms | a term | ms |
//! | --- | --- | --- | --- |
//! | S, in constant time | 2N | 4.8 (8.8) | 20 (36) |
//! | L and R of the first three rounds | 6N | 1.6 (3.9), and 0.25 for its scalar | 23 (51) |
//! | folding into N/8 pairs | N/4 sums of 7 | 25 (53) a sum | 13 (27) |
//! | the other eight rounds | | | 6 (14) |
//! | V, with a fixed-base table | N/8 | 13 | 3 |
//!
//! Together 65 (131) ms, nearly all that the proofs of such an update take. A term costs 33 additions of 42 ns. Searching
//! all schedules of folding under these prices finds none that is better by more than half a percent than [three rounds put
//! off](inner_product), with either instruction set. What is left to gain is in the price of an addition. Committing to S
//! ahead of time would move 20 ms, not save them, and leave masks on hold that must never serve twice.
//!
//! # Timing
//!
//! As in the crate: bits are chosen and S, T_1, T_2 and V computed in constant time. L and R are computed in variable time
//! over l and r, which S hides; folding generators takes variable time over public challenges.

mod inner_product;
mod prover;
mod range;
#[cfg(test)]
mod tests;
mod verifier;

use curve25519_dalek::ristretto::CompressedRistretto;
use merlin::Transcript;

pub(crate) use crate::group::generators::MAX_VALUES;
pub(crate) use prover::prove;
pub(crate) use range::Range;
pub(crate) use verifier::RangeProof;

/// Length of a proof, in bytes: 9 elements and 2·log₂ N.
pub(crate) fn proof_length(values: usize, bits: usize) -> usize {
    32 * (9 + 2 * (values * bits).ilog2() as usize)
}

/// What range proofs say to a transcript, in the words of the bulletproofs crate.
trait RangeProtocol {
    fn begin_range_proof(&mut self, range: Range, commitments: &[CompressedRistretto]);
    fn begin_inner_product(&mut self, pairs: usize);
    fn append_element(&mut self, label: &'static [u8], element: &[u8; 32]);
    /// The prover's: says an element and adds it to the proof.
    fn say(&mut self, proof: &mut Vec<u8>, label: &'static [u8], element: &[u8; 32]) {
        self.append_element(label, element);
        proof.extend(element);
    }
}

impl RangeProtocol for Transcript {
    fn begin_range_proof(&mut self, range: Range, commitments: &[CompressedRistretto]) {
        self.append_message(b"dom-sep", b"rangeproof v1");
        self.append_u64(b"n", range.bits() as u64);
        if !range.is_whole() {
            self.append_u64(b"M", range.most());
        }
        self.append_u64(b"m", commitments.len() as u64);
        for commitment in commitments {
            self.append_element(b"V", commitment.as_bytes());
        }
    }

    fn begin_inner_product(&mut self, pairs: usize) {
        self.append_message(b"dom-sep", b"ipp v1");
        self.append_u64(b"n", pairs as u64);
    }

    fn append_element(&mut self, label: &'static [u8], element: &[u8; 32]) {
        self.append_message(label, element);
    }
}
