//! That the squares of committed integers add up to at most a bound.
//!
//! With y the committed vector has 16 digits of 4 bits of what is left of the bound, r = bound − Σy_t² = Σ16^i·v_i. Weights
//! χ_i of 128 bits are drawn after the commitment. In the responses f = m + e·(y ‖ v),
//! Σχ_i·Π_c (f_i − c·e) + e^14·(Σf_t² + e·Σ16^i·f_i − e²·bound), a polynomial of degree 16 in e, has no term in e^16
//! (`coefficients`).
//!
//! **Why.** That term is Σχ_i·Π_c (v_i − c) + Σy_t² + r − bound. It vanishes, with χ after y and v, but for 2^-128: each v_i is
//! one of 16 digits, so that 0 ≤ r < 2^64, and Σy_t² is in (bound − 2^64, bound] modulo ℓ. Where the y_t are short
//! (`shortness`), their squares do not wrap around, and this holds over the integers.

use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;

use crate::group::{inner, powers};
use crate::proof::digits::{Digits, hexadecimal};

/// Digits of what is left of the bound.
pub(crate) const DIGITS: usize = 16;
const HEXADECIMAL: Digits = Digits::HEXADECIMAL;
/// Coefficients below the highest of the polynomial.
pub(crate) const COEFFICIENTS: usize = HEXADECIMAL.count;

/// The digits of what is left of a bound. Wraps where the squares are beyond it: their author gets a false proof.
pub(crate) fn digits_of_rest(bound: u64, y: &[i64]) -> Zeroizing<Vec<i64>> {
    let squares = y.iter().map(|y| y.wrapping_mul(*y).cast_unsigned());
    let rest = Zeroizing::new(squares.fold(bound, u64::wrapping_sub));
    Zeroizing::new(hexadecimal(*rest).collect())
}

/// 16^i.
fn places() -> Vec<Scalar> {
    powers(Scalar::from(16u64)).take(DIGITS).collect()
}

/// The coefficients of 1, e, …, e^15, from y, the digits and the masks of either.
pub(crate) fn coefficients(
    chi: &[Scalar],
    y: &[Scalar],
    digits: &[i64],
    masks_of_y: &[Scalar],
    masks_of_digits: &[Scalar],
) -> Zeroizing<Vec<Scalar>> {
    let mut coefficients = HEXADECIMAL.coefficients(chi, digits, masks_of_digits);
    // What the squares add to the coefficients of e^14 and e^15.
    let of_squares = Zeroizing::new([
        inner(masks_of_y, masks_of_y),
        Scalar::from(2u64) * inner(masks_of_y, y) + inner(&places(), masks_of_digits),
    ]);
    let last = coefficients.iter_mut().skip(HEXADECIMAL.count - 2);
    last.zip(of_squares.iter()).for_each(|(coefficient, more)| *coefficient += more);
    coefficients
}

/// The polynomial's value, which a verifier computes from the responses.
pub(crate) fn value(
    bound: u64,
    chi: &[Scalar],
    y: &[Scalar],
    digits: &[Scalar],
    e: &Scalar,
) -> Scalar {
    let squares = inner(y, y) + e * (inner(&places(), digits) - e * Scalar::from(bound));
    let power = powers(*e).nth(HEXADECIMAL.count - 2).unwrap_or_default();
    HEXADECIMAL.value(chi, digits, e) + power * squares
}
