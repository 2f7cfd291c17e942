//! `attack.svg`: a chart for each attack, accuracy against the number of malicious institutions, and the success of the
//! backdoors below.

use plotters::prelude::*;

use super::attacks::{Attack, Defence, Delivery};
use super::config::{AttackConfig, INSTITUTIONS};
use super::record::{Spread, SummaryRow, curve};
use crate::ExperimentError;
use crate::chart::{Line, accuracy_range, chart, legend, svg, title};
use crate::tables::count;

/// Charts side by side.
const COLUMNS: usize = 3;

/// One line of every chart that has it.
struct Series {
    delivery: Delivery,
    defence: Defence,
    name: &'static str,
    colour: RGBColor,
    width: u32,
    /// Dash and gap in pixels; no gap: solid.
    dash: (i32, i32),
    /// Whether the range over the seeds is shown.
    has_band: bool,
}

/// Okabe and Ito's colours; every line also has a stroke of its own. What is drawn later lies on top.
const SERIES: [Series; 7] = [
    Series {
        delivery: Delivery::Naive,
        defence: Defence::Plain,
        name: "plain FL",
        colour: RGBColor(213, 94, 0),
        width: 3,
        dash: (4, 2),
        has_band: true,
    },
    Series {
        delivery: Delivery::Bounded,
        defence: Defence::Parameter,
        name: "per-parameter bound, cut to it",
        colour: RGBColor(0, 114, 178),
        width: 3,
        dash: (1, 0),
        has_band: true,
    },
    Series {
        delivery: Delivery::Bounded,
        defence: Defence::Norm,
        name: "norm bound, cut to it",
        colour: RGBColor(0, 158, 115),
        width: 3,
        dash: (9, 3),
        has_band: true,
    },
    Series {
        delivery: Delivery::Tried,
        defence: Defence::Norm,
        name: "norm bound, proof drawn 2^20 times",
        colour: RGBColor(230, 159, 0),
        width: 2,
        dash: (3, 3),
        has_band: false,
    },
    Series {
        delivery: Delivery::Slack,
        defence: Defence::Norm,
        name: "norm bound, at the proven slack",
        colour: RGBColor(204, 121, 167),
        width: 2,
        dash: (12, 4),
        has_band: false,
    },
    Series {
        delivery: Delivery::Naive,
        defence: Defence::Parameter,
        name: "per-parameter bound, sent as it is",
        colour: RGBColor(86, 180, 233),
        width: 2,
        dash: (6, 3),
        has_band: false,
    },
    Series {
        delivery: Delivery::Naive,
        defence: Defence::Norm,
        name: "norm bound, sent as it is",
        colour: RGBColor(40, 40, 40),
        width: 2,
        dash: (2, 5),
        has_band: false,
    },
];

/// The figure as SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub fn figure(summary: &[SummaryRow], config: &AttackConfig) -> Result<String, ExperimentError> {
    let accuracy: fn(&SummaryRow) -> Spread = |row| row.accuracy;
    let success: fn(&SummaryRow) -> Spread = |row| row.backdoor_success;
    let targeted = Attack::ALL.into_iter().filter(|attack| attack.is_targeted());
    let charts: Vec<_> = Attack::ALL
        .into_iter()
        .map(|attack| (attack, accuracy))
        .chain(targeted.map(|a| (a, success)))
        .collect();
    let ends =
        summary.iter().flat_map(|row| [row.accuracy.least, row.accuracy.largest]).map(|y| (0.0, y));
    let range = accuracy_range(ends);
    let most = config.malicious.iter().max().copied().unwrap_or(1) as f64;
    let entry = |series: &Series| {
        (series.name.to_owned(), series.colour.stroke_width(series.width), series.dash)
    };
    let entries: Vec<_> = SERIES.iter().map(entry).collect();
    let rows = charts.len().div_ceil(COLUMNS);

    svg((1180, 130 + 300 * rows as u32), |area| {
        let dataset = &config.dataset;
        let seeds = count(config.seeds, "seed");
        let what = format!(
            "Attacks on a federation of {INSTITUTIONS}: {dataset}, after {}; mean and range over {seeds}",
            count(config.epochs, "round")
        );
        title(area, &what)?;
        for (line, entries) in (0..).zip(entries.chunks(COLUMNS)) {
            legend(area, (62, 50 + 24 * line), entries)?;
        }
        let (_, below) = area.split_vertically(112);
        let panels = below.split_evenly((rows, COLUMNS));
        for (position, (panel, &(attack, quantity))) in panels.iter().zip(&charts).enumerate() {
            let is_success = position >= Attack::ALL.len();
            let mut lines = Vec::new();
            let mut bands = Vec::new();
            for series in &SERIES {
                let points: Vec<_> = curve(summary, attack, series.delivery, series.defence)
                    .iter()
                    .map(|row| (row.malicious as f64, quantity(row)))
                    .collect();
                // Nobody malicious alone is no curve of this attack's.
                if points.iter().all(|(malicious, _)| *malicious == 0.0) {
                    continue;
                }
                if series.has_band {
                    let upper = points.iter().map(|&(x, y)| (x, y.largest));
                    let lower = points.iter().rev().map(|&(x, y)| (x, y.least));
                    bands.push((upper.chain(lower).collect(), series.colour.mix(0.13)));
                }
                let style = series.colour.stroke_width(series.width);
                lines.push(Line {
                    points: points.iter().map(|&(x, y)| (x, y.mean)).collect(),
                    style,
                    dash: series.dash,
                });
            }
            let name = if is_success {
                format!("{}: its success", attack.title())
            } else {
                attack.title().to_owned()
            };
            let y_title = match (is_success, position % COLUMNS) {
                (true, _) => "triggered called negative",
                (false, 0) => "accuracy on test rows",
                _ => "",
            };
            let range = if is_success { (0.0, 1.0) } else { range };
            chart(
                panel,
                (&name, "malicious institutions", y_title),
                (0.0, most),
                range,
                &bands,
                &lines,
            )?;
        }
        Ok(())
    })
}
