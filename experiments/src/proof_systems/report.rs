//! What was measured, as CSV, as JSON and for readers; and whether it meets what is asked.

use std::fmt::Write as _;

use super::measure::{Extent, Results, Row};
use super::printed::{FIGURE_4, TABLE_1};
use super::system::System;
use crate::bench::bar::{Bar, Sides, duration, significant};
use crate::bench::machine::Machine;
use crate::tables::{aligned, head, quoted};

/// How the rows come in that a build without the feature `peers` has not got.
pub(crate) const MISSING: &str = "groth16, spartan and winterfell are not in this build: for their rows, \
                                  `cargo run --release --features peers -- figure4` (or table1).";

/// The columns of both CSVs.
pub const CSV_HEADER: &str =
    "system,proof_bytes,message_bytes,prove_s,verify_s,folded_each_s,proves,trusts";

/// A line for every system that was measured.
pub(crate) fn csv(results: &Results) -> String {
    let mut csv = format!("{CSV_HEADER}\n");
    for row in &results.rows {
        let Row { system, proof_bytes, message_bytes, prove_s, verify_s, folded_s } = row;
        let folded = folded_s.map(|seconds| format!("{seconds:.9}")).unwrap_or_default();
        // Writing into a String cannot fail.
        let _ = writeln!(
            csv,
            "{},{proof_bytes},{message_bytes},{prove_s:.9},{verify_s:.9},{folded},{},{}",
            system.name(),
            quoted(system.proves()),
            quoted(system.trusts()),
        );
    }
    csv
}

/// What is asked.
pub(crate) fn bars(results: &Results) -> Vec<Bar> {
    let bytes = |system: System| results.row(system).map(|row| row.proof_bytes as f64);
    let against = |measured, system: System| {
        Sides::of(Some(measured), system.name(), System::Bulletproofs.name())
    };
    let [proving, verifying] = [&results.proving, &results.verifying];
    let all = vec![
        Bar::at_most("proof of a transfer", "B", 1700.0, bytes(System::Ours)),
        Bar::times(
            "encrypting and proving a transfer, against bulletproofs' two ranges",
            6.0,
            against(proving, System::Ours),
        ),
        Bar::times(
            "reading and verifying one, against the same",
            2.0,
            against(verifying, System::Ours),
        ),
        Bar::at_most(
            "proof in the paper's form repaired, u = 8, foldable",
            "B",
            2200.0,
            bytes(System::Repaired8),
        ),
        Bar::times("making it, against the same", 2.0, against(proving, System::Repaired8)),
    ];
    if results.extent == Extent::WHOLE {
        return all;
    }
    all.into_iter().map(Bar::at_another_size).collect()
}

/// Rows and bars.
pub(crate) fn json(results: &Results) -> serde_json::Value {
    let row = |row: &Row| {
        serde_json::json!({
            "system": row.system,
            "proof_bytes": row.proof_bytes,
            "message_bytes": row.message_bytes,
            "prove_s": row.prove_s,
            "verify_s": row.verify_s,
            "folded_s": row.folded_s,
            "proves": row.system.proves(),
            "trusts": row.system.trusts(),
        })
    };
    let rows: Vec<_> = results.rows.iter().map(row).collect();
    serde_json::json!({
        "machine": Machine::current(),
        "extent": results.extent,
        "rows": rows,
        "bars": bars(results),
        "printed_sizes": TABLE_1.map(|printed| (printed.system, printed.practical)),
    })
}

/// The page of figure 4.
pub(crate) fn figure_4_page(results: &Results) -> String {
    let mut text = format!("{}\n{}", measured_on(results), times(results));
    let _ = write!(text, "\n{FIGURE_4}\n{}", common(results));
    text
}

/// The page of table 1.
pub(crate) fn table_1_page(results: &Results) -> String {
    let mut text = format!("{}\n{}", measured_on(results), sizes(results));
    let _ = write!(text, "\n{}", times(results));
    let _ = write!(text, "\nAs printed in mo2023's table 1:\n\n{}", printed());
    text += &common(results);
    text
}

fn measured_on(results: &Results) -> String {
    let machine = Machine::current();
    format!(
        "Measured on {}, {}, one core; group arithmetic: **{}**, the bulletproofs crate's: {}. Processor time, medians; \
         all take turns in one process. {} messages in a fold.\n",
        machine.cpu,
        machine.rustc,
        machine.ours(),
        machine.reference(),
        results.extent.folded,
    )
}

/// Sizes and what stands behind them.
fn sizes(results: &Results) -> String {
    let mut table = vec![head("", ["proof", "whole message", "trusts"])];
    for row in &results.rows {
        let [proof, message] =
            [row.proof_bytes, row.message_bytes].map(|bytes| format!("{bytes} B"));
        table.push(head(row.system.label(), [proof, message, row.system.trusts().to_owned()]));
    }
    aligned(&table)
}

/// Times, and multiples of the bulletproofs crate's.
fn times(results: &Results) -> String {
    let reference = results.row(System::Bulletproofs);
    let mut table = vec![head("", ["prove", "×", "verify", "×", "folded, each", "×"])];
    for row in &results.rows {
        let share = |seconds: f64, of: fn(&Row) -> f64| {
            reference
                .map_or_else(|| "–".to_owned(), |reference| significant(seconds / of(reference)))
        };
        let folded = row.folded_s.map_or_else(
            || ["–".to_owned(), "–".to_owned()],
            |seconds| [duration(seconds), share(seconds, |row| row.verify_s)],
        );
        let [folded, folded_share] = folded;
        let cells = [
            duration(row.prove_s),
            share(row.prove_s, |row| row.prove_s),
            duration(row.verify_s),
            share(row.verify_s, |row| row.verify_s),
            folded,
            folded_share,
        ];
        table.push(head(row.system.label(), cells));
    }
    format!("{}\n×: multiples of the bulletproofs crate's prover and verifier.\n", aligned(&table))
}

fn printed() -> String {
    let mut table = vec![head("", ["theoretical", "practical"])];
    for printed in TABLE_1 {
        table.push(head(printed.system, [printed.theoretical, printed.practical]));
    }
    aligned(&table)
}

/// What each row proves, the bars, and what is missing.
fn common(results: &Results) -> String {
    let mut text = "\nWhat each proves:\n\n".to_owned();
    for row in &results.rows {
        let _ = writeln!(text, "- {}: {}.", row.system.label(), row.system.proves());
    }
    let mut table = vec![head("", ["bar", "measured", "verdict"])];
    for bar in bars(results) {
        let measured = bar.measured.unwrap_or_else(|| "–".to_owned());
        table.push(head(&bar.what, [bar.bar, measured, bar.verdict.label().to_owned()]));
    }
    let _ = write!(text, "\n{}", aligned(&table));
    if System::ALL.iter().any(|system| system.is_optional() && results.row(*system).is_none()) {
        let _ = write!(text, "\n{MISSING}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof_systems::example::example;

    #[test]
    fn a_csv_has_a_line_for_every_row_and_a_field_for_every_column() {
        let results = example();
        let csv = csv(&results);
        assert_eq!(csv.lines().count(), 1 + results.rows.len());
        for line in csv.lines() {
            let unquoted: String = line.split('"').step_by(2).collect();
            assert_eq!(unquoted.split(',').count(), CSV_HEADER.split(',').count(), "{line}");
        }
        assert!(csv.contains("consilium,1696,1896,0.001000000,0.001000000,0.000200000,"), "{csv}");
        assert!(csv.contains("bulletproofs,672,736,0.010000000,0.003000000,,"), "{csv}");
    }

    #[test]
    fn pages_say_what_each_row_proves_what_it_costs_and_which_rows_are_missing() {
        let results = example();
        for page in [figure_4_page(&results), table_1_page(&results)] {
            for row in &results.rows {
                assert!(page.contains(row.system.proves()) && page.contains(row.system.label()));
            }
            assert!(page.contains("1.00 ms") && page.contains("0.100"), "{page}");
            assert!(page.contains("--features peers"), "{page}");
        }
        let mut whole = example();
        let of_ours = whole.rows[0];
        whole.rows = System::ALL.map(|system| Row { system, ..of_ours }).to_vec();
        assert!(!table_1_page(&whole).contains("--features peers"));
    }

    #[test]
    fn sizes_that_the_paper_prints_stand_as_they_are_and_no_time_is_said_to_be_its() {
        let page = table_1_page(&example());
        for size in ["3.2 MB", "2115 B", "735 KB", "3260 B"] {
            assert!(page.contains(size), "{size}");
        }
        assert!(figure_4_page(&example()).contains("no time is printed"));
    }

    #[test]
    fn bars_are_judged_at_the_whole_size_alone() {
        let mut results = example();
        let verdicts = |results: &Results| {
            bars(results).iter().map(|bar| bar.verdict.label()).collect::<Vec<_>>()
        };
        let [met, missing] = ["met", "not measured"];
        assert_eq!(verdicts(&results), [met, met, met, missing, missing]);
        results.extent = Extent::QUICK;
        assert_eq!(verdicts(&results), [missing; 5]);
        assert_eq!(json(&results)["rows"][0]["proof_bytes"], 1696);
    }
}
