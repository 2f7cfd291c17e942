//! Integers modulo ℓ: drawn, made from signed integers, added up.

use std::sync::OnceLock;

use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

/// A uniform scalar: 512 random bits modulo ℓ.
pub fn random_scalar(rng: &mut impl CryptoRngCore) -> Scalar {
    let mut bytes = Zeroizing::new([0; 64]);
    rng.fill_bytes(&mut *bytes);
    Scalar::from_bytes_mod_order_wide(&bytes)
}

/// So many uniform scalars. Their bytes are drawn at once, a fifth of the price of one draw each from a transcript.
pub(crate) fn random_scalars(count: usize, rng: &mut impl CryptoRngCore) -> Vec<Scalar> {
    let mut bytes = Zeroizing::new(vec![0; 64 * count]);
    rng.fill_bytes(&mut bytes);
    bytes.as_chunks().0.iter().map(Scalar::from_bytes_mod_order_wide).collect()
}

/// 1/2.
pub(crate) fn half() -> Scalar {
    static HALF: OnceLock<Scalar> = OnceLock::new();
    *HALF.get_or_init(|| Scalar::from(2u64).invert())
}

/// The integer modulo ℓ, in the same time for either sign.
pub(crate) fn signed(value: i64) -> Scalar {
    // 2^63 + value is not negative, whatever the value.
    Scalar::from(value.cast_unsigned() ^ (1 << 63)) - Scalar::from(1u64 << 63)
}

/// Σ left·right.
pub fn inner(left: &[Scalar], right: &[Scalar]) -> Scalar {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// 1, x, x², …
pub fn powers(x: Scalar) -> impl Iterator<Item = Scalar> {
    std::iter::successors(Some(Scalar::ONE), move |power| Some(power * x))
}
