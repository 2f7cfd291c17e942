//! What a replay says at its end: names, tables and sentences, for the terminal and for the report.

use std::fmt::Write as _;

use super::comparison::{Difference, Parity};
use super::config::ReplayConfig;
use super::ends::Scope;
use super::record::Experiment;
use super::summary::{Summary, SummaryRow};
use super::tables::Mask;
use crate::statistics::Interval;
use crate::tables::count;

/// Name of an experiment in tables and legends.
#[must_use]
pub fn label(experiment: Experiment, malicious: usize) -> String {
    let parties = match malicious {
        0 => ", nobody malicious".to_owned(),
        n => format!(", {n} malicious"),
    };
    match experiment {
        Experiment::Logistic => "pooled logistic regression".into(),
        Experiment::Centralised => "centralised".into(),
        Experiment::Alone => "alone, stopped early".into(),
        Experiment::PlainHonest => "plain FL, nobody malicious".into(),
        Experiment::PlainWithout => format!("plain FL without the {malicious}"),
        Experiment::Plain => format!("plain FL{parties}"),
        Experiment::Quantised => "verified FL, computed in the clear".into(),
        Experiment::Verified => format!("verified FL{parties}"),
    }
}

/// One line of the closing table: a scheme by the models that it is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) title: String,
    /// Accuracy, its deviation, AUC, sensitivity and loss over all splits; dashes where there are fewer.
    pub(crate) all: [String; 5],
    /// Accuracy, AUC and sensitivity on the first split.
    pub(crate) first: [String; 3],
}

/// Heads of [`Line::all`].
pub(crate) const ALL: [&str; 5] = ["accuracy", "sd", "AUC", "sensitivity", "loss"];
/// Heads of [`Line::first`].
pub(crate) const FIRST: [&str; 3] = ["accuracy", "AUC", "sensitivity"];

/// A line a scheme: of an institution by itself the institutions' models, else the one of all.
pub(crate) fn lines(summary: &Summary, malicious: usize) -> Vec<Line> {
    let is_for = |row: &&SummaryRow| match row.experiment {
        Experiment::Alone => row.scope == Scope::Institutions,
        _ => row.scope != Scope::Institutions,
    };
    let line = |first: &SummaryRow| {
        let same =
            |row: &&SummaryRow| (row.experiment, row.scope) == (first.experiment, first.scope);
        let all = summary.rows.iter().find(same).filter(|row| row.splits == summary.splits);
        let optional = |value: Option<f64>| value.map_or_else(|| "-".into(), three);
        let dashes = || std::array::from_fn(|_| "-".to_owned());
        let title = match first.scope {
            Scope::Institutions => {
                let models = count(first.models, "institution");
                format!("{}: {models}", label(first.experiment, malicious))
            }
            Scope::Pooled | Scope::Global => label(first.experiment, malicious),
        };
        Line {
            title,
            all: all.map_or_else(dashes, |row| {
                let deviation = (row.splits > 1).then_some(row.accuracy_sd);
                [
                    three(row.accuracy),
                    optional(deviation),
                    optional(row.auc),
                    optional(row.sensitivity),
                    loss(row.loss),
                ]
            }),
            first: [three(first.accuracy), optional(first.auc), optional(first.sensitivity)],
        }
    };
    summary.first_split.iter().filter(is_for).map(line).collect()
}

fn three(value: f64) -> String {
    format!("{value:.3}")
}

/// A loss that has left its column, in powers of ten: poisoning drives it there.
fn loss(value: f64) -> String {
    if value < 100.0 { three(value) } else { format!("{value:.1e}") }
}

/// Title, and differences of accuracy, AUC and sensitivity, of everything that is compared with one scheme.
pub(crate) fn differences(
    summary: &Summary,
    from: Experiment,
    malicious: usize,
) -> Vec<(String, [String; 3])> {
    let of = |difference: &Difference| {
        let Difference { experiment, accuracy, auc, sensitivity, .. } = difference;
        let shown = |interval: Option<Interval>| {
            interval.map_or_else(|| "-".to_owned(), |interval| interval.shown(3))
        };
        let figures = [shown(Some(*accuracy)), shown(*auc), shown(*sensitivity)];
        (label(*experiment, malicious), figures)
    };
    let own = summary.differences.iter().filter(|one| one.from == from);
    own.filter(|one| one.experiment != Experiment::Quantised).map(of).collect()
}

/// What the differences stand on.
pub(crate) fn differences_title(summary: &Summary) -> String {
    let on = count(summary.splits, "split");
    let intervals = match summary.splits {
        1 => "",
        _ => ", with 95 % intervals (* leaves out zero)",
    };
    format!("Differences from plain FL, nobody malicious, on the same {on}{intervals}")
}

/// What an accuracy has to be measured against.
pub(crate) fn balance(config: &ReplayConfig) -> String {
    let positive = config.positive_share;
    let (larger, share) = match positive > 0.5 {
        true => ("positive", positive),
        false => ("negative", 1.0 - positive),
    };
    format!(
        "{:.0} % of the rows are positive: to call every row {larger} has an accuracy of {share:.3}.",
        100.0 * positive
    )
}

/// How the verified federation stands to plain averaging, as measured.
#[must_use]
pub fn verdict(summary: &Summary, config: &ReplayConfig) -> Option<String> {
    let ours = |one: &&Difference| one.experiment == Experiment::Quantised;
    let difference = summary.differences.iter().find(ours)?;
    let shown = |interval: Interval| interval.shown(4).trim_end_matches(" *").to_owned();
    let others = match difference.from {
        Experiment::PlainWithout => {
            format!(" of the {} that are honest", config.institutions - config.malicious)
        }
        _ => String::new(),
    };
    let changes = match config.privacy {
        Some(_) => "clipping, rounding and noise change",
        None => "clipping and rounding change",
    };
    let auc =
        difference.auc.map_or_else(String::new, |auc| format!(" and the AUC by {}", shown(auc)));
    let splits = count(difference.accuracy.values, "split");
    let interval = match difference.accuracy.half {
        Some(_) => ", paired, with 95 % intervals",
        None => "",
    };
    // Lines of a terminal's width; a page breaks where it likes.
    let mut text = format!(
        "Verified FL against plain FL{others} ({splits}{interval}):\n\
         {changes} the accuracy by {}{auc}.",
        shown(difference.accuracy)
    );
    if let Some(Parity { rounds, same }) = summary.parity {
        let agreed = if same == rounds {
            format!("gave the same figures to the last digit in all {}", count(rounds, "round"))
        } else {
            let why = match config.mask {
                Mask::Lattice { .. } => "its mask leaves some of its own noise",
                Mask::Group => "it accepted poisoned updates, which were within the bound",
            };
            format!("gave other figures in {} of {rounds} rounds: {why}", rounds - same)
        };
        let _ = write!(text, "\nThe encrypted run of the first split {agreed}.");
    }
    Some(text)
}

/// The closing tables in aligned columns, and what of them is to be known.
#[must_use]
pub fn text_table(summary: &Summary, config: &ReplayConfig) -> String {
    let lines = lines(summary, config.malicious);
    let compared = differences(summary, Experiment::PlainHonest, config.malicious);
    let titles = lines.iter().map(|line| &line.title).chain(compared.iter().map(|one| &one.0));
    let width = titles.map(|title| title.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    // Writing into a String cannot fail.
    let over = format!("mean of {}", count(summary.splits, "split"));
    if summary.splits == 1 {
        let _ = writeln!(text, "{:width$}{}", "", cells(&ALL, &ALL));
        for Line { title, all, .. } in &lines {
            let _ = writeln!(text, "{title:width$}{}", cells(all, &ALL));
        }
    } else {
        let heads = cells(&ALL, &ALL);
        let block = heads.chars().count().saturating_sub(2);
        let _ = writeln!(text, "{:width$}  {over:block$}   first split", "");
        let _ = writeln!(text, "{:width$}{heads} {}", "", cells(&FIRST, &FIRST));
        for Line { title, all, first } in &lines {
            let _ = writeln!(text, "{title:width$}{} {}", cells(all, &ALL), cells(first, &FIRST));
        }
    }
    let _ = writeln!(text, "\n{}", differences_title(summary));
    let heads: [String; 3] = FIRST.map(|head| format!("{head:>17}"));
    let _ = writeln!(text, "{:width$}{}", "", heads.concat());
    for (title, figures) in &compared {
        // A star stands behind a figure, so that figures stay in their columns.
        let figures = figures.iter().map(|figure| match figure.strip_suffix(" *") {
            Some(figure) => format!("{figure:>17} *"),
            None => format!("{figure:>17}  "),
        });
        let row: String = figures.collect();
        let _ = writeln!(text, "{title:width$}{}", row.trim_end());
    }
    let _ = writeln!(text, "\n{}", balance(config));
    if let Some(verdict) = verdict(summary, config) {
        let _ = writeln!(text, "{verdict}");
    }
    text
}

/// Figures under their heads, to the right.
fn cells<const N: usize>(figures: &[impl AsRef<str>; N], heads: &[&str; N]) -> String {
    let cells = figures.iter().zip(heads);
    cells.map(|(figure, head)| format!("  {:>1$}", figure.as_ref(), head.len().max(6))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::quality::Quality;
    use crate::replay::record::AccuracyRow;
    use crate::replay::{Choice, load_dataset};

    fn summary(splits: usize) -> Summary {
        let mut rows = Vec::new();
        for split in 0..splits {
            let accuracy = 0.7 + split as f64 / 50.0;
            for (place, experiment) in Experiment::ALL.into_iter().enumerate() {
                let better = if experiment == Experiment::Quantised { 0 } else { place };
                let accuracy = accuracy - better as f64 / 100.0;
                let quality =
                    Quality { accuracy, auc: Some(0.8), sensitivity: Some(0.6), loss: 0.5 };
                let institution = (experiment == Experiment::Alone).then_some(3);
                let row = AccuracyRow { experiment, split, institution, epoch: 1, quality };
                if split == 0 || experiment != Experiment::Verified {
                    rows.push(row);
                }
            }
        }
        Summary::of(&rows)
    }

    fn config() -> ReplayConfig {
        ReplayConfig::resolve(Choice::default(), &load_dataset("pima").unwrap()).unwrap()
    }

    #[test]
    fn every_figure_says_on_how_many_splits_it_stands_and_one_split_never_stands_beside_a_mean() {
        let text = text_table(&summary(3), &config());
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(text.lines().next().unwrap().contains("mean of 3 splits"), "{text}");
        assert!(text.lines().next().unwrap().ends_with("first split"), "{text}");
        // The encrypted run has the first split alone: its means are dashes.
        let verified: Vec<&str> = line("verified FL, 2 malicious").split_whitespace().collect();
        assert_eq!(verified[4..], ["-", "-", "-", "-", "-", "0.630", "0.800", "0.600"]);
        let alone: Vec<&str> =
            line("alone, stopped early: 1 institution").split_whitespace().collect();
        assert_eq!(
            alone[5..],
            ["0.700", "0.020", "0.800", "0.600", "0.500", "0.680", "0.800", "0.600"]
        );
        assert!(text.contains("on the same 3 splits, with 95 % intervals"), "{text}");
        let one = text_table(&summary(1), &config());
        assert!(!one.contains("mean of") && one.contains("on the same 1 split\n"), "{one}");
    }

    #[test]
    fn a_loss_that_poisoning_has_driven_up_stays_in_its_column() {
        assert_eq!([0.4784, 99.0, 289_226.352].map(loss), ["0.478", "99.000", "2.9e5"]);
        assert_eq!(loss(f64::NAN), "NaN");
    }

    #[test]
    fn accuracies_stand_beside_that_of_calling_every_row_the_same() {
        let config = config();
        let said =
            "35 % of the rows are positive: to call every row negative has an accuracy of 0.651.";
        assert!(text_table(&summary(2), &config).contains(said));
        let mostly = ReplayConfig { positive_share: 0.9, ..config };
        assert!(balance(&mostly).ends_with("every row positive has an accuracy of 0.900."));
    }

    #[test]
    fn the_verdict_says_what_was_measured_and_no_more() {
        let said = verdict(&summary(3), &config()).unwrap();
        for part in [
            "plain FL of the 8 that are honest",
            "clipping and rounding change the accuracy by +0.0400 ± 0.0000 and the AUC by 0.0000",
            "(3 splits, paired, with 95 % intervals)",
            "gave other figures in 1 of 1 rounds",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let mut same = summary(1);
        same.parity = Some(Parity { rounds: 60, same: 60 });
        let said = verdict(&same, &config()).unwrap();
        assert!(said.contains("+0.0400 and") && said.contains("(1 split)"), "{said}");
        assert!(said.contains("the same figures to the last digit in all 60 rounds"), "{said}");
        same.differences.clear();
        assert_eq!(verdict(&same, &config()), None);
    }
}
