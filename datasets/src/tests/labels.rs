use super::{message, read};

fn csv(labels: &[&str]) -> Vec<u8> {
    let rows = labels.iter().enumerate().map(|(row, label)| format!("{row},\"{label}\"\n"));
    format!("a,y\n{}", rows.collect::<String>()).into_bytes()
}

fn labels(target: &str, values: &[&str]) -> Vec<bool> {
    let dataset = read(&format!("target={{column='y', {target}}}"), &csv(values)).unwrap();
    dataset.labels().iter().map(|label| *label > 0.5).collect()
}

fn refusal(target: &str, values: &[&str]) -> String {
    message(&format!("target={{column='y', {target}}}"), &csv(values))
}

#[test]
fn one_other_value_is_the_negative_one() {
    assert_eq!(labels("positive=1", &["1", "0", "1.0"]), [true, false, true]);
    assert_eq!(labels("positive='M'", &["M", "B"]), [true, false]);
    assert_eq!(labels("positive=['1','2','3']", &["0", "3", "2"]), [false, true, true]);
    // One hospital may have one class only.
    assert_eq!(labels("positive=1", &["0", "0"]), [false, false]);
    assert_eq!(labels("positive=1", &["1"]), [true]);
}

#[test]
fn a_boolean_has_the_spellings_of_every_program() {
    for positive in ["true", "'True'", "'TRUE'"] {
        for values in [["true", "false"], ["True", "False"], ["TRUE", "FALSE"]] {
            assert_eq!(labels(&format!("positive={positive}"), &values), [true, false]);
        }
    }
    assert_eq!(labels("positive=true, negative=false", &["True", "FALSE"]), [true, false]);
}

#[test]
fn labels_that_nobody_has_explained_are_counted_and_never_shown() {
    let message = refusal("positive=1", &["1", "Jane Doe", "?", "0", "Jane Doe"]);
    assert_eq!(
        message,
        "t.csv: column `y`: 4 rows have 3 labels besides the positive value `1` that are of several kinds, of which at \
         most one can be the negative value; the first is in row 3: correct the rows, \
         or declare target.negative and missing_values in the schema"
    );
    let declared = refusal("positive=1, negative=[0]", &["1", "0", "secret", "2"]);
    assert!(declared.contains("2 rows have 2 labels"), "{declared}");
    assert!(
        declared.contains("not among the declared values; the first is in row 4"),
        "{declared}"
    );
    assert!(!declared.contains("secret"), "{declared}");
}

#[test]
fn a_single_other_value_that_means_missing_or_positive_is_refused() {
    for marker in ["NA", "?", "unknown", "NULL", "n/a", "NaN", "."] {
        let message = refusal("positive=1", &["1", marker]);
        assert!(message.contains("look like a missing marker"), "{marker}: {message}");
    }
    for (positive, value) in
        [("'Yes'", "yes"), ("'M'", "m"), ("1", "True"), ("true", "yes"), ("true", "1")]
    {
        let message = refusal(&format!("positive={positive}"), &[value, value]);
        assert!(message.contains("positive value in another spelling"), "{message}");
    }
    // What is declared is meant.
    assert_eq!(labels("positive='yes', negative='unknown'", &["unknown", "yes"]), [false, true]);
}

#[test]
fn spellings_that_mix_are_refused() {
    for values in [["Yes", "yes", "No"], ["Yes", "no", "No"], ["T", "F", "Yes"]] {
        assert!(refusal("positive='Yes'", &values).contains("of several kinds"), "{values:?}");
    }
}

#[test]
fn empty_targets_are_counted() {
    let message = refusal("positive=1", &["1", "", "0", "", ""]);
    assert!(message.starts_with("t.csv: row 3, column `y`: the target is empty (3 such rows)"));
}

#[test]
fn a_target_that_contradicts_itself_is_refused() {
    for (target, part) in [
        ("positive=1, negative='1.0'", "`1` is both positive and negative"),
        ("positive=true, negative='TRUE'", "`true` is both positive and negative"),
        ("positive=1, negative=[]", "target.negative is empty"),
        ("positive=1, negative={a=1}", "must be a string, a number"),
    ] {
        let message = refusal(target, &["1", "0"]);
        assert!(message.contains(part), "{message}");
    }
}
