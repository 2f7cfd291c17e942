//! Of one class of several.

use serde::Serialize;

use super::{BINS, LARGEST_LOSS, area, part};
use crate::Quantities;

/// Sums: losses, halved squared errors, then probabilities of the predicted class part by part.
pub(super) const SUMS: usize = 2 + BINS;

/// Counts: rows, then actual class by predicted class; then rows whose predicted class has a probability in each part, and the
/// right ones among them; then for each class its own rows and all others by the part in which its probability lies.
pub(super) fn counts(classes: usize) -> usize {
    1 + classes * classes + 2 * BINS + 2 * BINS * classes
}

/// How good a model of several classes is. Classes have the dictionary's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScores {
    /// Rows.
    pub rows: u64,
    /// Rows of each actual class, by the class that was predicted: `confusion[actual][predicted]`.
    pub confusion: Vec<Vec<u64>>,
    /// Mean cross-entropy, in nats; of no row more than 16.
    pub loss: f64,
    /// Mean over rows of half the squared errors of all probabilities (Brier, Monthly Weather Review 78, 1950, halved so that
    /// two classes have the score of one).
    pub brier: f64,
    /// Share of rows whose class is right.
    pub accuracy: f64,
    /// Mean over the classes that occur of the share of their rows that are found.
    pub balanced_accuracy: f64,
    /// Area under the ROC curve of each class against all others; `None` where it or they do not occur.
    pub areas: Vec<Option<f64>>,
    /// Mean of those areas that there are.
    pub auc: Option<f64>,
    /// Expected calibration error of the predicted class: how far its probability is from the share of right rows, part by part,
    /// weighted by rows (Guo et al., "On calibration of modern neural networks", ICML 2017, eq. 3).
    pub calibration_error: f64,
}

/// Rows that are counted.
struct Counting {
    classes: usize,
    confusion: Vec<u64>,
    predicted: [u64; BINS],
    right: [u64; BINS],
    own: Vec<u64>,
    others: Vec<u64>,
    sums: [f64; SUMS],
}

/// Of logits `[classes]` a row and labels that are places of classes; a row of another label counts as no class, and so as no
/// evaluation that anybody reads.
pub(super) fn count<'a>(
    scored: impl Iterator<Item = (&'a [f32], f32)>,
    classes: usize,
) -> Quantities {
    let mut counting = Counting {
        classes,
        confusion: vec![0; classes * classes],
        predicted: [0; BINS],
        right: [0; BINS],
        own: vec![0; BINS * classes],
        others: vec![0; BINS * classes],
        sums: [0.0; SUMS],
    };
    let mut rows = 0;
    for (logits, label) in scored {
        rows += 1;
        counting.row(&softmax(logits), label as usize);
    }
    let Counting { confusion, predicted, right, own, others, sums, .. } = counting;
    let counts = [vec![rows], confusion, predicted.to_vec(), right.to_vec(), own, others];
    Quantities { counts: counts.concat(), sums: sums.to_vec() }
}

impl Counting {
    fn row(&mut self, probabilities: &[f64], actual: usize) {
        let one_more = |counts: &mut [u64], place: usize| {
            counts.get_mut(place).into_iter().for_each(|count| *count += 1);
        };
        let predicted = most_likely(probabilities);
        let probability = probabilities.get(predicted).copied().unwrap_or_default();
        let top = part(probability);
        one_more(&mut self.confusion, actual * self.classes + predicted);
        one_more(&mut self.predicted, top);
        if actual == predicted {
            one_more(&mut self.right, top);
        }
        let mut squares = 0.0;
        for (class, &probability) in probabilities.iter().enumerate() {
            let place = class * BINS + part(probability);
            let is_own = class == actual;
            one_more(if is_own { &mut self.own } else { &mut self.others }, place);
            squares += (probability - f64::from(u8::from(is_own))).powi(2);
        }
        let of_actual = probabilities.get(actual).copied().unwrap_or_default();
        let loss = (-of_actual.ln() / LARGEST_LOSS).min(1.0);
        let [losses, errors, tops @ ..] = &mut self.sums;
        *losses += loss;
        *errors += squares / 2.0;
        tops.get_mut(top).into_iter().for_each(|sum| *sum += probability);
    }
}

/// Softmax without overflow. A model that has diverged says nothing: all classes alike.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> =
        logits.iter().map(|&logit| (f64::from(logit) - f64::from(most)).exp()).collect();
    let total: f64 = powers.iter().sum();
    match total.is_finite() {
        true => powers.iter().map(|power| power / total).collect(),
        false => vec![1.0 / logits.len() as f64; logits.len()],
    }
}

/// The class of the largest probability, the first of equal ones.
pub fn most_likely(probabilities: &[f64]) -> usize {
    let mut place = 0;
    let mut most = f64::NEG_INFINITY;
    for (class, &probability) in probabilities.iter().enumerate() {
        if probability > most {
            (place, most) = (class, probability);
        }
    }
    place
}

impl ClassScores {
    /// Reads the counts of all sites together; `None` where they cannot be those of any rows.
    pub(super) fn read(total: &Quantities, classes: usize) -> Option<Self> {
        let Quantities { counts: found, sums } = total;
        if found.len() != counts(classes) || sums.len() != SUMS || classes == 0 {
            return None;
        }
        let (&rows, rest) = found.split_first()?;
        let (confusion, rest) = rest.split_at_checked(classes * classes)?;
        let (predicted, rest) = rest.split_at_checked(BINS)?;
        let (right, rest) = rest.split_at_checked(BINS)?;
        let (own, others) = rest.split_at_checked(BINS * classes)?;
        let (&[losses, errors], tops) = sums.split_first_chunk::<2>()?;
        let confusion: Vec<Vec<u64>> = confusion.chunks(classes).map(<[u64]>::to_vec).collect();
        let found = |(class, row): (usize, &Vec<u64>)| row.get(class).copied().unwrap_or_default();
        let diagonal: Vec<u64> = confusion.iter().enumerate().map(found).collect();
        let actual: Vec<u64> = confusion.iter().map(|row| row.iter().sum()).collect();
        // All counts are of the same rows.
        let is_all = |counts: &[u64]| counts.iter().sum::<u64>() == rows;
        let own_rows = own.chunks(BINS).map(|bins| bins.iter().sum::<u64>());
        let other_rows = others.chunks(BINS).map(|bins| bins.iter().sum::<u64>());
        let is_each = own_rows.eq(actual.iter().copied())
            && other_rows.zip(&actual).all(|(others, own)| others.checked_add(*own) == Some(rows));
        let all_right = diagonal.iter().sum::<u64>();
        if rows == 0
            || !is_all(&actual)
            || !is_all(predicted)
            || !is_each
            || right.iter().sum::<u64>() != all_right
        {
            return None;
        }
        let shares = diagonal.iter().zip(&actual).filter(|(_, of)| **of > 0);
        let shares: Vec<f64> = shares.map(|(found, of)| *found as f64 / *of as f64).collect();
        let areas: Vec<Option<f64>> = own
            .chunks(BINS)
            .zip(others.chunks(BINS))
            .map(|(own, others)| area(own, others))
            .collect();
        let known: Vec<f64> = areas.iter().copied().flatten().collect();
        let off = right.iter().zip(tops).map(|(right, sum)| (*right as f64 - sum).abs());
        Some(Self {
            rows,
            loss: losses * LARGEST_LOSS / rows as f64,
            brier: errors / rows as f64,
            accuracy: all_right as f64 / rows as f64,
            balanced_accuracy: shares.iter().sum::<f64>() / shares.len() as f64,
            auc: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
            calibration_error: off.sum::<f64>() / rows as f64,
            confusion,
            areas,
        })
    }

    pub(super) fn named(&self) -> Vec<(&'static str, Option<f64>)> {
        vec![
            ("rows", Some(self.rows as f64)),
            ("loss", Some(self.loss)),
            ("Brier score", Some(self.brier)),
            ("accuracy", Some(self.accuracy)),
            ("balanced accuracy", Some(self.balanced_accuracy)),
            ("mean AUC of a class against the others", self.auc),
            ("calibration error", Some(self.calibration_error)),
        ]
    }
}
