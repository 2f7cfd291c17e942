//! The primitives, measured on one core in the same run, and what each party would take if it did nothing but those that
//! its protocol cannot do without.
//!
//! A party's ideal is a sum of counts times primitives. It leaves out transcripts, scalars, copies, random projections and
//! the folding of generators: what a figure takes beyond its ideal is what there is to gain without another protocol.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Instant;

use consilium_contract::parameters::largest_threshold;
use consilium_crypto::countersign_quorum;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::VartimeMultiscalarMul as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

use super::cells::{Cell, Party, Scheme};
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
    /// 4 kB written and flushed to disk.
    Flush,
}

impl Primitive {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Term,
        Self::Decompression,
        Self::Encoding,
        Self::FixedMultiplication,
        Self::Multiplication,
        Self::PublicMultiplication,
        Self::Sha256Byte,
        Self::Sha512Byte,
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
            Self::Flush => "disk flush",
        }
    }

    /// Its cost for readers.
    #[must_use]
    pub fn shown(self, seconds: f64) -> String {
        match self {
            Self::Sha256Byte | Self::Sha512Byte => format!("{:.0} MB/s", 1e-6 / seconds),
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

/// What a figure runs into next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// The primitive with the largest share in the ideal.
    pub primitive: Primitive,
    /// That share.
    pub share: f64,
    /// How many times the ideal it takes.
    pub times: f64,
}

/// The next limit of a cell that took `seconds` of all cores it had; `None` for baselines, and without costs.
#[must_use]
pub fn limit(cell: &Cell, seconds: f64, costs: &Costs) -> Option<Limit> {
    let ideal: BTreeMap<Primitive, f64> = counts(cell)?
        .into_iter()
        .filter_map(|(primitive, count)| Some((primitive, count * costs.get(&primitive)?)))
        .collect();
    let total: f64 = ideal.values().sum();
    let (primitive, most) = ideal.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let times = seconds * cell.threads as f64 / total;
    (total > 0.0 && times.is_finite()).then_some(Limit { primitive, share: most / total, times })
}

/// Limbs of a mask key with three elements each, and the elements of their proof: three, a commitment to digits and its
/// mask, 16 coefficients.
const KEY_ELEMENTS: f64 = 48.0 + 3.0 + 18.0;
/// Digits of a key, committed to as one vector.
const KEY_DIGITS: f64 = 64.0;
/// What is committed to of a norm: 256 projections, 128 masks of their sums, 16 digits of what is left of the bound.
const NORM_ENTRIES: f64 = 256.0 + 128.0 + 16.0;
/// Elements of a norm's proof: the commitment and its mask, 16 coefficients, two of the link.
const NORM_ELEMENTS: f64 = 20.0;
/// Scalars of either: a response for each entry, and a few.
const NORM_SCALARS: f64 = NORM_ENTRIES + 5.0;
/// Coefficients that are committed to one by one, under g and h each.
const COEFFICIENTS: f64 = 16.0;
/// Terms that a prover pays a bit: 2 for S, and 2 + 1 + 1/2 + … for L and R.
const TERMS_A_BIT: f64 = 6.0;

/// How often a cell needs each primitive, at least.
#[must_use]
pub fn counts(cell: &Cell) -> Option<BTreeMap<Primitive, f64>> {
    let is_norm = match cell.scheme {
        Scheme::Norm => true,
        Scheme::Parameter => false,
        _ => return None,
    };
    let d = f64::from(cell.dimension);
    let n = f64::from(cell.institutions);
    let threshold = f64::from(largest_threshold(cell.institutions));
    let quorum =
        f64::from(countersign_quorum(cell.institutions, largest_threshold(cell.institutions)));
    // Elements of a body, the generators of its proofs, and its bytes.
    let elements = if is_norm { d + NORM_ELEMENTS } else { 2.0 * d + 20.0 * (d / 256.0).ceil() };
    let generators = if is_norm { NORM_ENTRIES } else { 2.0 * 8.0 * d.min(256.0) };
    let bytes = 32.0 * (elements + if is_norm { NORM_SCALARS } else { 0.0 });
    // A signature is as dear as a public multiplication, nearly.
    let signatures = |count: f64| [(Primitive::PublicMultiplication, count)];

    let verifying = [
        (Primitive::Decompression, n * (elements + KEY_ELEMENTS)),
        (Primitive::Term, n * (elements + KEY_ELEMENTS) + d + generators.max(KEY_DIGITS)),
        (Primitive::Sha256Byte, n * bytes),
        (Primitive::Sha512Byte, n * 32.0 * d),
    ];
    // Each share: 16 elements and its proof, against terms of as many.
    let opening = [
        (Primitive::Decompression, threshold * 19.0),
        (Primitive::PublicMultiplication, d + threshold * 16.0),
        (Primitive::Encoding, d),
    ];
    let mut counts = BTreeMap::new();
    let mut add = |terms: &[(Primitive, f64)]| {
        terms.iter().for_each(|(primitive, count)| *counts.entry(*primitive).or_default() += count);
    };
    match cell.party {
        Party::Client => add(&[
            (Primitive::Multiplication, d + 32.0),
            (
                Primitive::FixedMultiplication,
                32.0 + 2.0 * COEFFICIENTS + if is_norm { 2.0 * COEFFICIENTS } else { d },
            ),
            (Primitive::Encoding, elements),
            (
                Primitive::Term,
                2.0 * KEY_DIGITS + if is_norm { 2.0 * NORM_ENTRIES } else { TERMS_A_BIT * 8.0 * d },
            ),
            (Primitive::Sha256Byte, bytes),
            (Primitive::Sha512Byte, 32.0 * d),
        ]),
        Party::Coordinator => {
            add(&verifying);
            add(&signatures(n));
        }
        Party::Trustee => add(&[
            (Primitive::Decompression, n * KEY_ELEMENTS),
            (Primitive::Term, n * KEY_ELEMENTS + KEY_DIGITS),
            (Primitive::PublicMultiplication, n + quorum),
            (Primitive::Multiplication, 36.0),
        ]),
        Party::Opening => add(&opening),
        Party::Check => add(&[
            (Primitive::Decompression, n * d),
            (Primitive::Term, 2.0 * d),
            (Primitive::Sha512Byte, n * 32.0 * d),
        ]),
        Party::Auditor => {
            add(&verifying);
            add(&opening);
            add(&signatures(n + quorum));
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: [(Primitive, f64); 3] = [
        (Primitive::Term, 1e-6),
        (Primitive::Decompression, 2e-6),
        (Primitive::PublicMultiplication, 10e-6),
    ];

    fn cell(scheme: Scheme, party: Party, dimension: u32) -> Cell {
        Cell { scheme, party, dimension, institutions: 10, threads: 1 }
    }

    #[test]
    fn the_next_limit_is_the_dearest_primitive_and_two_cores_count_twice() {
        let costs = Costs::from(COSTS);
        let opening = cell(Scheme::Norm, Party::Opening, 100_000);
        let found = limit(&opening, 2.0, &costs).unwrap();
        assert_eq!(found.primitive, Primitive::PublicMultiplication);
        assert!((found.times - 2.0).abs() < 0.01 && found.share > 0.99, "{found:?}");
        let both = limit(&Cell { threads: 2, ..opening }, 1.0, &costs).unwrap();
        assert_eq!(both.times, found.times);
        let verifying =
            limit(&cell(Scheme::Norm, Party::Coordinator, 100_000), 6.0, &costs).unwrap();
        assert_eq!(verifying.primitive, Primitive::Decompression);
        let proving = limit(&cell(Scheme::Parameter, Party::Client, 1_024), 1.0, &costs).unwrap();
        assert_eq!(proving.primitive, Primitive::Term);
    }

    #[test]
    fn a_trustees_ideal_does_not_depend_on_the_model_and_a_baseline_has_none() {
        let [small, large] =
            [300, 100_000].map(|d| counts(&cell(Scheme::Norm, Party::Trustee, d)).unwrap());
        assert_eq!(small, large);
        assert_eq!(counts(&cell(Scheme::FedAvg, Party::Coordinator, 300)), None);
        assert_eq!(limit(&cell(Scheme::Norm, Party::Client, 300), 1.0, &Costs::new()), None);
    }

    #[test]
    fn every_primitive_is_measured() {
        let costs = costs(&measure().unwrap());
        assert_eq!(costs.len(), Primitive::ALL.len());
        assert!(costs.values().all(|seconds| *seconds > 0.0), "{costs:?}");
    }
}
