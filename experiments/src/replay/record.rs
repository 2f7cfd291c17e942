//! What a replay measured, as CSV with fixed number formats: the same run gives the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use consilium_learning::Metrics;
use consilium_privacy::Thousandths;
use serde::Serialize;

/// A way of training, in the order of tables and legends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Experiment {
    /// All rows in one place.
    Centralised,
    /// An institution by itself.
    Alone,
    /// Federated averaging in the clear with nobody malicious, for reference.
    PlainHonest,
    /// Federated averaging in the clear, with the malicious institutions.
    Plain,
    /// The verified federation, with the malicious institutions.
    Verified,
}

impl Experiment {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Centralised, Self::Alone, Self::PlainHonest, Self::Plain, Self::Verified];

    /// Name in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Centralised => "centralised",
            Self::Alone => "alone",
            Self::PlainHonest => "plain_honest",
            Self::Plain => "plain",
            Self::Verified => "verified",
        }
    }
}

/// Quality of one model after one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccuracyRow {
    /// How it was trained.
    pub experiment: Experiment,
    /// Number of the independent run, from 0.
    pub run: usize,
    /// Who holds the model; `None` for a centralised or a global model.
    pub institution: Option<usize>,
    /// Epoch or step, from 1.
    pub epoch: usize,
    /// On the test rows.
    pub metrics: Metrics,
}

/// One round of the verified federation. Times are sums over the institutions for what each does by itself (train,
/// quantise, encrypt, prove, upload; trustee: judging, countersigning and sharing; check: fetching and checking what
/// came before it trains on it), else the coordinator's (verify, aggregate, decrypt, ledger). `wall` is the time since
/// the round before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundRow {
    /// Step, from 1.
    pub step: u64,
    /// Attempt at the step.
    pub attempt: u32,
    /// Updates in the sum.
    pub accepted: u32,
    /// Updates rejected, by reason code.
    pub rejected: BTreeMap<String, u32>,
    /// Time of each part, by its position in [`RoundRow::PARTS`].
    pub times: [Duration; RoundRow::PARTS.len()],
    /// Bytes that all institutions sent.
    pub bytes_up: u64,
    /// Bytes that all institutions received.
    pub bytes_down: u64,
    /// Mean clipped share over the accepted updates: of the coordinates, or of the norm.
    pub clipped_share: f64,
    /// ε spent on each institution so far, in thousandths, where there is noise.
    pub epsilon_milli: Option<u64>,
}

impl RoundRow {
    /// Parts of a round whose time is recorded, in the order of `rounds.csv`.
    pub const PARTS: [&'static str; 12] = [
        "train",
        "quantise",
        "encrypt",
        "prove",
        "upload",
        "verify",
        "aggregate",
        "trustee",
        "decrypt",
        "ledger",
        "check",
        "wall",
    ];
}

/// Header of `accuracy.csv`.
pub const ACCURACY_HEADER: &str = "experiment,run,institution,epoch,accuracy,auc,loss";

/// `accuracy.csv`: long format; an empty institution means a centralised or global model, an empty AUC test rows of
/// one class.
#[must_use]
pub fn accuracy_csv(rows: &[AccuracyRow]) -> String {
    let mut csv = format!("{ACCURACY_HEADER}\n");
    for row in rows {
        let institution = row.institution.map_or_else(String::new, |k| k.to_string());
        let auc = row.metrics.auc.map_or_else(String::new, |auc| format!("{auc:.6}"));
        let name = row.experiment.name();
        let run = row.run;
        let epoch = row.epoch;
        let Metrics { accuracy, loss, .. } = row.metrics;
        // Writing into a String cannot fail.
        let _ = writeln!(csv, "{name},{run},{institution},{epoch},{accuracy:.6},{auc},{loss:.6}");
    }
    csv
}

/// `rounds.csv`: one line a round; rejections as `reason:count` joined by semicolons, times in milliseconds, an empty
/// epsilon where there is no noise.
#[must_use]
pub fn rounds_csv(rows: &[RoundRow]) -> String {
    let mut csv = String::from("step,attempt,accepted,rejected,reasons");
    for part in RoundRow::PARTS {
        let _ = write!(csv, ",{part}_ms");
    }
    csv.push_str(",bytes_up,bytes_down,clipped_share,epsilon\n");
    for row in rows {
        let rejected: u32 = row.rejected.values().sum();
        let reasons: Vec<String> =
            row.rejected.iter().map(|(reason, count)| format!("{reason}:{count}")).collect();
        let _ = write!(
            csv,
            "{},{},{},{rejected},{}",
            row.step,
            row.attempt,
            row.accepted,
            reasons.join(";")
        );
        for time in row.times {
            let _ = write!(csv, ",{:.3}", time.as_secs_f64() * 1e3);
        }
        let epsilon =
            row.epsilon_milli.map_or_else(String::new, |milli| Thousandths(milli).to_string());
        let _ = writeln!(
            csv,
            ",{},{},{:.6},{epsilon}",
            row.bytes_up, row.bytes_down, row.clipped_share
        );
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_is_written_with_fixed_digits_and_empty_fields_where_nothing_is() {
        let metrics = Metrics { accuracy: 0.75, auc: None, loss: 0.5 };
        let row = AccuracyRow {
            experiment: Experiment::Alone,
            run: 0,
            institution: Some(3),
            epoch: 1,
            metrics,
        };
        let global = AccuracyRow {
            institution: None,
            metrics: Metrics { auc: Some(0.8), ..metrics },
            ..row
        };
        let expected = format!(
            "{ACCURACY_HEADER}\nalone,0,3,1,0.750000,,0.500000\nalone,0,,1,0.750000,0.800000,0.500000\n"
        );
        assert_eq!(accuracy_csv(&[row, global]), expected);
    }

    #[test]
    fn a_round_is_written_with_its_reasons_and_milliseconds() {
        let mut round = RoundRow {
            step: 1,
            attempt: 0,
            accepted: 8,
            bytes_up: 7,
            bytes_down: 9,
            ..RoundRow::default()
        };
        round.rejected.insert("bad_range_proof".into(), 2);
        round.times[0] = Duration::from_micros(1500);
        let csv = rounds_csv(&[round]);
        let mut lines = csv.lines();
        let columns = lines.next().unwrap().split(',').count();
        let line = lines.next().unwrap();
        assert_eq!(line.split(',').count(), columns);
        assert!(line.starts_with("1,0,8,2,bad_range_proof:2,1.500,0.000,"), "{line}");
        assert!(line.ends_with(",7,9,0.000000,"), "{line}");
        let private = RoundRow { epsilon_milli: Some(1_234), ..RoundRow::default() };
        assert!(rounds_csv(&[private]).ends_with(",0.000000,1.234\n"));
    }
}
