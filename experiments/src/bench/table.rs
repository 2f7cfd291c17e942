//! `bench.md`: the tables for readers, aligned so that they read as well in a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::bar::{duration, significant};
use super::bars;
use super::cells::{BATCH, Cell, DIMENSIONS, INSTITUTIONS, Party};
use super::files;
use super::primitives::Primitive;
use super::results::Results;
use super::row::{Kind, Row};
use super::scheme::Scheme;
use crate::tables::{aligned, head};

/// All tables.
#[must_use]
pub fn markdown(results: &Results) -> String {
    let machine = &results.machine;
    let rows = results.rows();
    let mut text = format!(
        "Measured on {} ({} cores, {}), {}; group arithmetic: **{}**. Every cell and every comparison is a process of its \
         own; medians.\n",
        machine.cpu,
        machine.cores,
        if machine.simd.is_empty() { "no SIMD".to_owned() } else { machine.simd.join(", ") },
        machine.rustc,
        machine.ours(),
    );
    if let Some(share) = results.share_of_core().filter(|share| *share < 0.95) {
        let _ = writeln!(
            text,
            "\n**The machine was busy**: cells on one core had {:.0} % of it, so wall times are too long. `cpu_s` in {} is what \
             they would be on a quiet one.",
            share * 100.0,
            files::CSV,
        );
    }
    if results.interrupted {
        text += "\n**Interrupted**: this is what had been measured until then.\n";
    }
    section(&mut text, "Bars", &bars(results));
    let _ = writeln!(
        text,
        "\nA / B: by the wall / by the processor, of all threads and processes; a ratio has to meet its bar by both. In \
         parentheses ours against theirs. Our arithmetic is {}, that of the bulletproofs crate (curve25519-dalek 4) is {}; \
         for AVX2 alone: `RUSTFLAGS='--cfg curve25519_dalek_backend=\"simd\"' CARGO_TARGET_DIR=target/avx2 cargo run \
         --release -- bench`. Peers take turns where `--peer` names them; their whole command is timed, as is ours.",
        machine.ours(),
        machine.reference(),
    );
    if results.has_cells() {
        section(&mut text, "Time: one core (all cores)", &times(&rows, machine.cores));
        text += "\n≈: extrapolated linearly from the largest size that was measured. –: left out, see below.\n";
        section(&mut text, "Memory and traffic of a party", &traffic(&rows));
        section(&mut text, "Slopes and next limits, one core", &slopes(results));
        let _ = writeln!(
            text,
            "\ntime = constant + slope·d, least squares of the relative error; exponent: slope of the logarithms. Next limit: \
             the primitive with the largest share in what the protocol cannot do without, at the largest size measured; × \
             ideal: how many times all of that it takes, at its shortest, or in processor time."
        );
        section(&mut text, "Primitives, one core", &primitives(results));
    }
    text += &remarks(results, &rows);
    text
}

fn section(text: &mut String, title: &str, table: &[Vec<String>]) {
    let _ = write!(text, "\n### {title}\n\n{}", aligned(table));
}

/// A line for every scheme, party and n that there is, a column for every d.
fn times(rows: &[Row], cores: usize) -> Vec<Vec<String>> {
    let mut table = vec![head("d", DIMENSIONS.map(|d| d.to_string()))];
    let groups: BTreeSet<_> =
        rows.iter().map(|row| (row.cell.party, row.cell.scheme, row.cell.institutions)).collect();
    for (party, scheme, institutions) in groups {
        let all = |d| Cell { scheme, party, dimension: d, institutions, threads: cores };
        let cells = DIMENSIONS.map(|d| {
            let one = rows.iter().find(|row| row.cell == Cell { threads: 1, ..all(d) });
            let all = rows
                .iter()
                .filter(|row| row.cell == all(d) && cores > 1)
                .find_map(|row| row.median_s);
            one.map_or_else(String::new, |one| {
                time_of(one) + &all.map(|s| format!(" ({})", duration(s))).unwrap_or_default()
            })
        });
        // Of the sizes that a baseline was measured at, some are not the table's.
        if cells.iter().any(|cell| !cell.is_empty() && cell != "–") {
            table.push(head(&title(scheme, party, institutions), cells));
        }
    }
    table
}

fn title(scheme: Scheme, party: Party, institutions: u32) -> String {
    match party {
        Party::Client => format!("client; {}", scheme.label()),
        _ => format!("{}, n = {institutions}; {}", party.name(), scheme.label()),
    }
}

fn time_of(row: &Row) -> String {
    match (row.kind, row.median_s) {
        (Kind::Measured, Some(seconds)) => duration(seconds),
        (Kind::Extrapolated, Some(seconds)) => format!("≈ {}", duration(seconds)),
        (Kind::Failed, _) => "failed".into(),
        _ => "–".into(),
    }
}

fn bytes(count: Option<u64>) -> String {
    match count {
        None => String::new(),
        Some(count) if count >= 999_500 => format!("{} MB", significant(count as f64 / 1e6)),
        Some(count) if count >= 1_000 => format!("{} kB", significant(count as f64 / 1e3)),
        Some(count) => format!("{count} B"),
    }
}

/// Rounds of [`BATCH`], on one core, at the smallest and the largest size that was measured.
fn traffic(rows: &[Row]) -> Vec<Vec<String>> {
    let mut table = vec![head("", ["d", "peak memory", "up", "down"])];
    let of_ten = |row: &&Row| {
        let Cell { party, threads, institutions, .. } = row.cell;
        row.kind == Kind::Measured
            && threads == 1
            && (institutions == BATCH || party == Party::Client)
    };
    let mut groups: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(of_ten) {
        groups
            .entry((row.cell.party, row.cell.scheme, row.cell.institutions))
            .or_default()
            .push(row);
    }
    for ((party, scheme, institutions), group) in groups {
        let mut ends: Vec<&Row> = group.first().into_iter().chain(group.last()).copied().collect();
        ends.dedup();
        for row in ends {
            let peak = bytes(row.peak_kb.map(|kb| kb * 1024));
            let cells =
                [row.cell.dimension.to_string(), peak, bytes(row.bytes_up), bytes(row.bytes_down)];
            table.push(head(&title(scheme, party, institutions), cells));
        }
    }
    table
}

fn slopes(results: &Results) -> Vec<Vec<String>> {
    let mut table = vec![head(
        "",
        ["constant", "slope", "exponent", "largest d", "next limit", "of its ideal", "× ideal"],
    )];
    for slope in results.slopes().into_iter().filter(|slope| slope.threads == 1) {
        let of = |row: &&Row| {
            let Cell { scheme, party, institutions, threads, .. } = row.cell;
            let same =
                (scheme, party, institutions) == (slope.scheme, slope.party, slope.institutions);
            same && threads == 1 && row.kind == Kind::Measured
        };
        let rows = results.rows();
        let Some(largest) = rows.iter().filter(of).max_by_key(|row| row.cell.dimension) else {
            continue;
        };
        let (limit, share, times) = largest.limit.map_or_else(Default::default, |limit| {
            (
                limit.primitive.name().to_owned(),
                format!("{:.0} %", limit.share * 100.0),
                format!("{:.2}", limit.times),
            )
        });
        let fit = slope.fit;
        table.push(head(
            &title(slope.scheme, slope.party, slope.institutions),
            [
                format!("{} ms", significant(fit.constant_s * 1e3)),
                format!("{} µs/d", significant(fit.parameter_s * 1e6)),
                format!("{:.2}", fit.exponent),
                largest.cell.dimension.to_string(),
                limit,
                share,
                times,
            ],
        ));
    }
    table
}

fn primitives(results: &Results) -> Vec<Vec<String>> {
    let mut table = vec![head("", ["cost"])];
    for primitive in Primitive::ALL {
        let cost = results.limits.get(&primitive).map(|seconds| primitive.shown(*seconds));
        table.push(head(primitive.name(), [cost.unwrap_or_else(|| "–".into())]));
    }
    table
}

fn bars(results: &Results) -> Vec<Vec<String>> {
    let mut table = vec![head("", ["bar", "measured", "verdict"])];
    for bar in bars::bars(results) {
        let measured = bar.measured.unwrap_or_else(|| "–".into());
        table.push(head(&bar.what, [bar.bar, measured, bar.verdict.label().to_owned()]));
    }
    table
}

/// What was left out, what failed, and what a reader has to know of the cells.
fn remarks(results: &Results, rows: &[Row]) -> String {
    if !results.has_cells() && results.failures.is_empty() {
        return String::new();
    }
    let mut text = "\n### Left out, failed, and what the cells do\n\n".to_owned();
    let mut groups = BTreeMap::<_, BTreeSet<(u32, u32)>>::new();
    for row in rows.iter().filter(|row| row.kind == Kind::LeftOut) {
        let Cell { scheme, party, dimension, institutions, .. } = row.cell;
        groups
            .entry((row.note.as_str(), scheme, party == Party::Client))
            .or_default()
            .insert((institutions, dimension));
    }
    for ((why, scheme, is_client), sizes) in groups {
        let of = |n: u32| {
            let of_n = sizes.iter().filter(|(institutions, _)| *institutions == n);
            let shown: Vec<_> = of_n.map(|(_, d)| d.to_string()).collect();
            let place = if is_client { String::new() } else { format!("n = {n}, ") };
            (!shown.is_empty()).then(|| format!("{place}d = {}", shown.join(", ")))
        };
        let places: Vec<_> = std::iter::once(1).chain(INSTITUTIONS).filter_map(of).collect();
        let who = if is_client { "clients" } else { "rounds" };
        let _ = writeln!(
            text,
            "- Left out, {}, {who} with {}: {why}.",
            scheme.label(),
            places.join("; ")
        );
    }
    for row in rows.iter().filter(|row| row.kind == Kind::Failed) {
        let _ = writeln!(text, "- Failed: {}: {}.", row.cell, row.note);
    }
    for failure in &results.failures {
        let _ = writeln!(text, "- Failed: {failure}.");
    }
    if !results.has_cells() {
        return text;
    }
    let _ = write!(
        text,
        "- All updates of a round are distinct, of distinct institutions, made by another process. Coordinator, verifier and auditor \
         verify them {BATCH} at a time, folded, and keep the sum only.\n\
         - The coordinator's row is checking signatures, decoding, verifying, adding, and certifying the sum of the keys; \
         a verifier's is the same with the sum of the keys checked in place of certified; the auditor's adds the countersignatures, the shares and reading the sums off. Reading the ledger is not in it: \
         the bar on the audit is.\n\
         - KH-PKE per coordinate: \"proven\" attaches the scheme's own proof to every ciphertext and verifies each, with a \
         single holder of the key; \"nothing proven\" is the least it costs, with threshold decryption. Baselines run on \
         one core.\n\
         - Bytes are those of updates, signatures, sums and shares; a coordinator's \"up\" is what it sends one receiver.\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::comparison::Sizes;
    use crate::bench::example::example;
    use crate::bench::machine::Machine;

    #[test]
    fn extrapolated_and_left_out_figures_are_marked_and_nothing_is_silent() {
        let text = markdown(&example());
        let line = |start: &str| {
            text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
        };
        let naive = line("| client; bulletproofs crate, a proof a value");
        assert!(
            naive.contains("600 ms") && naive.contains("≈ 6.00 s") && naive.contains("≈ 200 s"),
            "{naive}"
        );
        assert!(text.contains(
            "- Left out, Consilium, parameter bound, clients with d = 100000: too long, by far."
        ));
        assert!(text.contains("- Failed: trustee norm, d = 300, n = 10, 1 core: signal: 9"));
        assert!(
            text.contains("not measured") && text.contains("AVX-512") && text.contains("is AVX2")
        );
    }

    #[test]
    fn units_suit_their_figures() {
        assert_eq!(
            [12, 1_200, 1_250_000].map(|count| bytes(Some(count))),
            ["12 B", "1.20 kB", "1.25 MB"]
        );
    }

    #[test]
    fn bars_alone_have_no_tables_of_cells_and_say_processor_and_arithmetic() {
        let mut results = Results::new(Machine::example(), Sizes::asked(), &[]);
        let text = markdown(&results);
        assert!(text.contains("### Bars") && !text.contains("### Time"), "{text}");
        assert!(text.contains("a processor") && text.contains("**AVX-512**"), "{text}");
        results.failures.push("both masks in turns: signal: 9".into());
        assert!(markdown(&results).contains("- Failed: both masks in turns: signal: 9."));
    }
}
