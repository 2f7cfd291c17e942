//! Numbers to test tables and figures with: ours and the bulletproofs crate.

use super::measure::{Extent, Results, Row};
use super::system::System;
use crate::bench::measuring::Measured;

pub(crate) fn example() -> Results {
    let ours = Row {
        system: System::Ours,
        proof_bytes: 1696,
        message_bytes: 1896,
        prove_s: 0.001,
        verify_s: 0.001,
        folded_s: Some(0.0002),
    };
    let theirs = Row {
        system: System::Bulletproofs,
        proof_bytes: 672,
        message_bytes: 736,
        prove_s: 0.01,
        verify_s: 0.003,
        folded_s: None,
    };
    let rows = vec![ours, theirs];
    let measured = |seconds: fn(&Row) -> f64| {
        let parts = rows.iter().map(|row| (row.system.name().to_owned(), seconds(row))).collect();
        Measured { parts, ..Measured::default() }
    };
    let proving = measured(|row| row.prove_s);
    let verifying = measured(|row| row.verify_s);
    Results { extent: Extent::WHOLE, rows, proving, verifying }
}
