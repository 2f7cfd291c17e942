use crate::Quantities;
use crate::{Form, NumberScores, Scores};

fn read(total: &Quantities) -> Option<NumberScores> {
    match Form::Number.read(total)? {
        Scores::Number(scores) => Some(scores),
        other => panic!("{other:?}"),
    }
}

/// As a step rounds what a site reports.
fn rounded(site: &Quantities) -> Quantities {
    let sums = site.sums.iter().map(|sum| (sum * 4096.0).round() / 4096.0).collect();
    Quantities { counts: site.counts.clone(), sums }
}

fn added(sites: &[Quantities]) -> Quantities {
    let mut total = Quantities { counts: vec![0], sums: vec![0.0; Form::Number.sums()] };
    for site in sites {
        total.counts[0] += site.counts[0];
        total.sums.iter_mut().zip(&site.sums).for_each(|(sum, of_site)| *sum += of_site);
    }
    total
}

#[test]
fn errors_of_a_number_are_those_computed_by_hand() {
    // Off by .1, .2 and nothing; the squared errors of the mean .5 are .09 + 0 + .09.
    let counted = Form::Number.count(&[0.3, 0.7, 0.8], &[0.2, 0.5, 0.8]);
    let scores = read(&counted).unwrap();
    assert_eq!(scores.rows, 3);
    assert!((scores.rmse - (0.05f64 / 3.0).sqrt()).abs() < 1e-6, "{scores:?}");
    assert!((scores.mae - 0.1).abs() < 1e-6, "{scores:?}");
    assert!((scores.r_squared.unwrap() - (1.0 - 0.05 / 0.18)).abs() < 1e-5, "{scores:?}");
    assert!((scores.loss - 0.05 / 3.0).abs() < 1e-6, "{scores:?}");
}

#[test]
fn small_errors_of_many_small_sites_survive_the_rounding_of_a_step() {
    // Forty sites of three rows, each off by a thousandth of the range: 3e-6 a site, of which a step's unit of 2.4e-4 keeps nothing.
    let site = |number: usize| {
        let actual: Vec<f32> = (0..3).map(|row| ((number * 3 + row) % 50) as f32 / 50.0).collect();
        let predicted: Vec<f32> = actual.iter().map(|actual| actual + 0.001).collect();
        rounded(&Form::Number.count(&predicted, &actual))
    };
    let sites: Vec<Quantities> = (0..40).map(site).collect();
    let scores = read(&added(&sites)).unwrap();
    assert!((scores.rmse - 0.001).abs() < 2e-5, "{scores:?}");
    assert!((scores.mae - 0.001).abs() < 1e-5, "{scores:?}");
    assert!(scores.r_squared.unwrap() > 0.9999, "{scores:?}");
}

#[test]
fn a_prediction_beyond_the_range_is_its_end_and_one_that_is_none_is_as_wrong_as_can_be() {
    let scores = read(&Form::Number.count(&[7.0, -3.0], &[1.0, 0.0])).unwrap();
    assert_eq!((scores.rmse, scores.r_squared), (0.0, Some(1.0)));
    let diverged = read(&Form::Number.count(&[f32::NAN, f32::NAN], &[0.4, 0.6])).unwrap();
    assert_eq!((diverged.rmse, diverged.mae), (1.0, 1.0));
}

#[test]
fn numbers_that_are_all_the_same_are_explained_by_nothing() {
    assert_eq!(read(&Form::Number.count(&[0.2, 0.3], &[0.5, 0.5])).unwrap().r_squared, None);
}

#[test]
fn sums_that_no_rows_can_have_score_nothing() {
    let right = Form::Number.count(&[0.3, 0.7, 0.8], &[0.2, 0.5, 0.8]);
    assert!(read(&right).is_some());
    for (place, sum) in [(0, 3.5), (0, 0.5), (0, 0.0), (1, 0.0), (2, 0.1), (3, 2.0), (3, 0.1)] {
        let mut wrong = right.clone();
        wrong.sums[place] = sum;
        assert_eq!(read(&wrong), None, "{place} {sum}");
    }
    assert_eq!(read(&Form::Number.count(&[], &[])), None);
    assert_eq!(read(&Quantities { counts: vec![3], sums: vec![0.0; 4] }), None);
}
