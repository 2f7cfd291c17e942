//! Whether this institution's rows are what all sites have agreed on, before any key exists.

use std::path::Path;

use consilium_cli::{Failure, command_line::print};
use consilium_datasets::{Source, dictionary::Dictionary};

pub(crate) const CHECK_DATA: &str = "\
What is compared: names of columns (their order does not matter), kinds, categories, missing codes, ranges, and the
values of the target, as the dictionary has them. What the schema adds is how this site's file is read: separator,
decimal comma and encoding under [format], columns to drop, texts that mean missing here.

What it cannot find: labels inverted by hand, or the values of another patient. They are of the right kind and range.

The report names columns and counts rows. It shows no value of a patient, but counts of your rows: it is for this
site. Nothing is sent anywhere, and no key or folder of a ceremony is needed.

Exit codes:
  0  the file fits the dictionary
  2  it does not (the report says in what), or a file cannot be read (one line says why)

Example:
  consilium-client check-data --data clinic.toml --dictionary dictionary.toml";

pub(crate) fn check(data: &str, dictionary: &Path, json: bool) -> Result<String, Failure> {
    let dictionary = Dictionary::load(dictionary).map_err(Failure::unusable)?;
    let source = Source::open(data).map_err(Failure::unusable)?;
    let report = dictionary.check(&source).map_err(Failure::unusable)?;
    let text = match json {
        true => format!("{:#}\n", serde_json::json!(report)),
        false => report.to_string(),
    };
    if report.fits() {
        return Ok(text);
    }
    // The report is a result although the exit code is a refusal's.
    print(&text);
    let faults = report.findings.len();
    Err(Failure::unusable(format!("{data}: does not fit the dictionary: {faults} faults")))
}
