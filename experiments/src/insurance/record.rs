//! What was measured, as CSV with fixed number formats.

use std::fmt::Write as _;

use serde::Serialize;

use super::operations::{NAMES, Operations, Stage};

/// One stage, done once for every one of some owners.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TimesRow {
    /// Which.
    pub stage: Stage,
    /// For how many owners.
    pub users: usize,
    /// How often it was measured; the times are medians.
    pub repetitions: usize,
    /// Wall time, in seconds.
    pub wall_s: f64,
    /// Processor time, in seconds.
    pub cpu_s: f64,
    /// Of one owner.
    pub operations: Operations,
    /// What the operations of all owners take in loops of their own, in seconds.
    pub operations_s: f64,
}

/// The stages of liu2021's table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireStage {
    /// Records are agreed on by custodian and owner, and their statements sent to the ledger.
    Broadcasting,
    /// Blocks are sent to a party, which verifies them.
    Verification,
    /// A record is asked for, consented to, re-encrypted and read.
    Access,
}

impl WireStage {
    /// In the order of the table.
    pub const ALL: [Self; 3] = [Self::Broadcasting, Self::Verification, Self::Access];

    /// Name in CSV and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Broadcasting => "broadcasting",
            Self::Verification => "verification",
            Self::Access => "access",
        }
    }
}

/// Kinds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// To custodians: insurers' policies, and shops.
    Custodians,
    /// To the proxy.
    Proxies,
    /// To requesters' mailboxes: insurers' claims departments.
    Requesters,
    /// Statements to the ledger, with their receipts.
    Statements,
    /// The ledger's blocks to one party.
    Blocks,
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Custodians, Self::Proxies, Self::Requesters, Self::Statements, Self::Blocks];

    /// Name in CSV and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Custodians => "to custodians",
            Self::Proxies => "to the proxy",
            Self::Requesters => "to insurers' mailboxes",
            Self::Statements => "statements to the ledger",
            Self::Blocks => "blocks to one party",
        }
    }
}

/// Bytes of some owners' stories, both ways, on the connections of one kind in one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BytesRow {
    /// When.
    pub stage: WireStage,
    /// Where.
    pub link: Link,
    /// Of how many owners.
    pub users: usize,
    /// How many parties read the ledger: each of them reads as many bytes of blocks.
    pub followers: usize,
    /// Encoded messages, each with gRPC's five bytes.
    pub messages: u64,
    /// With everything that HTTP/2 puts around them.
    pub all: u64,
}

/// `times.csv`: a line for every stage and number of owners.
#[must_use]
pub fn times_csv(rows: &[TimesRow]) -> String {
    let names = NAMES.map(|name| format!("{name}_operations")).join(",");
    let mut csv = format!("stage,users,repetitions,wall_s,cpu_s,{names},operations_s\n");
    for row in rows {
        let operations = row.operations.numbers().map(|number| number.to_string()).join(",");
        // Writing into a String cannot fail.
        let _ = writeln!(
            csv,
            "{},{},{},{:.9},{:.9},{operations},{:.9}",
            row.stage.name(),
            row.users,
            row.repetitions,
            row.wall_s,
            row.cpu_s,
            row.operations_s,
        );
    }
    csv
}

/// `bytes.csv`: a line for every stage, kind of connection and number of owners.
#[must_use]
pub fn bytes_csv(rows: &[BytesRow]) -> String {
    let mut csv = String::from("stage,link,users,followers,message_bytes,wire_bytes\n");
    for BytesRow { stage, link, users, followers, messages, all } in rows {
        let stage = stage.name();
        let link = link.name();
        let _ = writeln!(csv, "{stage},{link},{users},{followers},{messages},{all}");
    }
    csv
}

/// Rows of two owners, for tests.
#[cfg(test)]
pub(super) fn example() -> (Vec<TimesRow>, Vec<BytesRow>) {
    let mut times = Vec::new();
    let mut bytes = Vec::new();
    for users in [1, 2] {
        for (number, stage) in (1..).zip(Stage::ALL) {
            let wall_s = 1e-4 * f64::from(number) * users as f64;
            let cpu_s = wall_s / 2.0;
            let operations_s = wall_s / 4.0;
            let operations = stage.operations();
            times.push(TimesRow {
                stage,
                users,
                repetitions: 3,
                wall_s,
                cpu_s,
                operations,
                operations_s,
            });
        }
        for (stage, link) in [
            (WireStage::Broadcasting, Link::Custodians),
            (WireStage::Broadcasting, Link::Statements),
            (WireStage::Verification, Link::Blocks),
            (WireStage::Access, Link::Proxies),
        ] {
            let messages = 1_000 * users as u64;
            bytes.push(BytesRow { stage, link, users, followers: 8, messages, all: 2 * messages });
        }
    }
    (times, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_field_for_every_column() {
        let (times, bytes) = example();
        for csv in [times_csv(&times), bytes_csv(&bytes)] {
            let columns = csv.lines().next().unwrap().split(',').count();
            assert_eq!(csv.lines().count(), 9);
            assert!(csv.lines().all(|line| line.split(',').count() == columns), "{csv}");
        }
        assert!(
            times_csv(&times).contains("re-encrypt,2,3,0.000600000,0.000300000,1,2,1,3,3,0,2,")
        );
        assert!(bytes_csv(&bytes).contains("verification,blocks to one party,2,8,2000,4000\n"));
    }
}
