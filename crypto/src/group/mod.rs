//! The group ristretto255 and the integers modulo its order ℓ: public bases, multiples, strict reading of encodings, and
//! polynomials over ℓ.

mod bases;
mod decode_error;
pub(crate) mod encoding;
pub(crate) mod generators;
mod multiply;
pub(crate) mod polynomial;
mod scalar;

pub(crate) use bases::{g, h, mask_bases};
pub use decode_error::DecodeError;
pub(crate) use multiply::{
    commit_all, commit_to_scalars, commit_to_ternary, commit_to_vector, g_times, h_times,
    half_h_times, multiscalar,
};
pub(crate) use scalar::{half, inner, powers, random_scalar, random_scalars, signed};
