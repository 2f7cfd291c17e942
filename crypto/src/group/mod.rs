//! The group ristretto255 and the integers modulo its order ℓ: public bases, multiples, strict reading of encodings, and
//! polynomials over ℓ.

mod bases;
mod decode_error;
pub(crate) mod encoding;
pub(crate) mod generators;
mod multiply;
pub(crate) mod polynomial;
mod scalar;

pub use bases::{g, h};
pub(crate) use bases::{mask_bases, mask_multiples};
pub use decode_error::DecodeError;
pub(crate) use multiply::{
    commit_all, commit_to_quaternary, commit_to_scalars, commit_to_ternary, commit_to_vector,
    half_h_times, multiscalar,
};
pub use multiply::{g_times, h_times};
pub(crate) use scalar::{half, random_scalars, signed};
pub use scalar::{inner, powers, random_scalar};
