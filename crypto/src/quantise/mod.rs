//! From floats to integers and back, and noise on the integers.

mod noise;
mod quantiser;

pub use noise::Noise;
pub use quantiser::{QuantisedUpdate, Quantiser, apply, decode, unit};
