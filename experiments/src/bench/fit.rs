//! How time grows with the number of parameters, and what it would be beyond what was measured.
//!
//! time = a + b·d, by least squares of the relative error: Σ((a + b·d)/time − 1)² is least, so that 300 parameters count as
//! much as 100,000. The exponent is the slope of a line through the logarithms, by ordinary least squares.

use serde::Serialize;

/// A line through measured times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// a, in seconds.
    pub constant_s: f64,
    /// b, in seconds a parameter.
    pub parameter_s: f64,
    /// Slope of log time against log d: 0 constant, 1 linear.
    pub exponent: f64,
    /// Points it goes through.
    pub points: usize,
}

/// Fits (d, seconds); `None` for fewer than two different d, or times that are not positive.
#[must_use]
pub fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    if points.iter().any(|(d, seconds)| *d <= 0.0 || *seconds <= 0.0) {
        return None;
    }
    // Dividing by the time: a·(1/t) + b·(d/t) = 1.
    let (constant_s, parameter_s) = line(points.iter().map(|&(d, t)| (d, t, 1.0 / (t * t))))?;
    let (_, exponent) = line(points.iter().map(|&(d, t)| (d.ln(), t.ln(), 1.0)))?;
    Some(Fit { constant_s, parameter_s, exponent, points: points.len() })
}

/// a and b of y = a + b·x through (x, y, weight).
fn line(points: impl Iterator<Item = (f64, f64, f64)> + Clone) -> Option<(f64, f64)> {
    let sum =
        |term: fn(f64, f64) -> f64| points.clone().map(|(x, y, w)| w * term(x, y)).sum::<f64>();
    let total = sum(|_, _| 1.0);
    let mean_x = sum(|x, _| x) / total;
    let mean_y = sum(|_, y| y) / total;
    let centred =
        points.clone().map(|(x, y, w)| (w * (x - mean_x).powi(2), w * (x - mean_x) * (y - mean_y)));
    let (squares, products) =
        centred.fold((0.0, 0.0), |(s, p), (square, product)| (s + square, p + product));
    let slope = products / squares;
    slope.is_finite().then_some((mean_y - slope * mean_x, slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_its_exponent_is_between_constant_and_linear() {
        let points: Vec<_> =
            [300.0, 1_024.0, 10_000.0, 100_000.0].map(|d| (d, 0.2 + 25e-6 * d)).to_vec();
        let found = fit(&points).unwrap();
        assert!(
            (found.constant_s - 0.2).abs() < 1e-9 && (found.parameter_s - 25e-6).abs() < 1e-12,
            "{found:?}"
        );
        assert!(found.exponent > 0.1 && found.exponent < 0.9);
        let linear: Vec<_> = [10.0, 100.0, 1000.0].map(|d| (d, 3.0 * d)).to_vec();
        assert!((fit(&linear).unwrap().exponent - 1.0).abs() < 1e-12);
        let constant: Vec<_> = [10.0, 100.0, 1000.0].map(|d| (d, 3.0)).to_vec();
        assert!(fit(&constant).unwrap().exponent.abs() < 1e-12);
    }

    #[test]
    fn small_models_count_as_much_as_large_ones() {
        // A tenth too long and a tenth too short at the largest sizes must not blur the constant.
        let found =
            fit(&[(300.0, 0.103), (1_000.0, 0.11), (30_000.0, 0.44), (100_000.0, 0.99)]).unwrap();
        assert!((found.constant_s - 0.1).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn what_is_no_line_has_no_fit() {
        assert_eq!(fit(&[]), None);
        assert_eq!(fit(&[(300.0, 1.0)]), None);
        assert_eq!(fit(&[(300.0, 1.0), (300.0, 2.0)]), None);
        assert_eq!(fit(&[(300.0, 0.0), (600.0, 2.0)]), None);
    }
}
