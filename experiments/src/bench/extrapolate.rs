//! What a baseline would take at the sizes at which it was not measured.

use std::collections::BTreeMap;

use super::cells::{Cell, DIMENSIONS, INSTITUTIONS, Party};
use super::row::{Kind, Row};
use super::scheme::Scheme;

/// The sizes of the table at which a baseline was not measured, in proportion to d, and to n where all institutions'
/// updates are worked on.
pub(crate) fn extrapolated(rows: &[Row]) -> Vec<Row> {
    let mut bases: BTreeMap<(Scheme, Party), &Row> = BTreeMap::new();
    let baselines = rows
        .iter()
        .filter(|row| row.kind == Kind::Measured && !Scheme::OWN.contains(&row.cell.scheme));
    for row in baselines {
        let base = bases.entry((row.cell.scheme, row.cell.party)).or_insert(row);
        if (row.cell.dimension, row.cell.institutions)
            > (base.cell.dimension, base.cell.institutions)
        {
            *base = row;
        }
    }
    let mut all = Vec::new();
    for base in bases.into_values() {
        let is_client = base.cell.party == Party::Client;
        for dimension in DIMENSIONS {
            for institutions in INSTITUTIONS
                .into_iter()
                .map(|n| if is_client { 1 } else { n })
                .take(if is_client { 1 } else { 2 })
            {
                let cell = Cell { dimension, institutions, ..base.cell };
                if rows.iter().any(|row| row.cell == cell) {
                    continue;
                }
                all.push(scaled(base, cell));
            }
        }
    }
    all
}

fn scaled(base: &Row, cell: Cell) -> Row {
    let by_d = f64::from(cell.dimension) / f64::from(base.cell.dimension);
    let by_n = f64::from(cell.institutions) / f64::from(base.cell.institutions);
    // The trustees' part, and what opens a sum of bare ciphertexts, is of the sum: n does not count.
    let of_sum = base.cell.party == Party::Trustee
        || (base.cell.scheme, base.cell.party) == (Scheme::KhpkeBare, Party::Opening);
    let by_party = if of_sum { 1.0 } else { by_n };
    let scale = |seconds: f64| seconds * by_d * by_party;
    let bytes = |bytes: Option<u64>, by_n: f64| {
        bytes.map(|bytes| (bytes as f64 * by_d * by_n).round() as u64)
    };
    Row {
        median_s: base.median_s.map(scale),
        min_s: base.min_s.map(scale),
        bytes_up: bytes(base.bytes_up, 1.0),
        bytes_down: bytes(base.bytes_down, by_party),
        note: format!("linear from d = {}, n = {}", base.cell.dimension, base.cell.institutions),
        ..Row::empty(cell, Kind::Extrapolated, String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::example::example;

    #[test]
    fn baselines_are_extrapolated_linearly_marked_and_never_over_what_was_measured() {
        let rows = example().rows();
        let find = |scheme, party, d, n| {
            let found: Vec<_> = rows
                .iter()
                .filter(|row| {
                    (row.cell.scheme, row.cell.party, row.cell.dimension, row.cell.institutions)
                        == (scheme, party, d, n)
                })
                .collect();
            assert_eq!(found.len(), 1, "{scheme:?} {party:?} {d} {n}");
            found[0].clone()
        };
        let client = find(Scheme::CrateNaive, Party::Client, 30_000, 1);
        assert_eq!(
            (client.kind, client.repetitions, client.peak_kb),
            (Kind::Extrapolated, 0, None)
        );
        assert_eq!((client.median_s, client.bytes_up), (Some(0.6 * 100.0), Some(100_000)));
        assert!(client.note.contains("d = 300"));
        let coordinator = find(Scheme::CrateNaive, Party::Coordinator, 3_000, 50);
        assert_eq!(
            (coordinator.median_s, coordinator.bytes_down),
            (Some(1.2 * 10.0 * 5.0), Some(500_000))
        );
        assert_eq!(find(Scheme::CrateNaive, Party::Coordinator, 300, 10).kind, Kind::Measured);
        assert_eq!(
            find(Scheme::KhpkeBare, Party::Trustee, 300, 50).median_s,
            Some(0.6),
            "a sum is a sum"
        );
        assert!(
            rows.iter().all(
                |row| row.kind != Kind::Extrapolated || !Scheme::OWN.contains(&row.cell.scheme)
            )
        );
    }
}
