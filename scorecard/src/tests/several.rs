use crate::Quantities;
use crate::{BINS, ClassScores, Form, MAX_CLASSES, Scores};

const THREE: Form = Form::Classes(3);

fn read(total: &Quantities) -> Option<ClassScores> {
    match THREE.read(total)? {
        Scores::Classes(scores) => Some(scores),
        other => panic!("{other:?}"),
    }
}

/// Logits of these probabilities.
fn logits(probabilities: &[[f64; 3]]) -> Vec<f32> {
    probabilities.iter().flatten().map(|probability| probability.ln() as f32).collect()
}

/// Four rows, of which the third is wrong.
fn four() -> Quantities {
    let said = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.5, 0.25], [0.05, 0.05, 0.9]];
    THREE.count(&logits(&said), &[0.0, 1.0, 2.0, 2.0])
}

#[test]
fn scores_of_several_classes_are_those_computed_by_hand() {
    let scores = read(&four()).unwrap();
    assert_eq!(scores.confusion, [[1, 0, 0], [0, 1, 0], [0, 1, 1]]);
    assert_eq!((scores.rows, scores.accuracy), (4, 0.75));
    assert!((scores.balanced_accuracy - 2.5 / 3.0).abs() < 1e-12);
    let loss = -(0.7f64.ln() + 0.6f64.ln() + 0.25f64.ln() + 0.9f64.ln()) / 4.0;
    assert!((scores.loss - loss).abs() < 1e-6, "{scores:?}");
    let squares = [0.09 + 0.04 + 0.01, 0.01 + 0.16 + 0.09, 0.0625 + 0.25 + 0.5625, 0.005 + 0.01];
    assert!((scores.brier - squares.iter().sum::<f64>() / 8.0).abs() < 1e-6, "{scores:?}");
    // Predicted with .7, .6, .5 and .9, all in parts of their own.
    assert!((scores.calibration_error - (0.3 + 0.4 + 0.5 + 0.1) / 4.0).abs() < 1e-6);
    // Of the last class: .25 and .9 against .1 and .3, one pair of four is lost.
    assert_eq!(scores.areas, [Some(1.0), Some(1.0), Some(0.75)]);
    assert!((scores.auc.unwrap() - 2.75 / 3.0).abs() < 1e-12);
}

#[test]
fn two_sites_counts_score_like_their_rows_together() {
    let said: Vec<[f64; 3]> = (1..61)
        .map(|row| {
            let first = f64::from(row % 7 + 1);
            let second = f64::from(row % 5 + 1);
            let total = first + second + 2.0;
            [first / total, second / total, 2.0 / total]
        })
        .collect();
    let labels: Vec<f32> = (1..61).map(|row| (row % 3) as f32).collect();
    let all = THREE.count(&logits(&said), &labels);
    let north = THREE.count(&logits(&said[..20]), &labels[..20]);
    let south = THREE.count(&logits(&said[20..]), &labels[20..]);
    let counts: Vec<u64> = north.counts.iter().zip(&south.counts).map(|(a, b)| a + b).collect();
    assert_eq!(counts, all.counts);
    assert_eq!((all.counts.len(), all.sums.len()), (THREE.counts(), THREE.sums()));
    let sums: Vec<f64> = north.sums.iter().zip(&south.sums).map(|(a, b)| a + b).collect();
    let together = read(&Quantities { counts, sums }).unwrap();
    assert!((together.loss - read(&all).unwrap().loss).abs() < 1e-12);
}

#[test]
fn two_classes_of_a_logit_each_score_as_one_logit_does() {
    let one: Vec<f32> = (0..50).map(|row| ((row * 37) % 50) as f32 / 10.0 - 2.45).collect();
    let labels: Vec<f32> = (0..50).map(|row| f32::from(u8::from((row * 37) % 50 > row))).collect();
    let two: Vec<f32> = one.iter().flat_map(|logit| [0.0, *logit]).collect();
    let Some(Scores::Binary(binary)) = Form::Binary.read(&Form::Binary.count(&one, &labels)) else {
        panic!()
    };
    let form = Form::Classes(2);
    let Some(Scores::Classes(classes)) = form.read(&form.count(&two, &labels)) else { panic!() };
    assert!((binary.loss - classes.loss).abs() < 1e-9);
    assert!((binary.brier - classes.brier).abs() < 1e-9);
    assert_eq!((binary.accuracy, binary.auc), (classes.accuracy, classes.areas[1]));
}

#[test]
fn a_class_that_never_occurs_has_no_area_and_does_not_count_in_the_balanced_accuracy() {
    let said = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]];
    let scores = read(&THREE.count(&logits(&said), &[0.0, 1.0])).unwrap();
    assert_eq!((scores.balanced_accuracy, scores.areas[2]), (1.0, None));
    assert_eq!(scores.auc, Some(1.0));
}

#[test]
fn a_model_that_has_diverged_says_that_all_classes_are_alike_or_is_as_wrong_as_can_be() {
    let nothing = read(&THREE.count(&[f32::NAN; 3], &[1.0])).unwrap();
    assert!((nothing.loss - 3.0f64.ln()).abs() < 1e-12, "{nothing:?}");
    let infinite = read(&THREE.count(&[f32::INFINITY, 0.0, 0.0], &[1.0])).unwrap();
    assert!(infinite.loss.is_finite() && infinite.brier.is_finite());
    let worst = read(&THREE.count(&[1e30, 0.0, 0.0], &[1.0])).unwrap();
    assert_eq!(worst.loss, 16.0);
}

#[test]
fn counts_that_no_rows_can_have_score_nothing() {
    let right = four();
    assert!(read(&right).is_some());
    // The rows, one of the confusion, of the predicted ones, of the right ones, of a class's own and of its others.
    let own = 1 + 9 + 2 * BINS;
    for place in [0, 1, 10, 10 + BINS, own, own + 3 * BINS] {
        let mut wrong = right.clone();
        wrong.counts[place] += 1;
        assert_eq!(read(&wrong), None, "{place}");
    }
    let mut huge = right.clone();
    huge.counts[own + 3 * BINS] = u64::MAX / 2;
    assert_eq!(read(&huge), None);
    assert_eq!(read(&THREE.count(&[], &[])), None);
    assert_eq!(Form::Classes(2).read(&right), None);
}

#[test]
fn as_many_classes_as_are_evaluated_take_a_few_thousand_counts() {
    assert!(Form::Classes(MAX_CLASSES).counts() < 4000);
    assert_eq!(THREE.counts(), 1 + 9 + 64 + 192);
}
