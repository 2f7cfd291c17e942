//! General-purpose proof systems, with the feature `peers`: two numbers below 2^32 with a sum that is given.
//!
//! None of them opens a commitment: one inside a circuit would cost thousands of constraints more. So what they prove is
//! less than what the other rows do, and the sum is there for everyone to see.
//!
//! | file | system |
//! | --- | --- |
//! | `groth16` | ark-groth16 over BLS12-381 |
//! | `spartan` | Spartan's NIZK over ristretto255 |
//! | `stark` | winterfell |

mod groth16;
mod spartan;
mod stark;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) use groth16::Groth16;
pub(crate) use spartan::Spartan;
pub(crate) use stark::Stark;

use super::prover::{AMOUNT, BALANCE, Message};
use crate::ExperimentError;

/// Bits of each of the two numbers.
const BITS: usize = 32;
/// Both numbers.
const NUMBERS: [u32; 2] = [AMOUNT, BALANCE - AMOUNT];
/// Of the sum, in bytes.
const SUM_LEN: usize = 8;

/// The bits of both numbers, the least of the first to the greatest of the second.
fn bits([first, second]: [u32; 2]) -> impl Iterator<Item = bool> {
    [first, second].into_iter().flat_map(|number| (0..BITS).map(move |bit| number >> bit & 1 == 1))
}

/// 2^j of every bit's place in its number, in the order of [`bits`].
fn weights() -> impl Iterator<Item = u64> {
    (0..2 * BITS).map(|place| 1 << (place % BITS))
}

fn sum([first, second]: [u32; 2]) -> u64 {
    u64::from(first) + u64::from(second)
}

/// Sum ‖ proof.
fn message(sum: u64, proof: &[u8]) -> Message {
    Message { bytes: [&sum.to_be_bytes(), proof].concat(), proof_len: proof.len() }
}

/// The parts of a [`message`].
fn parts<'a>(what: &'static str, message: &'a Message) -> Result<(u64, &'a [u8]), ExperimentError> {
    let parts = message.bytes.split_first_chunk::<SUM_LEN>();
    let (sum, proof) = parts.ok_or_else(|| ExperimentError::bench(what)("no sum"))?;
    Ok((u64::from_be_bytes(*sum), proof))
}

/// Some of these crates panic where a proof is not one.
fn caught<T, E: std::fmt::Display>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, ExperimentError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(ExperimentError::bench(what)),
        Err(_) => Err(ExperimentError::bench(what)("the crate panicked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_weights_make_up_both_numbers() {
        let numbers = [0x8000_0001, u32::MAX];
        let total: u64 =
            bits(numbers).zip(weights()).map(|(bit, weight)| u64::from(bit) * weight).sum();
        assert_eq!((total, bits(numbers).count()), (sum(numbers), 64));
    }
}
