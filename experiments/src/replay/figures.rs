//! `fig5.svg` and `fig6.svg`, drawn from a run's CSVs alone.
//!
//! Colours are Okabe and Ito's, told apart by colour-blind readers; every line also has a stroke of its own.

use std::collections::BTreeMap;

use plotters::prelude::*;

use super::record::{AccuracyRow, Experiment};
use super::summary::{count, label, mean_and_sd};
use crate::ExperimentError;
use crate::chart::{INK, Line, accuracy_range, chart, legend, svg, title};

/// How an experiment's line looks: colour, width, and dash and gap in pixels (no gap: solid).
fn stroke(experiment: Experiment) -> (RGBColor, u32, i32, i32) {
    match experiment {
        Experiment::Centralised => (RGBColor(0, 114, 178), 3, 1, 0),
        Experiment::Alone => (RGBColor(0, 158, 115), 2, 8, 3),
        Experiment::PlainHonest => (RGBColor(20, 20, 20), 2, 2, 4),
        Experiment::Plain => (RGBColor(213, 94, 0), 2, 4, 2),
        Experiment::Verified => (RGBColor(0, 114, 178), 3, 1, 0),
    }
}

/// Accuracy by epoch of the rows that `wanted` picks.
fn curve(rows: &[AccuracyRow], wanted: impl Fn(&AccuracyRow) -> bool) -> Vec<(f64, f64)> {
    rows.iter()
        .filter(|row| wanted(row))
        .map(|row| (row.epoch as f64, row.metrics.accuracy))
        .collect()
}

fn line(points: Vec<(f64, f64)>, experiment: Experiment) -> Line {
    let (colour, width, dash, gap) = stroke(experiment);
    Line { points, style: colour.stroke_width(width), dash: (dash, gap) }
}

/// Figure 5: the centralised runs, their mean and one standard deviation around it. SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub fn figure5(rows: &[AccuracyRow], dataset: &str) -> Result<String, ExperimentError> {
    let of_run =
        |run| curve(rows, |row| row.experiment == Experiment::Centralised && row.run == run);
    let runs: Vec<_> = (0..).map(of_run).take_while(|points| !points.is_empty()).collect();
    let mut by_epoch = BTreeMap::<usize, Vec<f64>>::new();
    for row in rows.iter().filter(|row| row.experiment == Experiment::Centralised) {
        by_epoch.entry(row.epoch).or_default().push(row.metrics.accuracy);
    }
    let spread: Vec<(f64, f64, f64)> = by_epoch
        .into_iter()
        .map(|(epoch, values)| {
            let (mean, sd) = mean_and_sd(values.iter().copied());
            (epoch as f64, mean, sd)
        })
        .collect();
    let upper = spread.iter().map(|&(x, mean, sd)| (x, mean + sd));
    let lower = spread.iter().rev().map(|&(x, mean, sd)| (x, mean - sd));
    let band: Vec<_> = upper.chain(lower).collect();
    let (colour, ..) = stroke(Experiment::Centralised);
    let shade = colour.mix(0.22);
    let thin = INK.mix(0.28).stroke_width(1);
    let epochs = spread.last().map_or(1.0, |&(x, ..)| x);
    let range = accuracy_range(runs.iter().flatten().copied().chain(band.iter().copied()));

    let runs_shown = count(runs.len(), "run");
    let mut lines: Vec<_> =
        runs.into_iter().map(|points| Line { points, style: thin, dash: (1, 0) }).collect();
    lines.push(line(
        spread.iter().map(|&(x, mean, _)| (x, mean)).collect(),
        Experiment::Centralised,
    ));
    let entries = [
        (format!("mean of {runs_shown}"), colour.stroke_width(3), (1, 0)),
        ("± one standard deviation".to_owned(), shade.stroke_width(12), (1, 0)),
        ("single runs".to_owned(), thin, (1, 0)),
    ];
    svg((820, 480), |area| {
        title(
            area,
            &format!(
                "Centralised training on {dataset}: {runs_shown}, each with its own split and start"
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

/// Figure 6: a chart for each observed institution, with its accuracy on the common test rows by epoch: alone, in
/// plain and in verified federated learning, whatever of these was recorded. SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub fn figure6(
    rows: &[AccuracyRow],
    dataset: &str,
    malicious: usize,
) -> Result<String, ExperimentError> {
    let local: Vec<AccuracyRow> =
        rows.iter().filter(|row| row.institution.is_some()).copied().collect();
    let mut institutions: Vec<usize> = local.iter().filter_map(|row| row.institution).collect();
    institutions.sort_unstable();
    institutions.dedup();
    let schemes: Vec<Experiment> = Experiment::ALL
        .into_iter()
        .filter(|scheme| local.iter().any(|row| row.experiment == *scheme))
        .collect();
    let epochs = local.iter().map(|row| row.epoch).max().unwrap_or(1) as f64;
    let range = accuracy_range(curve(&local, |_| true).into_iter());
    let entries: Vec<_> = schemes
        .iter()
        .map(|&scheme| {
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
        let panels = below.split_evenly((1, institutions.len().max(1)));
        for (position, (panel, &institution)) in panels.iter().zip(&institutions).enumerate() {
            let of = |scheme| {
                curve(&local, |row| {
                    row.experiment == scheme && row.institution == Some(institution)
                })
            };
            // The reference comes to lie over the line that should follow it.
            let lines: Vec<_> =
                schemes.iter().rev().map(|&scheme| line(of(scheme), scheme)).collect();
            let y_title = if position == 0 { "accuracy on common test rows" } else { "" };
            let titles = (&*format!("institution {institution}"), "epoch", y_title);
            chart(panel, titles, (1.0, epochs), range, &[], &lines)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_learning::Metrics;

    fn rows() -> Vec<AccuracyRow> {
        let mut rows = Vec::new();
        for epoch in 1..=5 {
            let metrics = Metrics { accuracy: 0.5 + epoch as f64 / 20.0, auc: None, loss: 0.25 };
            for run in 0..3 {
                let experiment = Experiment::Centralised;
                let institution = None;
                rows.push(AccuracyRow { experiment, run, institution, epoch, metrics });
            }
            for institution in [1, 4, 8] {
                for experiment in [Experiment::Alone, Experiment::Plain] {
                    rows.push(AccuracyRow {
                        experiment,
                        run: 0,
                        institution: Some(institution),
                        epoch,
                        metrics,
                    });
                }
            }
        }
        rows
    }

    #[test]
    fn figures_name_their_axes_lines_and_institutions_and_never_change() {
        let five = figure5(&rows(), "pima").unwrap();
        for text in ["epoch", "accuracy on test rows", "mean of 3 runs", "pima"] {
            assert!(five.contains(text), "{text}");
        }
        let six = figure6(&rows(), "pima", 2).unwrap();
        for text in
            ["institution 1", "institution 4", "institution 8", "alone", "plain FL, 2 malicious"]
        {
            assert!(six.contains(text), "{text}");
        }
        assert!(!six.contains("verified"), "what was not recorded is not in the legend");
        assert_eq!(six, figure6(&rows(), "pima", 2).unwrap());
    }

    #[test]
    fn a_single_epoch_is_a_dot_on_each_line_and_a_single_run_is_singular() {
        let first: Vec<_> =
            rows().into_iter().filter(|row| row.epoch == 1 && row.run == 0).collect();
        let five = figure5(&first, "pima").unwrap();
        assert!(
            five.contains("<circle") && five.contains("mean of 1 run") && !five.contains("1 runs")
        );
        assert!(figure6(&first, "pima", 2).unwrap().contains("<circle"));
        assert!(!figure5(&rows(), "pima").unwrap().contains("<circle"));
    }

    #[test]
    fn nothing_recorded_is_an_empty_figure_and_no_panic() {
        assert!(figure5(&[], "pima").unwrap().ends_with("</svg>\n"));
        assert!(figure6(&[], "pima", 0).unwrap().ends_with("</svg>\n"));
    }
}
