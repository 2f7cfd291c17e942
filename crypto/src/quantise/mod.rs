//! From floats to integers and back, and noise on the integers.

mod noise;
mod quantiser;
mod share;

pub use noise::Noise;
pub use quantiser::{QuantisedUpdate, Quantiser, apply, decode, unit};
pub use share::share;
