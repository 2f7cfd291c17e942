mod checking;
mod drafting;
mod opening;
mod parsing;

use super::{DataReport, Dictionary, Fault};
use crate::{DatasetError, Schema, Source};

const TEXT: &str = "\
format = 1
name = 'visits'
missing = ['NA']
[target]
column = 'ill'
positive = ['1']
negative = ['0']
[[columns]]
name = 'glucose'
kind = 'number'
unit = 'mg/dL'
minimum = 20
maximum = 1000.0
missing = ['-9']
[[columns]]
name = 'ward'
kind = 'category'
categories = ['01882', '1882', '3E2']
[[columns]]
name = 'sex'
kind = 'category'
categories = ['f', 'm']
other = 'another'
";

const SCHEMA: &str = "\
name='t'
file='t.csv'
categorical=['ward','sex']
target={column='ill', positive=1}
";

fn dictionary() -> Dictionary {
    Dictionary::parse(TEXT).unwrap()
}

fn source(schema: &str, csv: &str) -> Source {
    let schema = Schema::parse(schema, "t.toml").unwrap();
    Source::new(schema, "t.csv", csv.as_bytes().to_vec())
}

fn check_under(schema: &str, csv: &str) -> Result<DataReport, DatasetError> {
    dictionary().check(&source(schema, csv))
}

fn faults(csv: &str) -> Vec<Fault> {
    let report = check_under(SCHEMA, csv).unwrap();
    report.findings.into_iter().map(|finding| finding.fault).collect()
}
