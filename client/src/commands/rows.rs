//! An institution's rows as numbers that mean the same at every site, or a word about why they may not.

use std::{fmt::Display, fs, path::Path};

use consilium_cli::{Failure, command_line::print};
use consilium_client::agreed_dictionary;
use consilium_contract::Parameters;
use consilium_datasets::{
    Dataset, DatasetError, Preprocessor, Source, Split, Table, Unplaced,
    dictionary::{DataReport, Dictionary},
};
use consilium_identity::InstitutionFiles;
use consilium_learning::{Description, StatisticsOf};

use super::failure;

/// Rows that a category needs to be named in a log.
const LEAST_ROWS_NAMED: usize = 10;
/// Most categories of a column that a log names.
const MOST_NAMED: usize = 12;

/// What is trained on, and what its institution should know about it before anything is sent.
pub(crate) struct Rows {
    pub(crate) number: usize,
    /// The columns that they are read from, the target among them.
    pub(crate) columns: Vec<String>,
    /// Of two classes.
    pub(crate) positive: Option<usize>,
    pub(crate) kind: RowsKind,
    /// What they mean; not known before the run has counted them.
    pub(crate) description: Option<Description>,
    pub(crate) remarks: Remarks,
}

/// How far rows are numbers yet.
pub(crate) enum RowsKind {
    /// They are, in one scale: those that are trained on, and those that are held out where the run evaluates.
    Scaled { train: Table, held_out: Option<Table> },
    /// Their scale follows from the rows of all, which the run counts first.
    Counted { dataset: Box<Dataset>, split: Split, dictionary: Box<Dictionary> },
}

/// For the log, once nothing of what was given is refused.
pub(crate) struct Remarks {
    facts: Vec<String>,
    warnings: Vec<String>,
}

impl Remarks {
    /// Writes it to the log.
    pub(crate) fn tell(&self) {
        self.facts.iter().for_each(|fact| tracing::info!("{fact}"));
        self.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    }
}

/// All rows of the dataset: checked against the dictionary of the run if it has one, and standardised by the agreed statistics,
/// or by their own where none are given.
pub(crate) fn rows(
    ceremony: &Path,
    data: &str,
    statistics: Option<&Path>,
) -> Result<Rows, Failure> {
    let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
    let dictionary = agreed_dictionary(&files).map_err(failure)?;
    let source = Source::open(data).map_err(Failure::unusable)?;
    let parameters = &files.parameters;
    match dictionary {
        Some(dictionary) if parameters.agenda().statistics().is_some() => {
            counted(dictionary, &source, statistics, parameters)
        }
        Some(dictionary) => under_dictionary(&dictionary, &source, statistics, parameters),
        None => without_dictionary(&source, statistics, parameters),
    }
}

/// Rows that the run counts before anyone scales theirs.
fn counted(
    dictionary: Dictionary,
    source: &Source,
    statistics: Option<&Path>,
    parameters: &Parameters,
) -> Result<Rows, Failure> {
    if statistics.is_some() {
        return Err(Failure::unusable(
            "--statistics: this run counts the rows of all and scales them by that: leave it out",
        ));
    }
    let (dataset, report) = open(&dictionary, source)?;
    let split = split(&dataset, parameters);
    let facts = facts(&dictionary, &report);
    let columns = columns(&dataset);
    let (number, positive) = (dataset.rows(), dataset.positives());
    let kind =
        RowsKind::Counted { dataset: Box::new(dataset), split, dictionary: Box::new(dictionary) };
    let remarks = Remarks { facts, warnings: Vec::new() };
    Ok(Rows { number, columns, positive, kind, description: None, remarks })
}

/// The rows that this institution trains on, and those that it holds out where the run evaluates, as inputs of a model that is
/// described: what `run` was given is what is read here.
pub(crate) fn own_tables(
    files: &InstitutionFiles,
    data: &str,
    description: &Description,
) -> Result<(Table, Option<Table>), Failure> {
    let source = Source::open(data).map_err(Failure::unusable)?;
    let dataset = match &description.dictionary {
        Some(dictionary) => open(dictionary, &source)?.0,
        None => Dataset::of(&source).map_err(Failure::unusable)?,
    };
    let certified = files.identity.rows;
    if dataset.rows() as u64 != certified {
        let found = dataset.rows();
        return Err(Failure::unusable(format!(
            "the data has {found} rows, the certificate says {certified}: give the rows that were certified"
        )));
    }
    let parameters = &files.parameters;
    let split = split(&dataset, parameters);
    let table = |rows: &[usize]| {
        description.preprocessor.transform(&dataset, rows).map_err(Failure::unusable)
    };
    let evaluates = parameters.agenda().evaluation().is_some();
    Ok((table(&split.train)?, if evaluates { Some(table(&split.test)?) } else { None }))
}

/// Which rows are trained on, and which are held out: none where the run does not evaluate. The chain's name decides which, so
/// that they are the same after every restart and nobody chooses them.
fn split(dataset: &Dataset, parameters: &Parameters) -> Split {
    let first = parameters.chain_id.0.first_chunk::<8>();
    let seed = first.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    match parameters.agenda().evaluation() {
        None => Split { train: all(dataset), test: Vec::new() },
        Some(plan) => dataset.hold_out(f64::from(plan.held_out_permille) / 1000.0, seed),
    }
}

fn scaled(
    description: Description,
    dataset: &Dataset,
    split: &Split,
    parameters: &Parameters,
    remarks: Remarks,
) -> Result<Rows, Failure> {
    let preprocessor = &description.preprocessor;
    let table = |rows: &[usize]| preprocessor.transform(dataset, rows).map_err(Failure::unusable);
    let evaluates = parameters.agenda().evaluation().is_some();
    let held_out = if evaluates { Some(table(&split.test)?) } else { None };
    let kind = RowsKind::Scaled { train: table(&split.train)?, held_out };
    let (number, positive) = (dataset.rows(), dataset.positives());
    let columns = columns(dataset);
    Ok(Rows { number, columns, positive, kind, description: Some(description), remarks })
}

/// The statistics of all rows, for `run --statistics`.
pub(crate) fn statistics(data: &str, dictionary: Option<&Path>) -> Result<String, Failure> {
    let source = Source::open(data).map_err(Failure::unusable)?;
    let preprocessor = match dictionary {
        None => fit(&Dataset::of(&source).map_err(Failure::unusable)?)?,
        Some(path) => {
            let dictionary = Dictionary::load(path).map_err(Failure::unusable)?;
            let (dataset, _) = open(&dictionary, &source)?;
            Preprocessor::fit_agreed(&dictionary, &dataset, &all(&dataset))
                .map_err(Failure::unusable)?
        }
    };
    preprocessor.to_toml().map_err(Failure::unusable)
}

fn facts(dictionary: &Dictionary, report: &DataReport) -> Vec<String> {
    let mut facts = vec![format!(
        "the rows fit the data dictionary {} ({})",
        dictionary.name(),
        dictionary.hash().short()
    )];
    let classes = report.classes.iter();
    let classes = classes.map(|class| format!("{}: {} rows", class.value, class.rows));
    facts.push(format!("classes: {}", classes.collect::<Vec<_>>().join(", ")));
    let others = report.columns.iter().filter(|column| column.other > 0);
    facts.extend(others.map(|column| {
        let rows = column.other;
        format!("column {}: {rows} rows of an unknown category count as other", column.column)
    }));
    facts
}

fn under_dictionary(
    dictionary: &Dictionary,
    source: &Source,
    statistics: Option<&Path>,
    parameters: &Parameters,
) -> Result<Rows, Failure> {
    let (dataset, report) = open(dictionary, source)?;
    let facts = facts(dictionary, &report);
    let split = split(&dataset, parameters);
    let mut warnings = Vec::new();
    let preprocessor = match statistics {
        Some(path) => {
            let agreed = read(path)?;
            agreed.check_form(dictionary).map_err(|error| named(path, &error))?;
            agreed
        }
        None => {
            warnings.push(own_statistics("consilium-client statistics --dictionary"));
            Preprocessor::fit_agreed(dictionary, &dataset, &split.train)
                .map_err(Failure::unusable)?
        }
    };
    let description =
        Description::of(&dataset, preprocessor, whose(statistics), Some(dictionary.clone()));
    scaled(description, &dataset, &split, parameters, Remarks { facts, warnings })
}

fn without_dictionary(
    source: &Source,
    statistics: Option<&Path>,
    parameters: &Parameters,
) -> Result<Rows, Failure> {
    let dataset = Dataset::of(source).map_err(Failure::unusable)?;
    let split = split(&dataset, parameters);
    let mut warnings = vec![
        "this run has agreed on no data dictionary: nothing checks that the columns, units and labels of other sites mean \
         what they mean here (consilium-authority init --dictionary)"
            .to_owned(),
    ];
    let preprocessor = match statistics {
        Some(path) => {
            let agreed = read(path)?;
            let unplaced = agreed.unplaced(&dataset).map_err(|error| named(path, &error))?;
            warnings.extend(unplaced.into_iter().map(becomes_zeros));
            agreed
        }
        None => {
            comparable(&dataset, source)?;
            warnings.push(own_statistics("consilium-client statistics"));
            warnings.extend(categories(&dataset));
            Preprocessor::fit(&dataset, &split.train).map_err(Failure::unusable)?
        }
    };
    let remarks = Remarks { facts: Vec::new(), warnings };
    let description = Description::of(&dataset, preprocessor, whose(statistics), None);
    scaled(description, &dataset, &split, parameters, remarks)
}

/// Whose statistics rows are scaled by, given what was given for them.
fn whose(statistics: Option<&Path>) -> StatisticsOf {
    statistics.map_or(StatisticsOf::OwnRows, |_| StatisticsOf::Agreed)
}

/// Refuses columns in an order that another site need not have. Bundled files are the same everywhere.
fn comparable(dataset: &Dataset, source: &Source) -> Result<(), Failure> {
    let is_named = dataset.schema().features.is_some() || source.is_bundled();
    if is_named || dataset.feature_names().is_sorted() {
        return Ok(());
    }
    Err(Failure::unusable(format!(
        "{}: nothing says in which order the columns are the model's inputs, and another site's file may have another \
         order: agree on a data dictionary (consilium-authority init --dictionary), or name `features` in the schema, \
         alike at every site",
        dataset.file()
    )))
}

fn own_statistics(command: &str) -> String {
    format!(
        "no --statistics: columns are standardised by this site's own rows, and differ in scale from those of other sites \
         ({command} prints some to agree on)"
    )
}

/// One warning for each categorical column. A category that few patients have is counted and not named.
fn categories(dataset: &Dataset) -> Vec<String> {
    let columns = dataset.feature_names();
    let columns = columns.filter_map(|name| Some((name, dataset.category_counts(name)?)));
    let warning = |(name, counts): (&str, std::collections::BTreeMap<&str, usize>)| {
        let frequent = counts.iter().filter(|(_, rows)| **rows >= LEAST_ROWS_NAMED);
        let shown: Vec<&str> = frequent.map(|(category, _)| *category).take(MOST_NAMED).collect();
        let rest = match counts.len() - shown.len() {
            0 => String::new(),
            rest => format!(" and {rest} that are not shown"),
        };
        format!(
            "column {name} has the categories {}{rest} here: a site with other ones trains other inputs in their places, and \
             nothing would show it",
            shown.join(", ")
        )
    };
    columns.map(warning).collect()
}

fn becomes_zeros(Unplaced { column, unknown, missing }: Unplaced) -> String {
    format!(
        "column {column}: {unknown} rows have a category unknown to the statistics, {missing} none where they have no place \
         for that: all its inputs are zero in these rows"
    )
}

/// The rows under the dictionary; the report of a file that does not fit is printed, although the exit code is a refusal's.
fn open(dictionary: &Dictionary, source: &Source) -> Result<(Dataset, DataReport), Failure> {
    dictionary.open(source).map_err(|error| {
        if let DatasetError::Unfit { report } = &error {
            print(&report.to_string());
        }
        Failure::unusable(error)
    })
}

fn columns(dataset: &Dataset) -> Vec<String> {
    let target = dataset.schema().target.column.as_str();
    dataset.feature_names().chain([target]).map(str::to_owned).collect()
}

fn all(dataset: &Dataset) -> Vec<usize> {
    (0..dataset.rows()).collect()
}

fn fit(dataset: &Dataset) -> Result<Preprocessor, Failure> {
    Preprocessor::fit(dataset, &all(dataset)).map_err(Failure::unusable)
}

fn named(path: &Path, error: &dyn Display) -> Failure {
    Failure::unusable(format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Preprocessor, Failure> {
    let text = fs::read_to_string(path).map_err(|error| named(path, &error))?;
    Preprocessor::from_toml(&text).map_err(|error| named(path, &error))
}
