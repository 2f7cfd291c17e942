use super::{TEXT, dictionary};
use crate::dictionary::{Dictionary, Kind, TargetKind, TargetRange};

fn refusal(text: &str) -> String {
    Dictionary::parse(text).unwrap_err().to_string()
}

#[test]
fn a_dictionary_survives_toml_and_keeps_its_hash() {
    let written = dictionary().to_toml().unwrap();
    let read = Dictionary::parse(&written).unwrap();
    assert_eq!(read, dictionary());
    assert_eq!(read.hash(), dictionary().hash());
    let several = TEXT.replace("positive = ['1']\nnegative = ['0']", "classes = ['a', 'b', 'c']");
    let several = Dictionary::parse(&several).unwrap();
    let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    assert_eq!(several.target().kind, TargetKind::Several(classes));
    assert_eq!(Dictionary::parse(&several.to_toml().unwrap()).unwrap(), several);
    let number = Dictionary::parse(&number("unit = 'd'\nminimum = -0.0\nmaximum = 90")).unwrap();
    let range = TargetRange { unit: "d".to_owned(), minimum: 0.0, maximum: 90.0 };
    assert_eq!(number.target().kind, TargetKind::Number(range));
    assert_eq!(Dictionary::parse(&number.to_toml().unwrap()).unwrap(), number);
    let hashes = [dictionary().hash(), several.hash(), number.hash()];
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
}

/// The same with a number to predict.
fn number(range: &str) -> String {
    TEXT.replace("positive = ['1']\nnegative = ['0']", range)
}

#[test]
fn a_number_to_predict_has_a_unit_and_a_range_and_no_classes() {
    for (range, part) in [
        ("unit = 'd'\nminimum = 0", "target: give its unit"),
        ("unit = 'd'\nminimum = 1\nmaximum = 1", "target: minimum must be below maximum"),
        ("unit = ' '\nminimum = 0\nmaximum = 1", "target: its unit has spaces"),
        ("unit = ''\nminimum = 0\nmaximum = inf", "target: minimum must be below maximum"),
        ("positive = ['1']\nnegative = ['0']\nunit = 'd'", "target: give positive and negative"),
        ("classes = ['1', '2']\nminimum = 0", "target: give positive and negative"),
    ] {
        let message = refusal(&number(range));
        assert!(message.contains(part), "{range}: {message}");
    }
}

#[test]
fn the_hash_never_changes() {
    // Computed with Python's struct and hashlib from the documentation of the encoding.
    assert_eq!(
        dictionary().hash().to_string(),
        "a3435a1d03a5b4bd6a2fd7734b312c072eb568e01a1349ddc5f37283ad3113b1"
    );
}

#[test]
fn the_hash_covers_every_field_and_no_way_of_writing() {
    let hash = dictionary().hash();
    for (from, to) in [
        ("'visits'", "'visit'"),
        ("missing = ['NA']", "missing = ['?']"),
        ("'ill'", "'sick'"),
        ("positive = ['1']", "positive = ['2']"),
        ("negative = ['0']", "negative = ['0', '2']"),
        ("'glucose'", "'sugar'"),
        ("'mg/dL'", "'mmol/L'"),
        ("minimum = 20", "minimum = 21"),
        ("maximum = 1000.0", "maximum = 1001.0"),
        ("missing = ['-9']", "missing = ['-8']"),
        ("'01882', '1882'", "'1882', '01882'"),
        ("other = 'another'", "other = 'unknown'"),
        ("other = 'another'", ""),
        (
            "'another'",
            "'another'\n[[columns]]\nname='x'\nkind='number'\nunit=''\nminimum=0\nmaximum=1",
        ),
    ] {
        assert!(TEXT.contains(from));
        let changed = Dictionary::parse(&TEXT.replacen(from, to, 1)).unwrap();
        assert_ne!(changed.hash(), hash, "{from}");
    }
    for (from, to) in [
        ("minimum = 20", "minimum = 20.0 # plausible"),
        ("positive = ['1']\nnegative = ['0']", "negative = [\"0\"]\n\npositive = [\"1.0\"]"),
    ] {
        assert!(TEXT.contains(from));
        assert_eq!(Dictionary::parse(&TEXT.replacen(from, to, 1)).unwrap().hash(), hash, "{from}");
    }
    // A zero has one encoding.
    let zero = |text: &str| Dictionary::parse(&TEXT.replace("= 20", text)).unwrap().hash();
    assert_eq!(zero("= -0.0"), zero("= 0"));
}

#[test]
fn what_is_no_dictionary_is_refused_with_column_and_reason() {
    for (from, to, part) in [
        ("format = 1", "format = 2", "dictionary of format 2: this program reads format 1"),
        ("format = 1\n", "", "missing field `format`"),
        ("unit =", "units =", "line 11: unknown field `units`"),
        ("'visits'", "''", "name is empty"),
        ("'visits'", "' visits'", "name has spaces around it"),
        ("'glucose'", "'ill'", "column `ill`: the name occurs twice"),
        ("'sex'", "'ward'", "column `ward`: the name occurs twice"),
        ("'glucose'", "\"glu\\ncose\"", "control characters"),
        ("unit = 'mg/dL'\n", "", "column `glucose`: give its unit"),
        ("minimum = 20\n", "", "column `glucose`: give its unit"),
        ("minimum = 20", "minimum = 1000", "minimum must be below maximum"),
        ("minimum = 20", "minimum = nan", "minimum must be below maximum"),
        ("maximum = 1000.0", "maximum = inf", "minimum must be below maximum"),
        ("maximum = 1000.0", "maximum = 1e39", "minimum must be below maximum"),
        ("unit = 'mg/dL'", "unit = ''\nother = 'x'", "a number has no categories"),
        ("other = 'another'", "unit = 'm'", "a category has no unit"),
        ("categories = ['f', 'm']", "categories = []", "0 categories: give 1 to 4096"),
        ("['f', 'm']", "['f', 'f']", "category `f` occurs twice"),
        ("['f', 'm']", "[1, 2]", "expected a string"),
        ("other = 'another'", "other = 'm'", "category `m` occurs twice"),
        ("['f', 'm']", "['f', 'NA']", "`NA` is a category and a missing code"),
        ("negative = ['0']\n", "", "target: give positive and negative"),
        ("negative = ['0']", "negative = []", "target: give positive and negative"),
        ("negative = ['0']", "negative = ['1.0']", "value `1` occurs twice"),
        ("negative = ['0']", "negative = ['NA']", "`NA` is also a missing code"),
        ("negative = ['0']", "classes = ['0', '1']", "target: give positive and negative"),
        ("kind = 'number'", "kind = 'date'", "unknown variant `date`"),
    ] {
        assert!(TEXT.contains(from), "{from}");
        let message = refusal(&TEXT.replacen(from, to, 1));
        assert!(message.contains(part), "{to}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn sizes_are_bounded() {
    let long = "x".repeat(257);
    assert!(refusal(&TEXT.replace("'glucose'", &format!("'{long}'"))).contains("257 bytes"));
    let many = |number: usize| {
        let names: Vec<String> = (0..number).map(|index| format!("'c{index}'")).collect();
        names.join(",")
    };
    assert!(refusal(&TEXT.replace("'f', 'm'", &many(4097))).contains("4097 categories"));
    assert!(refusal(&TEXT.replace("'f', 'm'", &many(4096))).contains("after one-hot coding"));
    assert!(
        refusal(&TEXT.replace("['NA']", &format!("[{}]", many(65)))).contains("65 missing codes")
    );
    let classes = TEXT.replace("positive = ['1']", &format!("positive = [{}]", many(256)));
    assert!(refusal(&classes).contains("at most 256 values"));
    let columns: String = (0..4097)
        .map(|index| {
            format!("[[columns]]\nname='n{index}'\nkind='number'\nunit=''\nminimum=0\nmaximum=1\n")
        })
        .collect();
    assert!(refusal(&format!("{TEXT}{columns}")).contains("4100 columns"));
    assert!(refusal(&"#".repeat((4 << 20) + 1)).contains("more than 4194304 bytes"));
    let none = TEXT.split("[[columns]]").next().unwrap();
    assert!(refusal(&format!("columns = []\n{none}")).contains("0 columns: give 1"));
}

#[test]
fn an_accepted_dictionary_says_what_was_written() {
    let read = dictionary();
    assert_eq!((read.name(), read.missing()), ("visits", &["NA".to_owned()][..]));
    let names: Vec<&str> = read.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["glucose", "ward", "sex"]);
    let range = Kind::Number { unit: "mg/dL".to_owned(), minimum: 20.0, maximum: 1000.0 };
    assert_eq!(read.columns()[0].kind, range);
}
