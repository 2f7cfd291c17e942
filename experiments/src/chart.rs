//! Axes, lines and legends, as every figure has them.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::ExperimentError;

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(crate) const INK: RGBColor = RGBColor(40, 40, 40);
pub(crate) const GRID: RGBColor = RGBColor(225, 225, 225);

/// One line of a chart.
pub(crate) struct Line {
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) style: ShapeStyle,
    pub(crate) dash: (i32, i32),
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
