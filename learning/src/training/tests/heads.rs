//! Losses of heads with several outputs, or of a number, against finite differences of them written out by hand.

use consilium_proto::training::Head;

use super::*;
use crate::seed::uniform;
use crate::{evaluate, logits};
use consilium_datasets::scorecard::{Form, Scores};

/// Mean loss of a model without hidden layers, `[inputs, outputs]` weights and then biases, where a row of each class counts so
/// much.
fn loss_by_hand(head: Head, class_weights: &[f64], parameters: &[f64], table: &Table) -> f64 {
    let outputs = head.outputs() as usize;
    let of_row = |(features, label): (&[f32], f32)| {
        let output = |output: usize| {
            let products = features
                .iter()
                .enumerate()
                .map(|(input, &value)| f64::from(value) * parameters[input * outputs + output]);
            products.sum::<f64>() + parameters[table.width * outputs + output]
        };
        let weight = class_weights.get(label as usize).copied().unwrap_or(1.0);
        weight
            * match head {
                Head::Regression => (output(0) - f64::from(label)).powi(2),
                _ => {
                    (0..outputs).map(|o| output(o).exp()).sum::<f64>().ln() - output(label as usize)
                }
            }
    };
    table.iter().map(of_row).sum::<f64>() / table.rows as f64
}

/// Rows of three classes.
fn three_classes(rows: usize) -> Table {
    let mut table = moons(rows, 3, 4);
    for (label, features) in table.labels.iter_mut().zip(table.features.chunks(3)) {
        *label += f32::from(u8::from(features[2] > 0.0));
    }
    table
}

#[test]
fn the_gradient_of_every_head_equals_finite_differences() {
    let mut numbers = moons(20, 3, 4);
    numbers.labels = numbers.features.chunks(3).map(|x| 4.0 * x[0] - x[2]).collect();
    for (head, class_weights, table) in [
        (Head::Classes(3), vec![], three_classes(20)),
        (Head::Classes(3), vec![0.5, 2.0, 3.0], three_classes(20)),
        (Head::Regression, vec![], numbers),
    ] {
        let architecture = Architecture::with_head(3, vec![], head).unwrap();
        let parameters: Vec<f32> = architecture.initial(5).iter().map(|p| p + 0.05).collect();
        let config =
            TrainingConfig { class_weights: class_weights.clone(), ..config(Optimiser::Sgd) };
        let learner = Learner::new(&architecture, &parameters, &config).unwrap();
        let gradient = flat_gradient(&learner, &table);
        let wide: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
        for j in 0..wide.len() {
            let at = |shift: f64| {
                let mut moved = wide.clone();
                moved[j] += shift;
                loss_by_hand(head, &class_weights, &moved, &table)
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((f64::from(gradient[j]) - difference).abs() < 1e-5, "{head:?} {j}");
        }
    }
}

#[test]
fn three_classes_are_learned_and_weights_are_three_or_none() {
    let architecture = Architecture::with_head(3, vec![8], Head::Classes(3)).unwrap();
    let initial = architecture.initial(1);
    let rows = three_classes(300);
    let adam = TrainingConfig { local_epochs: 40, ..config(Optimiser::Adam) };
    let attempt = |config: &TrainingConfig| {
        train(&architecture, &initial, &rows, config, &mut generator("order", 1, &[]))
    };
    let trained = attempt(&adam).unwrap();
    assert_eq!(attempt(&adam).unwrap(), trained);
    let before = evaluate(&architecture, &initial, &rows).unwrap();
    let after = evaluate(&architecture, &trained, &rows).unwrap();
    assert!(after.accuracy > 0.85 && after.loss < 0.5 * before.loss, "{after:?} after {before:?}");
    assert!(after.auc.unwrap() > 0.95, "{after:?}");
    let class_weights = vec![1.0, 2.0];
    let refused = attempt(&TrainingConfig { class_weights, ..adam });
    assert!(matches!(refused, Err(LearningError::TrainingConfig { name: "class weights", .. })));
}

fn numbers(features: Vec<f32>, labels: Vec<f32>) -> Table {
    Table { rows: labels.len(), width: features.len() / labels.len(), features, labels }
}

#[test]
fn a_regression_finds_the_line_that_its_rows_lie_on() {
    let line = Architecture::with_head(2, vec![], Head::Regression).unwrap();
    let mut rng = generator("regression rows", 1, &[]);
    let features: Vec<f32> = (0..200).map(|_| uniform(&mut rng, 1.0)).collect();
    let labels = features.chunks(2).map(|x| 0.3 * x[0] - 0.2 * x[1] + 0.5).collect();
    let rows = numbers(features, labels);
    let config = TrainingConfig { batch_size: 20, local_epochs: 100, ..config(Optimiser::Adam) };
    let trained = train(&line, &line.initial(1), &rows, &config, &mut rng).unwrap();
    for (found, expected) in trained.iter().zip([0.3, -0.2, 0.5]) {
        assert!((found - expected).abs() < 1e-2, "{trained:?}");
    }
    let form = Form::from(Head::Regression);
    let predicted = logits(&line, &trained, &rows.features).unwrap();
    let Some(Scores::Number(scores)) = form.read(&form.count(&predicted, &rows.labels)) else {
        panic!()
    };
    assert!(scores.r_squared.unwrap() > 0.999, "{scores:?}");
}

#[test]
fn a_label_that_the_head_cannot_predict_is_refused_by_its_row() {
    let rows = |label| numbers(vec![0.0, 1.0], vec![0.0, label]);
    let attempt = |head, table: &Table| {
        let architecture = Architecture::with_head(1, vec![], head).unwrap();
        let initial = architecture.initial(1);
        let config = config(Optimiser::Sgd);
        train(&architecture, &initial, table, &config, &mut generator("order", 1, &[]))
    };
    for (head, label) in [
        (Head::Regression, f32::NAN),
        (Head::Regression, f32::INFINITY),
        (Head::Classes(3), 3.0),
        (Head::Classes(3), -1.0),
        (Head::Classes(3), 0.5),
    ] {
        let refused = attempt(head, &rows(label));
        assert!(matches!(refused, Err(LearningError::Label { row: 1, .. })), "{head:?} {label}");
        assert!(attempt(head, &rows(1.0)).is_ok());
    }
    let line = Architecture::with_head(1, vec![], Head::Regression).unwrap();
    let refused = evaluate(&line, &line.initial(1), &rows(1.0));
    assert!(matches!(refused, Err(LearningError::OtherHead { .. })));
}
