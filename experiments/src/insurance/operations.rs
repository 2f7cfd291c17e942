//! What the four stages are made of, counted from their constructions (exchange/src/records), and what each operation takes
//! on this machine. A stage's operations times their costs must come to what the stage took: the report says how much of
//! it they account for.

use std::hint::black_box;

use consilium_crypto::SigningKey;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul as _;
use rand_core::OsRng;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::bench::per_coordinate::{random_point, random_scalar};

/// Repetitions of a measurement; the shortest counts, as nothing makes an operation faster than it is.
const REPETITIONS: usize = 15;
/// Operations in a repetition.
const BATCH: usize = 64;

/// The stages of liu2021's table 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The custodian encrypts a record to its owner and signs it.
    Encrypt,
    /// The owner checks, decrypts and reads it.
    Decrypt,
    /// The proxy checks header and consent, and re-encrypts.
    Reencrypt,
    /// The requester checks everything and decrypts.
    Redecrypt,
}

impl Stage {
    /// In the order of the table.
    pub const ALL: [Self; 4] = [Self::Encrypt, Self::Decrypt, Self::Reencrypt, Self::Redecrypt];

    /// Name in CSV and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Reencrypt => "re-encrypt",
            Self::Redecrypt => "re-decrypt",
        }
    }

    /// How often it does what.
    #[must_use]
    pub fn operations(self) -> Operations {
        let none = Operations::default();
        match self {
            // E, V; r·A; E, V and r·A are encoded; the custodian signs.
            Self::Encrypt => Operations { fixed: 2, variable: 1, write: 3, sign: 1, ..none },
            // A, E, V are read; a·g; the signature; the capsule; a·E; A and a·E are encoded.
            Self::Decrypt => Operations {
                read: 3,
                fixed: 1,
                verify: 1,
                double: 1,
                variable: 1,
                write: 2,
                ..none
            },
            // A, E, V are read; both signatures; the capsule; rk·E, and the proof's α·g and α·E; all three are encoded.
            Self::Reencrypt => Operations {
                read: 3,
                verify: 2,
                double: 1,
                fixed: 1,
                variable: 2,
                write: 3,
                ..none
            },
            // A, E, V and E' are read; both signatures; the capsule; the proof's T_1 and T_2, encoded; E' with its Lagrange
            // factor; b·X and d·E', encoded.
            Self::Redecrypt => {
                Operations { read: 4, verify: 2, double: 3, variable: 3, write: 4, ..none }
            }
        }
    }
}

/// Numbers of operations. None is a pairing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Multiplications of the basepoint.
    pub fixed: u32,
    /// Multiplications of other elements.
    pub variable: u32,
    /// Sums of two multiplications, of public values.
    pub double: u32,
    /// Elements that are read.
    pub read: u32,
    /// Elements that are encoded.
    pub write: u32,
    /// Ed25519 signatures made.
    pub sign: u32,
    /// Ed25519 signatures verified.
    pub verify: u32,
}

impl Operations {
    /// Numbers in the order of [`NAMES`].
    pub(crate) fn numbers(self) -> [u32; 7] {
        let Self { fixed, variable, double, read, write, sign, verify } = self;
        [fixed, variable, double, read, write, sign, verify]
    }
}

/// Heads of the columns.
pub(crate) const NAMES: [&str; 7] =
    ["fixed", "variable", "double", "read", "write", "sign", "verify"];

/// Seconds for each operation, in the order of [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs(pub(crate) [f64; 7]);

impl Costs {
    /// Measures all of them, on one core.
    pub(crate) fn measure() -> Self {
        let point = random_point();
        let other = random_point();
        let scalar = random_scalar();
        let second = random_scalar();
        let encoded: CompressedRistretto = point.compress();
        let key = SigningKey::generate(&mut OsRng);
        let signature = key.sign("consilium/v1/insurance", &[&[7; 128]]);
        let verifying = key.verifying_key();
        Self([
            seconds(|| RistrettoPoint::mul_base(black_box(&scalar))),
            seconds(|| black_box(point) * black_box(scalar)),
            seconds(|| double(black_box([scalar, second]), black_box([point, other]))),
            seconds(|| black_box(encoded).decompress()),
            seconds(|| black_box(point).compress()),
            seconds(|| key.sign("consilium/v1/insurance", &[black_box(&[7; 128])])),
            seconds(|| {
                verifying.verify("consilium/v1/insurance", &[black_box(&[7; 128])], &signature)
            }),
        ])
    }

    /// What these operations take, in seconds.
    #[must_use]
    pub fn of(&self, operations: Operations) -> f64 {
        operations
            .numbers()
            .iter()
            .zip(self.0)
            .map(|(number, cost)| f64::from(*number) * cost)
            .sum()
    }
}

fn double(scalars: [Scalar; 2], points: [RistrettoPoint; 2]) -> RistrettoPoint {
    RistrettoPoint::vartime_multiscalar_mul(scalars, points)
}

/// Processor time that this thread has had, in seconds: on a machine with other work the clock on the wall says little.
pub(super) fn processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 * 1e-9
}

fn seconds<T>(mut once: impl FnMut() -> T) -> f64 {
    let mut batch = || {
        let start = processor_seconds();
        (0..BATCH).for_each(|_| drop(black_box(once())));
        (processor_seconds() - start) / BATCH as f64
    };
    (0..REPETITIONS).map(|_| batch()).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_cost_and_a_stage_costs_what_its_operations_do() {
        let costs = Costs::measure();
        assert!(costs.0.iter().all(|cost| *cost > 0.0 && *cost < 0.1), "{costs:?}");
        let costs = Costs([1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]);
        assert_eq!(costs.of(Stage::Encrypt.operations()), 130_012.0);
        assert_eq!(costs.of(Stage::Reencrypt.operations()), 2_033_121.0);
    }
}
