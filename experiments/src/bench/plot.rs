//! `bench.svg`: time against parameters, a panel for every party, with the limits of multiscalar multiplication and
//! decompression drawn in.
//!
//! Colours are Okabe and Ito's; every line also has a stroke and a mark of its own. What was measured is a full mark, what
//! was extrapolated a hollow one.

use plotters::prelude::*;

use super::cells::{BATCH, Cell, DIMENSIONS, Party};
use super::limits::{MATRIX_BYTES, PROJECTION_BYTES};
use super::primitives::Primitive;
use super::results::Results;
use super::row::{Kind, Row};
use super::scheme::Scheme;
use crate::ExperimentError;
use crate::chart::{Area, GRID, INK, legend, svg, title};

/// A line of a panel: a scheme with n institutions, on one core.
#[derive(Clone, Copy)]
struct Stroke {
    scheme: Scheme,
    institutions: u32,
    colour: RGBColor,
    dash: (i32, i32),
}

const SOLID: (i32, i32) = (1, 0);

const STROKES: [Stroke; 11] = [
    Stroke {
        scheme: Scheme::Norm,
        institutions: BATCH,
        colour: RGBColor(0, 114, 178),
        dash: SOLID,
    },
    Stroke { scheme: Scheme::Norm, institutions: 50, colour: RGBColor(0, 114, 178), dash: (7, 4) },
    Stroke {
        scheme: Scheme::Parameter,
        institutions: BATCH,
        colour: RGBColor(213, 94, 0),
        dash: SOLID,
    },
    Stroke {
        scheme: Scheme::Parameter,
        institutions: 50,
        colour: RGBColor(213, 94, 0),
        dash: (7, 4),
    },
    Stroke {
        scheme: Scheme::Lattice,
        institutions: BATCH,
        colour: RGBColor(120, 60, 160),
        dash: SOLID,
    },
    Stroke {
        scheme: Scheme::Lattice,
        institutions: 50,
        colour: RGBColor(120, 60, 160),
        dash: (7, 4),
    },
    Stroke {
        scheme: Scheme::CrateAggregated,
        institutions: BATCH,
        colour: RGBColor(0, 158, 115),
        dash: (3, 3),
    },
    Stroke {
        scheme: Scheme::CrateNaive,
        institutions: BATCH,
        colour: RGBColor(204, 121, 167),
        dash: (3, 3),
    },
    Stroke {
        scheme: Scheme::KhpkeProven,
        institutions: BATCH,
        colour: RGBColor(230, 159, 0),
        dash: (3, 3),
    },
    Stroke {
        scheme: Scheme::KhpkeBare,
        institutions: BATCH,
        colour: RGBColor(86, 180, 233),
        dash: (3, 3),
    },
    Stroke {
        scheme: Scheme::FedAvg,
        institutions: BATCH,
        colour: RGBColor(20, 20, 20),
        dash: (3, 3),
    },
];

/// The primitives whose limit is drawn, with the dashes of their lines. Those of the group are a term and a decompression of
/// an element a parameter; that of the lattice is the stream of its matrix and, with proofs, of its projection.
const LIMITS: [(Primitive, (i32, i32)); 3] = [
    (Primitive::Term, (1, 3)),
    (Primitive::Decompression, (8, 3)),
    (Primitive::StreamByte, (3, 6)),
];
const LIMIT_COLOUR: RGBColor = RGBColor(130, 130, 130);

/// The figure, as SVG text.
///
/// # Errors
/// [`ExperimentError::Plot`].
pub fn figure(results: &Results) -> Result<String, ExperimentError> {
    let rows = results.rows();
    let present = |stroke: &Stroke| {
        Party::ALL.into_iter().any(|party| !points(&rows, stroke, party).is_empty())
    };
    let entry = |stroke: &Stroke| {
        let n = if Scheme::OWN.contains(&stroke.scheme) {
            format!(", n = {}", stroke.institutions)
        } else {
            String::new()
        };
        (format!("{}{n}", stroke.scheme.label()), stroke.colour.stroke_width(2), stroke.dash)
    };
    let mut entries: Vec<_> = STROKES.iter().filter(|stroke| present(stroke)).map(entry).collect();
    let limits = LIMITS.into_iter().filter(|(primitive, _)| results.limits.contains_key(primitive));
    entries.extend(limits.map(|(primitive, dash)| {
        let per = if primitive == Primitive::StreamByte { "lattice's bytes" } else { "an element" };
        (format!("limit: {}, {per}", primitive.name()), LIMIT_COLOUR.stroke_width(1), dash)
    }));
    svg((1640, 1000), |area| {
        title(
            area,
            "What each party pays, one core; baselines with n = 10; hollow marks are extrapolated",
        )?;
        for (line, entries) in entries.chunks(4).enumerate() {
            legend(area, (30, 46 + 22 * line as i32), entries)?;
        }
        let (_, below) = area.split_vertically(46 + 22 * entries.len().div_ceil(4) as i32);
        for (panel, party) in below.split_evenly((2, 4)).iter().zip(Party::ALL) {
            draw(panel, party, &rows, results)?;
        }
        Ok(())
    })
}

/// (d, seconds, measured) of a line.
fn points(rows: &[Row], stroke: &Stroke, party: Party) -> Vec<(f64, f64, bool)> {
    let institutions = if party == Party::Client { 1 } else { stroke.institutions };
    // A client works for itself: its line is drawn once.
    if party == Party::Client && stroke.institutions != BATCH {
        return Vec::new();
    }
    let of = |row: &&Row| {
        let wanted = Cell {
            scheme: stroke.scheme,
            party,
            institutions,
            threads: 1,
            dimension: row.cell.dimension,
        };
        row.cell == wanted
    };
    let point = |row: &Row| {
        Some((f64::from(row.cell.dimension), row.median_s?, row.kind == Kind::Measured))
    };
    rows.iter().filter(of).filter_map(point).collect()
}

/// How often a party needs a primitive at the least, in a round of ten of d parameters.
fn uses(party: Party, primitive: Primitive, d: f64) -> Option<f64> {
    let n = f64::from(BATCH);
    if primitive == Primitive::StreamByte {
        return match party {
            Party::Client => Some((MATRIX_BYTES + PROJECTION_BYTES) * d),
            Party::Coordinator | Party::Verifier | Party::Auditor => {
                Some((MATRIX_BYTES + n * PROJECTION_BYTES) * d)
            }
            Party::Opening | Party::Check => Some(MATRIX_BYTES * d),
            Party::Trustee => None,
        };
    }
    Some(match party {
        Party::Client | Party::Opening => d,
        Party::Coordinator | Party::Verifier | Party::Check | Party::Auditor => n * d,
        // 48 of the limbs, 23 of their proofs.
        Party::Trustee => n * 71.0,
    })
}

fn draw(area: &Area<'_>, party: Party, rows: &[Row], results: &Results) -> Result<(), String> {
    let lines: Vec<_> =
        STROKES.iter().map(|stroke| (stroke, points(rows, stroke, party))).collect();
    let limits: Vec<_> = LIMITS
        .into_iter()
        .filter_map(|(primitive, dash)| Some((primitive, dash, *results.limits.get(&primitive)?)))
        .map(|(primitive, dash, cost)| {
            let at = |d: u32| Some((f64::from(d), uses(party, primitive, d.into())? * cost));
            (dash, DIMENSIONS.into_iter().filter_map(at).collect::<Vec<_>>())
        })
        .collect();
    let measured = lines.iter().flat_map(|(_, points)| points).map(|(_, seconds, _)| *seconds);
    let all =
        measured.chain(limits.iter().flat_map(|(_, points)| points).map(|(_, seconds)| *seconds));
    // FedAvg takes microseconds: room for it would leave none for the rest.
    let (low, high) = all.fold((1.0f64, 1.0f64), |(low, high), s| (low.min(s), high.max(s)));
    let low = 10f64.powf(low.log10().floor()).max(1e-5);
    let high = 10f64.powf(high.log10().ceil()).max(10.0);

    let text = |size: u32| ("sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .caption(if party == Party::Check { "check of the sums" } else { party.name() }, text(16))
        .margin(8)
        .margin_right(16)
        .x_label_area_size(38)
        .y_label_area_size(62)
        .build_cartesian_2d((250f64..1_300_000f64).log_scale(), (low..high).log_scale())
        .map_err(|e| e.to_string())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK.mix(0.5))
        .x_desc("parameters")
        .axis_desc_style(text(14))
        .label_style(text(13))
        .x_label_formatter(&|d| format!("{d:.0}"))
        .y_label_formatter(&|seconds| shown(*seconds))
        .draw()
        .map_err(|e| e.to_string())?;
    for (dash, points) in limits {
        let series = DashedLineSeries::new(points, dash.0, dash.1, LIMIT_COLOUR.stroke_width(1));
        chart.draw_series(series).map_err(|e| e.to_string())?;
    }
    for (Stroke { colour, dash, .. }, points) in lines {
        let points: Vec<_> =
            points.into_iter().filter(|(d, seconds, _)| *d >= 250.0 && *seconds >= low).collect();
        let line = points.iter().map(|(d, seconds, _)| (*d, *seconds));
        let drawn = if *dash == SOLID {
            chart.draw_series(LineSeries::new(line, colour.stroke_width(2))).map(|_| ())
        } else {
            chart
                .draw_series(DashedLineSeries::new(line, dash.0, dash.1, colour.stroke_width(2)))
                .map(|_| ())
        };
        drawn.map_err(|e| e.to_string())?;
        let mark = |(d, seconds, is_measured): &(f64, f64, bool)| {
            let style = if *is_measured { colour.filled() } else { colour.stroke_width(1) };
            Circle::new((*d, *seconds), if *is_measured { 4 } else { 3 }, style)
        };
        chart.draw_series(points.iter().map(mark)).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn shown(seconds: f64) -> String {
    match seconds {
        s if s >= 0.999 => format!("{s:.0} s"),
        s if s >= 0.000_999 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::comparison::Sizes;
    use crate::bench::example::example;
    use crate::bench::machine::Machine;

    #[test]
    fn a_figure_has_a_panel_for_every_party_its_limits_and_hollow_marks_for_what_was_extrapolated()
    {
        let drawn = figure(&example()).unwrap();
        for party in Party::ALL {
            assert!(drawn.contains(party.name()), "{}", party.name());
        }
        assert!(drawn.contains("multiscalar term") && drawn.contains("decompression"));
        assert!(
            drawn.contains("a proof a value") && !drawn.contains("FedAvg"),
            "what was not measured has no line"
        );
        let circles: Vec<_> = drawn.lines().filter(|line| line.contains("<circle")).collect();
        let hollow = circles.iter().filter(|line| line.contains("fill=\"none\"")).count();
        assert!(hollow > 0 && hollow < circles.len());
        assert_eq!(drawn, figure(&example()).unwrap());
    }

    #[test]
    fn nothing_measured_is_an_empty_figure_and_no_panic() {
        assert!(
            figure(&Results::new(Machine::example(), Sizes::asked(), &[]))
                .unwrap()
                .ends_with("</svg>\n")
        );
    }
}
