use super::{SCHEMA, source};
use crate::dictionary::{Dictionary, draft};

/// What an authority writes instead of the open lines.
fn filled_in(draft: &str) -> String {
    let line = |line: &str| match line.split(" =").next() {
        Some("#? unit") => "unit = 'mg/dL'\n".to_owned(),
        Some("#? minimum") => "minimum = 20\n".to_owned(),
        Some("#? maximum") => "maximum = 1000\n".to_owned(),
        Some("#? negative") => "negative = ['0']\n".to_owned(),
        Some("#? other") => "other = 'other'\n".to_owned(),
        _ => format!("{line}\n"),
    };
    draft.lines().map(line).collect()
}

/// Wards 01882 and 3E2 have ten rows each, the last one two.
fn site() -> crate::Source {
    let mut csv = String::from("glucose,ward,sex,ill\n");
    for row in 0..22 {
        let ward = ["01882", "3E2"].get(row / 10).unwrap_or(&"Jane's");
        csv.push_str(&format!("{}.25,{ward},f,{}\n", 77 + row, row % 2));
    }
    source(&format!("missing_values=['NA']\n{SCHEMA}"), &csv)
}

#[test]
fn a_draft_shows_names_kinds_and_frequent_categories_only() {
    let text = draft(&site(), 10).unwrap();
    assert!(text.contains(
        "name = \"ward\"\nkind = \"category\"\ncategories = [\"01882\", \"3E2\"]\n#? other"
    ));
    assert!(text.contains("name = \"glucose\"\nkind = \"number\"\n#? unit"));
    assert!(text.contains("missing = [\"NA\"]") && text.contains("positive = [\"1\"]"));
    assert!(text.contains("#? negative = "));
    for value in ["Jane", "77", "98", "22", ".25"] {
        assert!(!text.contains(value), "{value}: {text}");
    }
}

#[test]
fn an_identifier_declared_categorical_is_not_listed() {
    let rows: String = (0..100).map(|row| format!("p{row},{}\n", row % 2)).collect();
    let schema = "name='t'\nfile='t.csv'\ncategorical=['id']\ntarget={column='ill', positive=1}\n";
    for least_rows in [1, 10] {
        let text = draft(&source(schema, &format!("id,ill\n{rows}")), least_rows).unwrap();
        assert!(text.contains("#? categories = ") && !text.contains("p1"), "{text}");
    }
}

#[test]
fn a_draft_becomes_a_dictionary_once_its_open_lines_are_filled_in() {
    let text = draft(&site(), 10).unwrap();
    assert!(Dictionary::parse(&text).unwrap_err().to_string().contains("target: give positive"));
    let dictionary = Dictionary::parse(&filled_in(&text)).unwrap();
    let report = dictionary.check(&site()).unwrap();
    assert!(report.fits(), "{report}");
    assert_eq!(report.columns[1].other, 2);
}

#[test]
fn texts_of_a_draft_are_quoted() {
    let schema =
        "name='t \"1\"'\nfile='t.csv'\ncategorical=['a\\b']\ntarget={column='y', positive='\"'}\n";
    let csv = "a\\b,y\n\"x, \"\"y\"\"\",1\n";
    let text = draft(&source(schema, csv), 1).unwrap();
    let dictionary = Dictionary::parse(&filled_in(&text)).unwrap();
    assert_eq!((dictionary.name(), dictionary.columns()[0].name.as_str()), ("t \"1\"", "a\\b"));
}

#[test]
fn a_draft_of_a_file_whose_target_nobody_has_explained_leaves_its_kind_open() {
    let schema = SCHEMA.replace("column='ill', positive=1", "column='ill'");
    let text = draft(&source(&schema, "glucose,ward,sex,ill\n77,3E2,f,stage-2\n"), 10).unwrap();
    for open in ["#? positive", "#? classes", "#? unit", "#? maximum"] {
        assert!(text.contains(open), "{open}: {text}");
    }
    assert!(!text.contains("stage-2"), "{text}");
    assert!(Dictionary::parse(&text).is_err());
}
