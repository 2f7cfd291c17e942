use super::{SCHEMA, dictionary, source};
use crate::column::Values;
use crate::dictionary::{DataReport, Dictionary};
use crate::scorecard::Form;
use crate::{Dataset, DatasetError};

fn open(schema: &str, csv: &str) -> Result<(Dataset, DataReport), DatasetError> {
    dictionary().open(&source(schema, csv))
}

fn values(dataset: &Dataset) -> Vec<&Values> {
    dataset.columns.iter().map(|column| &column.values).collect()
}

#[test]
fn columns_come_by_name_in_the_dictionarys_order_with_its_missing_codes() {
    let csv = "sex,ill,ward,glucose\nf,1,1882,90\nm,0,01882,-9\n,1,NA,NA\nx,0,3E2,101.5\n";
    let (dataset, report) = open(SCHEMA, csv).unwrap();
    assert_eq!(dataset.feature_names().collect::<Vec<_>>(), ["glucose", "ward", "sex"]);
    assert_eq!(dataset.labels(), [1.0, 0.0, 1.0, 0.0]);
    let wards = ["01882", "1882", "3E2"].map(str::to_owned).to_vec();
    let sexes = ["f", "m", "another"].map(str::to_owned).to_vec();
    assert_eq!(
        values(&dataset),
        [
            &Values::Numeric(vec![Some(90.0), None, None, Some(101.5)]),
            &Values::Categorical {
                categories: wards,
                codes: vec![Some(1), Some(0), None, Some(2)]
            },
            &Values::Categorical {
                categories: sexes,
                codes: vec![Some(0), Some(1), None, Some(2)]
            },
        ]
    );
    assert_eq!(report, dictionary().check(&source(SCHEMA, csv)).unwrap());
}

#[test]
fn two_sites_with_columns_in_another_order_are_read_to_the_same_values() {
    let (one, _) = open(SCHEMA, "sex,ill,ward,glucose\nf,1,1882,90\n").unwrap();
    let (other, _) = open(SCHEMA, "glucose,ward,ill,sex\n90,1882,1,f\n").unwrap();
    assert_eq!(values(&one), values(&other));
}

#[test]
fn the_classes_are_the_dictionarys() {
    let text = super::TEXT.replace("['0']", "['0', '2']");
    let schema = SCHEMA.replace("positive=1", "positive=1, negative=[0, 2]");
    let csv = "sex,ill,ward,glucose\nf,1.0,1882,90\nf,2,1882,91\nf,0,1882,92\n";
    let (dataset, report) = Dictionary::parse(&text).unwrap().open(&source(&schema, csv)).unwrap();
    assert_eq!(dataset.labels(), [1.0, 0.0, 0.0]);
    let rows: Vec<usize> = report.classes.iter().map(|class| class.rows).collect();
    assert_eq!(rows, [1, 1, 1]);
}

#[test]
fn a_file_that_does_not_fit_is_refused_with_counts_and_without_its_values() {
    let csv = "sex,ill,ward,glucose\nf,1,1882,1234567\nm,0,1882,5.123\nf,0,ZZ9,90\n";
    let error = open(SCHEMA, csv).unwrap_err();
    let message = error.to_string();
    let DatasetError::Unfit { report } = error else { panic!("{message}") };
    assert_eq!(report.findings.len(), 2);
    assert!(message.contains("1 rows are below 20 and 1 above 1000 mg/dL"), "{message}");
    assert!(message.ends_with("and 1 more: consilium-client check-data lists them"), "{message}");
    for value in ["1234567", "5.123", "ZZ9"] {
        assert!(!message.contains(value) && !report.to_string().contains(value));
    }
}

/// A dictionary with another target, and a schema that leaves the target's values to it.
fn open_with(target: &str, csv: &str) -> Result<(Dataset, DataReport), DatasetError> {
    let text = super::TEXT.replace("positive = ['1']\nnegative = ['0']", target);
    let schema = SCHEMA.replace("column='ill', positive=1", "column='ill'");
    Dictionary::parse(&text).unwrap().open(&source(&schema, csv))
}

#[test]
fn labels_of_several_classes_are_their_places_in_the_dictionary() {
    let csv = "sex,ill,ward,glucose\nf,1.0,1882,90\nf,2,1882,90\nf,0,1882,90\n";
    let (dataset, report) = open_with("classes = ['1', '0', '2']", csv).unwrap();
    assert_eq!(dataset.labels(), [0.0, 2.0, 1.0]);
    assert_eq!((dataset.form(), dataset.positives()), (Form::Classes(3), None));
    assert!(report.to_string().contains("  1: 1 rows\n  0: 1 rows\n  2: 1 rows\n"), "{report}");
    let error = open_with("classes = ['1', '0']", csv).unwrap_err().to_string();
    assert!(error.contains("1 rows have 1 values that the dictionary does not have"), "{error}");
    // What is only done with two classes says so.
    assert!(matches!(dataset.split(0.5, 1), Err(DatasetError::NotTwoClasses { .. })));
}

#[test]
fn a_number_to_predict_is_a_fraction_of_its_plausible_range() {
    let days = "unit = 'd'\nminimum = 10\nmaximum = 50";
    let csv = "sex,ill,ward,glucose\nf,10,1882,90\nf,20.0,1882,90\nf,50,1882,90\n";
    let (dataset, report) = open_with(days, csv).unwrap();
    assert_eq!((dataset.labels(), dataset.form()), (&[0.0, 0.25, 1.0][..], Form::Number));
    assert!(report.classes.is_empty() && !report.to_string().contains("classes"), "{report}");
    let csv = "sex,ill,ward,glucose\nf,NA,1882,90\nf,51.77,1882,90\nf,long,1882,90\nf,9,1882,9\n";
    let DatasetError::Unfit { report } = open_with(days, csv).unwrap_err() else { panic!() };
    let text = report.to_string();
    for part in [
        "target `ill`: 1 rows have no value, the first is row 2",
        "column `ill`: 1 rows have no number, the first is row 4",
        "column `ill`: 1 rows are below 10 and 1 above 50 d, the first is row 3",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("51.77"), "{text}");
    // A schema that names classes means something else by the column.
    let text = super::TEXT.replace("positive = ['1']\nnegative = ['0']", days);
    let error = Dictionary::parse(&text).unwrap().open(&source(SCHEMA, csv)).unwrap_err();
    assert!(error.to_string().contains("are not the dictionary's"), "{error}");
}

#[test]
fn a_schema_may_leave_the_classes_to_the_dictionary_and_to_nobody_else() {
    let csv = "sex,ill,ward,glucose\nf,1,1882,90\nf,0,1882,90\n";
    let (dataset, _) = open_with("positive = ['0']\nnegative = ['1']", csv).unwrap();
    assert_eq!(dataset.labels(), [0.0, 1.0]);
    let schema = SCHEMA.replace("column='ill', positive=1", "column='ill'");
    let error = Dataset::of(&source(&schema, csv)).unwrap_err();
    assert!(matches!(error, DatasetError::NoClasses { .. }), "{error}");
}

#[test]
fn number_codes_fit_where_they_are_one_category_and_not_where_they_could_be_two() {
    let codes = format!("number_codes=['ward']\n{SCHEMA}");
    // 300 is 3E2 as a number; 1882.0 could be 01882 as well as 1882; an exact spelling is what it is.
    let (dataset, _) = open(&codes, "sex,ill,ward,glucose\nf,1,300,90\nf,0,01882,80\n").unwrap();
    let Values::Categorical { codes: wards, .. } = &dataset.columns[1].values else { panic!() };
    assert_eq!(*wards, [Some(2), Some(0)]);
    let error = open(&codes, "sex,ill,ward,glucose\nf,1,1882.0,90\n").unwrap_err();
    assert!(error.to_string().contains("1 rows have 1 categories"), "{error}");
}
