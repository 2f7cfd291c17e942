//! That committed integers are short, approximately: below 2^120 in size, where honest ones are far below that.
//!
//! Of a vector y committed to together with 128 masks p_j ∈ [0, 2^120) (`vector`), sums over random subsets are said in the
//! clear: F_j = p_j + Σ_t R_jt·y_t with R ∈ {0, 1}^(128×n) drawn after the commitment. Each must be in [0, 2^120), which its
//! encoding in 15 bytes says. Weights ω_j of 128 bits, drawn after F, make one equation of 128:
//! ⟨λ, y ‖ p⟩ = Σω_j·F_j with λ = Rᵀω ‖ ω. Read off the responses f = m + e·(y ‖ p) it is ⟨λ, f⟩ = a0 + e·Σω_j·F_j, where
//! a0 = ⟨λ, m⟩ is said before e.
//!
//! **Why.** ω after F makes F_j = p_j + Σ_t R_jt·y_t modulo ℓ for every j but for 2^-128. If some |y_t| ≥ 2^120, then, the
//! rest of row j fixed, the two values of R_jt give two sums that differ by y_t, of which at most one is in [0, 2^120): all
//! 128 rows are, by chance, once in 2^128. Nothing is needed of p, and R must be of bits: a multiple of a fraction modulo ℓ
//! may be small. n·2^240 is far below ℓ, so that squares of such y add up without wrapping around.
//!
//! **What it tells.** A sum is within (Σ_t |y_t|)/2^120 of uniform, statistically; with an honest projection of norm √Γ·B all
//! 128 are within 2^-92 for B = 5,600 and 2^-76 for B = 10^8. A sum that leaves its range, as rarely as that, is not said.
//!
//! **Order.** y and p, then R, then F, then ω. With p after R, or with ω before F, any y passes; `tests/order.rs` has both.

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::DecodeError;
use crate::group::encoding::Reader;
use crate::proof::projection::{Limbs, Weight, subset_sums};
use crate::transcript::Protocol;

/// Sums, and so masks.
pub(crate) const SUMS: usize = 128;
/// Length of one sum's encoding, in bytes.
const SUM_LEN: usize = 15;
/// 2^120, which sums and masks are below.
const LIMIT: u128 = 1 << (8 * SUM_LEN);
/// Length of all sums, in bytes.
pub(crate) const SUMS_LEN: usize = SUMS * SUM_LEN;

/// p: fresh masks.
pub(crate) fn masks(rng: &mut impl CryptoRngCore) -> Zeroizing<Vec<u128>> {
    let mut bytes = Zeroizing::new([0; 16 * SUMS]);
    rng.fill_bytes(&mut *bytes);
    let masks = bytes.as_chunks().0.iter().map(|mask| u128::from_le_bytes(*mask) % LIMIT);
    Zeroizing::new(masks.collect())
}

/// R: the subsets that are summed.
pub(crate) struct Subsets {
    /// 128 rows, a bit an entry.
    bits: Vec<u8>,
    entries: usize,
}

impl Subsets {
    /// Draws R over so many entries; everything it must not be known before is in the transcript.
    pub(crate) fn draw(transcript: &mut Transcript, entries: usize) -> Self {
        let mut bits = vec![0; SUMS * entries.div_ceil(8)];
        transcript.challenge_bytes(b"R", &mut bits);
        Self { bits, entries }
    }

    /// The rows, each as one truth value an entry.
    fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = bool> + '_> {
        let rows = self.bits.chunks(self.entries.div_ceil(8).max(1));
        rows.map(|row| {
            let bits = row.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
            bits.take(self.entries)
        })
    }

    /// F, encoded, and whether all of it is in range: if not, it is not to be said. In the same time for all y and p.
    pub(crate) fn sums(&self, y: &[i64], masks: &[u128]) -> (Zeroizing<Vec<u8>>, bool) {
        let mut encoded = Zeroizing::new(Vec::with_capacity(SUMS_LEN));
        let mut fits = true;
        for (row, mask) in self.rows().zip(masks) {
            let mut sum = mask.cast_signed();
            for (y, chosen) in y.iter().zip(row) {
                if chosen {
                    sum += i128::from(*y);
                }
            }
            fits &= sum.cast_unsigned() < LIMIT;
            encoded.extend(sum.to_le_bytes().split_at(SUM_LEN).0);
        }
        (encoded, fits)
    }

    /// Rᵀω, over the integers and below 2^136: eight rows at a time, by the sums of all subsets of their ω.
    pub(crate) fn combine(&self, omega: &[u128]) -> Vec<Scalar> {
        let width = self.entries.div_ceil(8).max(1);
        let mut totals = vec![Limbs::default(); self.entries];
        for (rows, omega) in self.bits.chunks(8 * width).zip(omega.chunks(8)) {
            let table = subset_sums(omega);
            for (byte, totals) in totals.chunks_mut(8).enumerate() {
                let column: [u8; 8] = std::array::from_fn(|row| {
                    rows.get(row * width + byte).copied().unwrap_or_default()
                });
                for (bit, total) in totals.iter_mut().enumerate() {
                    let chosen = column.iter().enumerate();
                    let subset = chosen.map(|(row, byte)| usize::from(byte >> bit & 1) << row);
                    if let Some(sum) = table.get(subset.sum::<usize>()) {
                        total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
                    }
                }
            }
        }
        totals.into_iter().map(|total| Weight::new(total).scalar()).collect()
    }
}

/// F as a verifier holds it: in range by its encoding.
pub(crate) struct Sums(Vec<u8>);

impl Sums {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.take(SUMS_LEN)?.to_vec()))
    }

    /// F, encoded.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Says F to the transcript and draws ω.
    pub(crate) fn weights(transcript: &mut Transcript, sums: &[u8]) -> Vec<u128> {
        transcript.append_message(b"F", sums);
        transcript.short_weights(b"omega", SUMS)
    }

    /// Σω_j·F_j.
    pub(crate) fn combine(&self, omega: &[u128]) -> Scalar {
        let sums = self.0.as_chunks::<SUM_LEN>().0.iter().map(|bytes| {
            let mut sum = [0; 16];
            sum.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
            Scalar::from(u128::from_le_bytes(sum))
        });
        sums.zip(omega).map(|(sum, omega)| sum * Scalar::from(*omega)).sum()
    }
}
