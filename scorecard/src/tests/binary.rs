use crate::Quantities;
use crate::{BinaryScores, Form, LARGEST_LOSS, Scores};

fn count(scored: impl IntoIterator<Item = (f32, bool)>) -> Quantities {
    let rows = scored.into_iter().map(|(logit, positive)| (logit, f32::from(u8::from(positive))));
    let (logits, labels): (Vec<f32>, Vec<f32>) = rows.unzip();
    Form::Binary.count(&logits, &labels)
}

fn read(total: &Quantities) -> Option<BinaryScores> {
    match Form::Binary.read(total)? {
        Scores::Binary(scores) => Some(scores),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sums_of_two_sites_counts_score_like_their_rows_together() {
    let north: Vec<(f32, bool)> = (0..40).map(|i| (i as f32 / 8.0 - 2.0, i % 3 == 0)).collect();
    let south: Vec<(f32, bool)> = (0..60).map(|i| (i as f32 / 9.0 - 4.0, i % 2 == 0)).collect();
    let all = count(north.iter().chain(&south).copied());
    let (north, south) = (count(north), count(south));
    let added = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| a + b).collect::<Vec<_>>();
    assert_eq!(added(&north.counts, &south.counts), all.counts);
    for ((a, b), sum) in north.sums.iter().zip(&south.sums).zip(&all.sums) {
        assert!((a + b - sum).abs() < 1e-12);
    }
}

#[test]
fn scores_are_those_computed_by_hand() {
    // Probabilities σ(±2) and σ(0): .881, .119 and .5 (in the part at and above a half).
    let scores = read(&count([(2.0, true), (-2.0, true), (0.0, false), (-2.0, false)]));
    let scores = scores.unwrap();
    assert_eq!((scores.rows, scores.positive), (4, 2));
    // Pairs: (.881, .5) and (.881, .119) won, (.119, .5) lost, (.119, .119) tied.
    assert_eq!(scores.auc, Some(2.5 / 4.0));
    assert_eq!((scores.sensitivity, scores.specificity), (Some(0.5), Some(0.5)));
    assert_eq!((scores.accuracy, scores.balanced_accuracy), (0.5, Some(0.5)));
    let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
    let loss = (-sigma(2.0).ln() - sigma(-2.0).ln() - 0.5f64.ln() - sigma(2.0).ln()) / 4.0;
    assert!((scores.loss - loss).abs() < 1e-12, "{scores:?}");
    let brier = ((1.0 - sigma(2.0)).powi(2) * 2.0 + sigma(2.0).powi(2) + 0.25) / 4.0;
    assert!((scores.brier - brier).abs() < 1e-12, "{scores:?}");
    let calibration = ((1.0 - sigma(2.0)) + (1.0 - 2.0 * sigma(-2.0)) + 0.5) / 4.0;
    assert!((scores.calibration_error - calibration).abs() < 1e-12, "{scores:?}");
}

#[test]
fn one_class_has_no_area_and_a_model_that_has_diverged_has_scores() {
    let scores = read(&count([(f32::NAN, true), (f32::INFINITY, true)])).unwrap();
    assert_eq!((scores.auc, scores.auc_error, scores.specificity), (None, None, None));
    assert!(scores.loss.is_finite() && scores.brier.is_finite());
    let worst = read(&count([(f32::NEG_INFINITY, true)])).unwrap();
    assert_eq!(worst.loss, LARGEST_LOSS);
}

#[test]
fn counts_that_no_rows_can_have_score_nothing() {
    let right = count([(2.0, true), (-1.0, false)]);
    assert!(read(&right).is_some());
    let mut more_rows = right.clone();
    more_rows.counts[0] += 1;
    assert_eq!(read(&more_rows), None);
    let mut fewer = right.clone();
    fewer.sums.pop();
    assert_eq!(read(&fewer), None);
    assert_eq!(read(&count([])), None);
}

#[test]
fn the_area_in_parts_is_near_the_exact_one() {
    let scored: Vec<(f32, bool)> = (0..400)
        .map(|i| (((i * 37) % 100) as f32 / 20.0 - 2.5, (i * 37) % 100 + (i * 7) % 60 > 80))
        .collect();
    let pairs = scored.iter().filter(|row| row.1).flat_map(|(positive, _)| {
        scored.iter().filter(|row| !row.1).map(move |(negative, _)| positive.total_cmp(negative))
    });
    let won = pairs.clone().map(|order| f64::from(order as i8 + 1) / 2.0).sum::<f64>();
    let exact = won / pairs.count() as f64;
    let parts = read(&count(scored)).unwrap().auc.unwrap();
    assert!((exact - parts).abs() < 0.005, "{exact} {parts}");
}
