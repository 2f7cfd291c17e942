//! Preprocessors whose form follows from a dictionary.

use crate::dictionary::Dictionary;
use crate::{Dataset, DatasetError, NumberStatistics, Preprocessor, Schema, Source};

const TEXT: &str = "\
format = 1
name = 'visits'
[target]
column = 'ill'
positive = ['1']
negative = ['0']
[[columns]]
name = 'ward'
kind = 'category'
categories = ['north', 'east']
other = 'another'
[[columns]]
name = 'glucose'
kind = 'number'
unit = 'mg/dL'
minimum = 20
maximum = 1000
[[columns]]
name = 'sex'
kind = 'category'
categories = ['m', 'f']
[[columns]]
name = 'age'
kind = 'number'
unit = 'years'
minimum = 18
maximum = 110
";

const SCHEMA: &str =
    "name='t'\nfile='t.csv'\ncategorical=['ward','sex']\ntarget={column='ill', positive=1}\n";

const STATISTICS: [NumberStatistics; 2] = [
    NumberStatistics { median: 95.0, mean: 100.0, standard_deviation: 20.0 },
    NumberStatistics { median: 50.0, mean: 40.0, standard_deviation: 10.0 },
];

fn dictionary() -> Dictionary {
    Dictionary::parse(TEXT).unwrap()
}

fn open(csv: &str) -> Dataset {
    let schema = Schema::parse(SCHEMA, "t.toml").unwrap();
    let source = Source::new(schema, "t.csv", csv.as_bytes().to_vec());
    dictionary().open(&source).unwrap().0
}

#[test]
fn inputs_are_in_the_dictionarys_order_with_other_and_missing_at_the_end_of_each_category() {
    let agreed = Preprocessor::agreed(&dictionary(), &STATISTICS).unwrap();
    assert_eq!(
        agreed.feature_names(),
        [
            "ward = north",
            "ward = east",
            "ward = another",
            "ward is missing",
            "glucose",
            "sex = m",
            "sex = f",
            "sex is missing",
            "age"
        ]
    );
    assert_eq!((agreed.width(), dictionary().width()), (9, 9));
    let rows = open("age,sex,ill,glucose,ward\n60,f,1,120,east\n,,0,,\n50,m,0,90,seventh\n");
    let table = agreed.transform(&rows, &[0, 1, 2]).unwrap();
    let expected = [
        [0., 1., 0., 0., 1.0, 0., 1., 0., 2.0],
        [0., 0., 0., 1., -0.25, 0., 0., 1., 1.0],
        [0., 0., 1., 0., -0.5, 1., 0., 0., 1.0],
    ];
    assert_eq!(table.features, expected.concat());
    assert_eq!(table.labels, [1.0, 0.0, 0.0]);
}

#[test]
fn other_stands_for_unknown_categories_of_a_file_that_was_read_without_the_dictionary() {
    let agreed = Preprocessor::agreed(&dictionary(), &STATISTICS).unwrap();
    let schema = Schema::parse(SCHEMA, "t.toml").unwrap();
    let csv = "ward,sex,glucose,age,ill\nseventh,d,100,40,1\n";
    let plain = Dataset::parse(schema, "t.csv", csv.as_bytes()).unwrap();
    let table = agreed.transform(&plain, &[0]).unwrap();
    // The dictionary has no other for sex: zeros throughout.
    assert_eq!(table.features, [0., 0., 1., 0., 0., 0., 0., 0., 0.]);
}

#[test]
fn a_deviation_of_zero_becomes_one() {
    let constant = NumberStatistics { standard_deviation: 0.0, ..STATISTICS[0] };
    let agreed = Preprocessor::agreed(&dictionary(), &[constant, STATISTICS[1]]).unwrap();
    let table =
        agreed.transform(&open("age,sex,ill,glucose,ward\n40,f,1,103,east\n"), &[0]).unwrap();
    assert_eq!(table.features[4], 3.0);
}

#[test]
fn statistics_that_do_not_belong_to_the_dictionary_are_refused() {
    let refused = |statistics: &[NumberStatistics]| {
        let error = Preprocessor::agreed(&dictionary(), statistics).unwrap_err();
        assert!(matches!(error, DatasetError::Preprocessor { .. }), "{error}");
        error.to_string()
    };
    assert!(refused(&STATISTICS[..1]).contains("1 statistics for 2 numeric columns"));
    assert!(refused(&STATISTICS.repeat(2)).contains("4 statistics for 2 numeric columns"));
    for changed in [
        NumberStatistics { median: f64::NAN, ..STATISTICS[0] },
        NumberStatistics { mean: f64::INFINITY, ..STATISTICS[0] },
        NumberStatistics { standard_deviation: -1.0, ..STATISTICS[0] },
        NumberStatistics { standard_deviation: f64::NAN, ..STATISTICS[0] },
    ] {
        assert!(refused(&[changed, STATISTICS[1]]).contains("column `glucose`"));
    }
}

#[test]
fn own_statistics_of_constant_and_empty_columns_are_no_error_and_have_the_same_width() {
    let rows = open("age,sex,ill,glucose,ward\n,f,1,90,\n,f,1,90,\n");
    let own = Preprocessor::fit_agreed(&dictionary(), &rows, &[0, 1]).unwrap();
    assert_eq!(own.width(), dictionary().width());
    let table = own.transform(&rows, &[0, 1]).unwrap();
    assert_eq!(table.features, [0., 0., 0., 1., 0., 0., 1., 0., 0.].repeat(2));
    let expected = [
        NumberStatistics { median: 90.0, mean: 90.0, standard_deviation: 1.0 },
        NumberStatistics { median: 64.0, mean: 64.0, standard_deviation: 1.0 },
    ];
    assert_eq!(own, Preprocessor::agreed(&dictionary(), &expected).unwrap());
}

#[test]
fn own_statistics_are_those_that_a_fit_without_a_dictionary_finds() {
    let csv = "age,sex,ill,glucose,ward\n60,f,1,120,east\n50,m,0,,north\n41,,0,90,north\n";
    let own = Preprocessor::fit_agreed(&dictionary(), &open(csv), &[0, 1, 2]).unwrap();
    let fitted = Preprocessor::fit(&open(csv), &[0, 1, 2]).unwrap();
    let numbers = |preprocessor: &Preprocessor| {
        let table = preprocessor.transform(&open(csv), &[0, 1, 2]).unwrap();
        let names = preprocessor.feature_names();
        let at = |name: &str| names.iter().position(|one| one == name).unwrap();
        let of_row = |(row, _): (&[f32], f32)| [row[at("age")], row[at("glucose")]];
        table.iter().map(of_row).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&own), numbers(&fitted));
    let absent = Preprocessor::fit_agreed(&dictionary(), &open(csv), &[3]).unwrap_err();
    assert!(matches!(absent, DatasetError::NoSuchRow { index: 3, .. }));
}

#[test]
fn an_agreed_preprocessor_survives_toml_to_the_bit() {
    let agreed = Preprocessor::agreed(&dictionary(), &STATISTICS).unwrap();
    let text = agreed.to_toml().unwrap();
    assert_eq!(Preprocessor::from_toml(&text).unwrap(), agreed);
    let twice = text.replace("other = \"another\"", "other = \"east\"");
    let error = Preprocessor::from_toml(&twice).unwrap_err().to_string();
    assert!(error.contains("a category of column `ward` occurs twice"), "{error}");
}
