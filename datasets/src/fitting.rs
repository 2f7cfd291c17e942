//! The statistics of one column, and of the pixels of an image together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::column::{FeatureColumn, Values};
use crate::error::{DatasetError, shortened};

/// How one column of the dataset becomes columns of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fitted {
    Numeric {
        name: String,
        median: f64,
        mean: f64,
        standard_deviation: f64,
    },
    /// `other`: what a category that is none of these becomes; zeros throughout where it is absent.
    Categorical {
        name: String,
        categories: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<String>,
        missing_is_category: bool,
    },
}

impl Fitted {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. } | Self::Categorical { name, .. } => name,
        }
    }

    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Numeric { .. } => 1,
            Self::Categorical { categories, other, missing_is_category, .. } => {
                categories.len() + usize::from(other.is_some()) + usize::from(*missing_is_category)
            }
        }
    }

    pub(crate) fn feature_names(&self) -> Vec<String> {
        match self {
            Self::Numeric { name, .. } => vec![name.clone()],
            Self::Categorical { name, categories, other, missing_is_category } => {
                let known =
                    categories.iter().chain(other).map(|category| format!("{name} = {category}"));
                known.chain(missing_is_category.then(|| format!("{name} is missing"))).collect()
            }
        }
    }
}

/// What is fitted of numbers.
pub(crate) struct Moments {
    /// Of the known values.
    pub(crate) median: f64,
    /// Of the imputed values, as the deviation.
    pub(crate) mean: f64,
    /// Zero where all known values are the same, or differ too little to be squared: nothing to scale by.
    pub(crate) standard_deviation: f64,
}

/// Median, mean and deviation of `values` in `rows`; `None` where none of them is known.
pub(crate) fn moments(values: &[Option<f64>], rows: &[usize]) -> Option<Moments> {
    let chosen = || rows.iter().filter_map(|&row| values.get(row).copied());
    let mut known: Vec<f64> = chosen().flatten().collect();
    known.sort_by(f64::total_cmp);
    let median = median(&known)?;
    let imputed = || chosen().map(|value| value.unwrap_or(median));
    let n = rows.len() as f64;
    let mean = imputed().sum::<f64>() / n;
    let squares = imputed().map(|value| (value - mean) * (value - mean));
    // The sum of equal numbers may round to another mean.
    let varies = known.first() != known.last();
    let standard_deviation = if varies { (squares.sum::<f64>() / n).sqrt() } else { 0.0 };
    Some(Moments { median, mean, standard_deviation })
}

/// Fits one column on `rows`; `file` names it in errors.
pub(crate) fn fit_column(
    file: &str,
    column: &FeatureColumn,
    rows: &[usize],
) -> Result<Fitted, DatasetError> {
    let file = || file.to_owned();
    let name = column.name.clone();
    let empty =
        || DatasetError::EmptyColumn { file: file(), column: shortened(&name), rows: rows.len() };
    let constant = || DatasetError::ConstantColumn {
        file: file(),
        column: shortened(&name),
        rows: rows.len(),
    };
    match &column.values {
        Values::Numeric(values) => {
            let Moments { median, mean, standard_deviation } =
                moments(values, rows).ok_or_else(empty)?;
            if standard_deviation == 0.0 {
                return Err(constant());
            }
            Ok(Fitted::Numeric { name, median, mean, standard_deviation })
        }
        Values::Categorical { categories, codes } => {
            let seen: BTreeSet<Option<usize>> =
                rows.iter().filter_map(|&row| codes.get(row).copied()).collect();
            if !seen.iter().any(Option::is_some) {
                return Err(empty());
            }
            if seen.len() == 1 {
                return Err(constant());
            }
            let missing_is_category = codes.iter().any(Option::is_none);
            let categories = categories.clone();
            Ok(Fitted::Categorical { name, categories, other: None, missing_is_category })
        }
    }
}

/// Fits the pixels of images on `rows`: a missing value becomes its own pixel's median, as in any column, but all pixels of
/// a channel have one mean and one deviation. Pixels stay comparable with their neighbours, and one that is always
/// blank needs no scale of its own.
pub(crate) fn fit_image(
    file: &str,
    pixels: &[FeatureColumn],
    channels: usize,
    rows: &[usize],
) -> Result<Vec<Fitted>, DatasetError> {
    let medians = pixels.iter().map(|pixel| pixel_median(file, pixel, rows));
    let medians: Vec<f64> = medians.collect::<Result<_, _>>()?;
    let mut scales = Vec::with_capacity(channels);
    for channel in 0..channels {
        let of_channel = || pixels.iter().zip(&medians).skip(channel).step_by(channels);
        let values = || {
            of_channel().flat_map(|(pixel, &median)| {
                known(pixel, rows).map(move |value| value.unwrap_or(median))
            })
        };
        let count = values().count() as f64;
        let mean = values().sum::<f64>() / count;
        let squares = values().map(|value| (value - mean) * (value - mean));
        let standard_deviation = (squares.sum::<f64>() / count).sqrt();
        let first = values().next().unwrap_or_default();
        if values().all(|value| value == first) || standard_deviation == 0.0 {
            return Err(DatasetError::ConstantChannel {
                file: file.to_owned(),
                channel,
                rows: rows.len(),
            });
        }
        scales.push((mean, standard_deviation));
    }
    let fitted = pixels.iter().zip(medians).zip(scales.into_iter().cycle());
    let fitted = fitted.map(|((pixel, median), (mean, standard_deviation))| Fitted::Numeric {
        name: pixel.name.clone(),
        median,
        mean,
        standard_deviation,
    });
    Ok(fitted.collect())
}

/// The values of a numeric column in these rows; none of another column.
fn known<'a>(
    column: &'a FeatureColumn,
    rows: &'a [usize],
) -> impl Iterator<Item = Option<f64>> + 'a {
    let values = match &column.values {
        Values::Numeric(values) => values.as_slice(),
        Values::Categorical { .. } => &[],
    };
    rows.iter().filter_map(|&row| values.get(row).copied())
}

fn pixel_median(file: &str, pixel: &FeatureColumn, rows: &[usize]) -> Result<f64, DatasetError> {
    let mut sorted: Vec<f64> = known(pixel, rows).flatten().collect();
    sorted.sort_by(f64::total_cmp);
    median(&sorted).ok_or_else(|| DatasetError::EmptyColumn {
        file: file.to_owned(),
        column: shortened(&pixel.name),
        rows: rows.len(),
    })
}

/// The middle of sorted numbers, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_values_lies_between_the_middle_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0]), Some(1.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[1.0, 2.0, 7.0, 9.0]), Some(4.5));
        assert_eq!(median(&[-1.0, 2.0, 7.0]), Some(2.0));
    }
}
