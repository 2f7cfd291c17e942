//! What a replay measured, as CSV with fixed number formats: the same run gives the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use consilium_privacy::Thousandths;
use serde::Serialize;

use super::quality::Quality;

/// A way of training, in the order of tables and legends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Experiment {
    /// Logistic regression on all rows in one place.
    Logistic,
    /// The network, all rows in one place.
    Centralised,
    /// An institution by itself.
    Alone,
    /// Federated averaging in the clear with nobody malicious, for reference.
    PlainHonest,
    /// Federated averaging in the clear among the honest alone, as if nobody knew the malicious.
    PlainWithout,
    /// Federated averaging in the clear, with the malicious institutions.
    Plain,
    /// What the verified federation computes once it has rejected the malicious, without its encryption.
    Quantised,
    /// The verified federation, with the malicious institutions.
    Verified,
}

impl Experiment {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Logistic,
        Self::Centralised,
        Self::Alone,
        Self::PlainHonest,
        Self::PlainWithout,
        Self::Plain,
        Self::Quantised,
        Self::Verified,
    ];

    /// Name in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Centralised => "centralised",
            Self::Alone => "alone",
            Self::PlainHonest => "plain_honest",
            Self::PlainWithout => "plain_without",
            Self::Plain => "plain",
            Self::Quantised => "quantised",
            Self::Verified => "verified",
        }
    }
}

/// Quality of one model after one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccuracyRow {
    /// How it was trained.
    pub experiment: Experiment,
    /// Number of the split, from 0.
    pub split: usize,
    /// Who holds the model; `None` for a model of all rows and a global one.
    pub institution: Option<usize>,
    /// Epoch or step, from 1.
    pub epoch: usize,
    /// On the test rows of the split.
    pub quality: Quality,
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
pub const ACCURACY_HEADER: &str =
    "experiment,split,institution,epoch,accuracy,auc,sensitivity,loss";

impl AccuracyRow {
    /// Its line of `accuracy.csv`.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { experiment, split, institution, epoch, quality } = self;
        let institution = institution.map_or_else(String::new, |place| place.to_string());
        let optional = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.6}"));
        let Quality { accuracy, auc, sensitivity, loss } = quality;
        format!(
            "{},{split},{institution},{epoch},{accuracy:.6},{},{},{loss:.6}\n",
            experiment.name(),
            optional(*auc),
            optional(*sensitivity),
        )
    }
}

/// `accuracy.csv`: long format; an empty institution means a model of all rows or a global one, an empty AUC test rows of
/// one class, an empty sensitivity none that is positive.
#[must_use]
pub fn accuracy_csv(rows: &[AccuracyRow]) -> String {
    let lines = rows.iter().map(AccuracyRow::line);
    std::iter::once(format!("{ACCURACY_HEADER}\n")).chain(lines).collect()
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
        let quality = Quality { accuracy: 0.75, auc: None, sensitivity: None, loss: 0.5 };
        let experiment = Experiment::Alone;
        let row = AccuracyRow { experiment, split: 2, institution: Some(3), epoch: 1, quality };
        let quality = Quality { auc: Some(0.8), sensitivity: Some(0.6), ..quality };
        let global = AccuracyRow { institution: None, quality, ..row };
        let expected = format!(
            "{ACCURACY_HEADER}\nalone,2,3,1,0.750000,,,0.500000\n\
             alone,2,,1,0.750000,0.800000,0.600000,0.500000\n"
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
