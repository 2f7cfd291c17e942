//! The primitives that everything is made of, measured on one core in the same run.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Instant;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::VartimeMultiscalarMul as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

use super::measuring::{Measured, median};
use super::per_coordinate::{random_point, random_scalar};
use crate::ExperimentError;

/// Terms of the multiscalar multiplication that is measured: as many as the verifier puts into one.
const TERMS: usize = 8_192;
/// Elements of the other measurements.
const ELEMENTS: usize = 1_024;
/// Bytes that are hashed.
const HASHED: usize = 1 << 20;
/// Repetitions; the shortest counts, as nothing makes a primitive faster than it is. Of flushes it is the median.
const REPETITIONS: usize = 15;

/// What everything is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primitive {
    /// A term of a multiscalar multiplication of 8,192, scalars of 253 bits, in variable time.
    Term,
    /// Reading an element.
    Decompression,
    /// Writing an element, in a batch.
    Encoding,
    /// Multiplication of the basepoint, from a table, in constant time.
    FixedMultiplication,
    /// Multiplication of any element, in constant time.
    Multiplication,
    /// The same of public values, in variable time.
    PublicMultiplication,
    /// A byte of SHA-256.
    Sha256Byte,
    /// A byte of SHA-512.
    Sha512Byte,
    /// A byte of a ChaCha20 stream.
    StreamByte,
    /// 4 kB written and flushed to disk.
    Flush,
}

impl Primitive {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::Term,
        Self::Decompression,
        Self::Encoding,
        Self::FixedMultiplication,
        Self::Multiplication,
        Self::PublicMultiplication,
        Self::Sha256Byte,
        Self::Sha512Byte,
        Self::StreamByte,
        Self::Flush,
    ];

    /// Name in the JSON and the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Term => "multiscalar term",
            Self::Decompression => "decompression",
            Self::Encoding => "encoding",
            Self::FixedMultiplication => "fixed-base multiplication",
            Self::Multiplication => "multiplication",
            Self::PublicMultiplication => "public multiplication",
            Self::Sha256Byte => "SHA-256",
            Self::Sha512Byte => "SHA-512",
            Self::StreamByte => "ChaCha20",
            Self::Flush => "disk flush",
        }
    }

    /// Its cost for readers.
    #[must_use]
    pub fn shown(self, seconds: f64) -> String {
        match self {
            Self::Sha256Byte | Self::Sha512Byte | Self::StreamByte => {
                format!("{:.0} MB/s", 1e-6 / seconds)
            }
            Self::Flush => format!("{:.2} ms", seconds * 1e3),
            _ => format!("{:.2} µs", seconds * 1e6),
        }
    }
}

/// Seconds for each primitive.
pub type Costs = BTreeMap<Primitive, f64>;

/// Measures all of them: parts by name, in seconds.
///
/// # Errors
/// [`ExperimentError::File`] where nothing can be written.
pub(crate) fn measure() -> Result<Measured, ExperimentError> {
    let scalars: Vec<_> = (0..TERMS).map(|_| random_scalar()).collect();
    let points: Vec<_> = (0..TERMS).map(|_| random_point()).collect();
    let few = points.get(..ELEMENTS).unwrap_or_default();
    let encoded = RistrettoPoint::double_and_compress_batch(few);
    let bytes = vec![7u8; HASHED];
    let mut file = tempfile::tempfile().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    let flushes = (0..REPETITIONS).map(|_| {
        let start = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        Ok(start.elapsed().as_secs_f64())
    });
    let flushes = flushes.collect::<std::io::Result<Vec<_>>>();
    let flushes = flushes.map_err(ExperimentError::file(&std::env::temp_dir()))?;

    let each = |count: usize, work: &dyn Fn()| {
        let time = |_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() / count as f64
        };
        (0..REPETITIONS).map(time).fold(f64::INFINITY, f64::min)
    };
    let cost = |primitive| match primitive {
        Primitive::Term => each(TERMS, &|| {
            black_box(RistrettoPoint::vartime_multiscalar_mul(&scalars, &points));
        }),
        Primitive::Decompression => each(ELEMENTS, &|| {
            encoded.iter().for_each(|element| _ = black_box(element.decompress()));
        }),
        Primitive::Encoding => each(ELEMENTS, &|| {
            black_box(RistrettoPoint::double_and_compress_batch(few));
        }),
        Primitive::FixedMultiplication => each(ELEMENTS, &|| {
            scalars
                .iter()
                .take(ELEMENTS)
                .for_each(|scalar| _ = black_box(RistrettoPoint::mul_base(scalar)));
        }),
        Primitive::Multiplication => each(ELEMENTS, &|| {
            few.iter().zip(&scalars).for_each(|(point, scalar)| _ = black_box(point * scalar));
        }),
        Primitive::PublicMultiplication => each(ELEMENTS, &|| {
            let one = |(point, scalar)| RistrettoPoint::vartime_multiscalar_mul([scalar], [point]);
            few.iter().zip(&scalars).for_each(|pair| _ = black_box(one(pair)));
        }),
        Primitive::Sha256Byte => each(HASHED, &|| _ = black_box(Sha256::digest(&bytes))),
        Primitive::Sha512Byte => each(HASHED, &|| _ = black_box(Sha512::digest(&bytes))),
        Primitive::StreamByte => each(HASHED, &|| {
            let mut bytes = bytes.clone();
            ChaCha20::new(&[1; 32].into(), &[2; 12].into()).apply_keystream(&mut bytes);
            black_box(bytes);
        }),
        Primitive::Flush => median(&flushes).unwrap_or_default(),
    };
    let parts =
        Primitive::ALL.map(|primitive| (primitive.name().to_owned(), cost(primitive))).into();
    Ok(Measured { parts, ..Measured::default() })
}

/// The costs in what [`measure`] reported.
#[must_use]
pub fn costs(measured: &Measured) -> Costs {
    let cost = |primitive: Primitive| Some((primitive, *measured.parts.get(primitive.name())?));
    Primitive::ALL.into_iter().filter_map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_primitive_is_measured() {
        let costs = costs(&measure().unwrap());
        assert_eq!(costs.len(), Primitive::ALL.len());
        assert!(costs.values().all(|seconds| *seconds > 0.0), "{costs:?}");
    }
}
