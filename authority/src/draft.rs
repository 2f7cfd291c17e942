//! A data dictionary begun from one site's file.

use consilium_cli::Failure;
use consilium_datasets::{Source, dictionary};

pub(super) const DRAFT: &str = "\
What a draft shows of the data: the names of all columns that the schema does not drop, which of them are numbers,
and those categories that at least --least-rows rows have. It shows no number, no range, no count, and no rarer
category. Names of columns and categories come from the site's file: read the draft before it leaves the site.

What is left to people: lines that start with #? are to be replaced by what all sites agree on: units, plausible
ranges, negative labels, categories that are too rare or too many to be listed, and whether unknown categories go to
an `other` or are refused. Until then the draft is no dictionary, and check-data names the first column that lacks
something. Then every site runs `consilium-client check-data --data SCHEMA.toml --dictionary dictionary.toml`.

Example:
  consilium-authority dictionary --data clinic.toml > dictionary.toml";

pub(super) fn draft(data: &str, least_rows: usize) -> Result<String, Failure> {
    let source = Source::open(data).map_err(Failure::unusable)?;
    let text = dictionary::draft(&source, least_rows).map_err(Failure::unusable)?;
    Ok(text.trim_end().to_owned())
}
