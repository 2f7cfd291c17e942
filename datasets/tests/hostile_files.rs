//! Whatever the bytes, the answer is a dataset or an error; never a panic.
#![allow(clippy::unwrap_used, reason = "a test that goes wrong should stop at once")]

use consilium_datasets::dictionary::{Dictionary, draft};
use consilium_datasets::{Dataset, Partitioning, Preprocessor, Schema, Source};
use proptest::prelude::*;

const SCHEMA: &str = "
name = 't'
description = 'd'
citation = 'c'
licence = 'l'
file = 't.csv'
zero_is_missing = ['age']
missing_values = ['?']
categorical = ['site']
drop = ['id']
target = { column = 'y', positive = 1 }
";

const CSV: &str = "id,age,site,dose,y
p1,30,north,1.5,1
p2,0,\"so, \"\"uth\"\"\",-2e3,0
p3,41,,0,1
p4,?,north,.5,0
p5,55,east,7,0
p6,62,east,8,1
";

const DICTIONARY: &str = "
format = 1
name = 't'
missing = ['?']
target = { column = 'y', positive = ['1'], negative = ['0'] }
[[columns]]
name = 'age'
kind = 'number'
unit = 'years'
minimum = 0
maximum = 120
[[columns]]
name = 'site'
kind = 'category'
categories = ['north', 'east']
other = 'elsewhere'
[[columns]]
name = 'dose'
kind = 'number'
unit = ''
minimum = -1e6
maximum = 1e6
";

const FORMATS: [&str; 4] = [
    "separator = ';'\ndecimal = ','",
    "encoding = 'latin-1'",
    "encoding = 'windows-1252'",
    "encoding = 'utf-16'",
];

/// A dictionary and a file, compared and drafted from, as far as it goes.
fn compare(dictionary: &str, schema: &str, csv: &[u8]) {
    let Ok(schema) = Schema::parse(schema, "t.toml") else { return };
    let source = Source::new(schema, "t.csv", csv.to_vec());
    if let Ok(draft) = draft(&source, 1) {
        assert!(toml::from_str::<toml::Table>(&draft).is_ok(), "{draft}");
    }
    let Ok(dictionary) = Dictionary::parse(dictionary) else { return };
    let written = dictionary.to_toml().unwrap();
    assert_eq!(Dictionary::parse(&written).unwrap().hash(), dictionary.hash());
    if let Ok(report) = dictionary.check(&source) {
        assert_eq!(report.fits(), report.findings.is_empty());
        assert!(report.classes.iter().map(|class| class.rows).sum::<usize>() <= report.rows);
        let counted = |column: &consilium_datasets::dictionary::ColumnReport| {
            column.known + column.missing + column.other
        };
        assert!(report.columns.iter().all(|column| counted(column) <= report.rows));
    }
}

/// The whole way, as far as it goes.
fn run(schema: &str, csv: &[u8]) {
    let Ok(schema) = Schema::parse(schema, "t.toml") else {
        return;
    };
    let Ok(dataset) = Dataset::parse(schema, "t.csv", csv) else {
        return;
    };
    let Ok(split) = dataset.split(0.3, 1) else { return };
    let Ok(preprocessor) = Preprocessor::fit(&dataset, &split.train) else {
        return;
    };
    assert_eq!(preprocessor.feature_names().len(), preprocessor.width());
    if let Ok(shares) = Partitioning::Random.deal(&dataset, &split.train, 3, 1) {
        for rows in shares {
            if let Ok(table) = preprocessor.transform(&dataset, &rows) {
                assert_eq!(table.features.len(), table.rows * table.width);
                assert!(table.features.iter().all(|value| value.is_finite()));
            }
        }
    }
}

/// Cuts, overwrites, inserts, repeats.
fn mutated(original: &[u8], edits: &[(usize, u8, u8)]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for &(place, kind, byte) in edits {
        let place = place % (bytes.len() + 1);
        match kind % 4 {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, byte),
            2 => {
                if let Some(target) = bytes.get_mut(place) {
                    *target = byte;
                }
            }
            _ => bytes.extend_from_within(..place),
        }
    }
    bytes
}

fn telling_byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"\",\n\r\t 019.-eE?#x\x00\xff\xef\x1f".to_vec())]
}

#[test]
fn the_unchanged_file_goes_the_whole_way() {
    let dataset =
        Dataset::parse(Schema::parse(SCHEMA, "t.toml").unwrap(), "t.csv", CSV.as_bytes()).unwrap();
    let preprocessor = Preprocessor::fit(&dataset, &dataset.split(0.3, 1).unwrap().train).unwrap();
    let names =
        ["age", "site = east", "site = north", "site = so, \"uth\"", "site is missing", "dose"];
    assert_eq!(preprocessor.feature_names(), names);
    run(SCHEMA, CSV.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_file_never_panics(edits in prop::collection::vec((any::<usize>(), any::<u8>(), telling_byte()), 1..6)) {
        run(SCHEMA, &mutated(CSV.as_bytes(), &edits));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(telling_byte(), 0..200)) {
        run(SCHEMA, &bytes);
        run(SCHEMA, &[b"id,age,site,dose,y\n".as_slice(), &bytes].concat());
        run(SCHEMA, &[[0x1f, 0x8b, 8, 0].as_slice(), &bytes].concat());
    }

    #[test]
    fn a_mutated_file_in_another_writing_never_panics(
        edits in prop::collection::vec((any::<usize>(), any::<u8>(), telling_byte()), 0..6),
        format in prop::sample::select(FORMATS.to_vec()),
        wide in any::<bool>(),
    ) {
        let csv: Vec<u8> = match wide {
            true => CSV.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            false => CSV.as_bytes().to_vec(),
        };
        run(&format!("{SCHEMA}[format]\n{format}"), &mutated(&csv, &edits));
    }

    #[test]
    fn a_mutated_dictionary_or_file_is_compared_or_refused(
        edits in prop::collection::vec((any::<usize>(), any::<u8>(), telling_byte()), 1..4),
        file in any::<bool>(),
    ) {
        match file {
            true => compare(DICTIONARY, SCHEMA, &mutated(CSV.as_bytes(), &edits)),
            false => {
                let dictionary = mutated(DICTIONARY.as_bytes(), &edits);
                compare(&String::from_utf8_lossy(&dictionary), SCHEMA, CSV.as_bytes());
            }
        }
    }

    #[test]
    fn a_mutated_schema_never_panics(edits in prop::collection::vec((any::<usize>(), any::<u8>(), telling_byte()), 1..4)) {
        let schema = mutated(SCHEMA.as_bytes(), &edits);
        run(&String::from_utf8_lossy(&schema), CSV.as_bytes());
    }
}
