//! How far schemes end from one another on the same splits.

use serde::Serialize;

use super::ends::{End, Scope, ends};
use super::quality::Quality;
use super::record::{AccuracyRow, Experiment};
use crate::statistics::{Interval, paired};

/// The differences of one scheme from another, split by split: both trained on the same rows and were tested on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The scheme.
    pub experiment: Experiment,
    /// Whose models of it.
    pub scope: Scope,
    /// The other scheme, by its global model.
    pub from: Experiment,
    /// Of the accuracy.
    pub accuracy: Interval,
    /// Of the AUC, over the splits where both have one.
    pub auc: Option<Interval>,
    /// Of the sensitivity, likewise.
    pub sensitivity: Option<Interval>,
}

/// How the encrypted run compares with the same arithmetic in the clear on the same split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Parity {
    /// Rounds of the encrypted run.
    pub rounds: usize,
    /// Rounds in which every recorded figure of every recorded model is the same, to the last digit of `accuracy.csv`.
    pub same: usize,
}

/// Everything that is compared with plain averaging where nobody is malicious, and what the verified federation computes with
/// plain averaging of the institutions that it hears.
#[must_use]
pub fn compare(rows: &[AccuracyRow]) -> Vec<Difference> {
    let was_recorded = |experiment| rows.iter().any(|row| row.experiment == experiment);
    let heard = match was_recorded(Experiment::PlainWithout) {
        true => Experiment::PlainWithout,
        // Nobody is malicious, and everybody is heard.
        false => Experiment::PlainHonest,
    };
    let compared = [
        (Experiment::Logistic, Scope::Pooled, Experiment::PlainHonest),
        (Experiment::Centralised, Scope::Pooled, Experiment::PlainHonest),
        (Experiment::Alone, Scope::Institutions, Experiment::PlainHonest),
        (Experiment::Plain, Scope::Global, Experiment::PlainHonest),
        (Experiment::Quantised, Scope::Global, heard),
    ];
    let of = |(experiment, scope, from)| difference(rows, experiment, scope, from);
    compared.into_iter().filter_map(of).collect()
}

fn difference(
    rows: &[AccuracyRow],
    experiment: Experiment,
    scope: Scope,
    from: Experiment,
) -> Option<Difference> {
    let ours = ends(rows, experiment, scope);
    let theirs = ends(rows, from, Scope::Global);
    let interval = |value: fn(&Quality) -> Option<f64>| {
        let pair = |(split, end): (&usize, &End)| {
            let other = theirs.get(split)?;
            Some((value(&end.quality)?, value(&other.quality)?))
        };
        paired(ours.iter().filter_map(pair))
    };
    Some(Difference {
        experiment,
        scope,
        from,
        accuracy: interval(|quality| Some(quality.accuracy))?,
        auc: interval(|quality| quality.auc),
        sensitivity: interval(|quality| quality.sensitivity),
    })
}

/// Of the rows of one split; `None` where the encrypted run or its arithmetic in the clear was not recorded.
#[must_use]
pub fn parity(rows: &[AccuracyRow]) -> Option<Parity> {
    let of = |experiment: Experiment, epoch: usize| {
        let mut own: Vec<(Option<usize>, String)> = rows
            .iter()
            .filter(|row| row.experiment == experiment && row.epoch == epoch)
            // What the file holds decides, whether the figures come from it or not.
            .map(|row| {
                let line = AccuracyRow { experiment: Experiment::Verified, ..*row }.line();
                (row.institution, line)
            })
            .collect();
        own.sort();
        own
    };
    let rounds = |experiment| {
        let own = rows.iter().filter(|row| row.experiment == experiment);
        own.map(|row| row.epoch).max()
    };
    rounds(Experiment::Quantised)?;
    let rounds = rounds(Experiment::Verified)?;
    let is_same =
        |epoch: &usize| of(Experiment::Verified, *epoch) == of(Experiment::Quantised, *epoch);
    Some(Parity { rounds, same: (1..=rounds).filter(is_same).count() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(experiment: Experiment, split: usize, accuracy: f64, auc: Option<f64>) -> AccuracyRow {
        let quality = Quality { accuracy, auc, sensitivity: Some(0.5), loss: 1.0 };
        AccuracyRow { experiment, split, institution: None, epoch: 1, quality }
    }

    #[test]
    fn differences_are_paired_by_split_whatever_the_order_of_the_rows() {
        // Splits .6, .8, .7 of plain averaging; centralised is .01, .03 and .02 better.
        let rows = [
            row(Experiment::Centralised, 2, 0.72, Some(0.9)),
            row(Experiment::PlainHonest, 0, 0.60, Some(0.8)),
            row(Experiment::PlainHonest, 1, 0.80, None),
            row(Experiment::Centralised, 0, 0.61, Some(0.8)),
            row(Experiment::Centralised, 1, 0.83, Some(0.7)),
            row(Experiment::PlainHonest, 2, 0.70, Some(0.8)),
        ];
        let [difference] = compare(&rows)[..] else { panic!("{:?}", compare(&rows)) };
        let Interval { mean, half, values } = difference.accuracy;
        assert!((mean - 0.02).abs() < 1e-12 && values == 3);
        // Deviation .01, t of two degrees of freedom 4.303, √3.
        assert!((half.unwrap() - 4.303 * 0.01 / 3f64.sqrt()).abs() < 1e-9);
        // One split has no AUC in plain averaging: the other two differ by 0 and .1.
        let auc = difference.auc.unwrap();
        assert!((auc.mean - 0.05).abs() < 1e-12 && auc.values == 2, "{auc:?}");
        assert_eq!(difference.sensitivity.unwrap().half, Some(0.0));
    }

    #[test]
    fn verified_averaging_is_compared_with_plain_averaging_of_those_whom_it_hears() {
        let rows =
            [row(Experiment::PlainHonest, 0, 0.9, None), row(Experiment::Quantised, 0, 0.7, None)];
        assert_eq!(compare(&rows)[0].from, Experiment::PlainHonest);
        let without = row(Experiment::PlainWithout, 0, 0.75, None);
        let compared = compare(&[rows[0], rows[1], without]);
        assert_eq!(compared[0].from, Experiment::PlainWithout);
        assert!((compared[0].accuracy.mean + 0.05).abs() < 1e-12);
    }

    #[test]
    fn rounds_are_the_same_only_where_every_figure_of_every_model_is() {
        let verified = row(Experiment::Verified, 0, 0.7, Some(0.8));
        let clear = row(Experiment::Quantised, 0, 0.7, Some(0.8));
        assert_eq!(parity(&[verified]), None);
        assert_eq!(parity(&[clear]), None);
        assert_eq!(parity(&[verified, clear]), Some(Parity { rounds: 1, same: 1 }));
        let second = |row: AccuracyRow| AccuracyRow { epoch: 2, ..row };
        let other = row(Experiment::Quantised, 0, 0.7, Some(0.81));
        let rows = [verified, clear, second(verified), second(other)];
        assert_eq!(parity(&rows), Some(Parity { rounds: 2, same: 1 }));
        let local = AccuracyRow { institution: Some(3), ..verified };
        assert_eq!(parity(&[verified, clear, local]).unwrap().same, 0);
    }
}
