//! Whole kinds of files that once were read wrongly.

mod agreed;
mod codes;
mod labels;
mod writing;

use crate::{Dataset, DatasetError, Schema};

/// The file `t.csv` under a schema of which everything but name and file is given.
fn read(schema: &str, csv: &[u8]) -> Result<Dataset, DatasetError> {
    let schema = Schema::parse(&format!("name='t'\nfile='t.csv'\n{schema}"), "t.toml")?;
    Dataset::parse(schema, "t.csv", csv)
}

fn message(schema: &str, csv: &[u8]) -> String {
    read(schema, csv).unwrap_err().to_string()
}
