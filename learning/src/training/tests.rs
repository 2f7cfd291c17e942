//! Gradients against finite differences, repeatability, and what is refused.

use consilium_proto::training::{Convolution, Layers};

use super::*;
use crate::generator;

mod heads;
mod terms;

/// Rows whose label follows a curved boundary, features in [−1, 1].
fn moons(rows: usize, width: usize, seed: u64) -> Table {
    let mut rng = generator("test rows", seed, &[]);
    let features: Vec<f32> =
        (0..rows * width).map(|_| crate::seed::uniform(&mut rng, 1.0)).collect();
    let labels = features
        .chunks(width)
        .map(|x| f32::from(u8::from(x[0] * x[0] + 0.5 * x[1] > 0.3)))
        .collect();
    Table { features, labels, rows, width }
}

fn config(optimiser: Optimiser) -> TrainingConfig {
    TrainingConfig::new(optimiser, 0.05, 16, 3)
}

/// For every pixel of an image, what its kernel sees; nothing beyond the edge.
fn under_the_kernel(image: &[f64], side: usize) -> Vec<Vec<Option<f64>>> {
    let values = image.len() / (side * side);
    let range = 0..side as i64;
    let mut all = Vec::new();
    for row in range.clone() {
        for column in range.clone() {
            let mut seen = Vec::new();
            for (down, right) in (-1..=1).flat_map(|down| (-1..=1).map(move |right| (down, right)))
            {
                let inside = range.contains(&(row + down)) && range.contains(&(column + right));
                for value in 0..values {
                    let pixel = (row + down) * side as i64 + column + right;
                    seen.push(inside.then(|| image[pixel as usize * values + value]));
                }
            }
            all.push(seen);
        }
    }
    all
}

/// Three by three pixels of two values, two convolutions and a hidden layer.
fn convolutional() -> Architecture {
    let convolution = Some(Convolution { image_channels: 2, channels: vec![3, 2] });
    Layers { convolution, ..Layers::dense(18, vec![4]) }.try_into().unwrap()
}

/// Mean cross-entropy in f64, written out by hand: the oracle for burn's forward and backward pass.
fn loss_by_hand(architecture: &Architecture, parameters: &[f64], table: &Table) -> f64 {
    let mut total = 0.0;
    for (features, label) in table.features.chunks(table.width).zip(&table.labels) {
        let mut activation: Vec<f64> = features.iter().map(|&x| f64::from(x)).collect();
        let mut offset = 0;
        for (number, layer) in architecture.each_layer().enumerate() {
            let seen = match layer.positions {
                1 => vec![activation.iter().map(|&value| Some(value)).collect()],
                pixels => under_the_kernel(&activation, pixels.isqrt() as usize),
            };
            let inputs = layer.inputs as usize;
            let outputs = layer.outputs as usize;
            let bias = offset + inputs * outputs;
            activation = Vec::new();
            for seen in seen {
                assert_eq!(seen.len(), inputs);
                for output in 0..outputs {
                    let weight = |input: usize| parameters[offset + input * outputs + output];
                    let products =
                        seen.iter().enumerate().map(|(i, value)| value.unwrap_or(0.0) * weight(i));
                    let sum = products.sum::<f64>() + parameters[bias + output];
                    let is_logit = number + 1 == architecture.each_layer().count();
                    activation.push(if is_logit { sum } else { sum.max(0.0) });
                }
            }
            offset = bias + outputs;
        }
        let margin = if *label > 0.5 { activation[0] } else { -activation[0] };
        total += (-margin).exp().ln_1p();
    }
    total / table.rows as f64
}

fn gradient(architecture: &Architecture, parameters: &[f32], table: &Table) -> Vec<f32> {
    let learner = Learner::new(architecture, parameters, &config(Optimiser::Sgd)).unwrap();
    flat_gradient(&learner, table)
}

/// Of the mean loss over all rows.
fn flat_gradient(learner: &Learner, table: &Table) -> Vec<f32> {
    let rows: Vec<usize> = (0..table.rows).collect();
    let gradients =
        batch_loss(&learner.network, &learner.loss, table, &rows, &learner.device).backward();
    let mut flat = Vec::new();
    for layer in &learner.network.layers {
        flat.extend(layer.weight.val().grad(&gradients).unwrap().into_data().iter::<f32>());
        flat.extend(
            layer.bias.as_ref().unwrap().val().grad(&gradients).unwrap().into_data().iter::<f32>(),
        );
    }
    flat
}

fn gradient_equals_finite_differences(architecture: &Architecture, table: &Table) {
    let parameters: Vec<f32> = architecture.initial(5).iter().map(|p| p + 0.05).collect();
    let gradient = gradient(architecture, &parameters, table);
    let wide: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
    for j in 0..wide.len() {
        let at = |shift: f64| {
            let mut moved = wide.clone();
            moved[j] += shift;
            loss_by_hand(architecture, &moved, table)
        };
        let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
        assert!(
            (f64::from(gradient[j]) - difference).abs() < 1e-5,
            "{j}: {} against {difference}",
            gradient[j]
        );
    }
    assert!(gradient.iter().any(|g| g.abs() > 1e-2));
}

#[test]
fn the_gradient_equals_finite_differences_of_the_loss_written_out_by_hand() {
    gradient_equals_finite_differences(
        &Architecture::new(3, vec![5, 4]).unwrap(),
        &moons(20, 3, 1),
    );
}

#[test]
fn the_gradient_of_convolutions_equals_finite_differences_of_the_loss_written_out_by_hand() {
    gradient_equals_finite_differences(&convolutional(), &moons(20, 18, 1));
}

#[test]
fn a_step_of_sgd_over_all_rows_is_minus_learning_rate_times_gradient() {
    let architecture = Architecture::new(3, vec![4]).unwrap();
    let table = moons(12, 3, 2);
    let before = architecture.initial(6);
    let sgd = TrainingConfig { batch_size: 12, local_epochs: 1, ..config(Optimiser::Sgd) };
    let after =
        train(&architecture, &before, &table, &sgd, &mut generator("order", 1, &[])).unwrap();
    for ((after, before), gradient) in
        after.iter().zip(&before).zip(gradient(&architecture, &before, &table))
    {
        assert!((after - (before - 0.05 * gradient)).abs() < 1e-6);
    }
}

#[test]
fn training_gives_the_same_bytes_on_every_run_and_every_thread() {
    let run = |architecture: &Architecture, optimiser, seed| {
        let mut rng = generator("order", seed, &[]);
        let trained = train(
            architecture,
            &architecture.initial(1),
            &moons(61, architecture.inputs(), 3),
            &config(optimiser),
            &mut rng,
        );
        crate::model_blob(&trained.unwrap())
    };
    let perceptron = Architecture::new(4, vec![8, 8]).unwrap();
    for (architecture, optimiser) in [
        (&perceptron, Optimiser::Sgd),
        (&perceptron, Optimiser::Adam),
        (&convolutional(), Optimiser::Adam),
    ] {
        let alone = run(architecture, optimiser, 9);
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| run(architecture, optimiser, 9))).collect();
            threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), alone));
        });
        assert_ne!(
            run(architecture, optimiser, 10),
            alone,
            "another order of the rows is another model"
        );
    }
}

#[test]
fn a_trained_model_stays_what_it_was() {
    // To four digits, not to the bit: the last bits belong to the processor's vector instructions.
    let architecture = Architecture::new(2, vec![3]).unwrap();
    let mut rng = generator("order", 1, &[]);
    let trained = train(
        &architecture,
        &architecture.initial(1),
        &moons(40, 2, 4),
        &config(Optimiser::Adam),
        &mut rng,
    );
    let expected = [
        -1.4156, -0.2398, -0.9371, -0.942, -0.8046, -1.1174, -0.2354, 0.2282, -0.3494, 0.0266,
        -0.261, 0.3583, 0.0394,
    ];
    let trained = trained.unwrap();
    assert_eq!(trained.len(), expected.len());
    assert!(trained.iter().zip(expected).all(|(p, e)| (p - e).abs() < 2e-4), "{trained:?}");
}

#[test]
fn divergence_is_an_error_that_names_the_parameter() {
    let architecture = Architecture::new(2, vec![]).unwrap();
    let table =
        Table { features: vec![1e30, 1.0, -1e30, 1.0], labels: vec![1.0, 0.0], rows: 2, width: 2 };
    let reckless = TrainingConfig { learning_rate: 1e30, ..config(Optimiser::Sgd) };
    let outcome =
        train(&architecture, &[0.0, 0.0, 0.0], &table, &reckless, &mut generator("order", 1, &[]));
    assert!(matches!(outcome, Err(LearningError::NonFinite { index: 0, .. })), "{outcome:?}");
}

#[test]
fn tables_and_settings_that_do_not_fit_are_refused() {
    let architecture = Architecture::new(3, vec![4]).unwrap();
    let initial = architecture.initial(1);
    let attempt = |table: &Table, config: &TrainingConfig| {
        train(&architecture, &initial, table, config, &mut generator("order", 1, &[])).unwrap_err()
    };
    let sgd = config(Optimiser::Sgd);
    assert!(matches!(
        attempt(&moons(5, 4, 1), &sgd),
        LearningError::TableShape { expected: 3, .. }
    ));
    let empty = Table { features: vec![], labels: vec![], rows: 0, width: 3 };
    assert!(matches!(attempt(&empty, &sgd), LearningError::NoRows));
    let mut ragged = moons(5, 3, 1);
    ragged.labels.pop();
    assert!(matches!(attempt(&ragged, &sgd), LearningError::TableShape { labels: 4, .. }));
    for bad in [
        TrainingConfig { learning_rate: f64::NAN, ..sgd.clone() },
        TrainingConfig { learning_rate: 0.0, ..sgd.clone() },
        TrainingConfig { batch_size: 0, ..sgd.clone() },
        TrainingConfig { local_epochs: 0, ..sgd.clone() },
    ] {
        assert!(matches!(attempt(&moons(5, 3, 1), &bad), LearningError::TrainingConfig { .. }));
    }
}
