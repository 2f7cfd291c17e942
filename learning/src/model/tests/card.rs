use std::collections::BTreeMap;

use super::{agreed, model, plain, with_target};
use crate::model::{Card, Participant, TrainedModel};

fn card(model: &TrainedModel) -> String {
    let participants = vec![
        Participant { pseudonym: "ab12".to_owned(), rows: 61, is_out: false },
        Participant { pseudonym: "cd34".to_owned(), rows: 40, is_out: true },
    ];
    let bound = "its norm is at most 1000".to_owned();
    let run = "Four hospitals.".to_owned();
    let privacy = Some("ε = 2 at δ = 2^-20".to_owned());
    let measured_on = Some("held-out rows".to_owned());
    Card { model, run, rounds: 20, participants, bound, privacy, measured_on }.to_string()
}

fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{text}\nshould say\n{part}");
}

#[test]
fn a_card_says_what_the_model_is_who_made_it_and_what_it_is_not_for() {
    let metrics = BTreeMap::from([("auc".to_owned(), 0.8125)]);
    let text = card(&TrainedModel { metrics, ..model(agreed(), vec![3]) });
    has(&text, "# Model card: ill");
    has(&text, "Whether `ill` is yes (positive) or no\\|never, from 5 inputs. Four hospitals.");
    has(&text, "- Rounds: 7 of 20.");
    has(&text, "- Differential privacy of institutions: ε = 2");
    has(&text, "| glucose | 20 to 1000 mg/dL | NA |");
    has(&text, "| ward | north, ea\\|st; any other is another | NA |");
    has(&text, "| ab12 | 61 |  |\n| cd34 | 40 | revoked or expelled |");
    has(&text, "Measured on held-out rows.");
    has(&text, "| auc | 0.8125 |");
    has(&text, "It is no medical device");
    assert!(!text.contains("## Coefficients"), "a hidden layer has none");
}

#[test]
fn a_logistic_regression_shows_one_coefficient_for_each_input_and_its_intercept() {
    let mut regression = model(agreed(), vec![]);
    regression.parameters = vec![0.6, -1.0, 0.0, 0.5, 0.25, -2.0];
    let text = card(&regression);
    has(&text, "Logistic regression");
    // A standard deviation is 0.3 mg/dL, and the mean 100.1.
    has(&text, "| glucose (mg/dL) | 0.6000 | 1.822 | 2.0000 | 7.389 |");
    has(&text, "| ward = north | -1.0000 | 0.368 |  |  |");
    has(&text, "| ward is missing | 0.2500 |");
    has(&text, "| intercept | -2.0000 | | -202.2000 | |");
}

#[test]
fn a_card_without_a_dictionary_or_agreed_statistics_or_metrics_says_so() {
    let text = card(&model(plain(), vec![2]));
    has(&text, "had agreed on no data dictionary");
    has(&text, "**Columns are standardised by the rows of whoever wrote this file**");
    has(&text, "Not measured in this run.");
}

#[test]
fn coefficients_of_several_classes_are_differences_to_their_mean_in_units_of_the_file() {
    let mut several = model(with_target("classes = ['a', 'b|c']"), vec![]);
    // Input by input, a weight for each class.
    several.parameters =
        [[0.6, 0.0], [2.0, 1.0], [0.0; 2], [0.0; 2], [0.0; 2], [1.0, 0.0]].concat();
    let text = card(&several);
    has(&text, "Which of a, b\\|c `ill` is, from 5 inputs.");
    has(&text, "| input | a | b\\|c |\n| --- | ---: | ---: |");
    has(&text, "| glucose (mg/dL) | 1.0000 | -1.0000 |");
    has(&text, "| ward = north | 0.5000 | -0.5000 |");
    // 1 − 0.6 · 100.1 / 0.3 against 0.
    has(&text, "| intercept | -99.6000 | 99.6000 |");
}

#[test]
fn coefficients_of_a_number_are_in_its_unit() {
    let mut line = model(with_target("unit = 'd'\nminimum = 10\nmaximum = 50"), vec![]);
    line.parameters = vec![0.6, -0.25, 0.0, 0.5, 0.25, 0.5];
    let text = card(&line);
    has(&text, "The number `ill`, 10 to 50 d, from 5 inputs.");
    has(&text, "- Linear regression.");
    has(&text, "What ill (d) gains");
    // 0.6 of forty days for 0.3 mg/dL.
    has(&text, "| glucose (mg/dL) | 24.00 | 80.00 |");
    has(&text, "| ward = north | -10.00 |  |");
    // Half of the range at the mean; 100.1 mg/dL less of 80 days each at zero.
    has(&text, "| intercept | 30.00 | -7978 |");
    assert!(!text.contains("probabilities"), "{text}");
}
