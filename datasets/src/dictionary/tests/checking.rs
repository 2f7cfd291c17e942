use super::{SCHEMA, check_under, faults, source};
use crate::dictionary::{Dictionary, Fault};

const FITTING: &str = "sex,ill,ward,glucose\nf,1,01882,90\nm,0,1882,-9\nx,1,3E2,NA\nf,0,,101.5\n";

#[test]
fn a_file_that_fits_is_counted_whatever_the_order_of_its_columns() {
    let report = check_under(SCHEMA, FITTING).unwrap();
    assert!(report.fits(), "{report}");
    assert_eq!(report.rows, 4);
    let classes: Vec<_> =
        report.classes.iter().map(|class| (class.value.as_str(), class.rows)).collect();
    assert_eq!(classes, [("1", 2), ("0", 2)]);
    let counts: Vec<_> = report
        .columns
        .iter()
        .map(|column| (column.column.as_str(), column.known, column.missing, column.other))
        .collect();
    assert_eq!(counts, [("glucose", 2, 2, 0), ("ward", 3, 1, 0), ("sex", 3, 0, 1)]);
    assert!(report.to_string().ends_with("the file fits the dictionary\n"));
}

#[test]
fn missing_and_unknown_names_are_named_on_both_sides() {
    let found = faults("sex,ill,ward,sugar\nf,1,1882,90\n");
    let missing = Fault::MissingColumn { column: "glucose".to_owned() };
    let unknown = Fault::UnknownColumn { column: "sugar".to_owned() };
    assert_eq!(found, [missing, unknown]);
    assert_eq!(
        faults("sex,sick,ward,glucose\nf,1,1882,90\n"),
        [
            Fault::MissingColumn { column: "ill".to_owned() },
            Fault::UnknownColumn { column: "sick".to_owned() }
        ]
    );
}

#[test]
fn a_doubled_column_is_named() {
    let message = check_under(SCHEMA, "sex,sex,ill,ward,glucose\nf,f,1,1882,90\n").unwrap_err();
    assert!(message.to_string().starts_with("t.csv: column `sex` occurs twice"), "{message}");
}

#[test]
fn swapped_columns_show_in_their_values() {
    // Names are right and the values under them are exchanged.
    let found = faults("glucose,ward,sex,ill\n1882,90,f,1\n3E2,101,m,0\n");
    assert!(
        matches!(&found[0], Fault::OutOfRange { column, below: 0, above: 1, .. } if column == "glucose")
    );
    assert!(
        matches!(&found[1], Fault::UnknownCategories { column, rows: 2, .. } if column == "ward")
    );
}

#[test]
fn a_dropped_column_is_no_unknown_one_and_must_not_be_the_dictionarys() {
    let csv = "id,sex,ill,ward,glucose\np1,f,1,1882,90\n";
    assert!(check_under(&format!("drop=['id']\n{SCHEMA}"), csv).unwrap().fits());
    let features = format!("features=['sex','ward']\n{SCHEMA}");
    let report = check_under(&features, csv).unwrap();
    let fault = &report.findings[0].fault;
    assert_eq!(*fault, Fault::LeftOut { column: "glucose".to_owned() });
    assert_eq!(report.findings.len(), 1);
    let report = check_under(&format!("drop=['id','gone']\n{SCHEMA}"), csv).unwrap();
    assert!(report.to_string().contains("the schema names column `gone` as a column to drop"));
}

#[test]
fn unknown_categories_are_counted_or_become_other() {
    let csv = "sex,ill,ward,glucose\ndiverse,1,1882,90\nf,0,A7,80\nf,1,A7,80\nf,1,B8,80\n";
    let report = check_under(SCHEMA, csv).unwrap();
    assert_eq!(report.columns[2].other, 1);
    let expected = Fault::UnknownCategories {
        column: "ward".to_owned(),
        rows: 3,
        values: 2,
        first_row: 3,
        other_spelling: 0,
    };
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].fault, expected);
    assert!(!report.to_string().contains("A7"), "{report}");
}

#[test]
fn codes_in_another_spelling_of_a_number_do_not_fit_and_the_remedy_is_named() {
    let csv = "sex,ill,ward,glucose\nf,1,300.0,90\nf,0,1882,80\nf,1,300,80\n";
    let report = check_under(SCHEMA, csv).unwrap();
    let fault = &report.findings[0].fault;
    assert!(matches!(fault, Fault::UnknownCategories { rows: 2, other_spelling: 2, .. }));
    assert!(report.to_string().contains("number_codes"));
    assert!(check_under(&format!("number_codes=['ward']\n{SCHEMA}"), csv).unwrap().fits());
}

#[test]
fn glucose_in_another_unit_is_out_of_range_with_counts_and_without_values() {
    let csv = "sex,ill,ward,glucose\nf,1,1882,5.43\nf,0,1882,80\nf,1,3E2,1234.5\nm,1,3E2,6.17\n";
    let report = check_under(SCHEMA, csv).unwrap();
    let message = report.to_string();
    assert!(message.contains(
        "column `glucose`: 2 rows are below 20 and 1 above 1000 mg/dL, the first is row 2"
    ));
    for value in ["5.43", "1234.5", "6.17"] {
        assert!(!message.contains(value), "{message}");
    }
    // Both ends are plausible.
    assert!(faults("sex,ill,ward,glucose\nf,1,1882,20\nf,0,1882,1000\n").is_empty());
}

#[test]
fn labels_beyond_the_dictionary_are_counted_and_never_shown() {
    let csv = "sex,ill,ward,glucose\nf,1,1882,90\nf,Jane,1882,80\nf,,3E2,80\nm,2,3E2,80\n";
    assert_eq!(
        faults(csv),
        [
            Fault::EmptyTarget { column: "ill".to_owned(), rows: 1, first_row: 4 },
            Fault::UnknownLabels { column: "ill".to_owned(), rows: 2, values: 2, first_row: 3 }
        ]
    );
    let report = check_under(SCHEMA, csv).unwrap();
    assert!(!report.to_string().contains("Jane"));
    assert_eq!(report.classes.iter().map(|class| class.rows).sum::<usize>(), 1);
}

#[test]
fn a_schema_that_inverts_the_labels_is_found() {
    let inverted = SCHEMA.replace("positive=1", "positive=0");
    let report = check_under(&inverted, FITTING).unwrap();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].fault, Fault::OtherClasses);
    let negative = SCHEMA.replace("positive=1", "positive=1, negative=[0, 2]");
    assert_eq!(check_under(&negative, FITTING).unwrap().findings[0].fault, Fault::OtherClasses);
}

#[test]
fn another_target_or_kind_in_the_schema_is_found() {
    let other = SCHEMA.replace("column='ill'", "column='sex'").replace(",'sex'", "");
    let report = check_under(&other, FITTING).unwrap();
    let expected = Fault::OtherTarget { expected: "ill".to_owned(), found: "sex".to_owned() };
    assert_eq!(report.findings[0].fault, expected);
    let kinds = SCHEMA.replace("'ward','sex'", "'glucose','sex'");
    let report = check_under(&kinds, FITTING).unwrap();
    let kind = |column: &str, expected| Fault::OtherKind { column: column.to_owned(), expected };
    let found: Vec<_> = report.findings.into_iter().map(|finding| finding.fault).collect();
    assert_eq!(found, [kind("glucose", "number"), kind("ward", "category")]);
}

#[test]
fn text_in_a_number_is_counted_with_its_cause() {
    let csv = "sex,ill,ward,glucose\nf,1,1882,\"90,5\"\nf,0,1882,high\n";
    let report = check_under(SCHEMA, csv).unwrap();
    assert!(matches!(
        report.findings[0].fault,
        Fault::NotNumbers { rows: 2, first_row: 2, found, .. } if found.contains("decimal comma")
    ));
    assert!(!report.to_string().contains("90,5"));
}

#[test]
fn one_row_one_class_and_constant_or_empty_columns_are_no_fault() {
    let report = check_under(SCHEMA, "sex,ill,ward,glucose\nf,1,1882,\n").unwrap();
    assert!(report.fits(), "{report}");
    let message = report.to_string();
    assert!(message.contains("one class only: no fault"));
    assert!(message.contains("glucose: 0 known, 1 missing; empty here"));
    assert!(message.contains("ward: 1 known, 0 missing; a single value here"));
    let report = check_under(SCHEMA, "sex,ill,ward,glucose\n,,,\n").unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert!(matches!(report.findings[0].fault, Fault::EmptyTarget { rows: 1, .. }));
}

#[test]
fn a_file_without_a_header_is_named_and_nothing_of_its_first_row_is_shown() {
    let report = check_under(SCHEMA, "Jane,1,1882,90\nJoan,0,1882,80\n").unwrap();
    assert_eq!(report.findings[0].fault, Fault::NoHeader);
    assert!(!report.to_string().contains("Jane"), "{report}");
}

#[test]
fn zero_and_codes_mean_missing_where_schema_or_dictionary_say_so() {
    let csv = "sex,ill,ward,glucose\nf,1,1882,0\nf,0,?,-9.0\nNA,1,3E2,?\n";
    let schema = format!("zero_is_missing=['glucose']\nmissing_values=['?']\n{SCHEMA}");
    let report = check_under(&schema, csv).unwrap();
    assert!(report.fits(), "{report}");
    let missing: Vec<_> = report.columns.iter().map(|column| column.missing).collect();
    assert_eq!(missing, [3, 1, 1]);
}

#[test]
fn classes_of_several_kinds_are_counted_one_by_one() {
    let text =
        super::TEXT.replace("positive = ['1']\nnegative = ['0']", "classes = ['1', '0', '2']");
    let dictionary = Dictionary::parse(&text).unwrap();
    let report = dictionary.check(&source(SCHEMA, FITTING)).unwrap();
    assert!(report.fits(), "{report}");
    let rows: Vec<_> = report.classes.iter().map(|class| class.rows).collect();
    assert_eq!(rows, [2, 2, 0]);
}

#[test]
fn a_quarter_million_rows_are_checked() {
    let mut csv = String::from("sex,ill,ward,glucose\n");
    (0..250_000)
        .for_each(|row| csv.push_str(if row % 2 == 0 { "f,1,1882,90\n" } else { "m,0,3E2,91\n" }));
    let report = check_under(SCHEMA, &csv).unwrap();
    assert!(report.fits());
    assert_eq!((report.rows, report.classes[0].rows), (250_000, 125_000));
}
