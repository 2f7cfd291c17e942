//! What a site takes part in, decided at the site and by nobody else.
//!
//! A genesis is what all have agreed on; a policy is what one site asks of any genesis, written once by those who answer for its
//! patients. It is checked before the coordinator is spoken to, and nothing of it leaves the site.

use std::{fmt, fs, path::Path};

use consilium_contract::Parameters;
use consilium_hash::DictionaryHash;
use serde::Deserialize;
use thiserror::Error;

/// Longest file, in bytes.
const MAX_POLICY_BYTES: u64 = 1 << 20;

/// Why there is no policy to check by.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("the policy cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is none.
    #[error("the policy is not usable: {0}")]
    Malformed(String),
}

/// What a site asks of a run. What is left out is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Policy {
    /// Updates that a sum which is opened has at least.
    pub least_updates: Option<u32>,
    /// Rows behind such a sum, at least.
    pub least_rows: Option<u64>,
    /// The largest c: what an update is clipped to, and so the most that is ever said of this site's rows in a step.
    pub largest_clip: Option<f64>,
    /// Whether every update has to carry noise.
    pub noise: bool,
    /// Runs that are approved, by their chain ids; any where there is none.
    pub runs: Vec<String>,
    /// Data dictionaries that are approved, by their hashes; any, and also none, where there is none.
    pub dictionaries: Vec<String>,
    /// Columns that no update may say anything of.
    pub never_submit: Vec<String>,
}

/// What a policy does not take of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Objection {
    option: &'static str,
    asked: String,
    found: String,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, asked, found } = self;
        write!(f, "{option} is {asked}, and the run has {found}")
    }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`]: a file that cannot be read, is too long, or has an option that there is not.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        if fs::metadata(path)?.len() > MAX_POLICY_BYTES {
            let problem = format!("it has more than {MAX_POLICY_BYTES} bytes");
            return Err(PolicyError::Malformed(problem));
        }
        Self::parse(&fs::read_to_string(path)?)
    }

    /// # Errors
    /// [`PolicyError::Malformed`] in one line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text)
            .map_err(|error: toml::de::Error| PolicyError::Malformed(one_line(&error, text)))?;
        match policy.largest_clip {
            Some(clip) if !clip.is_finite() || clip <= 0.0 => {
                Err(PolicyError::Malformed(format!("largest-clip is {clip}; expected above 0")))
            }
            _ => Ok(policy),
        }
    }

    /// Everything that this run has otherwise. `dictionary` is the one that its genesis names, `columns` are those that this
    /// site's rows are read from; not known where another program reads them.
    #[must_use]
    pub fn objections(
        &self,
        parameters: &Parameters,
        dictionary: Option<&DictionaryHash>,
        columns: Option<&[String]>,
    ) -> Vec<Objection> {
        let mut objections = Vec::new();
        let mut object = |option, asked: &dyn fmt::Display, found: String| {
            objections.push(Objection { option, asked: asked.to_string(), found });
        };
        if let Some(least) = self.least_updates.filter(|least| parameters.min_updates < *least) {
            object("least-updates", &least, parameters.min_updates.to_string());
        }
        if let Some(least) = self.least_rows.filter(|least| parameters.min_rows < *least) {
            object("least-rows", &least, parameters.min_rows.to_string());
        }
        let clip = f64::from(parameters.clip);
        // What cannot be compared is not below anything.
        if let Some(largest) = self.largest_clip.filter(|largest| clip.is_nan() || clip > *largest)
        {
            object("largest-clip", &largest, clip.to_string());
        }
        if self.noise && parameters.privacy.is_none() {
            object("noise", &true, "none".to_owned());
        }
        let chain_id = parameters.chain_id.to_string();
        if !self.runs.is_empty() && !is_among(&self.runs, &chain_id) {
            object("runs", &self.runs.join(", "), format!("the chain id {chain_id}"));
        }
        let named = dictionary.map(ToString::to_string);
        let is_approved = named.as_ref().is_some_and(|named| is_among(&self.dictionaries, named));
        if !self.dictionaries.is_empty() && !is_approved {
            let found = named.unwrap_or_else(|| "none".to_owned());
            object("dictionaries", &self.dictionaries.join(", "), found);
        }
        match columns {
            Some(columns) => {
                for column in self.never_submit.iter().filter(|column| columns.contains(column)) {
                    object("never-submit", column, "that column".to_owned());
                }
            }
            None if !self.never_submit.is_empty() => {
                let found = "a program that reads the rows itself (--raw-data)".to_owned();
                object("never-submit", &self.never_submit.join(", "), found);
            }
            None => {}
        }
        objections
    }
}

/// Hashes are compared as people write them.
fn is_among(approved: &[String], hash: &str) -> bool {
    approved.iter().any(|approved| approved.trim().eq_ignore_ascii_case(hash))
}

fn one_line(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("line {line}: {}", error.message().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A genesis of four institutions, and what it promises.
    fn parameters() -> Parameters {
        consilium_testkit::ceremony(7, |_| {}).parameters
    }

    fn objections(policy: &str, columns: Option<&[String]>) -> Vec<String> {
        let policy = Policy::parse(policy).unwrap();
        let dictionary = DictionaryHash([7; 32]);
        let found = policy.objections(&parameters(), Some(&dictionary), columns);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_run_that_has_all_that_is_asked_for_is_taken() {
        let parameters = parameters();
        let dictionary = DictionaryHash([7; 32]).to_string().to_uppercase();
        let policy = format!(
            "least-updates = {}\nleast-rows = {}\nlargest-clip = {}\nruns = ['{}', 'another']\n\
             dictionaries = ['{dictionary}']\nnever-submit = ['hiv']\n",
            parameters.min_updates, parameters.min_rows, parameters.clip, parameters.chain_id,
        );
        let columns = ["age".to_owned(), "ill".to_owned()];
        assert_eq!(objections(&policy, Some(&columns)), Vec::<String>::new());
        assert_eq!(objections("", None), Vec::<String>::new());
    }

    #[test]
    fn everything_that_is_otherwise_is_named_with_what_was_asked() {
        let clip = parameters().clip / 2.0;
        let policy = format!(
            "least-updates = 99\nleast-rows = 1000000\nlargest-clip = {clip}\nnoise = true\nruns = ['00']\n\
             dictionaries = ['11', '22']\nnever-submit = ['hiv', 'name']\n"
        );
        let columns = ["age".to_owned(), "hiv".to_owned()];
        let found = objections(&policy, Some(&columns)).join("; ");
        for says in [
            "least-updates is 99, and the run has",
            "least-rows is 1000000, and the run has",
            "largest-clip is",
            "noise is true, and the run has none",
            "runs is 00, and the run has the chain id",
            "dictionaries is 11, 22, and the run has 0707",
            "never-submit is hiv, and the run has that column",
        ] {
            assert!(found.contains(says), "{found} says {says}");
        }
        assert!(!found.contains("name"), "{found}");
        let unread = objections("never-submit = ['hiv']\n", None);
        assert!(unread[0].contains("reads the rows itself"), "{unread:?}");
        let none = Policy::parse("dictionaries = ['11']\n").unwrap();
        assert_eq!(none.objections(&parameters(), None, None).len(), 1);
    }

    #[test]
    fn what_is_no_policy_is_refused_in_one_line() {
        for (text, says) in [
            ("least-update = 3\n", "line 1: unknown field `least-update`, expected one of"),
            ("noise = true\nleast-rows = -1\n", "line 2: "),
            ("largest-clip = nan\n", "largest-clip is NaN"),
            ("largest-clip = 0\n", "largest-clip is 0"),
        ] {
            let error = Policy::parse(text).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
        }
    }
}
