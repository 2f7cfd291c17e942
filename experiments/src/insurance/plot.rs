//! `insurance.svg`: liu2021's figures 4 to 7 with what was measured.
//!
//! Colours are Okabe and Ito's; every line also has a stroke of its own.

use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;

use super::operations::Stage;
use super::record::{BytesRow, TimesRow, WireStage};
use super::run::Measurements;
use crate::ExperimentError;
use crate::chart::{Area, GRID, INK, legend, svg, title};

const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(213, 94, 0), RGBColor(204, 121, 167)];
/// The upper part of a bar: what is behind it must not show.
const LIGHT: RGBColor = RGBColor(166, 207, 228);
const DASHES: [(i32, i32); 4] = [(1, 0), (9, 4), (3, 3), (12, 5)];
/// Left free on both sides of a bar, in pixels.
const BAR_MARGIN: u32 = 34;

/// A bar, in two parts one upon the other.
struct Bar {
    name: &'static str,
    lower: f64,
    whole: f64,
}

/// The figure as SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub fn figure(measured: &Measurements) -> Result<String, ExperimentError> {
    let Measurements { times, bytes, .. } = measured;
    svg((1180, 860), |area| {
        title(
            area,
            &format!("liu2021's figures 4 to 7, measured here on {}", measured.machine.cpu),
        )?;
        let (_, below) = area.split_vertically(36);
        let panels = below.split_evenly((2, 2));
        let [first, second, third, fourth] = panels.as_slice() else { return Ok(()) };
        let (key, panel) = first.split_vertically(28);
        let parts = ["its group operations and signatures", "all else: AEAD, hashes, tags, wiping"];
        legend(&key, (66, 17), &parted(parts))?;
        bars(
            &panel,
            ("figure 4: a stage, for one record", "processor time, µs"),
            &stage_bars(times),
        )?;
        let (key, panel) = second.split_vertically(28);
        legend(&key, (66, 17), &parted(["messages", "HTTP/2 around them"]))?;
        bars(&panel, ("figure 5: a stage, for one owner", "bytes on the wire"), &wire_bars(bytes))?;

        let (key, panel) = third.split_vertically(28);
        legend(&key, (66, 17), &named(Stage::ALL.map(Stage::name)))?;
        let lines = Stage::ALL.map(|stage| {
            let of = times.iter().filter(move |row| row.stage == stage);
            of.map(|row| (row.users as f64, row.cpu_s * 1e3)).collect::<Vec<_>>()
        });
        curves(&panel, ("figure 6: a record of every owner", "processor time, ms"), &lines)?;
        let (key, panel) = fourth.split_vertically(28);
        legend(&key, (66, 17), &named(WireStage::ALL.map(WireStage::name)))?;
        let lines = WireStage::ALL.map(|stage| wire_curve(bytes, stage));
        curves(
            &panel,
            ("figure 7: policy, repair and claim of every owner", "kB on the wire"),
            &lines,
        )
    })
}

fn parted(names: [&str; 2]) -> Vec<(String, ShapeStyle, (i32, i32))> {
    let colours = [COLOURS[0], LIGHT];
    let entry =
        |(name, colour): (&str, RGBColor)| (name.to_owned(), colour.stroke_width(9), (1, 0));
    names.into_iter().zip(colours).map(entry).collect()
}

fn named<const N: usize>(names: [&str; N]) -> Vec<(String, ShapeStyle, (i32, i32))> {
    let strokes = COLOURS.into_iter().zip(DASHES);
    let entry = |(name, (colour, dash)): (&str, (RGBColor, _))| {
        (name.to_owned(), colour.stroke_width(2), dash)
    };
    names.into_iter().zip(strokes).map(entry).collect()
}

/// Of the most owners that were timed, as nothing else is as exact.
fn stage_bars(times: &[TimesRow]) -> Vec<Bar> {
    let bar = |stage: Stage| {
        let row = times.iter().rev().find(|row| row.stage == stage)?;
        let users = row.users as f64;
        let whole = row.cpu_s / users * 1e6;
        let lower = (row.operations_s / users * 1e6).min(whole);
        Some(Bar { name: stage.name(), lower, whole })
    };
    Stage::ALL.into_iter().filter_map(bar).collect()
}

/// Of the first owner.
fn wire_bars(bytes: &[BytesRow]) -> Vec<Bar> {
    let bar = |stage: WireStage| {
        let rows = bytes.iter().filter(|row| row.stage == stage && row.users == 1);
        let (lower, whole) =
            rows.fold((0, 0), |(lower, whole), row| (lower + row.messages, whole + row.all));
        Bar { name: stage.name(), lower: lower as f64, whole: whole as f64 }
    };
    WireStage::ALL.into_iter().map(bar).collect()
}

fn wire_curve(bytes: &[BytesRow], stage: WireStage) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for row in bytes.iter().filter(|row| row.stage == stage) {
        let (x, y) = (row.users as f64, row.all as f64 / 1e3);
        match points.iter_mut().find(|point| point.0 == x) {
            Some(point) => point.1 += y,
            None => points.push((x, y)),
        }
    }
    points
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

fn bars(area: &Area<'_>, (caption, y_title): (&str, &str), bars: &[Bar]) -> Result<(), String> {
    let Some(last) = bars.len().checked_sub(1) else { return Ok(()) };
    let most = bars.iter().map(|bar| bar.whole).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, text(15))
        .margin(8)
        .margin_right(18)
        .x_label_area_size(34)
        .y_label_area_size(66)
        .build_cartesian_2d((0..last).into_segmented(), 0.0..most * 1.12)
        .map_err(|e| e.to_string())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK.mix(0.5))
        .y_desc(y_title)
        .axis_desc_style(text(14))
        .label_style(text(13))
        .x_label_formatter(&|segment| match segment {
            SegmentValue::CenterOf(place) => {
                bars.get(*place).map(|bar| bar.name.to_owned()).unwrap_or_default()
            }
            SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
        })
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()
        .map_err(|e| e.to_string())?;
    for (place, bar) in bars.iter().enumerate() {
        let rectangle = |from: f64, to: f64, colour: RGBColor| {
            let corners =
                [(SegmentValue::Exact(place), from), (SegmentValue::Exact(place + 1), to)];
            let mut rectangle = Rectangle::new(corners, colour.filled());
            rectangle.set_margin(0, 0, BAR_MARGIN, BAR_MARGIN);
            rectangle
        };
        let parts = [rectangle(0.0, bar.lower, COLOURS[0]), rectangle(bar.lower, bar.whole, LIGHT)];
        chart.draw_series(parts).map_err(|e| e.to_string())?;
        let style = text(13).pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Center,
            plotters::style::text_anchor::VPos::Bottom,
        ));
        let above = (SegmentValue::CenterOf(place), bar.whole + most * 0.015);
        let number = Text::new(format!("{:.0}", bar.whole), above, style);
        chart.draw_series([number]).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn curves(
    area: &Area<'_>,
    (caption, y_title): (&str, &str),
    lines: &[Vec<(f64, f64)>],
) -> Result<(), String> {
    let all = lines.iter().flatten();
    let (right, high) =
        all.fold((1.0f64, 0.001f64), |(x, y), point| (x.max(point.0), y.max(point.1)));
    let mut chart = ChartBuilder::on(area)
        .caption(caption, text(15))
        .margin(8)
        .margin_right(18)
        .x_label_area_size(40)
        .y_label_area_size(66)
        .build_cartesian_2d(0.0..right * 1.02, 0.0..high * 1.05)
        .map_err(|e| e.to_string())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK.mix(0.5))
        .x_desc("car owners")
        .y_desc(y_title)
        .axis_desc_style(text(14))
        .label_style(text(13))
        .x_label_formatter(&|users| format!("{users:.0}"))
        .y_label_formatter(&|value| {
            if high < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
        })
        .draw()
        .map_err(|e| e.to_string())?;
    for (points, (colour, (dash, gap))) in lines.iter().zip(COLOURS.into_iter().zip(DASHES)) {
        let style = colour.stroke_width(2);
        let line = points.iter().copied();
        let drawn = if gap == 0 {
            chart.draw_series(LineSeries::new(line, style)).map(drop)
        } else {
            chart.draw_series(DashedLineSeries::new(line, dash, gap, style)).map(drop)
        };
        drawn.map_err(|e| e.to_string())?;
        let dots = points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots).map_err(|e| e.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insurance::run::example;

    #[test]
    fn all_four_figures_are_drawn_with_every_stage_and_the_processor() {
        let drawn = figure(&example()).unwrap();
        for number in 4..=7 {
            assert!(drawn.contains(&format!("figure {number}: ")), "figure {number}");
        }
        let names =
            Stage::ALL.map(Stage::name).into_iter().chain(WireStage::ALL.map(WireStage::name));
        for name in names {
            // Under its bar, and in the legend of the lines.
            assert!(drawn.matches(name).count() >= 2, "{name}");
        }
        assert!(drawn.contains("a processor"));
        assert_eq!(drawn, figure(&example()).unwrap());
    }

    #[test]
    fn nothing_measured_is_an_empty_figure_and_no_panic() {
        let nothing = Measurements { times: Vec::new(), bytes: Vec::new(), ..example() };
        assert!(figure(&nothing).unwrap().ends_with("</svg>\n"));
    }
}
