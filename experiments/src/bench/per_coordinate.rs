//! KH-PKE applied to every coordinate with nothing proven: the least that the papers' scheme costs, threshold decryption
//! included.
//!
//! - Client: (r·X1, s·X2, (r+s)·g + u·h) for every coordinate, from tables of all four bases, encoded in batches.
//! - Coordinator: decodes n·3·d elements and adds them.
//! - Trustee: a·C̄1 + b·C̄2 for every coordinate, without a proof of its share.
//! - Opening: C̄3 − Σ λ_i·D_i for every coordinate over t shares, then a table of the sums.

use std::collections::HashMap;

use consilium_contract::parameters::largest_threshold;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{MultiscalarMul as _, VartimeMultiscalarMul as _};
use rand_core::{OsRng, RngCore as _};

use super::cells::{Party, no_such};
use super::measuring::{Measured, Stopwatch, repeat};
use crate::ExperimentError;

/// A uniform scalar.
pub(crate) fn random_scalar() -> Scalar {
    let mut bytes = [0; 64];
    OsRng.fill_bytes(&mut bytes);
    Scalar::from_bytes_mod_order_wide(&bytes)
}

/// A uniform element.
pub(crate) fn random_point() -> RistrettoPoint {
    let mut bytes = [0; 64];
    OsRng.fill_bytes(&mut bytes);
    RistrettoPoint::from_uniform_bytes(&bytes)
}

struct Keys {
    x1: RistrettoBasepointTable,
    x2: RistrettoBasepointTable,
    h: RistrettoBasepointTable,
    secret: [Scalar; 2],
}

impl Keys {
    fn generate() -> Self {
        let x = random_scalar();
        let y = random_scalar();
        let [x1, x2] = [x, y]
            .map(|secret| RistrettoBasepointTable::create(&RistrettoPoint::mul_base(&secret)));
        Self {
            x1,
            x2,
            h: RistrettoBasepointTable::create(&random_point()),
            secret: [x.invert(), y.invert()],
        }
    }

    /// Batches encode doubled points, hence the halves.
    fn encrypt(&self, values: impl Iterator<Item = u64>) -> Vec<CompressedRistretto> {
        let half = Scalar::from(2u64).invert();
        let halves = values.flat_map(|u| {
            let r = random_scalar();
            let s = random_scalar();
            [
                &self.x1 * &r,
                &self.x2 * &s,
                RistrettoPoint::mul_base(&(r + s)) + &self.h * &(Scalar::from(u) * half),
            ]
        });
        RistrettoPoint::double_and_compress_batch(&halves.collect::<Vec<_>>())
    }
}

fn add(
    sums: &mut [RistrettoPoint],
    encoded: &[CompressedRistretto],
) -> Result<(), ExperimentError> {
    for (sum, element) in sums.iter_mut().zip(encoded) {
        *sum += element
            .decompress()
            .ok_or_else(|| ExperimentError::bench("KH-PKE")("no element of the group"))?;
    }
    Ok(())
}

/// d coordinates of n institutions.
pub(crate) fn measure(
    party: Party,
    d: usize,
    n: usize,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let keys = Keys::generate();
    let wide = 96 * d as u64;
    let value = |j: usize| j as u64 % 256;
    let update = keys.encrypt((0..d).map(value));
    if party == Party::Client {
        let measured = repeat(budget_s, |_| {
            let mut watch = Stopwatch::start();
            keys.encrypt((0..d).map(value));
            watch.lap("encrypt");
            Ok(watch)
        })?;
        return Ok(Measured { bytes_up: wide, ..measured });
    }
    let sum = || -> Result<Vec<RistrettoPoint>, ExperimentError> {
        let mut sums = vec![RistrettoPoint::default(); 3 * d];
        (0..n).try_for_each(|_| add(&mut sums, &update))?;
        Ok(sums)
    };
    if party == Party::Coordinator {
        let measured = repeat(budget_s, |_| {
            let mut watch = Stopwatch::start();
            sum()?;
            watch.lap("decode and sum");
            Ok(watch)
        })?;
        return Ok(Measured { bytes_up: wide, bytes_down: n as u64 * wide, ..measured });
    }
    let sums = sum()?;
    let (ciphertexts, _) = sums.as_chunks::<3>();
    // A trustee's share of the key is as long as the key; Lagrange coefficients are as long as this one's inverse.
    let [a, b] = keys.secret;
    let share = || {
        ciphertexts
            .iter()
            .map(|[c1, c2, _]| RistrettoPoint::multiscalar_mul(&[a, b], [c1, c2]).compress())
    };
    match party {
        Party::Trustee => {
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                std::hint::black_box(share().collect::<Vec<_>>());
                watch.lap("share");
                Ok(watch)
            })?;
            Ok(Measured { bytes_up: 32 * d as u64, bytes_down: wide, ..measured })
        }
        Party::Opening => {
            let threshold = largest_threshold(n as u32) as usize;
            // All t trustees answer alike: 1/t each, so that the sum is right.
            let coefficients = vec![-Scalar::from(threshold as u64).invert(); threshold];
            let answer: Vec<_> = share().collect();
            let unit = &keys.h * &Scalar::ONE;
            let multiples =
                std::iter::successors(Some(RistrettoPoint::default()), |point| Some(point + unit));
            let multiples: Vec<_> = multiples.take(n << 8).collect();
            let encoded = RistrettoPoint::double_and_compress_batch(&multiples);
            let table: HashMap<[u8; 32], u64> =
                encoded.iter().map(CompressedRistretto::to_bytes).zip(0..).collect();
            let measured = repeat(budget_s, |_| {
                let mut watch = Stopwatch::start();
                let decode = |_| {
                    answer.iter().map(CompressedRistretto::decompress).collect::<Option<Vec<_>>>()
                };
                let shares = (0..threshold).map(decode).collect::<Option<Vec<_>>>();
                let shares = shares
                    .ok_or_else(|| ExperimentError::bench("KH-PKE")("no element of the group"))?;
                let open = |(j, [_, _, c3]): (usize, &[RistrettoPoint; 3])| {
                    let parts: Vec<_> = shares.iter().filter_map(|share| share.get(j)).collect();
                    c3 + RistrettoPoint::vartime_multiscalar_mul(&coefficients, parts)
                };
                let opened: Vec<_> = ciphertexts.iter().enumerate().map(open).collect();
                let found = RistrettoPoint::double_and_compress_batch(&opened);
                let found = found.iter().map(|point| table.get(point.as_bytes()).copied());
                let right = found.eq((0..d).map(|j| Some(value(j) * n as u64)));
                watch.lap("open");
                if right {
                    Ok(watch)
                } else {
                    Err(ExperimentError::bench("KH-PKE")("the sums are wrong"))
                }
            })?;
            Ok(Measured { bytes_down: threshold as u64 * 32 * d as u64, ..measured })
        }
        _ => Err(no_such(party)),
    }
}
