use std::collections::BTreeMap;

use super::{agreed, model, plain};
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
    // A standard deviation is 0.3 mg/dL.
    has(&text, "| glucose | 0.6000 | 2.0000 | 1.822 |");
    has(&text, "| ward = north | -1.0000 |  | 0.368 |");
    has(&text, "| ward is missing | 0.2500 |");
    has(&text, "| intercept | -2.0000 |");
}

#[test]
fn a_card_without_a_dictionary_or_agreed_statistics_or_metrics_says_so() {
    let text = card(&model(plain(), vec![2]));
    has(&text, "had agreed on no data dictionary");
    has(&text, "**Columns are standardised by the rows of whoever wrote this file**");
    has(&text, "Not measured in this run.");
}
