use super::{BINS, ColumnStatistics, Quantities, Survey, SurveyError};
use crate::dictionary::Dictionary;
use crate::{Dataset, Preprocessor, Schema, Source};

const TEXT: &str = "\
format = 1
name = 'visits'
[target]
column = 'ill'
positive = ['1']
negative = ['0']
[[columns]]
name = 'glucose'
kind = 'number'
unit = 'mg/dL'
minimum = 0
maximum = 320
[[columns]]
name = 'ward'
kind = 'category'
categories = ['north', 'east']
other = 'another'
";

const SCHEMA: &str =
    "name='t'\nfile='t.csv'\ncategorical=['ward']\ntarget={column='ill', positive=1, negative=0}\n";

fn dictionary() -> Dictionary {
    Dictionary::parse(TEXT).unwrap()
}

fn open(csv: &str) -> Dataset {
    let schema = Schema::parse(SCHEMA, "t.toml").unwrap();
    let source = Source::new(schema, "t.csv", csv.as_bytes().to_vec());
    dictionary().open(&source).unwrap().0
}

fn all(dataset: &Dataset) -> Vec<usize> {
    (0..dataset.rows()).collect()
}

fn take(csv: &str) -> Quantities {
    let data = open(csv);
    Survey::of(&dictionary()).take(&data, &all(&data)).unwrap()
}

fn added(sites: &[Quantities]) -> Quantities {
    let mut total = sites[0].clone();
    for site in &sites[1..] {
        total.counts.iter_mut().zip(&site.counts).for_each(|(sum, count)| *sum += count);
        total.sums.iter_mut().zip(&site.sums).for_each(|(sum, fractions)| *sum += fractions);
    }
    total
}

fn north() -> Quantities {
    take("glucose,ward,ill\n80,north,1\n100,north,0\n,east,0\n")
}

fn south() -> Quantities {
    take("ward,ill,glucose\nsouth,1,160\n,0,90\n")
}

#[test]
fn a_site_counts_what_the_dictionary_asks_for_and_nothing_else() {
    let survey = Survey::of(&dictionary());
    assert_eq!((survey.counts(), survey.sums()), (2 + BINS + 4, 2));
    let north = north();
    assert_eq!(north.counts[..2], [3, 1]);
    let bins = &north.counts[2..2 + BINS];
    assert_eq!((bins[8], bins[10], bins.iter().sum::<u64>()), (1, 1, 2));
    assert_eq!(north.counts[2 + BINS..], [2, 1, 0, 0]);
    assert_eq!(north.sums, [0.25 + 0.3125, 0.0625 + 0.09765625]);
    assert_eq!(south().counts[2 + BINS..], [0, 0, 1, 1]);
}

#[test]
fn the_sum_of_two_sites_gives_the_statistics_of_their_rows_together() {
    let statistics = Survey::of(&dictionary()).read(&added(&[north(), south()])).unwrap();
    assert_eq!((statistics.rows, statistics.classes.as_slice()), (5, &[2][..]));
    let (name, ColumnStatistics::Number { missing, scale }) = &statistics.columns[0] else {
        panic!("{statistics:?}");
    };
    assert_eq!((name.as_str(), *missing), ("glucose", 1));
    // Half of the four known rows lie below the end of the bin that 90 is in.
    assert_eq!(scale.median, 100.0);
    // Imputed: 80, 100, 100, 160, 90.
    assert!((scale.mean - 106.0).abs() < 1e-9, "{scale:?}");
    let variance = (26.0f64 * 26.0 + 2.0 * 36.0 + 54.0 * 54.0 + 16.0 * 16.0) / 5.0;
    assert!((scale.standard_deviation - variance.sqrt()).abs() < 0.5, "{scale:?}");
    let ColumnStatistics::Category(ward) = &statistics.columns[1].1 else { panic!() };
    assert_eq!((ward.rows.as_slice(), ward.missing), (&[2, 1, 1][..], 1));
    assert_eq!(statistics.numbers(), [*scale]);
}

#[test]
fn statistics_of_the_survey_are_close_to_those_that_pooled_rows_have() {
    let dictionary = Dictionary::parse(&TEXT.replace("320", "250")).unwrap();
    let rows = |from: u32, to: u32| {
        let row = |i: u32| {
            let glucose =
                if i.is_multiple_of(17) { String::new() } else { (60 + i * 37 % 140).to_string() };
            format!("{glucose},north,{}\n", u32::from(i.is_multiple_of(3)))
        };
        format!("glucose,ward,ill\n{}", (from..to).map(row).collect::<String>())
    };
    let open = |csv: &str| {
        let schema = Schema::parse(SCHEMA, "t.toml").unwrap();
        let source = Source::new(schema, "t.csv", csv.as_bytes().to_vec());
        dictionary.open(&source).unwrap().0
    };
    let survey = Survey::of(&dictionary);
    let sites: Vec<_> = [(0, 120), (120, 150), (150, 400)]
        .map(|(from, to)| open(&rows(from, to)))
        .iter()
        .map(|site| survey.take(site, &all(site)).unwrap())
        .collect();
    let agreed = survey.read(&added(&sites)).unwrap().numbers()[0];
    let pooled = open(&rows(0, 400));
    let pooled = Preprocessor::fit_agreed(&dictionary, &pooled, &all(&pooled)).unwrap();
    let text = pooled.to_toml().unwrap();
    let number = |field: &str| {
        let line = text.lines().find(|line| line.starts_with(field)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!((agreed.mean - number("mean")).abs() < 0.2, "{agreed:?} {text}");
    assert!((agreed.standard_deviation - number("standard_deviation")).abs() < 0.2, "{agreed:?}");
    // Within the width of a bin.
    assert!((agreed.median - number("median")).abs() <= 250.0 / BINS as f64, "{agreed:?}");
}

#[test]
fn a_column_that_nobody_knows_or_that_is_the_same_everywhere_has_statistics() {
    let survey = Survey::of(&dictionary());
    let unknown = survey.read(&take("glucose,ward,ill\n,north,1\n,east,0\n")).unwrap().numbers()[0];
    assert_eq!((unknown.median, unknown.mean, unknown.standard_deviation), (160.0, 160.0, 0.0));
    let constant = survey.read(&take("glucose,ward,ill\n100,north,1\n100,east,0\n")).unwrap();
    let constant = constant.numbers()[0];
    assert_eq!((constant.mean, constant.standard_deviation), (100.0, 0.0));
    assert!(Preprocessor::agreed(&dictionary(), &[constant]).is_ok());
}

#[test]
fn counts_that_no_rows_can_have_are_refused_by_the_column() {
    type Tweak = fn(&mut Quantities);
    let cases: [(&str, Tweak); 7] = [
        ("glucose", |total| total.counts[2] += 10),
        ("glucose", |total| total.sums[0] = 3.9),
        ("glucose", |total| total.sums[0] = 0.0),
        ("glucose", |total| total.sums[1] = 3.0),
        ("glucose", |total| total.sums[1] = 0.0),
        ("ward", |total| total.counts[2 + BINS] += 1),
        ("ward", |total| *total.counts.last_mut().unwrap() = 0),
    ];
    let survey = Survey::of(&dictionary());
    let total = added(&[north(), south()]);
    for (column, tweak) in cases {
        let mut wrong = total.clone();
        tweak(&mut wrong);
        let error = survey.read(&wrong).unwrap_err();
        assert!(
            matches!(&error, SurveyError::Column { column: found, .. } if found == column),
            "{error}"
        );
    }
    let mut wrong = total.clone();
    wrong.counts[1] = 6;
    assert_eq!(survey.read(&wrong), Err(SurveyError::Target));
    wrong = total.clone();
    wrong.counts[0] = 0;
    assert_eq!(survey.read(&wrong), Err(SurveyError::NoRows));
    wrong = total;
    wrong.sums.pop();
    assert!(matches!(survey.read(&wrong), Err(SurveyError::Layout { .. })));
    assert!(matches!(survey.read(&Quantities::default()), Err(SurveyError::Layout { .. })));
}

#[test]
fn rows_of_each_of_several_classes_are_counted_and_of_a_number_only_all_rows() {
    let under = |target: &str| {
        let text = TEXT.replace("positive = ['1']\nnegative = ['0']", target);
        let dictionary = Dictionary::parse(&text).unwrap();
        let schema = SCHEMA.replace("column='ill', positive=1, negative=0", "column='ill'");
        let schema = Schema::parse(&schema, "t.toml").unwrap();
        let csv = "glucose,ward,ill\n80,north,2\n100,north,0\n120,east,2\n";
        let source = Source::new(schema, "t.csv", csv.as_bytes().to_vec());
        let data = dictionary.open(&source).unwrap().0;
        let survey = Survey::of(&dictionary);
        let taken = survey.take(&data, &all(&data)).unwrap();
        assert_eq!((taken.counts.len(), taken.sums.len()), (survey.counts(), survey.sums()));
        (survey, taken)
    };
    let (survey, mut taken) = under("classes = ['0', '1', '2']");
    assert_eq!(taken.counts[..4], [3, 1, 0, 2]);
    assert_eq!(survey.read(&taken).unwrap().classes, [1, 0, 2]);
    taken.counts[2] += 1;
    assert_eq!(survey.read(&taken), Err(SurveyError::Target));
    let (survey, taken) = under("unit = 'd'\nminimum = 0\nmaximum = 9");
    assert_eq!(taken.counts.len(), 1 + BINS + 4);
    let statistics = survey.read(&taken).unwrap();
    assert_eq!((statistics.rows, statistics.classes.len()), (3, 0));
}
