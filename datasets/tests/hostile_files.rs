//! Whatever the bytes, the answer is a dataset or an error; never a panic.
#![allow(clippy::unwrap_used, reason = "a test that goes wrong should stop at once")]

use consilium_datasets::{Dataset, Partitioning, Preprocessor, Schema};
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
    fn a_mutated_schema_never_panics(edits in prop::collection::vec((any::<usize>(), any::<u8>(), telling_byte()), 1..4)) {
        let schema = mutated(SCHEMA.as_bytes(), &edits);
        run(&String::from_utf8_lossy(&schema), CSV.as_bytes());
    }
}
