//! What a run has measured so far, as `bench.csv` and `bench.json` hold it.

use std::fmt::Write as _;

use super::bars::bars;
use super::cells::Cell;
use super::results::Results;
use crate::tables::quoted;

/// The columns of `bench.csv`.
pub const CSV_HEADER: &str = "scheme,party,d,n,threads,kind,repetitions,median_s,min_s,cpu_s,warm_up_s,peak_kb,bytes_up,\
                              bytes_down,parts,limit,times_ideal,note";

/// `bench.csv`.
#[must_use]
pub(crate) fn csv(results: &Results) -> String {
    let mut csv = format!("{CSV_HEADER}\n");
    for row in results.rows() {
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

/// `bars.csv`: a row for every bar.
#[must_use]
pub(crate) fn bars_csv(results: &Results) -> String {
    let mut csv = "what,bar,measured,verdict\n".to_owned();
    for bar in bars(results) {
        let verdict = serde_json::to_value(bar.verdict).unwrap_or_default();
        let measured = bar.measured.as_deref().unwrap_or_default();
        let _ = writeln!(
            csv,
            "{},{},{},{}",
            quoted(&bar.what),
            quoted(&bar.bar),
            quoted(measured),
            verdict.as_str().unwrap_or_default(),
        );
    }
    csv
}

/// `bench.json`.
#[must_use]
pub fn json(results: &Results) -> serde_json::Value {
    serde_json::json!({
        "machine": results.machine,
        "arithmetic": results.machine.ours(),
        "sizes": results.sizes,
        "interrupted": results.interrupted,
        "share_of_core": results.share_of_core(),
        "limits_s": results.limits,
        "rows": results.rows(),
        "slopes": results.slopes(),
        "bars": bars(results),
        "compared": results.comparisons(),
        "failures": results.failures,
    })
}

fn seconds(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.9}")).unwrap_or_default()
}

fn number(value: Option<u64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::example::example;

    #[test]
    fn a_csv_has_a_row_for_every_cell_and_as_many_fields_as_columns() {
        let csv = csv(&example());
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
    fn every_bar_is_a_line_with_its_verdict() {
        let results = example();
        let csv = bars_csv(&results);
        assert_eq!(csv.lines().count(), 1 + bars(&results).len());
        assert!(csv.lines().skip(1).all(|line| line.ends_with(",not_measured")), "{csv}");
        for line in csv.lines() {
            let unquoted: String = line.split('"').step_by(2).collect();
            assert_eq!(unquoted.split(',').count(), 4, "{line}");
        }
    }

    #[test]
    fn the_json_holds_rows_slopes_bars_and_the_machine() {
        let json = json(&example());
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
}
