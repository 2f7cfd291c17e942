//! The tables, for a screen and for `insurance.md`.

use std::fmt::Write as _;

use super::operations::{NAMES, Stage};
use super::published::{
    EXPONENTIATION_MS, FEWER_BYTES, LESS_TIME, LONGEST_STAGE_MS, MULTI_EXPONENTIATION,
    MULTIPLICATION_MS, PAIRING_MS,
};
use super::record::{BytesRow, WireStage};
use super::run::Measurements;
use crate::tables::count;

/// One screen: tables 2 and 3 for one owner, figures 6 and 7 in a line each.
#[must_use]
pub fn text_table(measured: &Measurements) -> String {
    let Measurements { config, machine, .. } = measured;
    let firms = [
        count(config.users, "car owner"),
        count(config.insurers, "insurer"),
        count(config.shops, "shop"),
    ];
    let mut text = format!(
        "{}; records of {} bytes; one proxy\n{}, {} arithmetic, one core\n\n",
        firms.join(", "),
        config.record_bytes,
        machine.cpu,
        machine.ours(),
    );
    times(measured, &mut text);
    text.push('\n');
    bytes(measured, &mut text);
    text
}

/// `insurance.md`.
#[must_use]
pub fn markdown(measured: &Measurements) -> String {
    format!("# Sharing insurance and repair records\n\n```text\n{}```\n", text_table(measured))
}

/// Table 2, and figure 6 as its slope.
fn times(measured: &Measurements, text: &mut String) {
    // Writing into a String cannot fail.
    let _ = writeln!(
        text,
        "liu2021, table 2: a stage, for one record; median processor time, pairings: none"
    );
    let _ = write!(text, "{:<12}{:>9}{:>9}", "stage", "µs", "wall µs");
    NAMES.iter().for_each(|name| text.push_str(&format!("{name:>9}")));
    text.push_str("   these take\n");
    for stage in Stage::ALL {
        let Some(row) = measured.times.iter().rev().find(|row| row.stage == stage) else {
            continue;
        };
        let each = |seconds: f64| seconds / row.users as f64 * 1e6;
        let _ =
            write!(text, "{:<12}{:>9.1}{:>9.1}", stage.name(), each(row.cpu_s), each(row.wall_s));
        row.operations.numbers().iter().for_each(|number| text.push_str(&format!("{number:>9}")));
        let share = 100.0 * row.operations_s / row.cpu_s;
        let _ = writeln!(text, "{:>9.0} % of it", share);
    }
    if let Some((fewest, most)) = ends(measured) {
        let _ = writeln!(
            text,
            "figure 6: all four stages, of {}: {:.2} ms; of {}: {:.2} ms",
            count(fewest.0, "owner"),
            fewest.1 * 1e3,
            count(most.0, "owner"),
            most.1 * 1e3,
        );
    }
    let _ = writeln!(
        text,
        "the paper, estimated for other processors: a pairing {PAIRING_MS} ms, a multiplication {MULTIPLICATION_MS} ms, an\n\
         exponentiation {EXPONENTIATION_MS} ms, a multi-exponentiation {MULTI_EXPONENTIATION} of these; its longest stage {LONGEST_STAGE_MS} ms; in all {LESS_TIME} less\n\
         than [23]. The rest of its table 2 is an image that our text lacks."
    );
}

/// Seconds of all four stages, for the fewest owners and for the most.
fn ends(measured: &Measurements) -> Option<((usize, f64), (usize, f64))> {
    let users = measured.times.iter().map(|row| row.users);
    let of = |users: usize| {
        let rows = measured.times.iter().filter(|row| row.users == users);
        (users, rows.map(|row| row.cpu_s).sum())
    };
    Some((of(users.clone().min()?), of(users.max()?)))
}

/// Table 3, and figure 7 as its slope.
fn bytes(measured: &Measurements, text: &mut String) {
    let most = measured.bytes.iter().map(|row| row.users).max().unwrap_or_default();
    let _ = writeln!(
        text,
        "liu2021, table 3: bytes that went over the wire, both ways; a policy, a repair and a claim"
    );
    let _ = writeln!(
        text,
        "{:<16}{:<26}{:>10}{:>12}{:>20}",
        "stage",
        "connections",
        "messages",
        "with HTTP/2",
        format!("{}, kB", count(most, "owner")),
    );
    let at = |row: &&BytesRow, users: usize| row.users == users;
    for stage in WireStage::ALL {
        let rows = measured.bytes.iter().filter(|row| row.stage == stage);
        for row in rows.clone().filter(|row| at(row, 1)) {
            let all = rows.clone().filter(|other| at(other, most) && other.link == row.link);
            let all: u64 = all.map(|row| row.all).sum();
            let _ = writeln!(
                text,
                "{:<16}{:<26}{:>10}{:>12}{:>20.1}",
                stage.name(),
                row.link.name(),
                row.messages,
                row.all,
                all as f64 / 1e3,
            );
        }
    }
    let sum = |users: usize, of: fn(&BytesRow) -> u64| -> u64 {
        measured.bytes.iter().filter(|row| at(row, users)).map(of).sum()
    };
    let _ = writeln!(
        text,
        "{:<42}{:>10}{:>12}{:>20.1}",
        "in all",
        sum(1, |row| row.messages),
        sum(1, |row| row.all),
        sum(most, |row| row.all) as f64 / 1e3,
    );
    let followers = measured.bytes.first().map(|row| row.followers).unwrap_or_default();
    let _ = writeln!(
        text,
        "Every statement was sealed in a block of its own; each of the {followers} parties read as many blocks.\n\
         The paper counts group elements for one user, {FEWER_BYTES} fewer bytes than [22]; how many is an image."
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insurance::run::example;

    #[test]
    fn every_stage_is_a_line_and_the_papers_numbers_are_those_of_its_text() {
        let table = text_table(&example());
        assert!(table.lines().count() <= 40, "{table}");
        // Two owners take 0.6 ms of processor time in stage 3, a quarter of whose wall time its operations take.
        let line = table.lines().find(|line| line.starts_with("re-encrypt")).unwrap();
        let fields: Vec<_> = line.split_whitespace().collect();
        let expected = [
            "re-encrypt",
            "150.0",
            "300.0",
            "1",
            "2",
            "1",
            "3",
            "3",
            "0",
            "2",
            "50",
            "%",
            "of",
            "it",
        ];
        assert_eq!(fields, expected);
        assert!(table.contains("of 1 owner: 0.50 ms; of 2 owners: 1.00 ms"), "{table}");
        assert!(table.contains("102.58") && table.contains("20.04"), "{table}");
        let line = table.lines().find(|line| line.starts_with("in all")).unwrap();
        let fields: Vec<_> = line.split_whitespace().collect();
        assert_eq!(fields, ["in", "all", "4000", "8000", "16.0"]);
        assert!(markdown(&example()).contains(&table));
    }
}
