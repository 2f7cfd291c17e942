//! Means, and differences of what was measured in pairs.

use serde::Serialize;

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval; one value has none.
    pub half: Option<f64>,
    /// Values behind it.
    pub values: usize,
}

impl Interval {
    /// Whether the interval leaves out zero.
    #[must_use]
    pub fn is_apart_from_zero(&self) -> bool {
        self.half.is_some_and(|half| self.mean.abs() > half)
    }

    /// For a table: "+0.012 ± 0.003", with a star where zero is left out.
    pub(crate) fn shown(&self, digits: usize) -> String {
        // A difference that rounds to nothing has no sign.
        let mean = format!("{:+.digits$}", self.mean);
        let is_nothing = mean.chars().all(|letter| !letter.is_ascii_digit() || letter == '0');
        let mean = if is_nothing { format!("{:.digits$}", 0.0) } else { mean };
        match self.half {
            Some(half) => {
                let mark = if self.is_apart_from_zero() { " *" } else { "" };
                format!("{mean} ± {half:.digits$}{mark}")
            }
            None => mean,
        }
    }
}

/// The mean of the differences `ours − theirs`, pair by pair, with the interval of Student's t (Gosset, Biometrika 1908).
/// Pairs whose difference is not a number are left out; `None` of no pair.
#[must_use]
pub fn paired(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Interval> {
    let differences = pairs.into_iter().map(|(ours, theirs)| ours - theirs);
    let differences: Vec<f64> = differences.filter(|one| one.is_finite()).collect();
    let (mean, deviation) = mean_and_sd(&differences)?;
    let values = differences.len();
    let half = (values > 1).then(|| t_975(values - 1) * deviation / (values as f64).sqrt());
    Some(Interval { mean, half, values })
}

/// Mean and sample standard deviation, which is 0 of one value; `None` of none.
#[must_use]
pub fn mean_and_sd(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 }))
}

/// Quantile .975 of Student's t for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// Quantile .975 of Student's t: the table, and beyond it the expansion by the normal quantile z (Abramowitz and Stegun,
/// Handbook of mathematical functions, 26.7.5), there right to four digits.
fn t_975(freedom: usize) -> f64 {
    let Some(tabled) = T.get(freedom.saturating_sub(1)) else {
        let z = 1.959_964_f64;
        let freedom = freedom as f64;
        let second = 5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z;
        return z + (z.powi(3) + z) / (4.0 * freedom) + second / (96.0 * freedom * freedom);
    };
    *tabled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paired_interval_is_the_one_computed_by_hand() {
        // Differences 1, 2, 3: mean 2, deviation 1, t of two degrees of freedom.
        let interval = paired([(2.0, 1.0), (4.0, 2.0), (6.0, 3.0)]).unwrap();
        assert_eq!((interval.mean, interval.values), (2.0, 3));
        assert!((interval.half.unwrap() - 4.303 / 3.0f64.sqrt()).abs() < 1e-12, "{interval:?}");
        assert!(!interval.is_apart_from_zero());
        // Differences .01, .03, .02, .02, .02: mean .02, squares 2e-4, deviation √(5e-5), t of four 2.776.
        let ours = [0.81, 0.83, 0.72, 0.72, 0.92];
        let theirs = [0.80, 0.80, 0.70, 0.70, 0.90];
        let interval = paired(ours.into_iter().zip(theirs)).unwrap();
        assert!((interval.mean - 0.02).abs() < 1e-12);
        assert!((interval.half.unwrap() - 2.776 * 1e-5f64.sqrt()).abs() < 1e-9, "{interval:?}");
        assert_eq!(interval.shown(3), "+0.020 ± 0.009 *");
    }

    #[test]
    fn pairing_takes_out_what_the_splits_have_in_common() {
        // Accuracies scatter by .2 over the splits, their differences not at all.
        let pairs = [(0.61, 0.60), (0.81, 0.80), (0.71, 0.70)];
        let interval = paired(pairs).unwrap();
        assert!(interval.half.unwrap() < 1e-9 && (interval.mean - 0.01).abs() < 1e-12);
        let apart = mean_and_sd(&pairs.map(|pair| pair.0)).unwrap();
        assert!((apart.1 - 0.1).abs() < 1e-12);
    }

    #[test]
    fn one_pair_has_no_interval_and_no_pair_no_mean() {
        let one = paired([(0.75, 0.5)]).unwrap();
        assert_eq!((one.mean, one.half, one.values), (0.25, None, 1));
        assert!(!one.is_apart_from_zero());
        assert_eq!(one.shown(3), "+0.250");
        assert_eq!(paired([]), None);
        assert_eq!(paired([(f64::NAN, 1.0), (2.0, 1.0)]), paired([(2.0, 1.0)]));
        assert_eq!(paired([(0.5, 0.5001)]).unwrap().shown(3), "0.000");
    }

    #[test]
    fn quantiles_beyond_the_table_go_on_where_it_ends() {
        // Published values: 2.040 (31), 2.021 (40), 2.000 (60), 1.984 (100).
        for (freedom, published) in [(31, 2.040), (40, 2.021), (60, 2.000), (100, 1.984)] {
            assert!((t_975(freedom) - published).abs() < 6e-4, "{freedom}: {}", t_975(freedom));
        }
        assert!(t_975(30) > t_975(31) && t_975(31) > 1.96);
        assert_eq!((t_975(1), t_975(9)), (12.706, 2.262));
    }
}
