//! What the simulations measured, as CSV with fixed number formats, and its means over the seeds.

use std::fmt::Write as _;

use serde::Serialize;

use super::attacks::{Attack, Defence, Delivery};

/// One simulation: the last global model on the common test rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackRow {
    /// What the malicious sent.
    pub attack: Attack,
    /// How it met the defence.
    pub delivery: Delivery,
    /// What was held against them.
    pub defence: Defence,
    /// How many were malicious.
    pub malicious: usize,
    /// Of the split, the dealing, the model and everything drawn.
    pub seed: u64,
    /// Share of the test rows that are classified correctly.
    pub accuracy: f64,
    /// Mean of the accuracies on the positive and on the negative test rows: one half for a model that knows nothing.
    pub balanced_accuracy: f64,
    /// Share of the positive test rows that are called negative once they carry the trigger.
    pub backdoor_success: f64,
    /// Updates of malicious institutions that went into a sum.
    pub accepted: usize,
    /// Updates of malicious institutions that did not.
    pub rejected: usize,
}

/// `attack.csv`: one line a simulation.
#[must_use]
pub fn attack_csv(rows: &[AttackRow]) -> String {
    let mut csv = String::from(
        "attack,delivery,defence,malicious,seed,accuracy,balanced_accuracy,backdoor_success,accepted,rejected\n",
    );
    for row in rows {
        let attack = row.attack.name();
        let delivery = row.delivery.name();
        let defence = row.defence.name();
        let AttackRow {
            malicious,
            seed,
            accuracy,
            balanced_accuracy,
            backdoor_success,
            accepted,
            rejected,
            ..
        } = row;
        // Writing into a String cannot fail.
        let _ = writeln!(
            csv,
            "{attack},{delivery},{defence},{malicious},{seed},{accuracy:.6},{balanced_accuracy:.6},\
             {backdoor_success:.6},{accepted},{rejected}"
        );
    }
    csv
}

/// Mean, least and largest over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Arithmetic.
    pub mean: f64,
    /// Least.
    pub least: f64,
    /// Largest.
    pub largest: f64,
}

/// One attack, delivery, defence and number of malicious institutions, over all seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SummaryRow {
    /// What the malicious sent.
    pub attack: Attack,
    /// How it met the defence.
    pub delivery: Delivery,
    /// What was held against them.
    pub defence: Defence,
    /// How many were malicious.
    pub malicious: usize,
    /// See [`AttackRow::accuracy`].
    pub accuracy: Spread,
    /// See [`AttackRow::balanced_accuracy`].
    pub balanced_accuracy: Spread,
    /// See [`AttackRow::backdoor_success`].
    pub backdoor_success: Spread,
    /// Share of the malicious updates that went into a sum; 1 where there are none.
    pub accepted_share: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut count = 0.0;
        let mut sum = 0.0;
        let mut least = f64::INFINITY;
        let mut largest = f64::NEG_INFINITY;
        for value in values {
            (count, sum) = (count + 1.0, sum + value);
            (least, largest) = (least.min(value), largest.max(value));
        }
        Self { mean: sum / f64::max(count, 1.0), least, largest }
    }
}

/// Rows of one kind put together, in the order in which their kinds first occur.
#[must_use]
pub fn summarise(rows: &[AttackRow]) -> Vec<SummaryRow> {
    let kind = |row: &AttackRow| (row.attack, row.delivery, row.defence, row.malicious);
    let mut kinds: Vec<_> = Vec::new();
    for kind in rows.iter().map(kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let summary = kinds.into_iter().map(|wanted| {
        let of = || rows.iter().filter(|row| kind(row) == wanted);
        let (attack, delivery, defence, malicious) = wanted;
        let accepted: usize = of().map(|row| row.accepted).sum();
        let sent: usize = of().map(|row| row.accepted + row.rejected).sum();
        SummaryRow {
            attack,
            delivery,
            defence,
            malicious,
            accuracy: Spread::of(of().map(|row| row.accuracy)),
            balanced_accuracy: Spread::of(of().map(|row| row.balanced_accuracy)),
            backdoor_success: Spread::of(of().map(|row| row.backdoor_success)),
            accepted_share: if sent == 0 { 1.0 } else { accepted as f64 / sent as f64 },
        }
    });
    summary.collect()
}

/// The curve of one attack, delivery and defence: its rows by number of malicious institutions, starting where nobody
/// is.
#[must_use]
pub fn curve(
    summary: &[SummaryRow],
    attack: Attack,
    delivery: Delivery,
    defence: Defence,
) -> Vec<SummaryRow> {
    let is_of = |row: &&SummaryRow| {
        row.defence == defence
            && (row.attack == Attack::None || (row.attack, row.delivery) == (attack, delivery))
    };
    let mut curve: Vec<SummaryRow> = summary.iter().filter(is_of).copied().collect();
    curve.sort_by_key(|row| row.malicious);
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn row(attack: Attack, malicious: usize, seed: u64, accuracy: f64) -> AttackRow {
        AttackRow {
            attack,
            delivery: Delivery::Naive,
            defence: Defence::Plain,
            malicious,
            seed,
            accuracy,
            balanced_accuracy: 0.5,
            backdoor_success: 0.25,
            accepted: 3 * malicious,
            rejected: malicious,
        }
    }

    #[test]
    fn a_line_has_a_field_for_every_column() {
        let csv = attack_csv(&[row(Attack::Scaling, 2, 7, 0.75)]);
        assert_eq!(
            csv.lines().nth(1).unwrap(),
            "scaling,naive,plain,2,7,0.750000,0.500000,0.250000,6,2"
        );
        assert_eq!(csv.lines().next().unwrap().split(',').count(), 10);
    }

    #[test]
    fn means_are_over_seeds_alone_and_a_curve_starts_where_nobody_is_malicious() {
        let rows = [
            row(Attack::None, 0, 1, 0.75),
            row(Attack::None, 0, 2, 0.25),
            row(Attack::Scaling, 2, 1, 0.5),
            row(Attack::Noise, 2, 1, 0.125),
        ];
        let summary = summarise(&rows);
        assert_eq!(summary.len(), 3);
        assert_eq!(summary[0].accuracy, Spread { mean: 0.5, least: 0.25, largest: 0.75 });
        assert_eq!((summary[0].accepted_share, summary[1].accepted_share), (1.0, 0.75));
        let curve = curve(&summary, Attack::Scaling, Delivery::Naive, Defence::Plain);
        assert_eq!(
            curve.iter().map(|row| (row.malicious, row.accuracy.mean)).collect::<Vec<_>>(),
            [(0, 0.5), (2, 0.5)]
        );
    }
}
