//! The numbers of liu2021 that stand in its text. Its formulas and the cells of its tables 2 and 3 are images, which the
//! text that we have lacks: none of them is printed.

/// A pairing, in ms: T_p of liu2021, section 5, taken from its reference \[25\] (a Pentium IV and a PXA270).
pub(crate) const PAIRING_MS: f64 = 20.04;
/// A multiplication, in ms: T_m, likewise.
pub(crate) const MULTIPLICATION_MS: f64 = 2.38;
/// An exponentiation, in ms: T_e, likewise.
pub(crate) const EXPONENTIATION_MS: f64 = 5.31;
/// A multi-exponentiation in exponentiations, from its reference \[24\].
pub(crate) const MULTI_EXPONENTIATION: f64 = 1.2;
/// The longest of the four stages, in ms: estimated from the operations.
pub(crate) const LONGEST_STAGE_MS: f64 = 102.58;
/// How much less time in all than the scheme of its reference \[23\].
pub(crate) const LESS_TIME: &str = "7 %";
/// How many bytes fewer than the scheme of its reference \[22\], for one user.
pub(crate) const FEWER_BYTES: &str = "10 %";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stage_is_five_pairings_and_a_multiplication() {
        assert!((5.0 * PAIRING_MS + MULTIPLICATION_MS - LONGEST_STAGE_MS).abs() < 1e-9);
    }
}
