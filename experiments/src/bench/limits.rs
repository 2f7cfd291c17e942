//! What each party would take if it did nothing but those primitives that its protocol cannot do without.
//!
//! A party's ideal is a sum of counts times primitives. It leaves out transcripts, scalars, copies, the arithmetic of the
//! lattice and of random projections, and the folding of generators: what a figure takes beyond its ideal is what there is to
//! gain without another protocol.

use std::collections::BTreeMap;

use consilium_contract::parameters::largest_threshold;
use consilium_crypto::countersign_quorum;
use serde::Serialize;

use super::cells::{Cell, Party};
use super::primitives::{Costs, Primitive};
use super::scheme::Scheme;

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

/// Elements of a key's proof besides those of its ciphertexts: three, a commitment to digits and its mask, 16 coefficients.
const KEY_PROOF: f64 = 3.0 + 18.0;
/// Digits of a group mask's key, committed to as one vector.
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
/// Entries of a lattice mask's key, each committed to as a digit.
const LATTICE_KEY: f64 = 2_048.0;
/// Bytes of the stream that the matrix of a round takes a parameter, and the projection of an update.
pub(crate) const MATRIX_BYTES: f64 = 4.0;
/// See [`MATRIX_BYTES`].
pub(crate) const PROJECTION_BYTES: f64 = 64.0;

/// What is counted of a scheme.
struct Lengths {
    /// Ciphertexts of a key, three elements each.
    limbs: f64,
    /// Entries of a key that are committed to as one vector.
    digits: f64,
    /// Elements of a body, for a d.
    elements: f64,
    /// Generators of the proof of the bound.
    generators: f64,
    /// Bytes of a body.
    bytes: f64,
}

impl Lengths {
    fn of(cell: &Cell) -> Option<Self> {
        let d = f64::from(cell.dimension);
        Some(match cell.scheme {
            Scheme::Norm => {
                let elements = d + NORM_ELEMENTS;
                let bytes = 32.0 * (elements + NORM_SCALARS);
                Self { limbs: 16.0, digits: KEY_DIGITS, elements, generators: NORM_ENTRIES, bytes }
            }
            Scheme::Parameter => {
                let elements = 2.0 * d + 20.0 * (d / 256.0).ceil();
                let generators = 2.0 * 8.0 * d.min(256.0);
                let bytes = 32.0 * elements;
                Self { limbs: 16.0, digits: KEY_DIGITS, elements, generators, bytes }
            }
            Scheme::Lattice => {
                // Digits that a limb has room for, by the number of summands; a client's round is one of ten.
                let digits = if cell.institutions <= 15 { 5.0 } else { 4.0 };
                Self {
                    limbs: (LATTICE_KEY / digits).ceil(),
                    digits: LATTICE_KEY,
                    elements: NORM_ELEMENTS,
                    generators: NORM_ENTRIES,
                    bytes: 4.0 * d + 32.0 * (NORM_ELEMENTS + NORM_SCALARS),
                }
            }
            _ => return None,
        })
    }

    /// Elements of an encrypted key and its proof.
    fn key_elements(&self) -> f64 {
        3.0 * self.limbs + KEY_PROOF
    }
}

/// How often a cell needs each primitive, at least.
#[must_use]
pub fn counts(cell: &Cell) -> Option<BTreeMap<Primitive, f64>> {
    let lengths = Lengths::of(cell)?;
    let Lengths { limbs, digits, elements, generators, bytes } = lengths;
    let key = lengths.key_elements();
    let is_norm = cell.scheme != Scheme::Parameter;
    let is_lattice = cell.scheme == Scheme::Lattice;
    let d = f64::from(cell.dimension);
    let n = f64::from(cell.institutions);
    // What the group mask alone does for each parameter, and the bytes that are hashed of it.
    let masked = if is_lattice { 0.0 } else { d };
    let hashed = if is_lattice { 4.0 } else { 32.0 };
    let matrix = if is_lattice { MATRIX_BYTES * d } else { 0.0 };
    let projection = if is_lattice { PROJECTION_BYTES * d } else { 0.0 };
    let threshold = f64::from(largest_threshold(cell.institutions));
    let quorum =
        f64::from(countersign_quorum(cell.institutions, largest_threshold(cell.institutions)));
    // A signature is as dear as a public multiplication, nearly.
    let signatures = |count: f64| [(Primitive::PublicMultiplication, count)];

    let verifying = [
        (Primitive::Decompression, n * (elements + key)),
        (Primitive::Term, n * (elements + key) + masked + generators.max(digits)),
        (Primitive::Sha256Byte, n * bytes),
        (Primitive::Sha512Byte, n * hashed * d),
        (Primitive::StreamByte, matrix + n * projection),
    ];
    // Each share: an element a limb and its proof, against terms of as many.
    let opening = [
        (Primitive::Decompression, threshold * (limbs + 3.0)),
        (Primitive::PublicMultiplication, masked + threshold * limbs),
        (Primitive::Encoding, masked),
        (Primitive::StreamByte, matrix),
    ];
    let mut counts = BTreeMap::new();
    let mut add = |terms: &[(Primitive, f64)]| {
        terms.iter().for_each(|(primitive, count)| *counts.entry(*primitive).or_default() += count);
    };
    match cell.party {
        Party::Client => add(&[
            (Primitive::Multiplication, masked + 2.0 * limbs),
            (
                Primitive::FixedMultiplication,
                2.0 * limbs + 2.0 * COEFFICIENTS + if is_norm { 2.0 * COEFFICIENTS } else { d },
            ),
            (Primitive::Encoding, elements + key),
            (
                Primitive::Term,
                2.0 * digits + if is_norm { 2.0 * NORM_ENTRIES } else { TERMS_A_BIT * 8.0 * d },
            ),
            (Primitive::Sha256Byte, bytes),
            (Primitive::Sha512Byte, hashed * d),
            (Primitive::StreamByte, matrix + projection),
        ]),
        Party::Coordinator | Party::Verifier => {
            add(&verifying);
            add(&signatures(n));
        }
        Party::Trustee => add(&[
            (Primitive::Decompression, n * key),
            (Primitive::Term, n * key + digits),
            (Primitive::PublicMultiplication, n + quorum),
            (Primitive::Multiplication, 2.0 * limbs + 4.0),
        ]),
        Party::Opening => add(&opening),
        Party::Check => add(&[
            (Primitive::Decompression, n * masked),
            (Primitive::Term, 2.0 * masked),
            (Primitive::Sha512Byte, n * hashed * d),
            (Primitive::StreamByte, matrix),
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

    #[test]
    fn a_lattice_client_streams_and_a_lattice_trustee_does_the_same_for_every_model() {
        let costs =
            Costs::from([(Primitive::Multiplication, 30e-6), (Primitive::StreamByte, 1e-9)]);
        let client = limit(&cell(Scheme::Lattice, Party::Client, 1_000_000), 1.0, &costs).unwrap();
        assert_eq!(client.primitive, Primitive::StreamByte);
        let trustee = |d| counts(&cell(Scheme::Lattice, Party::Trustee, d)).unwrap();
        assert_eq!(trustee(10_000), trustee(1_000_000));
        // 410 limbs and 16.
        let [lattice, group] = [Scheme::Lattice, Scheme::Norm]
            .map(|scheme| counts(&cell(scheme, Party::Trustee, 10_000)).unwrap());
        assert!(lattice[&Primitive::Term] > 10.0 * group[&Primitive::Term]);
    }

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
}
