//! A first dictionary from one site's file, for the authority to complete.

use std::collections::BTreeMap;

use crate::error::DatasetError;
use crate::source::Source;

/// Most categories of a column that a draft lists: beyond them it is an identifier or free text.
const MAX_LISTED: usize = 64;

/// No value is proposed: what can be uncommented unread is agreed on unread.
const NUMBER: &str = "kind = \"number\"
#? unit =                           # as \"mg/dL\"; \"\" if it has none
#? minimum =                        # the least plausible value
#? maximum =                        # the greatest plausible value
";

/// Where the schema says nothing of the target's values: which of three kinds it is, only people know.
const TARGET: &str = "\
#? positive =                       # of two classes: a list of labels,
#? negative =                       # and the others
#? classes =                        # or, of several: a list of all of them
#? unit =                           # or, of a number: its unit, as \"mmol/mol\",
#? minimum =                        # the least plausible value
#? maximum =                        # and the greatest
";

/// A draft in TOML. It shows names and kinds of columns, what the schema says of target and missing codes, and those categories
/// that at least `least_rows` rows have; no number, no range, no count, no rarer category. It is no dictionary yet: units, ranges
/// and whatever else only people know are left as comments, and [`Dictionary::parse`](super::Dictionary::parse) refuses it by
/// column until they are filled in.
///
/// # Errors
/// [`DatasetError`] if the file cannot be read, or lacks a column that its schema names.
pub fn draft(source: &Source, least_rows: usize) -> Result<String, DatasetError> {
    // Whatever the schema gets wrong is found before anything of the file is shown.
    let dataset = crate::Dataset::of_features(source)?;
    let schema = dataset.schema();
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let listed = |texts: &[String]| {
        let texts: Vec<String> = texts.iter().map(|text| quoted(text.trim())).collect();
        format!("[{}]", texts.join(", "))
    };
    let mut text = format!(
        "# A draft, made of one site's file. Of its data it shows names of columns, and categories that at least\n\
         # {least_rows} rows have. Replace every line that starts with #? by what all sites agree on.\n\
         format = 1\nname = {}\n",
        quoted(&schema.name)
    );
    if !schema.missing_values.is_empty() {
        text.push_str(&format!("missing = {}\n", listed(&schema.missing_values)));
    }
    text.push_str(&format!("\n[target]\ncolumn = {}\n", quoted(&schema.target.column)));
    match (schema.target.positive.as_slice(), &schema.target.negative) {
        ([], _) => text.push_str(TARGET),
        (positive, negative) => {
            text.push_str(&format!("positive = {}\n", listed(positive)));
            match negative {
                Some(negative) => text.push_str(&format!("negative = {}\n", listed(negative))),
                None => text.push_str("#? negative =                       # a list of labels\n"),
            }
        }
    }
    for name in dataset.feature_names() {
        text.push_str(&format!("\n[[columns]]\nname = {}\n", quoted(name)));
        let Some(categories) = dataset.category_counts(name) else {
            text.push_str(NUMBER);
            continue;
        };
        text.push_str("kind = \"category\"\n");
        text.push_str(&category_lines(&categories, least_rows, &quoted));
    }
    Ok(text)
}

fn category_lines(
    counts: &BTreeMap<&str, usize>,
    least_rows: usize,
    quoted: &impl Fn(&str) -> String,
) -> String {
    let frequent: Vec<&str> = counts
        .iter()
        .filter(|(_, rows)| **rows >= least_rows)
        .map(|(category, _)| *category)
        .collect();
    if frequent.is_empty() || frequent.len() > MAX_LISTED {
        let why = if frequent.is_empty() { "none that many rows have" } else { "too many to list" };
        return format!("#? categories =                     # {why}: an identifier?\n");
    }
    let names: Vec<String> = frequent.iter().map(|category| quoted(category)).collect();
    let mut lines = format!("categories = [{}]\n", names.join(", "));
    if frequent.len() < counts.len() {
        lines.push_str("#? other = \"other\"                  # there are rarer categories, which are not shown\n");
    }
    lines
}
