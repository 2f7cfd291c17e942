//! Weight decay, the proximal term, class weights and the schedule, each against what it is by its formula.

use super::*;
use crate::{Fall, LocalTrainer, Schedule};

const RATE: f64 = 0.05;

/// One gradient step over all rows.
fn one_step(config: &TrainingConfig, table: &Table, epochs: usize) -> (Vec<f32>, Vec<f32>) {
    let architecture = Architecture::new(3, vec![4]).unwrap();
    let before: Vec<f32> = architecture.initial(6).iter().map(|p| p + 0.1).collect();
    let config = TrainingConfig { batch_size: table.rows, local_epochs: epochs, ..config.clone() };
    let mut order = generator("order", 1, &[]);
    let after = train(&architecture, &before, table, &config, &mut order).unwrap();
    (before, after)
}

fn gradient_under(config: &TrainingConfig, parameters: &[f32], table: &Table) -> Vec<f32> {
    let architecture = Architecture::new(3, vec![4]).unwrap();
    let learner = Learner::new(&architecture, parameters, config).unwrap();
    flat_gradient(&learner, table)
}

fn close(left: &[f32], right: impl Iterator<Item = f32>) -> bool {
    let right: Vec<f32> = right.collect();
    left.len() == right.len() && left.iter().zip(right).all(|(l, r)| (l - r).abs() < 2e-6)
}

#[test]
fn weight_decay_takes_its_share_off_what_was_there_whatever_the_gradient() {
    let table = moons(12, 3, 2);
    let (before, adam) = one_step(&config(Optimiser::Adam), &table, 1);
    let decayed = TrainingConfig { weight_decay: 2.0, ..config(Optimiser::AdamW) };
    let (_, adamw) = one_step(&decayed, &table, 1);
    let share = (RATE * 2.0) as f32;
    assert!(close(&adamw, adam.iter().zip(&before).map(|(a, b)| a - share * b)));
    assert!(!close(&adamw, adam.iter().copied()));
}

#[test]
fn adamw_without_decay_is_adam_bit_for_bit() {
    let table = moons(40, 3, 2);
    let adam = one_step(&config(Optimiser::Adam), &table, 5);
    assert_eq!(one_step(&config(Optimiser::AdamW), &table, 5), adam);
}

#[test]
fn a_proximal_term_pulls_back_by_mu_times_the_distance_to_the_global_model() {
    let table = moons(12, 3, 2);
    let plain = config(Optimiser::Sgd);
    let mu = 3.0;
    let proximal = TrainingConfig { proximal: mu, ..plain.clone() };
    // At the global model itself it pulls nowhere.
    let (global, first) = one_step(&plain, &table, 1);
    assert!(close(&one_step(&proximal, &table, 1).1, first.iter().copied()));
    let gradient = gradient_under(&plain, &first, &table);
    let steps = gradient.iter().zip(&first).zip(&global);
    let second = steps.map(|((gradient, first), global)| {
        first - RATE as f32 * (gradient + mu as f32 * (first - global))
    });
    assert!(close(&one_step(&proximal, &table, 2).1, second));
    let distance = |mu| {
        let config = TrainingConfig { proximal: mu, ..config(Optimiser::Adam) };
        let (global, local) = one_step(&config, &table, 50);
        global.iter().zip(&local).map(|(g, l)| f64::from((g - l) * (g - l))).sum::<f64>()
    };
    assert!(distance(10.0) < 0.5 * distance(0.0));
}

#[test]
fn a_class_weight_of_two_counts_a_positive_row_twice() {
    let table = moons(20, 3, 1);
    let plain = config(Optimiser::Sgd);
    let weighted = |negative, positive| TrainingConfig {
        class_weights: vec![negative, positive],
        ..plain.clone()
    };
    let parameters: Vec<f32> =
        Architecture::new(3, vec![4]).unwrap().initial(6).iter().map(|p| p + 0.1).collect();
    let gradient =
        |config: &TrainingConfig, table: &Table| gradient_under(config, &parameters, table);
    assert!(close(&gradient(&weighted(1.0, 1.0), &table), gradient(&plain, &table).into_iter()));

    let mut doubled = table.clone();
    for (features, label) in table.iter().filter(|(_, label)| *label > 0.5) {
        doubled.features.extend(features);
        doubled.labels.push(label);
        doubled.rows += 1;
    }
    assert!(doubled.rows > table.rows && doubled.rows < 2 * table.rows);
    let more = doubled.rows as f32 / table.rows as f32;
    let expected: Vec<f32> = gradient(&plain, &doubled).iter().map(|g| g * more).collect();
    assert!(close(&gradient(&weighted(1.0, 2.0), &table), expected.iter().copied()));
    assert!(close(&gradient(&weighted(0.5, 1.0), &table), expected.iter().map(|g| g / 2.0)));
}

#[test]
fn a_step_is_trained_with_the_schedules_learning_rate_of_that_step() {
    let architecture = Architecture::new(3, vec![4]).unwrap();
    let global = architecture.initial(1);
    let trained = |config: TrainingConfig, step, first_step| {
        LocalTrainer::new(architecture.clone(), moons(30, 3, 5), config, 42, 0)
            .unwrap()
            .counting_from(first_step)
            .fit(step, &global)
            .unwrap()
    };
    let constant = config(Optimiser::Adam);
    let fall = Fall::Cosine { final_share: 0.1, steps: 10 };
    let falling =
        TrainingConfig { schedule: Some(Schedule { warmup_steps: 0, fall }), ..constant.clone() };
    assert_eq!(trained(falling.clone(), 0, 0), trained(constant.clone(), 0, 0));
    let last = TrainingConfig { learning_rate: RATE * 0.1, ..constant.clone() };
    assert_eq!(trained(falling.clone(), 9, 0), trained(last.clone(), 9, 0));
    assert_eq!(trained(falling.clone(), 10, 1), trained(last, 10, 1));
    assert_ne!(trained(falling, 9, 0), trained(constant, 9, 0));
}
