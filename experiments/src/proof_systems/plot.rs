//! `figure4.svg` and `table1.svg`: bars on a logarithmic axis, coloured by what a row proves.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::measure::Results;
use super::printed::TABLE_1;
use super::system::{Statement, System};
use crate::ExperimentError;
use crate::bench::bar::duration;
use crate::bench::machine::Machine;
use crate::chart::{Area, GRID, INK, svg, title};

/// Pixels from one bar to the next, and of a bar.
const ROW: i32 = 46;
const BAR: i32 = 20;
/// Where the bars of the first row are, below title and legend.
const TOP: i32 = 112;
/// Room for the names of the rows.
const NAMES: i32 = 218;
/// Length of an axis, where there are two side by side, and where there is one.
const HALF_AXIS: i32 = 360;
const AXIS: i32 = 590;
/// Room for the figure behind a bar.
const FIGURE: i32 = 84;

const MUTED: RGBColor = RGBColor(110, 110, 110);

/// Okabe and Ito's colours.
fn colour(statement: Statement) -> RGBColor {
    match statement {
        Statement::Transfer => RGBColor(0, 114, 178),
        Statement::Ranges => RGBColor(230, 159, 0),
        Statement::Bits => RGBColor(150, 150, 150),
    }
}

/// A bar of a panel.
struct Bar {
    value: f64,
    shown: String,
    /// Drawn over the first: the same when many are folded.
    inner: Option<(f64, String)>,
    colour: RGBColor,
    /// Of somebody else's: an outline alone.
    is_hollow: bool,
}

/// A chart: bars from top to bottom, `None` where a row has none.
struct Panel {
    heading: &'static str,
    left: i32,
    length: i32,
    bars: Vec<Option<Bar>>,
    unit: fn(f64) -> String,
}

/// Running times of prover and verifier, as SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub(crate) fn figure_4(results: &Results) -> Result<String, ExperimentError> {
    let rows: Vec<_> = System::ALL.iter().filter_map(|system| results.row(*system)).collect();
    let names: Vec<_> = rows
        .iter()
        .map(|row| (row.system.label().to_owned(), row.system.statement().label().to_owned()))
        .collect();
    let bar = |seconds: f64, inner: Option<f64>, system: System| {
        Some(Bar {
            value: seconds,
            shown: duration(seconds),
            inner: inner.map(|seconds| (seconds, duration(seconds))),
            colour: colour(system.statement()),
            is_hollow: false,
        })
    };
    let panels = [
        Panel {
            heading: "prover",
            left: NAMES,
            length: HALF_AXIS,
            bars: rows.iter().map(|row| bar(row.prove_s, None, row.system)).collect(),
            unit: time,
        },
        Panel {
            heading: "verifier",
            left: NAMES + HALF_AXIS + FIGURE,
            length: HALF_AXIS,
            bars: rows.iter().map(|row| bar(row.verify_s, row.folded_s, row.system)).collect(),
            unit: time,
        },
    ];
    let folded = format!("darker: each of {} verified together", results.extent.folded);
    draw("Running time of prover and verifier, one core", &names, &panels, &folded)
}

/// Sizes, next to those that the paper prints, as SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub(crate) fn table_1(results: &Results) -> Result<String, ExperimentError> {
    let rows: Vec<_> = System::ALL.iter().filter_map(|system| results.row(*system)).collect();
    let measured = rows.iter().map(|row| {
        let statement = row.system.statement();
        let name = (row.system.label().to_owned(), statement.label().to_owned());
        let bytes = row.proof_bytes;
        let bar = Bar {
            value: bytes as f64,
            shown: format!("{bytes} B"),
            inner: None,
            colour: colour(statement),
            is_hollow: false,
        };
        (name, Some(bar))
    });
    let printed = TABLE_1.iter().map(|printed| {
        let name = (printed.system.to_owned(), "as printed in mo2023".to_owned());
        let bar = Bar {
            value: printed.proof_bytes,
            shown: printed.practical.to_owned(),
            inner: None,
            colour: INK,
            is_hollow: true,
        };
        (name, Some(bar))
    });
    let (names, bars): (Vec<_>, _) = measured.chain(printed).unzip();
    let panels = [Panel { heading: "bytes", left: NAMES, length: AXIS, bars, unit: size }];
    draw(
        "Size of a proof, next to those that mo2023 prints in its table 1",
        &names,
        &panels,
        "outlines: printed, not measured",
    )
}

fn draw(
    what: &str,
    names: &[(String, String)],
    panels: &[Panel],
    remark: &str,
) -> Result<String, ExperimentError> {
    let bottom = TOP + ROW * names.len() as i32;
    let right =
        panels.iter().map(|panel| panel.left + panel.length + FIGURE).max().unwrap_or(NAMES);
    svg((right as u32, bottom as u32 + 52), |area| {
        title(area, what)?;
        legend(area, remark)?;
        for (y, (name, statement)) in row_tops().zip(names) {
            let at = (NAMES - 14, y + BAR / 2 - 8);
            text(area, name, at, 14, &INK, HPos::Right)?;
            text(area, statement, (NAMES - 14, y + BAR / 2 + 9), 12, &MUTED, HPos::Right)?;
        }
        for panel in panels {
            draw_panel(area, panel, bottom)?;
        }
        let machine = Machine::current();
        let where_ = format!("{}, {}, {}", machine.cpu, machine.ours(), machine.rustc);
        text(area, &where_, (right - 12, bottom + 40), 11, &MUTED, HPos::Right)
    })
}

fn row_tops() -> impl Iterator<Item = i32> {
    (0..).map(|row| TOP + ROW * row)
}

fn legend(area: &Area<'_>, remark: &str) -> Result<(), String> {
    let y = 44;
    let mut x = 16;
    for statement in Statement::ALL {
        let swatch = Rectangle::new([(x, y), (x + 14, y + 14)], colour(statement).filled());
        area.draw(&swatch).map_err(|e| e.to_string())?;
        text(area, statement.label(), (x + 20, y + 7), 13, &INK, HPos::Left)?;
        // A letter of the sans-serif faces is about half as wide as high.
        x += 20 + statement.label().chars().count() as i32 * 7 + 16;
    }
    text(area, remark, (x, y + 7), 13, &MUTED, HPos::Left)
}

fn draw_panel(area: &Area<'_>, panel: &Panel, bottom: i32) -> Result<(), String> {
    let bars = || panel.bars.iter().flatten();
    let values = bars().flat_map(|bar| {
        let inner = bar.inner.as_ref().map(|(value, _)| *value);
        std::iter::once(bar.value).chain(inner)
    });
    let decades = values.map(|value| value.max(f64::MIN_POSITIVE).log10());
    let (low, high) = decades
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), d| (low.min(d), high.max(d)));
    if low > high {
        return Ok(());
    }
    // A bar that ends where the axis begins would not be seen.
    let low = (low - 0.15).floor() as i32;
    let high = (high.ceil() as i32).max(low + 1);
    let at = |value: f64| {
        let share = (value.log10() - f64::from(low)) / f64::from(high - low);
        panel.left + (share * f64::from(panel.length)).round() as i32
    };
    text(area, panel.heading, (panel.left, TOP - 20), 15, &INK, HPos::Left)?;
    for decade in low..=high {
        let value = 10f64.powi(decade);
        let x = at(value);
        let line = PathElement::new([(x, TOP - 8), (x, bottom - 10)], GRID.stroke_width(1));
        area.draw(&line).map_err(|e| e.to_string())?;
        text(area, &(panel.unit)(value), (x, bottom + 4), 12, &MUTED, HPos::Center)?;
    }
    for (y, bar) in row_tops().zip(&panel.bars) {
        let Some(bar) = bar else { continue };
        draw_bar(area, bar, (panel.left, y), &at)?;
    }
    Ok(())
}

fn draw_bar(
    area: &Area<'_>,
    bar: &Bar,
    (left, y): (i32, i32),
    at: &impl Fn(f64) -> i32,
) -> Result<(), String> {
    let end = at(bar.value);
    let style = if bar.is_hollow { bar.colour.stroke_width(1) } else { bar.colour.filled() };
    area.draw(&Rectangle::new([(left, y), (end, y + BAR)], style)).map_err(|e| e.to_string())?;
    text(area, &bar.shown, (end + 7, y + BAR / 2), 13, &INK, HPos::Left)?;
    if let Some((value, shown)) = &bar.inner {
        let RGBColor(red, green, blue) = bar.colour;
        let darker = RGBColor(red / 2, green / 2, blue / 2).filled();
        let inner_end = at(*value);
        let inner = Rectangle::new([(left, y + BAR + 2), (inner_end, y + BAR + 9)], darker);
        area.draw(&inner).map_err(|e| e.to_string())?;
        text(area, shown, (inner_end + 7, y + BAR + 6), 11, &MUTED, HPos::Left)?;
    }
    Ok(())
}

fn text(
    area: &Area<'_>,
    words: &str,
    at: (i32, i32),
    height: i32,
    colour: &RGBColor,
    side: HPos,
) -> Result<(), String> {
    let font = ("sans-serif", height).into_font().color(colour).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, font)).map_err(|e| e.to_string())
}

/// A decade of seconds.
fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 0.999 => format!("{s:.0} s"),
        s if s >= 0.000_999 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// A decade of bytes.
fn size(bytes: f64) -> String {
    match bytes {
        b if b >= 1e6 => format!("{:.0} MB", b / 1e6),
        b if b >= 1e3 => format!("{:.0} kB", b / 1e3),
        b => format!("{b:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof_systems::example::example;

    #[test]
    fn a_figure_names_every_row_that_was_measured_and_no_other() {
        let results = example();
        for figure in [figure_4(&results).unwrap(), table_1(&results).unwrap()] {
            for system in System::ALL {
                let is_there = figure.contains(system.label());
                assert_eq!(is_there, results.row(system).is_some(), "{system:?}");
            }
        }
    }

    #[test]
    fn times_are_in_figure_4_and_sizes_with_the_printed_ones_in_table_1() {
        let results = example();
        let figure = figure_4(&results).unwrap();
        for shown in ["10.0 ms", "3.00 ms", "200 µs", "each of 200"] {
            assert!(figure.contains(shown), "{shown}");
        }
        let figure = table_1(&results).unwrap();
        for shown in ["1696 B", "672 B", "3260 B", "735 KB", "3.2 MB", "as printed"] {
            assert!(figure.contains(shown), "{shown}");
        }
    }

    #[test]
    fn a_longer_time_has_a_longer_bar_and_nothing_measured_is_no_panic() {
        let figure = figure_4(&example()).unwrap();
        let widths: Vec<i32> = figure
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains(&format!("height=\"{BAR}\"")))
            .map(|line| {
                let (_, rest) = line.split_once("width=\"").unwrap();
                rest.split_once('"').unwrap().0.parse().unwrap()
            })
            .collect();
        // Ours and theirs, prover and verifier.
        let [ours, theirs, our_verifier, their_verifier] = widths[..] else { panic!("{widths:?}") };
        assert!(ours < theirs && our_verifier < their_verifier, "{widths:?}");
        let mut nothing = example();
        nothing.rows.clear();
        assert!(figure_4(&nothing).unwrap().ends_with("</svg>\n"));
    }
}
