//! The numbers of a lattice mask, checked together.
//!
//! x ∈ Z^d with ‖x‖ ≤ B is scaled by Δ and hidden behind noise e of deviation σ = 8: v = Δx + e. What is proven is a bound on
//! ‖v‖ (`body`), whose honest length B_v has room for the noise: B_v² = (ΔB)² + 18·ΔB·σ + σ²·(d + 12√d + 100), which an honest
//! v exceeds once in 2^50 encryptions. (Drawing e again until it fits a tight bound would tell something about x.)
//!
//! Refused is whatever would let a proof or a sum wrap around modulo q:
//!
//! - reach = ⌈√(Γ/λ)·B_v⌉, the length of v that is proven, must be at most q/125: the condition of the modular lemma;
//! - m·reach must be below q/2, so that the sum of m updates is read off whole;
//! - digits of w bits must hold the sum of m of {0, 1, 2}: 2m < 2^w, and the sums of limbs must be found by the table.

use thiserror::Error;

use super::ring::{DEGREE, Q};
use super::sample::MAX_NOISE;
use crate::bound::{ceil_sqrt, constants};
use crate::{Bound, DecodeError, MAX_DIMENSION};

/// Deviation of the noise.
const SIGMA: u64 = 8;
/// The largest Δ.
const MAX_SCALE: u32 = 1 << 16;
/// The most updates in a sum: digits of 11 bits hold twice as many.
pub const MAX_LATTICE_SUMMANDS: u32 = 1023;

/// Numbers that no lattice mask can have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LatticeParameterError {
    /// A number by itself.
    #[error(transparent)]
    Number(#[from] DecodeError),
    /// A bound on parameters.
    #[error("a lattice mask needs a bound on the norm; this run bounds every parameter")]
    NoNorm,
    /// An institution's bound that is not the round's or less.
    #[error("an institution's bound ({own}) is not within the round's ({round})")]
    NotWithin {
        /// The institution's.
        own: Bound,
        /// The round's.
        round: Bound,
    },
    /// The proof of the norm could wrap around.
    #[error(
        "with Δ = {scale} and norm {norm}, updates of length {reach} could be proven; the lattice proves at most {most}: \
         lower the norm or Δ"
    )]
    TooLong {
        /// Δ.
        scale: u32,
        /// B.
        norm: u32,
        /// ⌈√(Γ/λ)·B_v⌉.
        reach: u64,
        /// q/125.
        most: u64,
    },
    /// The sum could wrap around.
    #[error(
        "sums of {summands} updates of length {reach} each could wrap around modulo 2^32; lower the norm, Δ or the number of \
         institutions"
    )]
    SumTooLong {
        /// m.
        summands: u32,
        /// ⌈√(Γ/λ)·B_v⌉.
        reach: u64,
    },
}

/// What fixes an update under a lattice mask, and every length of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LatticeParameters {
    dimension: u32,
    norm: u32,
    projections: u16,
    scale: u32,
    summands: u32,
    /// Γ·B_v².
    squares: u64,
    /// B_v².
    longest: u64,
    /// ⌈√(Γ/λ)·B_v⌉.
    reach: u64,
}

/// How the mask key is cut: digits of `bits` bits, `digits` of them a limb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limbs {
    pub(crate) bits: u32,
    pub(crate) digits: usize,
}

impl LatticeParameters {
    /// d parameters under a bound on the norm, scaled by Δ, at most `summands` of them in a sum.
    ///
    /// # Errors
    /// [`LatticeParameterError`] where a number is out of its range, or where a proof or a sum could wrap around.
    pub fn new(
        dimension: u32,
        bound: Bound,
        scale: u32,
        summands: u32,
    ) -> Result<Self, LatticeParameterError> {
        bound.check()?;
        let Bound::Norm { norm, projections } = bound else {
            return Err(LatticeParameterError::NoNorm);
        };
        let refuse = |what, found: u32, allowed| {
            Err(DecodeError::Value { what, found: found.into(), allowed }.into())
        };
        if !(1..=MAX_DIMENSION).contains(&dimension) {
            return refuse("dimension", dimension, "1 to 2^24");
        }
        if !scale.is_power_of_two() || scale > MAX_SCALE {
            return refuse("scale of the lattice", scale, "a power of two up to 65536");
        }
        if !(1..=MAX_LATTICE_SUMMANDS).contains(&summands) {
            return refuse("updates in a sum", summands, "1 to 1023");
        }
        let (gamma, lambda) = constants(projections).ok_or(LatticeParameterError::NoNorm)?;

        let longest = longest(dimension, norm, scale);
        let most = Q / 125;
        // Beyond q² the reach is beyond q/125 for any constants.
        let squares = u64::try_from(longest.saturating_mul(gamma.into())).unwrap_or(u64::MAX);
        let reach = ceil_sqrt(squares.div_ceil(lambda));
        if reach > most {
            return Err(LatticeParameterError::TooLong { scale, norm, reach, most });
        }
        if 2 * u64::from(summands) * reach >= Q {
            return Err(LatticeParameterError::SumTooLong { summands, reach });
        }
        let longest = squares / gamma;
        Ok(Self { dimension, norm, projections, scale, summands, squares, longest, reach })
    }

    /// The largest B that fits the other numbers; 0 where none does.
    pub fn largest_norm(dimension: u32, projections: u16, scale: u32, summands: u32) -> u32 {
        let fits =
            |norm| Self::new(dimension, Bound::Norm { norm, projections }, scale, summands).is_ok();
        let mut largest = 0;
        // One bit after another, the highest first: no norm beyond 2^27 can be proven.
        for bit in (0..27).rev() {
            let norm = largest | 1 << bit;
            if fits(norm) {
                largest = norm;
            }
        }
        largest
    }

    /// The parameters of an institution whose own bound on the norm may be smaller.
    ///
    /// # Errors
    /// [`LatticeParameterError`] where the bound is larger, or another kind of bound.
    pub fn for_bound(&self, bound: Bound) -> Result<Self, LatticeParameterError> {
        if !bound.is_within(&self.bound()) {
            return Err(LatticeParameterError::NotWithin { own: bound, round: self.bound() });
        }
        Self::new(self.dimension, bound, self.scale, self.summands)
    }

    /// d.
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// B and the number of projections.
    pub fn bound(&self) -> Bound {
        Bound::Norm { norm: self.norm, projections: self.projections }
    }

    /// Δ: sums are read off in units of 1/Δ of a quantisation step.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// m, the most updates in a sum.
    pub fn summands(&self) -> u32 {
        self.summands
    }

    /// ⌈√(Γ/λ)·B_v⌉: no v whose proofs hold is longer, in units of 1/Δ of a quantisation step.
    pub fn reach(&self) -> u64 {
        self.reach
    }

    /// N.
    pub(crate) fn projections(&self) -> usize {
        self.projections.into()
    }

    /// Γ·B_v².
    pub(crate) fn squares(&self) -> u64 {
        self.squares
    }

    /// B_v².
    pub(crate) fn longest(&self) -> u64 {
        self.longest
    }

    /// How the mask key is cut: the shortest digits that hold the sum.
    pub(crate) fn limbs(&self) -> Limbs {
        match self.summands {
            ..=15 => Limbs { bits: 5, digits: 5 },
            16..=63 => Limbs { bits: 7, digits: 4 },
            _ => Limbs { bits: 11, digits: 2 },
        }
    }

    /// What a transcript says of them.
    pub(crate) fn encode(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let fields =
            [self.dimension, self.norm, self.projections.into(), self.scale, self.summands];
        for (slot, field) in bytes.as_chunks_mut().0.iter_mut().zip(fields) {
            *slot = field.to_be_bytes();
        }
        bytes
    }
}

impl Limbs {
    /// Limbs of a mask key.
    pub(crate) fn count(&self) -> usize {
        DEGREE.div_ceil(self.digits)
    }

    /// 2^w − 1.
    pub(crate) fn mask(&self) -> i64 {
        (1 << self.bits) - 1
    }

    /// The first number beyond every sum of `summands` limbs whose digits are 0, 1 or 2.
    pub(crate) fn beyond(&self, summands: u32) -> i64 {
        let ones: i64 = (0..self.digits).map(|digit| 1 << (self.bits * digit as u32)).sum();
        2 * i64::from(summands) * ones + 1
    }
}

/// B_v², rounded up.
fn longest(dimension: u32, norm: u32, scale: u32) -> u128 {
    let dimension = u64::from(dimension);
    let scaled = u128::from(scale) * u128::from(norm);
    let noise = SIGMA * SIGMA * (dimension + 12 * ceil_sqrt(dimension) + 100);
    scaled * scaled + 18 * u128::from(SIGMA) * scaled + u128::from(noise)
}

const _: () = assert!(MAX_NOISE as u64 == 2 * SIGMA * SIGMA, "128 − 128 bits have variance 64");

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(
        norm: u32,
        projections: u16,
        scale: u32,
        summands: u32,
    ) -> Result<LatticeParameters, LatticeParameterError> {
        LatticeParameters::new(1000, Bound::Norm { norm, projections }, scale, summands)
    }

    #[test]
    fn numbers_out_of_their_range_are_refused() {
        let bound = Bound::Norm { norm: 1000, projections: 256 };
        assert!(LatticeParameters::new(1000, bound, 1, 10).is_ok());
        for (dimension, scale, summands) in [
            (0, 1, 10),
            (MAX_DIMENSION + 1, 1, 10),
            (1000, 0, 10),
            (1000, 3, 10),
            (1000, 1 << 17, 10),
            (1000, 1, 0),
            (1000, 1, MAX_LATTICE_SUMMANDS + 1),
        ] {
            let refused = LatticeParameters::new(dimension, bound, scale, summands);
            assert!(matches!(refused, Err(LatticeParameterError::Number(_))), "{refused:?}");
        }
        let of_parameters = LatticeParameters::new(1000, Bound::parameter(8), 1, 10);
        assert_eq!(of_parameters, Err(LatticeParameterError::NoNorm));
        assert!(parameters(0, 256, 1, 10).is_err() && parameters(1000, 255, 1, 10).is_err());
    }

    #[test]
    fn nothing_that_could_wrap_around_is_allowed() {
        // The largest norm at each scale, and the next.
        for scale in [1, 512, 1024, 2048] {
            let allowed = |norm: u32| parameters(norm, 256, scale, 1).is_ok();
            let most = (1..13_000_000 / scale + 1).rev().find(|norm| allowed(*norm)).unwrap();
            let length = f64::from(most) * f64::from(scale);
            assert!((12_300_000.0..12_356_000.0).contains(&length), "{scale}: {most}");
            let refused = parameters(most + 1, 256, scale, 1);
            assert!(matches!(refused, Err(LatticeParameterError::TooLong { .. })));
        }
        // The most updates in a sum at the largest norm.
        for (norm, most) in [(12_350_000, 62), (1_000_000, 772)] {
            assert!(parameters(norm, 256, 1, most).is_ok());
            let refused = parameters(norm, 256, 1, most + 1);
            assert!(matches!(refused, Err(LatticeParameterError::SumTooLong { .. })), "{norm}");
        }
        for projections in [256, 512, 1024] {
            let parameters = parameters(100_000_000, projections, 1 << 16, 1023);
            assert!(matches!(parameters, Err(LatticeParameterError::TooLong { .. })));
        }
    }

    #[test]
    fn what_is_proven_has_room_for_the_noise_and_its_reach_is_the_slack() {
        let parameters = parameters(5600, 256, 512, 10).unwrap();
        let scaled = 5600.0 * 512.0;
        // 18·ΔB·σ, and σ²·(d + 12·√d + 100) with √1000 rounded up.
        let expected = scaled * scaled + 144.0 * scaled + 64.0 * (1000.0 + 12.0 * 32.0 + 100.0);
        assert_eq!(parameters.longest() as f64, expected);
        assert_eq!(parameters.squares(), 232 * parameters.longest());
        let reach = parameters.bound().slack() * expected.sqrt();
        assert!((parameters.reach() as f64 - reach).abs() <= 1.0);
        let smaller = parameters.for_bound(Bound::Norm { norm: 100, projections: 256 }).unwrap();
        assert_eq!(
            (smaller.scale(), smaller.summands(), smaller.limbs()),
            (512, 10, parameters.limbs())
        );
        assert!(smaller.reach() < parameters.reach());
        for bound in [
            Bound::Norm { norm: 5601, projections: 256 },
            Bound::Norm { norm: 100, projections: 512 },
            Bound::parameter(8),
        ] {
            let refused = parameters.for_bound(bound);
            assert!(matches!(refused, Err(LatticeParameterError::NotWithin { .. })), "{bound}");
        }
    }

    #[test]
    fn digits_hold_twice_the_number_of_updates_and_limbs_the_whole_key() {
        for (summands, bits, count) in [
            (1, 5, 410),
            (15, 5, 410),
            (16, 7, 512),
            (63, 7, 512),
            (64, 11, 1024),
            (1023, 11, 1024),
        ] {
            let parameters = parameters(100, 256, 1, summands).unwrap();
            let limbs = parameters.limbs();
            assert_eq!((limbs.bits, limbs.count()), (bits, count));
            assert!(2 * summands < 1 << bits);
            assert!(limbs.count() * limbs.digits >= DEGREE);
            assert!(limbs.beyond(summands) < 1 << 28);
        }
    }
}
