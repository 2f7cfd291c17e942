//! What the project asks of itself on two cores, and whether this run met it.

use serde::Serialize;

use super::cells::{Cell, Party, Scheme};
use super::duel::{CRATE, OURS};
use super::measuring::Measured;
use super::parties::SIGNED_HEADER;
use super::results::Results;
use super::row::Row;
use super::verified_run::{AUDIT, ROUNDS};

/// One bar.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// What is asked.
    pub what: String,
    /// How much, in words.
    pub bar: String,
    /// What was measured, in words; `None` where this run did not.
    pub measured: Option<String>,
    /// Whether it was met.
    pub is_met: Option<bool>,
}

impl Bar {
    fn new(
        what: impl Into<String>,
        bar: impl Into<String>,
        measured: Option<(String, bool)>,
    ) -> Self {
        let (measured, is_met) = measured.unzip();
        Self { what: what.into(), bar: bar.into(), measured, is_met }
    }

    fn at_most(what: impl Into<String>, unit: &str, most: f64, value: Option<f64>) -> Self {
        let shown = |value: f64| format!("{} {unit}", significant(value));
        Self::new(
            what,
            format!("≤ {}", shown(most)),
            value.map(|value| (shown(value), value <= most)),
        )
    }
}

impl Bar {
    /// Says beside a wall time what it would be on a machine that does nothing else. It decides nothing.
    fn with_processor_time(mut self, unit: &str, cpu: Option<f64>) -> Self {
        if let Some((measured, cpu)) = self.measured.as_mut().zip(cpu) {
            measured.push_str(&format!(" ({} {unit} of processor)", significant(cpu)));
        }
        self
    }
}

/// Three significant digits, and no exponent.
pub(crate) fn significant(value: f64) -> String {
    match value.abs() {
        v if v == 0.0 || v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 => format!("{value:.2}"),
        v if v >= 0.099_95 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// All bars that can be measured from here, and the one that cannot.
pub(crate) fn bars(results: &Results) -> Vec<Bar> {
    let cell = |party, dimension, institutions| Cell {
        scheme: Scheme::Norm,
        party,
        dimension,
        institutions,
        threads: 1,
    };
    let row =
        |party, dimension, institutions| results.measured(&cell(party, dimension, institutions));
    let median = |row: Option<&Row>| row.and_then(|row| row.median_s);

    let run = |part| results.verified_run.as_ref().and_then(|run| run.parts.get(part).copied());
    let rounds = run(ROUNDS).map(|seconds| format!("{seconds:.1} s here, to be compared"));
    let mut bars = vec![
        Bar {
            what: "verified run of the replay, against Flower's SecAgg+ in turns".into(),
            bar: "no longer; ≤ 2.3 × plain Flower".into(),
            measured: rounds,
            is_met: None,
        },
        ratio(
            "our prover against the crate's, 256 values of 8 bits, one core",
            2.2,
            &results.prove_duel,
        ),
        ratio(
            "10 × 289 parameters folded, against the crate one by one, one core",
            3.0,
            &results.verify_duel,
        ),
    ];
    for (dimension, most) in [(1_024, 0.25), (10_000, 0.65), (100_000, 3.6)] {
        let row = row(Party::Client, dimension, 1);
        let what = format!("client, norm bound, one core, d = {dimension}");
        bars.push(
            Bar::at_most(what, "s", most, median(row))
                .with_processor_time("s", row.and_then(|row| row.cpu_s)),
        );
        let size = 33_000.0 + 32.0 * f64::from(dimension);
        let sent = row.and_then(|row| row.bytes_up).map(|bytes| bytes as f64 / 1e3);
        bars.push(Bar::at_most(format!("its upload, d = {dimension}"), "kB", size / 1e3, sent));
    }
    for dimension in [10_000, 100_000] {
        let most = 9e-3 * f64::from(dimension) + 15.0;
        let row = row(Party::Coordinator, dimension, 10);
        let each = |seconds: f64| seconds * 1e3 / 10.0;
        let what =
            format!("coordinator, one of 10 updates folded, norm bound, one core, d = {dimension}");
        let bar = Bar::at_most(what, "ms", most, median(row).map(each));
        bars.push(bar.with_processor_time("ms", row.and_then(|row| row.cpu_s).map(each)));
    }
    let peak = row(Party::Coordinator, 100_000, 10)
        .and_then(|row| row.peak_kb)
        .map(|kb| kb as f64 * 1024.0 / 1e6);
    bars.push(Bar::at_most(
        "coordinator's memory, norm bound, d = 100000, n = 10",
        "MB",
        400.0,
        peak,
    ));
    bars.push(Bar::at_most("full audit of the replay", "s", 15.0, run(AUDIT)));

    let trustee = row(Party::Trustee, 300, 10);
    let large = [100_000, 3_000]
        .into_iter()
        .find_map(|dimension| Some((dimension, row(Party::Trustee, dimension, 10)?)));
    let slower = median(trustee)
        .zip(large.and_then(|(_, row)| row.median_s))
        .map(|(small, large)| small.max(large));
    bars.push(Bar::at_most(
        "trustee in a round of ten",
        "ms",
        30.0,
        slower.map(|seconds| seconds * 1e3),
    ));
    let traffic = |row: &Row| (row.bytes_up, row.bytes_down);
    let constant = trustee.zip(large).map(|(small, (dimension, large))| {
        let is_same = traffic(small) == traffic(large);
        (
            format!(
                "d = 300 and {dimension}: {}",
                if is_same { "the same bytes" } else { "other bytes" }
            ),
            is_same,
        )
    });
    bars.push(Bar::new("its work", "constant in d", constant));
    let of = |row: Option<&Row>, bytes: fn(&Row) -> Option<u64>| {
        row.and_then(bytes).map(|bytes| bytes as f64 / 1e3)
    };
    let down = of(trustee, |row| row.bytes_down).map(|all| {
        let each = SIGNED_HEADER as f64 / 1e3;
        let rest = significant(all - 10.0 * each);
        (
            format!("{} kB (and {rest} kB for the sum and its quorum)", significant(each)),
            each <= 3.0,
        )
    });
    bars.push(Bar::new("its download, per institution", "≤ 3.00 kB", down));
    bars.push(Bar::at_most("its upload", "kB", 1.0, of(trustee, |row| row.bytes_up)));
    bars
}

fn ratio(what: &str, least: f64, duel: &Option<Measured>) -> Bar {
    let part = |name: &str| duel.as_ref().and_then(|duel| duel.parts.get(name).copied());
    let measured = part(OURS).zip(part(CRATE)).map(|(ours, theirs)| {
        let times = theirs / ours;
        let ours = significant(ours * 1e3);
        let theirs = significant(theirs * 1e3);
        (format!("{times:.2} × ({ours} against {theirs} ms)"), times >= least)
    });
    Bar::new(what, format!("≥ {least} ×"), measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::example::example;

    #[test]
    fn a_bar_is_met_missed_or_not_measured() {
        let find = |results: &Results, what: &str| {
            bars(results).into_iter().find(|bar| bar.what.contains(what)).unwrap()
        };
        let mut results = example();
        assert_eq!(find(&results, "our prover").is_met, None);
        for (theirs, is_met) in [(2.2, true), (2.1, false)] {
            let parts = [(OURS.to_owned(), 1.0), (CRATE.to_owned(), theirs)].into();
            results.prove_duel = Some(Measured { parts, ..Measured::default() });
            assert_eq!(find(&results, "our prover").is_met, Some(is_met));
        }
        let client = Cell {
            scheme: Scheme::Norm,
            party: Party::Client,
            dimension: 10_000,
            institutions: 1,
            threads: 1,
        };
        results.add(
            client,
            Measured { seconds: vec![0.66], bytes_up: 353_000, ..Measured::default() },
        );
        assert_eq!(find(&results, "one core, d = 10000").is_met, Some(false));
        let upload = find(&results, "its upload, d = 10000");
        assert_eq!((upload.is_met, upload.measured.as_deref()), (Some(true), Some("353 kB")));
        assert_eq!(find(&results, "Flower").is_met, None);
    }

    #[test]
    fn three_digits_count() {
        let shown = [0.0, 0.01234, 0.12345, 1.2345, 12.345, 123.45, 12345.0].map(significant);
        assert_eq!(shown, ["0", "0.0123", "0.123", "1.23", "12.3", "123", "12345"]);
    }
}
