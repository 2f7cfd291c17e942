//! Results for tests.

use super::cells::{Cell, Party};
use super::comparison::Sizes;
use super::machine::Machine;
use super::measuring::Measured;
use super::primitives::Primitive;
use super::results::Results;
use super::scheme::Scheme;

/// Results of a small run: a baseline, two sizes of the norm bound, one left out, one failed.
pub(crate) fn example() -> Results {
    let left_out = Cell {
        scheme: Scheme::Parameter,
        party: Party::Client,
        dimension: 100_000,
        institutions: 1,
        threads: 1,
    };
    let mut results =
        Results::new(Machine::example(), Sizes::asked(), &[(left_out, "too long, by far")]);
    results.limits = Primitive::ALL.map(|primitive| (primitive, 1e-6)).into();
    let measured = |seconds: f64| Measured {
        seconds: vec![seconds, 2.0 * seconds, 3.0 * seconds],
        parts: [("prove".to_owned(), seconds)].into(),
        peak_kb: Some(1_000),
        bytes_up: 1_000,
        bytes_down: 10_000,
        ..Measured::default()
    };
    let cell = |scheme, party, dimension, institutions| Cell {
        scheme,
        party,
        dimension,
        institutions,
        threads: 1,
    };
    for dimension in [300, 3_000] {
        let seconds = 0.1 + 1e-5 * f64::from(dimension);
        results.add(cell(Scheme::Norm, Party::Client, dimension, 1), measured(seconds));
        results.add(cell(Scheme::Norm, Party::Coordinator, dimension, 10), measured(seconds));
    }
    results.add(cell(Scheme::CrateNaive, Party::Client, 300, 1), measured(0.3));
    results.add(cell(Scheme::CrateNaive, Party::Coordinator, 300, 10), measured(0.6));
    results.add(cell(Scheme::KhpkeBare, Party::Trustee, 300, 10), measured(0.3));
    results
        .fail(cell(Scheme::Norm, Party::Trustee, 300, 10), "signal: 9, it said \"nothing\"".into());
    results
}
