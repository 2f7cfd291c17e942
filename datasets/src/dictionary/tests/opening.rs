use super::{SCHEMA, dictionary, source};
use crate::column::Values;
use crate::dictionary::{DataReport, Dictionary};
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
    assert_eq!(dataset.labels(), [true, false, true, false]);
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
    assert_eq!(dataset.labels(), [true, false, false]);
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

#[test]
fn a_target_of_several_classes_is_no_table_of_two() {
    let text =
        super::TEXT.replace("positive = ['1']\nnegative = ['0']", "classes = ['1', '0', '2']");
    let csv = "sex,ill,ward,glucose\nf,1,1882,90\n";
    let error = Dictionary::parse(&text).unwrap().open(&source(SCHEMA, csv)).unwrap_err();
    assert!(error.to_string().starts_with("t.csv: the target `ill` has 3 classes"), "{error}");
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
