//! `fig5.svg` and `fig6.svg`, drawn from a run's CSVs alone.
//!
//! Colours are Okabe and Ito's, told apart by colour-blind readers; every line also has a stroke of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use plotters::coord::Shift;
use plotters::prelude::*;
use polars::prelude::{CsvReadOptions, DataType, PolarsResult, Schema, SerReader};

use consilium_client::learning::Metrics;

use crate::ExperimentError;
use crate::record::{ACCURACY_HEADER, AccuracyRow, Experiment};
use crate::summary::{count, label, mean_and_sd};

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(crate) const INK: RGBColor = RGBColor(40, 40, 40);
pub(crate) const GRID: RGBColor = RGBColor(225, 225, 225);

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

/// Reads `accuracy.csv` back.
///
/// # Errors
/// [`ExperimentError::Record`] naming the file and what is wrong with it.
pub fn read_accuracy(path: &Path) -> Result<Vec<AccuracyRow>, ExperimentError> {
    let refused = |reason: String| ExperimentError::Record { path: path.to_owned(), reason };
    if !path.is_file() {
        return Err(refused("no such file".into()));
    }
    let rows = parse_accuracy(path)
        .map_err(|e| refused(e.to_string().lines().next().unwrap_or_default().to_owned()))?;
    rows.into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| refused(format!("expected rows of {ACCURACY_HEADER}")))
}

/// `None` where a field that must be there is empty or out of range.
fn parse_accuracy(path: &Path) -> PolarsResult<Vec<Option<AccuracyRow>>> {
    let schema = Schema::from_iter([
        ("experiment".into(), DataType::String),
        ("run".into(), DataType::Int64),
        ("institution".into(), DataType::Int64),
        ("epoch".into(), DataType::Int64),
        ("accuracy".into(), DataType::Float64),
        ("auc".into(), DataType::Float64),
        ("loss".into(), DataType::Float64),
    ]);
    let options = CsvReadOptions::default()
        .with_has_header(true)
        .with_schema_overwrite(Some(Arc::new(schema)));
    let table = options.try_into_reader_with_file_path(Some(path.to_owned()))?.finish()?;
    let integers = |name| -> PolarsResult<Vec<Option<i64>>> {
        Ok(table.column(name)?.i64()?.iter().collect())
    };
    let numbers = |name| -> PolarsResult<Vec<Option<f64>>> {
        Ok(table.column(name)?.f64()?.iter().collect())
    };
    let experiments = table.column("experiment")?.str()?.iter();
    let runs = integers("run")?;
    let institutions = integers("institution")?;
    let epochs = integers("epoch")?;
    let accuracies = numbers("accuracy")?;
    let aucs = numbers("auc")?;
    let losses = numbers("loss")?;
    let counts = runs.into_iter().zip(institutions).zip(epochs);
    let metrics = accuracies.into_iter().zip(aucs).zip(losses);
    let rows = experiments.zip(counts).zip(metrics).map(
        |((name, ((run, institution), epoch)), ((accuracy, auc), loss))| {
            let experiment =
                Experiment::ALL.into_iter().find(|experiment| Some(experiment.name()) == name)?;
            let institution = institution.map(usize::try_from).transpose().ok()?;
            let run = usize::try_from(run?).ok()?;
            let epoch = usize::try_from(epoch?).ok()?;
            let metrics = Metrics { accuracy: accuracy?, auc, loss: loss? };
            metrics.accuracy.is_finite().then_some(AccuracyRow {
                experiment,
                run,
                institution,
                epoch,
                metrics,
            })
        },
    );
    Ok(rows.collect())
}

/// One line of a chart.
pub(crate) struct Line {
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) style: ShapeStyle,
    pub(crate) dash: (i32, i32),
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

/// Where an axis of accuracies starts and ends: the data, widened to steps of 0.05.
pub(crate) fn accuracy_range(points: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let (low, high) =
        points.fold((1.0f64, 0.0f64), |(low, high), (_, y)| (low.min(y), high.max(y)));
    let low = (low * 20.0 - 0.1).floor() / 20.0;
    let high = (high * 20.0 + 0.1).ceil() / 20.0;
    if low < high { (low.max(0.0), high.min(1.0)) } else { (0.0, 1.0) }
}

/// Axes, grid and lines of one chart; `bands` are closed outlines filled behind the lines.
pub(crate) fn chart(
    area: &Area<'_>,
    (title, x_title, y_title): (&str, &str, &str),
    (from, to): (f64, f64),
    (low, high): (f64, f64),
    bands: &[(Vec<(f64, f64)>, RGBAColor)],
    lines: &[Line],
) -> Result<(), String> {
    let text = |size: u32| ("sans-serif", size).into_font().color(&INK);
    let mut context = ChartBuilder::on(area)
        .caption(title, text(15))
        .margin(8)
        .margin_right(14)
        .x_label_area_size(40)
        .y_label_area_size(if y_title.is_empty() { 36 } else { 54 })
        .build_cartesian_2d(from..to.max(from + 1.0), low..high)
        .map_err(|e| e.to_string())?;
    context
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK.mix(0.5))
        .x_desc(x_title)
        .y_desc(y_title)
        .axis_desc_style(text(14))
        .label_style(text(13))
        .x_labels(((to - from) as usize + 1).clamp(2, 7))
        .y_labels(((high - low) * if high - low > 0.4 { 10.0 } else { 20.0 }) as usize + 2)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.2}"))
        .draw()
        .map_err(|e| e.to_string())?;
    for (outline, colour) in bands {
        let band = Polygon::new(outline.clone(), colour.filled());
        context.draw_series([band]).map_err(|e| e.to_string())?;
    }
    for Line { points, style, dash: (dash, gap) } in lines {
        let drawn = if *gap == 0 {
            context.draw_series(LineSeries::new(points.iter().copied(), *style)).map(|_| ())
        } else {
            context
                .draw_series(DashedLineSeries::new(points.iter().copied(), *dash, *gap, *style))
                .map(|_| ())
        };
        drawn.map_err(|e| e.to_string())?;
        // A line needs two points.
        if let [point] = points.as_slice() {
            let dot = Circle::new(*point, style.stroke_width + 2, style.color.filled());
            context.draw_series([dot]).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// A sample of each line with its name, from left to right starting at `(x, y)`.
pub(crate) fn legend(
    area: &Area<'_>,
    (mut x, y): (i32, i32),
    entries: &[(String, ShapeStyle, (i32, i32))],
) -> Result<(), String> {
    for (name, style, (dash, gap)) in entries {
        let end = x + 30;
        let mut from = x;
        while from < end {
            let to = if *gap == 0 { end } else { (from + dash).min(end) };
            area.draw(&PathElement::new([(from, y), (to, y)], *style))
                .map_err(|e| e.to_string())?;
            from = to + gap;
        }
        let font = ("sans-serif", 14).into_font().color(&INK);
        area.draw(&Text::new(name.clone(), (end + 8, y - 8), font)).map_err(|e| e.to_string())?;
        // A letter of the sans-serif faces is about half as wide as high.
        x = end + 8 + name.chars().count() as i32 * 7 + 24;
    }
    Ok(())
}

pub(crate) fn title(area: &Area<'_>, text: &str) -> Result<(), String> {
    let font = ("sans-serif", 18).into_font().color(&INK);
    area.draw(&Text::new(text.to_owned(), (14, 10), font)).map_err(|e| e.to_string())
}

pub(crate) fn svg(
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), String>,
) -> Result<String, ExperimentError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(|e| ExperimentError::Plot(e.to_string()))?;
        draw(&area).map_err(ExperimentError::Plot)?;
        area.present().map_err(|e| ExperimentError::Plot(e.to_string()))?;
    }
    Ok(svg)
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
    use crate::record::accuracy_csv;

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

    fn read(text: &str) -> Result<Vec<AccuracyRow>, ExperimentError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accuracy.csv");
        std::fs::write(&path, text).unwrap();
        read_accuracy(&path)
    }

    #[test]
    fn what_was_recorded_is_read_back() {
        assert_eq!(read(&accuracy_csv(&rows())).unwrap(), rows());
    }

    #[test]
    fn a_damaged_csv_is_refused_in_one_line() {
        let wrong_name = format!("{ACCURACY_HEADER}\nmagic,0,,1,0.5,,0.5\n");
        let hole = format!("{ACCURACY_HEADER}\nalone,0,,1,,,0.5\n");
        let text = format!("{ACCURACY_HEADER}\nalone,0,,one,0.5,,0.5\n");
        for bad in [wrong_name.as_str(), &hole, &text, "a,b\n1,2\n", ""] {
            let error = read(bad).unwrap_err();
            assert!(matches!(error, ExperimentError::Record { .. }), "{error}");
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
        assert!(read_accuracy(Path::new("/nonexistent/accuracy.csv")).is_err());
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
