//! What is proven about an update: a bound on every parameter by itself, or on the norm of all together.
//!
//! For a norm bound B the constants are those of a random projection Π ∈ {−1, 0, 1}^(N×d) (`projection`). With
//! ‖x‖ ≤ B honest squares stay at or below Γ·B² but for probability 2^-42; with ‖Πx‖² ≤ Γ·B² a vector x is no longer
//! than √(Γ/λ)·B but for probability 2^-126, because ‖Πx‖² < λ·‖x‖² is that rare (Gentry, Halevi, Lyubashevsky,
//! EUROCRYPT 2022, lemma 2.8; LaBRADOR, CRYPTO 2023, lemma 4.1, for N = 256: they say 2^-128, about).
//!
//! Γ and λ for N: for an x of many coordinates ‖Πx‖²/‖x‖² is close to χ²_N/2. At Γ the upper tail of that is below
//! 2^-42, at λ the lower tail is below 2^-130. For an x of one coordinate it is a binomial B(N, 1/2). Between the two,
//! x = (60, 1) has the thickest lower tail that was found, by exact enumeration (`tests/tails.rs`); it is why 2^-126 is
//! claimed and not 2^-128:
//!
//! | N | Γ | λ | slack √(Γ/λ) | upper tail | lower tail | one coordinate | (60, 1) |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | 256 | 232 | 30 | 2.78 | 2^-44.8 | 2^-131.0 | 2^-129.0 | 2^-127.0 |
//! | 512 | 390 | 98 | 2.00 | 2^-42.3 | 2^-131.3 | 2^-157.5 | 2^-156 |
//! | 1,024 | 696 | 268 | 1.61 | 2^-43.0 | 2^-130.9 | 2^-180.8 | 2^-180 |

use crate::DecodeError;

/// What is proven about an update: of the largest institution of a run, or of one with less weight
/// ([`share`](crate::quantise::share)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Every parameter by itself: |q_j| ≤ `most`, as u_j = q_j + `most` ∈ [0, 2·`most`].
    Parameter {
        /// b, 8 or 16: the bits of u_j, whatever the weight.
        bits: u8,
        /// 1 to 2^(b−1) − 1, which it is for the largest institution.
        most: u16,
    },
    /// All parameters together: an honest x = q has ‖x‖ ≤ B; that ‖x‖ ≤ [`slack`](Bound::slack)·B is proven.
    Norm {
        /// B.
        norm: u32,
        /// N, rows of the random projection: 256, 512 or 1,024. More of them prove a tighter bound at a greater cost.
        projections: u16,
    },
}

/// The constants of a norm bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NormBound {
    /// B.
    pub(crate) norm: u64,
    /// N.
    pub(crate) projections: usize,
    /// Γ·B².
    pub(crate) squares: u64,
    /// ⌈√(Γ/λ)·B⌉: no coordinate of an update whose proofs hold is beyond.
    pub(crate) reach: u64,
}

impl Bound {
    const PARAMETER: u8 = 1;
    const NORM: u8 = 2;
    /// Largest B. Its Γ·B² fits 63 bits for every N, and projections are proven short as far as honest ones of it go.
    const MAX_NORM: u64 = 100_000_000;

    /// The bound on every parameter of the largest institution, in so many bits.
    pub const fn parameter(bits: u8) -> Self {
        let most = match bits {
            8 => i8::MAX as u16,
            16 => i16::MAX as u16,
            // Refused by `check`.
            _ => 0,
        };
        Self::Parameter { bits, most }
    }

    /// Refuses numbers outside what can be proven.
    pub fn check(&self) -> Result<(), DecodeError> {
        match *self {
            Self::Parameter { bits: 8, most: 1..=127 }
            | Self::Parameter { bits: 16, most: 1..=32_767 } => Ok(()),
            Self::Parameter { bits: 8 | 16, most } => Err(DecodeError::Value {
                what: "largest parameter",
                found: most.into(),
                allowed: "1 to 2^(bits−1) − 1",
            }),
            Self::Parameter { bits, .. } => Err(DecodeError::Value {
                what: "bits a parameter",
                found: bits.into(),
                allowed: "8 or 16",
            }),
            Self::Norm { norm, projections } => NormBound::new(norm, projections).map(|_| ()),
        }
    }

    /// How much longer than honest ones updates may be that prove themselves: 1, or √(Γ/λ) for a norm.
    pub fn slack(&self) -> f64 {
        match *self {
            Self::Norm { projections, .. } => constants(projections)
                .map_or(f64::NAN, |(gamma, lambda)| (gamma as f64 / lambda as f64).sqrt()),
            Self::Parameter { .. } => 1.0,
        }
    }

    /// What no q_j of an update whose proofs hold is beyond, and under a bound on the norm neither is ‖q‖: `most`, or
    /// ⌈√(Γ/λ)·B⌉. In units.
    pub fn reach(&self) -> u64 {
        match *self {
            Self::Parameter { most, .. } => most.into(),
            // Nothing is within a bound that is refused.
            Self::Norm { norm, projections } => {
                NormBound::new(norm, projections).map_or(0, |bound| bound.reach)
            }
        }
    }

    /// Whether an update may have this bound in a run whose largest institution has the other one.
    pub(crate) fn is_within(&self, largest: &Self) -> bool {
        match (*self, *largest) {
            (Self::Parameter { bits, most }, Self::Parameter { bits: b, most: all }) => {
                bits == b && most <= all
            }
            (
                Self::Norm { norm, projections },
                Self::Norm { norm: all, projections: of_the_run },
            ) => projections == of_the_run && norm <= all,
            _ => false,
        }
    }

    /// What is added to a signed quantised parameter before it is encrypted: u = q + `most`, or x = q.
    pub fn offset(&self) -> i64 {
        match *self {
            Self::Parameter { most, .. } => most.into(),
            Self::Norm { .. } => 0,
        }
    }

    /// Bits of the magnitude of an encrypted value of an honest author.
    pub(crate) fn value_bits(&self) -> u8 {
        match self {
            Self::Parameter { bits, .. } => *bits,
            Self::Norm { norm, .. } => (u32::BITS - norm.leading_zeros()) as u8,
        }
    }

    /// Kind and number, as a context has them: `most` before the 8 bits of b, or N before the 32 bits of B.
    pub(crate) fn encode(&self) -> (u8, u64) {
        match *self {
            Self::Parameter { bits, most } => {
                (Self::PARAMETER, u64::from(most) << 8 | u64::from(bits))
            }
            Self::Norm { norm, projections } => {
                (Self::NORM, u64::from(projections) << 32 | u64::from(norm))
            }
        }
    }

    pub(crate) fn decode(kind: u8, number: u64) -> Result<Self, DecodeError> {
        let too_large = |_| DecodeError::Value {
            what: "bound",
            found: number,
            allowed: "what this kind of bound holds",
        };
        let bound = match kind {
            Self::PARAMETER => Self::Parameter {
                bits: number as u8,
                most: (number >> 8).try_into().map_err(too_large)?,
            },
            Self::NORM => Self::Norm {
                norm: number as u32,
                projections: (number >> 32).try_into().map_err(too_large)?,
            },
            kind => {
                let found = kind.into();
                return Err(DecodeError::Value {
                    what: "kind of bound",
                    found,
                    allowed: "1 (parameter) or 2 (norm)",
                });
            }
        };
        bound.check()?;
        Ok(bound)
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Parameter { bits, most } => {
                write!(f, "{bits} bits a parameter, ±{most} at most")
            }
            Self::Norm { norm, projections } => {
                let slack = self.slack();
                write!(
                    f,
                    "norm {norm}, proven up to {slack:.2} times that by {projections} projections"
                )
            }
        }
    }
}

impl NormBound {
    pub(crate) fn new(norm: u32, projections: u16) -> Result<Self, DecodeError> {
        let (gamma, lambda) = constants(projections).ok_or(DecodeError::Value {
            what: "number of projections",
            found: projections.into(),
            allowed: "256, 512 or 1024",
        })?;
        let norm = u64::from(norm);
        if !(1..=Bound::MAX_NORM).contains(&norm) {
            return Err(DecodeError::Value {
                what: "norm",
                found: norm,
                allowed: "1 to 100000000",
            });
        }
        let squares = gamma * norm * norm;
        Ok(Self {
            norm,
            projections: projections.into(),
            squares,
            reach: ceil_sqrt(squares.div_ceil(lambda)),
        })
    }
}

/// Γ and λ for N projections.
pub(crate) fn constants(projections: u16) -> Option<(u64, u64)> {
    match projections {
        256 => Some((232, 30)),
        512 => Some((390, 98)),
        1024 => Some((696, 268)),
        _ => None,
    }
}

/// ‖x‖², or the largest number where that is larger still.
pub(crate) fn square(x: &[i64]) -> u128 {
    x.iter().fold(0, |sum: u128, x| sum.saturating_add(u128::from(x.unsigned_abs()).pow(2)))
}

pub(crate) fn ceil_sqrt(value: u64) -> u64 {
    let floor = value.isqrt();
    floor + u64::from(floor * floor < value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(norm: u32, projections: u16) -> Bound {
        Bound::Norm { norm, projections }
    }

    #[test]
    fn bounds_that_cannot_be_proven_are_refused() {
        for bits in [0, 7, 32] {
            assert!(Bound::parameter(bits).check().is_err(), "{bits} bits");
        }
        for (bits, most) in [(8, 0), (8, 128), (16, 0), (16, 32_768), (9, 100)] {
            assert!(Bound::Parameter { bits, most }.check().is_err(), "{bits} bits, ±{most}");
        }
        for (b, projections) in
            [(0, 256), (100_000_001, 256), (u32::MAX, 1024), (100, 0), (100, 128), (100, 255)]
        {
            assert!(norm(b, projections).check().is_err(), "B = {b}, N = {projections}");
        }
        assert!(
            Bound::decode(1, 128 << 8 | 8).is_err()
                && Bound::decode(1, 65_536 << 8 | 16).is_err()
                && Bound::decode(2, (65_536 + 256) << 32 | 7).is_err()
        );
        let error = norm(100_000_001, 256).check().unwrap_err();
        assert_eq!(error.to_string(), "norm is 100000001; allowed: 1 to 100000000");
    }

    #[test]
    fn no_institution_has_more_than_the_largest_nor_another_kind_of_bound() {
        let eight = |most| Bound::Parameter { bits: 8, most };
        let sixteen = Bound::Parameter { bits: 16, most: 100 };
        for (own, largest, expected) in [
            (eight(127), eight(127), true),
            (eight(1), eight(127), true),
            (eight(101), eight(100), false),
            (sixteen, eight(127), false),
            (norm(1, 256), norm(5_600, 256), true),
            (norm(5_601, 256), norm(5_600, 256), false),
            (norm(5, 512), norm(5_600, 256), false),
            (eight(1), norm(5_600, 256), false),
            (norm(1, 256), eight(127), false),
        ] {
            assert_eq!(own.is_within(&largest), expected, "{own} of {largest}");
        }
    }

    #[test]
    fn squares_of_every_norm_fit_what_is_proven_of_them() {
        for projections in [256, 512, 1024] {
            let (gamma, _) = constants(projections).unwrap();
            for norm in [1, 5_600, 5_601, 100_000_000] {
                let squares = NormBound::new(norm, projections).unwrap().squares;
                assert_eq!(u128::from(squares), u128::from(gamma) * u128::from(norm).pow(2));
                assert!(squares < 1 << 63, "16 digits of 4 bits hold what is left of it");
                // The sums of shortness leave their 120 bits once in 2^76 times: 128·√N·√Γ·B is below 2^44.
                let most = 128.0 * (f64::from(projections) * squares as f64).sqrt();
                assert!(most < 2f64.powi(44), "{most}");
            }
        }
    }

    #[test]
    fn the_reach_is_the_slack_rounded_up() {
        for (projections, slack) in [(256, 2.7809), (512, 1.9949), (1024, 1.6116)] {
            assert!((norm(1, projections).slack() - slack).abs() < 1e-4, "{projections}");
            for b in [1, 7, 100, 5600, 1_000_003] {
                let reach = NormBound::new(b, projections).unwrap().reach as f64;
                let exact = norm(b, projections).slack() * f64::from(b);
                assert!(reach >= exact && reach < exact + 1.0 + 1e-6, "B = {b}, N = {projections}");
            }
        }
        assert_eq!(norm(100, 256).reach(), 279);
        assert_eq!(Bound::Parameter { bits: 8, most: 31 }.reach(), 31);
        assert_eq!(Bound::parameter(8).slack(), 1.0);
        let said = norm(100, 256).to_string();
        assert_eq!(said, "norm 100, proven up to 2.78 times that by 256 projections");
    }
}
