//! What a run has measured so far, as `bench.csv` and `bench.json` hold it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::bars::{Bar, bars};
use super::cells::{Cell, DIMENSIONS, INSTITUTIONS, Party, Scheme};
use super::fit::{Fit, fit};
use super::limits::{Costs, Limit, limit};
use super::machine::Machine;
use super::measuring::Measured;

/// The columns of `bench.csv`.
pub const CSV_HEADER: &str = "scheme,party,d,n,threads,kind,repetitions,median_s,min_s,cpu_s,warm_up_s,peak_kb,bytes_up,\
                              bytes_down,parts,limit,times_ideal,note";

/// Shorter than this, in seconds, the system's clock of processor time says too little.
const CLOCK_S: f64 = 0.05;

/// How a row came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// In a process of its own.
    Measured,
    /// Linearly, from the largest measured row of the same baseline and party.
    Extrapolated,
    /// Not at all; the note says why.
    LeftOut,
    /// It was tried; the note says what went wrong.
    Failed,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Extrapolated => "extrapolated",
            Self::LeftOut => "left_out",
            Self::Failed => "failed",
        }
    }
}

/// A row of `bench.csv`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What.
    #[serde(flatten)]
    pub cell: Cell,
    /// How it came about.
    pub kind: Kind,
    /// Repetitions after the warm-up.
    pub repetitions: usize,
    /// Median wall time, in seconds.
    pub median_s: Option<f64>,
    /// Shortest wall time, in seconds.
    pub min_s: Option<f64>,
    /// Median of the processor time of a repetition, all threads together, in seconds.
    pub cpu_s: Option<f64>,
    /// Wall time of the warm-up, in seconds.
    pub warm_up_s: Option<f64>,
    /// Peak resident memory of the process, in kB.
    pub peak_kb: Option<u64>,
    /// Bytes that the party sends.
    pub bytes_up: Option<u64>,
    /// Bytes that it is sent.
    pub bytes_down: Option<u64>,
    /// Medians of its parts, in seconds.
    pub parts: BTreeMap<String, f64>,
    /// What it runs into next.
    pub limit: Option<Limit>,
    /// Why it is left out, what went wrong, or what it was extrapolated from.
    pub note: String,
}

impl Row {
    fn empty(cell: Cell, kind: Kind, note: String) -> Self {
        Self {
            cell,
            kind,
            repetitions: 0,
            median_s: None,
            min_s: None,
            cpu_s: None,
            warm_up_s: None,
            peak_kb: None,
            bytes_up: None,
            bytes_down: None,
            parts: BTreeMap::new(),
            limit: None,
            note,
        }
    }
}

/// A fitted slope.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slope {
    /// Whose bound.
    pub scheme: Scheme,
    /// Whose time.
    pub party: Party,
    /// n.
    pub institutions: u32,
    /// Cores.
    pub threads: usize,
    /// The line.
    pub fit: Fit,
}

/// Everything that is written down.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// Where it was measured.
    pub machine: Machine,
    /// Whether only the subset was asked for.
    pub quick: bool,
    /// Whether it ended before everything was measured.
    pub interrupted: bool,
    /// Seconds for each primitive, on one core.
    pub limits: Costs,
    /// All rows but the extrapolated ones, in the order in which they were measured.
    rows: Vec<Row>,
    /// Medians of ours and the crate's provers, in turns.
    pub prove_duel: Option<Measured>,
    /// The same of the verifiers.
    pub verify_duel: Option<Measured>,
    /// The replay's rounds and audit.
    pub verified_run: Option<Measured>,
    /// What failed that is no cell.
    pub failures: Vec<String>,
}

impl Results {
    /// Nothing measured yet; what is left out is already known.
    #[must_use]
    pub fn new(machine: Machine, quick: bool, left_out: &[(Cell, &str)]) -> Self {
        let mut results = Self {
            machine,
            quick,
            interrupted: false,
            limits: Costs::new(),
            rows: Vec::new(),
            prove_duel: None,
            verify_duel: None,
            verified_run: None,
            failures: Vec::new(),
        };
        left_out.iter().for_each(|(cell, why)| results.leave_out(*cell, why));
        results
    }

    /// Adds a cell that is not measured.
    pub fn leave_out(&mut self, cell: Cell, why: &str) {
        self.rows.push(Row::empty(cell, Kind::LeftOut, why.to_owned()));
    }

    /// Adds a measured cell.
    pub fn add(&mut self, cell: Cell, measured: Measured) {
        let median_s = measured.median();
        let min_s = measured.least();
        // On one core, processor time is wall time without what else the machine did.
        let cpu = measured.cpu_s.filter(|cpu| cell.threads == 1 && *cpu >= CLOCK_S);
        let shortest = min_s.map(|least| least.min(cpu.unwrap_or(least)));
        self.rows.push(Row {
            repetitions: measured.seconds.len(),
            median_s,
            min_s,
            cpu_s: measured.cpu_s,
            warm_up_s: Some(measured.warm_up_s),
            peak_kb: measured.peak_kb,
            bytes_up: Some(measured.bytes_up),
            bytes_down: Some(measured.bytes_down),
            limit: shortest.and_then(|seconds| limit(&cell, seconds, &self.limits)),
            parts: measured.parts,
            ..Row::empty(cell, Kind::Measured, String::new())
        });
    }

    /// Adds a cell that failed.
    pub fn fail(&mut self, cell: Cell, reason: String) {
        self.rows.push(Row::empty(cell, Kind::Failed, reason));
    }

    /// Every row, extrapolated ones included, by scheme, party, d, n and threads.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = self.rows.clone();
        rows.extend(extrapolated(&self.rows));
        rows.sort_by_key(|row| row.cell);
        rows
    }

    /// The measured row of a cell.
    #[must_use]
    pub fn measured(&self, cell: &Cell) -> Option<&Row> {
        self.rows.iter().find(|row| row.cell == *cell && row.kind == Kind::Measured)
    }

    /// The share of their core that the cells on one core had: well below 1, the machine was doing something else, and wall
    /// times are that much too long. Cells too short for the system's clock do not count.
    #[must_use]
    pub fn share_of_core(&self) -> Option<f64> {
        let cells = self.rows.iter().filter(|row| row.cell.threads == 1);
        let times = cells
            .filter_map(|row| row.median_s.zip(row.cpu_s))
            .filter(|(wall, _)| *wall >= CLOCK_S);
        let (wall, cpu) =
            times.fold((0.0, 0.0), |(walls, cpus), (wall, cpu)| (walls + wall, cpus + cpu));
        (wall > 0.0).then_some(cpu / wall)
    }

    /// Slopes of Consilium's own schemes, wherever two sizes were measured.
    #[must_use]
    pub fn slopes(&self) -> Vec<Slope> {
        let mut groups = BTreeMap::<_, Vec<(f64, f64)>>::new();
        for row in self
            .rows
            .iter()
            .filter(|row| row.kind == Kind::Measured && row.cell.scheme.bound().is_some())
        {
            let Cell { scheme, party, dimension, institutions, threads } = row.cell;
            if let Some(seconds) = row.median_s {
                let group = groups.entry((scheme, party, institutions, threads)).or_default();
                group.push((f64::from(dimension), seconds));
            }
        }
        let slope = |((scheme, party, institutions, threads), points): (_, Vec<_>)| {
            Some(Slope { scheme, party, institutions, threads, fit: fit(&points)? })
        };
        groups.into_iter().filter_map(slope).collect()
    }

    /// The bars, each with what was measured for it.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        bars(self)
    }

    /// `bench.csv`.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut csv = format!("{CSV_HEADER}\n");
        for row in self.rows() {
            let Cell { scheme, party, dimension, institutions, threads } = row.cell;
            let parts: Vec<_> =
                row.parts.iter().map(|(part, seconds)| format!("{part}={seconds:.6}")).collect();
            let (limit, times) = row.limit.map_or_else(Default::default, |limit| {
                (limit.primitive.name().to_owned(), format!("{:.3}", limit.times))
            });
            // Writing into a String cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{dimension},{institutions},{threads},{},{},{},{},{},{},{},{},{},{},{limit},{times},{}",
                scheme.name(),
                party.name(),
                row.kind.name(),
                row.repetitions,
                seconds(row.median_s),
                seconds(row.min_s),
                seconds(row.cpu_s),
                seconds(row.warm_up_s),
                number(row.peak_kb),
                number(row.bytes_up),
                number(row.bytes_down),
                parts.join(";"),
                quoted(&row.note),
            );
        }
        csv
    }

    /// `bench.json`.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "machine": self.machine,
            "quick": self.quick,
            "interrupted": self.interrupted,
            "share_of_core": self.share_of_core(),
            "limits_s": self.limits,
            "rows": self.rows(),
            "slopes": self.slopes(),
            "bars": self.bars(),
            "prove_duel": self.prove_duel,
            "verify_duel": self.verify_duel,
            "verified_run": self.verified_run,
            "failures": self.failures,
        })
    }
}

fn seconds(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.9}")).unwrap_or_default()
}

fn number(value: Option<u64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A field that may hold commas or quotes.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"").replace('\n', " "))
    } else {
        text.to_owned()
    }
}

/// The sizes of the table at which a baseline was not measured, in proportion to d, and to n where all institutions'
/// updates are worked on.
fn extrapolated(rows: &[Row]) -> Vec<Row> {
    let mut bases: BTreeMap<(Scheme, Party), &Row> = BTreeMap::new();
    let baselines =
        rows.iter().filter(|row| row.kind == Kind::Measured && row.cell.scheme.bound().is_none());
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
pub(crate) mod tests {
    use super::*;
    use crate::bench::limits::Primitive;

    /// Results of a small run: a baseline, two sizes of the norm bound, one left out, one failed.
    pub(crate) fn example() -> Results {
        let left_out = Cell {
            scheme: Scheme::Parameter,
            party: Party::Client,
            dimension: 100_000,
            institutions: 1,
            threads: 1,
        };
        let mut results = Results::new(Machine::example(), true, &[(left_out, "too long, by far")]);
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
        results.fail(
            cell(Scheme::Norm, Party::Trustee, 300, 10),
            "signal: 9, it said \"nothing\"".into(),
        );
        results
    }

    #[test]
    fn a_csv_has_a_row_for_every_cell_and_as_many_fields_as_columns() {
        let csv = example().csv();
        let columns = CSV_HEADER.split(',').count();
        for line in csv.lines() {
            let unquoted: String = line.split('"').step_by(2).collect();
            assert_eq!(unquoted.split(',').count(), columns, "{line}");
        }
        assert_eq!(csv.lines().count(), 1 + example().rows().len());
        let starts = |start: &str| csv.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(starts("norm,client,300,1,1,measured,3,0.206000000,0.103000000,"), 1, "{csv}");
        assert_eq!(
            starts("parameter,client,100000,1,1,left_out,0,,,,,,,,,,,\"too long, by far\""),
            1,
            "{csv}"
        );
        assert_eq!(starts("norm,trustee,300,10,1,failed,0,"), 1, "{csv}");
    }

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
            rows.iter()
                .all(|row| row.kind != Kind::Extrapolated || row.cell.scheme.bound().is_none())
        );
    }

    #[test]
    fn the_json_holds_rows_slopes_bars_and_the_machine() {
        let json = example().json();
        assert_eq!(json["rows"].as_array().unwrap().len(), example().rows().len());
        let row = &json["rows"][0];
        for field in [
            "scheme",
            "party",
            "dimension",
            "kind",
            "median_s",
            "peak_kb",
            "parts",
            "limit",
            "note",
        ] {
            assert!(row.get(field).is_some(), "{field}: {row}");
        }
        let slopes = json["slopes"].as_array().unwrap();
        assert_eq!(slopes.len(), 2);
        assert!((slopes[0]["fit"]["parameter_s"].as_f64().unwrap() - 2e-5).abs() < 1e-12);
        assert!(json["machine"]["cores"].is_u64() && !json["bars"].as_array().unwrap().is_empty());
        assert_eq!(json["limits_s"]["term"], 1e-6);
    }

    #[test]
    fn a_measured_row_says_what_its_next_limit_is() {
        let results = example();
        let rows = results.rows();
        let limited = |row: &&Row| row.kind == Kind::Measured && row.cell.scheme.bound().is_some();
        assert!(rows.iter().filter(limited).all(|row| row.limit.is_some()));
    }
}
