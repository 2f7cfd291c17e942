//! `fig5.svg` and `fig6.svg`, drawn from a run's CSVs alone.
//!
//! Colours are Okabe and Ito's, told apart by colour-blind readers; every line also has a stroke of its own.

use std::collections::{BTreeMap, BTreeSet};

use plotters::prelude::*;

use super::record::{AccuracyRow, Experiment};
use super::words::label;
use crate::ExperimentError;
use crate::chart::{INK, Line, accuracy_range, chart, legend, svg, title};
use crate::statistics::mean_and_sd;
use crate::tables::count;

/// How an experiment's line looks: colour, width, and dash and gap in pixels (no gap: solid).
fn stroke(experiment: Experiment) -> (RGBColor, u32, i32, i32) {
    match experiment {
        Experiment::Logistic => (RGBColor(204, 121, 167), 2, 6, 3),
        Experiment::Centralised => (RGBColor(0, 114, 178), 3, 1, 0),
        Experiment::Alone => (RGBColor(0, 158, 115), 2, 8, 3),
        Experiment::PlainHonest | Experiment::PlainWithout => (RGBColor(20, 20, 20), 2, 2, 4),
        Experiment::Plain => (RGBColor(213, 94, 0), 2, 4, 2),
        Experiment::Quantised | Experiment::Verified => (RGBColor(0, 114, 178), 3, 1, 0),
    }
}

/// Accuracies by epoch, of all splits and models.
fn by_epoch<'a>(rows: impl IntoIterator<Item = &'a AccuracyRow>) -> BTreeMap<usize, Vec<f64>> {
    let mut epochs = BTreeMap::<usize, Vec<f64>>::new();
    for row in rows {
        epochs.entry(row.epoch).or_default().push(row.quality.accuracy);
    }
    epochs
}

/// Mean accuracy by epoch.
fn curve<'a>(rows: impl IntoIterator<Item = &'a AccuracyRow>) -> Vec<(f64, f64)> {
    let mean = |(epoch, values): (usize, Vec<f64>)| Some((epoch as f64, mean_and_sd(&values)?.0));
    by_epoch(rows).into_iter().filter_map(mean).collect()
}

fn line(points: Vec<(f64, f64)>, experiment: Experiment) -> Line {
    let (colour, width, dash, gap) = stroke(experiment);
    Line { points, style: colour.stroke_width(width), dash: (dash, gap) }
}

/// Figure 5: centralised training on every split, the mean and one standard deviation around it, and the mean of pooled logistic
/// regression. SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub fn figure5(rows: &[AccuracyRow], dataset: &str) -> Result<String, ExperimentError> {
    let of = |experiment| rows.iter().filter(move |row| row.experiment == experiment);
    let splits: BTreeSet<usize> = of(Experiment::Centralised).map(|row| row.split).collect();
    let single =
        |&split: &usize| curve(of(Experiment::Centralised).filter(|row| row.split == split));
    let singles: Vec<_> = splits.iter().map(single).collect();
    let spread: Vec<(f64, f64, f64)> = by_epoch(of(Experiment::Centralised))
        .into_iter()
        .filter_map(|(epoch, values)| {
            let (mean, sd) = mean_and_sd(&values)?;
            Some((epoch as f64, mean, sd))
        })
        .collect();
    let upper = spread.iter().map(|&(x, mean, sd)| (x, mean + sd));
    let lower = spread.iter().rev().map(|&(x, mean, sd)| (x, mean - sd));
    let band: Vec<_> = upper.chain(lower).collect();
    let (colour, ..) = stroke(Experiment::Centralised);
    let shade = colour.mix(0.22);
    let thin = INK.mix(0.28).stroke_width(1);
    let epochs = spread.last().map_or(1.0, |&(x, ..)| x);
    // It has no epochs: one height from the first to the last.
    let logistic = curve(of(Experiment::Logistic));
    let logistic: Vec<_> =
        logistic.into_iter().flat_map(|(_, mean)| [(1.0, mean), (epochs, mean)]).collect();
    let shown = singles.iter().flatten().chain(&band).chain(&logistic);
    let range = accuracy_range(shown.copied());

    let splits_shown = count(singles.len(), "split");
    let mean: Vec<_> = spread.iter().map(|&(x, mean, _)| (x, mean)).collect();
    let mut lines: Vec<_> =
        singles.into_iter().map(|points| Line { points, style: thin, dash: (1, 0) }).collect();
    let mut entries = vec![
        (format!("mean of {splits_shown}"), colour.stroke_width(3), (1, 0)),
        ("± one standard deviation".to_owned(), shade.stroke_width(12), (1, 0)),
        ("single splits".to_owned(), thin, (1, 0)),
    ];
    if !logistic.is_empty() {
        let logistic = line(logistic, Experiment::Logistic);
        let name = format!("logistic regression, mean of {splits_shown}");
        entries.push((name, logistic.style, logistic.dash));
        lines.push(logistic);
    }
    lines.push(line(mean, Experiment::Centralised));
    svg((900, 480), |area| {
        title(
            area,
            &format!(
                "Centralised training on {dataset}: {splits_shown} into training and test rows"
            ),
        )?;
        legend(area, (62, 48), &entries)?;
        let (_, below) = area.split_vertically(60);
        chart(
            &below,
            ("", "epoch", "accuracy on test rows"),
            (1.0, epochs),
            range,
            &[(band, shade)],
            &lines,
        )
    })
}

/// A panel of figure 6: its title, and of each scheme the rows of its line.
struct Panel<'a> {
    title: String,
    lines: Vec<(Experiment, Vec<&'a AccuracyRow>)>,
}

/// Schemes of figure 6 from the first to the last of its legend; a verified run stands for what it computes in the clear.
const SHOWN: [Experiment; 4] =
    [Experiment::Alone, Experiment::PlainHonest, Experiment::Plain, Experiment::Verified];

/// Figure 6: a panel for each observed institution, with its accuracy on the test rows of the first split by epoch: alone, in
/// plain and in verified federated learning, whatever of these was recorded. Where there are more splits, a last panel has the
/// institutions' mean over all of them. SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub fn figure6(
    rows: &[AccuracyRow],
    dataset: &str,
    malicious: usize,
) -> Result<String, ExperimentError> {
    let local: Vec<&AccuracyRow> = rows.iter().filter(|row| row.institution.is_some()).collect();
    let institutions: BTreeSet<usize> = local.iter().filter_map(|row| row.institution).collect();
    let splits = local.iter().map(|row| row.split + 1).max().unwrap_or(1);
    let panel = |title: String, computed: bool, wanted: &dyn Fn(&AccuracyRow) -> bool| {
        let of = |experiment| {
            let drawn = match (experiment, computed) {
                (Experiment::Verified, true) => Experiment::Quantised,
                (other, _) => other,
            };
            let own = local.iter().filter(|row| row.experiment == drawn && wanted(row));
            (experiment, own.copied().collect::<Vec<_>>())
        };
        let lines = SHOWN.map(of).into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
        Panel { title, lines }
    };
    let of_institution = |&institution: &usize| {
        let title = match splits {
            1 => format!("institution {institution}"),
            _ => format!("institution {institution}, first split"),
        };
        panel(title, false, &|row| row.split == 0 && row.institution == Some(institution))
    };
    let mut panels: Vec<Panel<'_>> = institutions.iter().map(of_institution).collect();
    if splits > 1 {
        panels.push(panel(format!("mean of {splits} splits, in the clear"), true, &|_| true));
    }
    let epochs = local.iter().map(|row| row.epoch).max().unwrap_or(1) as f64;
    let charts: Vec<(String, Vec<Line>)> = panels
        .into_iter()
        .map(|Panel { title, lines }| {
            // The reference comes to lie over the line that should follow it.
            let lines = lines.into_iter().rev();
            let lines = lines.map(|(scheme, rows)| line(curve(rows), scheme)).collect();
            (title, lines)
        })
        .collect();
    let points = charts.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.points);
    let range = accuracy_range(points.copied());
    let was_recorded =
        |scheme: &Experiment| local.iter().any(|row| row.experiment == *scheme && row.split == 0);
    let entries: Vec<_> = SHOWN
        .into_iter()
        .filter(was_recorded)
        .map(|scheme| {
            let Line { style, dash, .. } = line(Vec::new(), scheme);
            (label(scheme, malicious), style, dash)
        })
        .collect();
    svg((1180, 480), |area| {
        title(
            area,
            &format!(
                "What federation is worth to an institution: {dataset}, model after its local epoch"
            ),
        )?;
        legend(area, (62, 48), &entries)?;
        let (_, below) = area.split_vertically(62);
        let areas = below.split_evenly((1, charts.len().max(1)));
        for (position, (area, (title, lines))) in areas.iter().zip(&charts).enumerate() {
            let y_title = if position == 0 { "accuracy on common test rows" } else { "" };
            chart(area, (title, "epoch", y_title), (1.0, epochs), range, &[], lines)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::quality::Quality;

    fn rows(splits: usize) -> Vec<AccuracyRow> {
        let mut rows = Vec::new();
        for split in 0..splits {
            for epoch in 1..=5 {
                let accuracy = 0.5 + epoch as f64 / 20.0;
                let quality = Quality { accuracy, auc: None, sensitivity: None, loss: 0.25 };
                let mut push = |experiment, institution| {
                    rows.push(AccuracyRow { experiment, split, institution, epoch, quality });
                };
                push(Experiment::Centralised, None);
                for institution in [1, 4, 8] {
                    push(Experiment::Alone, Some(institution));
                    push(Experiment::Plain, Some(institution));
                }
                if epoch == 1 {
                    push(Experiment::Logistic, None);
                }
            }
        }
        rows
    }

    #[test]
    fn figures_name_their_axes_lines_institutions_and_splits_and_never_change() {
        let five = figure5(&rows(3), "pima").unwrap();
        for text in [
            "epoch",
            "accuracy on test rows",
            ">\nmean of 3 splits",
            "logistic regression, mean of 3 splits",
            "pima",
        ] {
            assert!(five.contains(text), "{text}");
        }
        let six = figure6(&rows(3), "pima", 2).unwrap();
        for text in [
            "institution 1, first split",
            "institution 4, first split",
            "institution 8, first split",
            "mean of 3 splits",
            "alone",
            "plain FL, 2 malicious",
        ] {
            assert!(six.contains(text), "{text}");
        }
        assert!(!six.contains("verified"), "what was not recorded is not in the legend");
        assert_eq!(six, figure6(&rows(3), "pima", 2).unwrap());
    }

    #[test]
    fn an_institutions_panel_has_the_first_split_alone_and_the_last_panel_the_mean_of_all() {
        let mut rows = rows(2);
        let first = figure6(&rows, "pima", 2).unwrap();
        let is_second = |row: &&mut AccuracyRow| row.split == 1 && row.epoch == 3;
        // Within the range of the axis, which is that of all lines.
        rows.iter_mut().filter(is_second).for_each(|row| row.quality.accuracy += 0.01);
        let second = figure6(&rows, "pima", 2).unwrap();
        let drawn = |svg: &str| svg.lines().map(str::to_owned).collect::<Vec<_>>();
        let (first, second) = (drawn(&first), drawn(&second));
        assert_eq!(first.len(), second.len());
        let start = second.iter().position(|line| line.contains("mean of 2 splits")).unwrap();
        let changed: Vec<usize> =
            (0..first.len()).filter(|&line| first[line] != second[line]).collect();
        assert!(!changed.is_empty() && changed.iter().all(|&line| line > start), "{changed:?}");
    }

    #[test]
    fn a_single_epoch_is_a_dot_on_each_line_and_a_single_split_is_singular() {
        let first: Vec<_> = rows(1).into_iter().filter(|row| row.epoch == 1).collect();
        let five = figure5(&first, "pima").unwrap();
        assert!(
            five.contains("<circle")
                && five.contains("mean of 1 split")
                && !five.contains("1 splits")
        );
        let six = figure6(&first, "pima", 2).unwrap();
        assert!(six.contains("<circle") && !six.contains("split"));
        assert!(!figure5(&rows(1), "pima").unwrap().contains("<circle"));
    }

    #[test]
    fn nothing_recorded_is_an_empty_figure_and_no_panic() {
        assert!(figure5(&[], "pima").unwrap().ends_with("</svg>\n"));
        assert!(figure6(&[], "pima", 0).unwrap().ends_with("</svg>\n"));
    }
}
