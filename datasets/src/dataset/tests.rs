use super::*;
use crate::csv::{self, tests::gzip};
use crate::schema::tests::HEAD;

pub(crate) fn dataset(rest: &str, csv: &str) -> Result<Dataset, DatasetError> {
    let schema =
        Schema::parse(&format!("{HEAD}{rest}\ntarget={{column='y', positive=1}}"), "t.toml")?;
    Dataset::parse(schema, "t.csv", csv.as_bytes())
}

fn message(rest: &str, csv: &str) -> String {
    dataset(rest, csv).unwrap_err().to_string()
}

#[test]
fn the_bundled_data_are_what_their_provenance_says() {
    for (name, rows, width, positives) in
        [("pima", 768, 8, 268), ("wdbc", 569, 30, 212), ("digits", 1797, 64, 896)]
    {
        let dataset = Dataset::bundled(name).unwrap();
        assert_eq!(
            (dataset.rows(), dataset.columns.len(), dataset.positives()),
            (rows, width, Some(positives))
        );
        assert!(dataset.schema().sha256.is_some());
    }
    let pima = Dataset::bundled("pima").unwrap();
    let missing: Vec<usize> = pima
        .columns
        .iter()
        .map(|column| match &column.values {
            Values::Numeric(values) => values.iter().filter(|value| value.is_none()).count(),
            Values::Categorical { .. } => panic!("pima has numbers only"),
        })
        .collect();
    assert_eq!(missing, [0, 5, 35, 227, 374, 11, 0, 0]);
    assert!(Dataset::bundled("x").unwrap_err().to_string().contains("choose pima, wdbc or digits"));
}

#[test]
fn a_name_is_bundled_and_a_path_is_a_schema() {
    assert_eq!(Dataset::open("wdbc").unwrap().rows(), 569);
    for name in ["", "pimo"] {
        assert!(
            Dataset::open(name).unwrap_err().to_string().contains("choose pima, wdbc or digits")
        );
    }
    for path in ["pima.toml", "nowhere/pima", "/"] {
        assert!(Dataset::open(path).unwrap_err().to_string().contains("cannot be read"));
    }
}

#[test]
fn features_may_be_chosen_and_identifiers_dropped() {
    let csv = "id,b,a,y\np1,1,2,1\np2,3,4,0\n";
    let names =
        |rest| dataset(rest, csv).unwrap().feature_names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names("drop=['id']"), ["b", "a"]);
    assert_eq!(names("features=['a','b']"), ["a", "b"]);
    assert_eq!(
        message("drop=['id','a','b']", csv),
        "t.csv: no feature columns are left beside the target and the dropped columns"
    );
}

#[test]
fn an_image_has_as_many_features_as_pixels() {
    let image = "image={side=2, channels=1}";
    assert!(dataset(image, "a,b,c,d,y\n1,2,3,4,1\n").is_ok());
    assert_eq!(
        message(image, "a,b,c,y\n1,2,3,1\n"),
        "t.csv: 3 feature columns, an image of 2 by 2 pixels with 1 channels has another number: \
         correct `image`, or choose the features"
    );
}

#[test]
fn missing_numbers_are_empty_zero_where_declared_or_a_declared_text() {
    let read =
        dataset("zero_is_missing=['a']\nmissing_values=['?']", "a,b,y\n0,0,1\n,?,0\n5,-1e2,1.0\n")
            .unwrap();
    assert_eq!(read.columns[0].values, Values::Numeric(vec![None, None, Some(5.0)]));
    assert_eq!(read.columns[1].values, Values::Numeric(vec![Some(0.0), None, Some(-100.0)]));
    assert_eq!(read.labels(), [1.0, 0.0, 1.0]);
}

#[test]
fn categories_are_distinct_and_sorted_numbers_by_value() {
    let read = dataset("categorical=['a']\nnumber_codes=['a']", "a,y\n10,1\n9.0,0\n,1\nx,0\n9,0\n")
        .unwrap();
    let categories = vec!["9".into(), "10".into(), "x".into()];
    let codes = vec![Some(1), Some(0), None, Some(2), Some(0)];
    assert_eq!(read.columns[0].values, Values::Categorical { categories, codes });
}

#[test]
fn faults_of_content_name_file_row_and_column() {
    let csv = "a,y\n1,1\nhigh,0\n";
    assert!(
        message("", csv)
            .starts_with("t.csv: row 3, column `a`: expected a number, found text: correct it")
    );
    for (text, found) in [
        ("inf", "an infinity or NaN"),
        ("NaN", "an infinity or NaN"),
        ("1e39", "a number that no 32-bit float holds"),
        ("-1e300", "a number that no 32-bit float holds"),
        ("1e400", "a number that no 32-bit float holds"),
        ("1,5", "a comma inside a number"),
        ("0x10", "text"),
    ] {
        let csv = format!("a,y\n\"{text}\",1\n2,0\n");
        let message = message("", &csv);
        let expected = format!("row 2, column `a`: expected a number, found {found}:");
        assert!(message.contains(&expected), "{message}");
        let digits = text.chars().any(|character| character.is_ascii_digit());
        assert!(!digits || !message.contains(text), "{message}");
    }
    assert!(
        message("", "a,y\n1,1\n2,\n").starts_with("t.csv: row 3, column `y`: the target is empty")
    );
    assert_eq!(
        message("", "a,z\n1,1\n"),
        "t.csv: no column `y`, named as target: the header has `a`, `z`"
    );
    for (rest, role) in [
        ("features=['q']", "a feature"),
        ("drop=['q']", "a column to drop"),
        ("categorical=['q']", "categorical"),
        ("zero_is_missing=['q']", "a column in which zero is missing"),
    ] {
        assert!(
            message(rest, "a,y\n1,1\n")
                .starts_with(&format!("t.csv: no column `q`, named as {role}:")),
            "{rest}"
        );
    }
}

#[test]
fn a_changed_file_fails_its_checksum() {
    let csv = b"a,y\n1,1\n2,0\n";
    let digest = csv::sha256_hex(csv).to_uppercase();
    let text = format!("{HEAD}sha256='{digest}'\ntarget={{column='y', positive=1}}");
    let schema = Schema::parse(&text, "t.toml").unwrap();
    assert!(Dataset::parse(schema.clone(), "t.csv", csv).is_ok());
    let error = Dataset::parse(schema, "t.csv", b"a,y\n1,1\n3,0\n").unwrap_err();
    assert!(matches!(error, DatasetError::Checksum { .. }), "{error}");
}

#[test]
fn a_file_is_found_beside_its_schema_plain_or_packed() {
    let directory = tempfile::tempdir().unwrap();
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(directory.path().join(name), bytes).unwrap();
    write("t.toml", format!("{HEAD}target={{column='y', positive=1}}").as_bytes());
    let load = || Dataset::load(&directory.path().join("t.toml"));

    assert!(load().unwrap_err().to_string().contains("t.csv: cannot be read"));
    write("t.csv", b"a,y\n1,1\n2,0\n");
    let plain = load().unwrap();
    write("t.csv", &gzip(b"a,y\n1,1\n2,0\n"));
    assert_eq!(plain, load().unwrap());
}
