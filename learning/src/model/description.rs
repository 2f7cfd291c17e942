//! What a model's inputs and output mean.

use std::collections::BTreeMap;

use consilium_datasets::{Dataset, Preprocessor, Schema, Target, dictionary::Dictionary};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::target::LearnedTarget;
use crate::LearningError;

/// How missing values and codes were written in the file that was trained on. Under a dictionary it says so, and these are
/// empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingRules {
    /// Texts that mean missing, besides the empty field.
    pub missing_values: Vec<String>,
    /// Numeric columns in which zero means missing.
    pub zero_is_missing: Vec<String>,
    /// Categorical columns in which numbers are the same category however they are written.
    pub number_codes: Vec<String>,
}

/// Whose medians, means and deviations a preprocessor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticsOf {
    /// All institutions have agreed on them.
    Agreed,
    /// Of the rows of whoever has written the model: nobody else may have trained on the same scales, and they say something of
    /// those rows.
    OwnRows,
}

impl StatisticsOf {
    fn name(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::OwnRows => "own rows",
        }
    }
}

/// All that turns a row into a model's inputs, and its output into a class or a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// From columns to inputs.
    pub preprocessor: Preprocessor,
    /// Whose statistics it has.
    pub statistics: StatisticsOf,
    /// What was learned.
    pub target: LearnedTarget,
    /// How missing values are written where there is no dictionary.
    pub missing: MissingRules,
    /// What all sites have agreed on.
    pub dictionary: Option<Dictionary>,
}

const DICTIONARY: &str = "dictionary";
const DICTIONARY_HASH: &str = "dictionary_hash";
const MISSING: &str = "missing";
const PREPROCESSOR: &str = "preprocessor";
const STATISTICS: &str = "statistics";
const TARGET: &str = "target";

impl Description {
    /// What the rows of `dataset` mean, as `preprocessor` makes inputs of them. Under a dictionary the dataset was opened under
    /// it.
    #[must_use]
    pub fn of(
        dataset: &Dataset,
        preprocessor: Preprocessor,
        statistics: StatisticsOf,
        dictionary: Option<Dictionary>,
    ) -> Self {
        let schema = dataset.schema();
        let missing = match &dictionary {
            Some(_) => MissingRules::default(),
            None => MissingRules {
                missing_values: schema.missing_values.clone(),
                zero_is_missing: schema.zero_is_missing.clone(),
                number_codes: schema.number_codes.clone(),
            },
        };
        let of_schema = || LearnedTarget::of_schema(dataset);
        let target = dictionary.as_ref().map_or_else(of_schema, LearnedTarget::of);
        Self { preprocessor, statistics, target, missing, dictionary }
    }

    /// What rows mean that fit `dictionary`, as a preprocessor makes inputs of them whose statistics all have agreed on.
    #[must_use]
    pub fn agreed(dictionary: Dictionary, preprocessor: Preprocessor) -> Self {
        Self {
            preprocessor,
            statistics: StatisticsOf::Agreed,
            target: LearnedTarget::of(&dictionary),
            missing: MissingRules::default(),
            dictionary: Some(dictionary),
        }
    }

    /// A schema for rows that are written as those that were trained on; their file is named elsewhere.
    #[must_use]
    pub fn schema(&self) -> Schema {
        Schema {
            name: "rows".to_owned(),
            description: String::new(),
            citation: String::new(),
            licence: String::new(),
            file: Default::default(),
            sha256: None,
            target: Target {
                column: self.target.column().to_owned(),
                positive: match &self.target {
                    LearnedTarget::Binary(names) => names.positive.clone(),
                    // Their dictionary has them.
                    LearnedTarget::Several(_) | LearnedTarget::Number(_) => Vec::new(),
                },
                negative: None,
            },
            features: None,
            zero_is_missing: self.missing.zero_is_missing.clone(),
            missing_values: self.missing.missing_values.clone(),
            categorical: self.preprocessor.categorical().map(str::to_owned).collect(),
            number_codes: self.missing.number_codes.clone(),
            drop: Vec::new(),
            format: Default::default(),
            image: None,
        }
    }

    /// As texts by name: what a model's file has, and a state directory.
    ///
    /// # Errors
    /// [`LearningError::Description`] if something cannot be written.
    pub fn to_texts(&self) -> Result<BTreeMap<String, String>, LearningError> {
        let refuse = |error: &dyn std::fmt::Display| LearningError::Description(error.to_string());
        let preprocessor = self.preprocessor.to_toml().map_err(|error| refuse(&error))?;
        let mut texts = BTreeMap::from([
            (PREPROCESSOR.to_owned(), preprocessor),
            (STATISTICS.to_owned(), self.statistics.name().to_owned()),
            (TARGET.to_owned(), to_toml(&self.target)?),
            (MISSING.to_owned(), to_toml(&self.missing)?),
        ]);
        if let Some(dictionary) = &self.dictionary {
            let text = dictionary.to_toml().map_err(|error| refuse(&error))?;
            texts.insert(DICTIONARY.to_owned(), text);
            texts.insert(DICTIONARY_HASH.to_owned(), dictionary.hash().to_string());
        }
        Ok(texts)
    }

    /// Reads back what [`Description::to_texts`] wrote; other texts are ignored.
    ///
    /// # Errors
    /// [`LearningError::Description`] for a text that is missing or wrong, or texts that contradict each other.
    pub fn from_texts(texts: &BTreeMap<String, String>) -> Result<Self, LearningError> {
        let refuse = |name: &str, error: &dyn std::fmt::Display| {
            LearningError::Description(format!("{name}: {error}"))
        };
        let text = |name: &str| {
            texts.get(name).map(String::as_str).ok_or_else(|| {
                LearningError::Description(format!("it has no {name}: export the model again"))
            })
        };
        let preprocessor = Preprocessor::from_toml(text(PREPROCESSOR)?)
            .map_err(|error| refuse(PREPROCESSOR, &error))?;
        let statistics = match text(STATISTICS)? {
            "agreed" => StatisticsOf::Agreed,
            "own rows" => StatisticsOf::OwnRows,
            _ => return Err(refuse(STATISTICS, &"neither agreed nor own rows")),
        };
        let target: LearnedTarget = from_toml(TARGET, text(TARGET)?)?;
        target.check().map_err(|reason| refuse(TARGET, &reason))?;
        let missing = from_toml(MISSING, text(MISSING)?)?;
        let dictionary = texts.get(DICTIONARY).map(|text| Dictionary::parse(text)).transpose();
        let dictionary = dictionary.map_err(|error| refuse(DICTIONARY, &error))?;
        if let Some(dictionary) = &dictionary {
            if text(DICTIONARY_HASH)? != dictionary.hash().to_string() {
                return Err(refuse(DICTIONARY_HASH, &"is of another dictionary"));
            }
            preprocessor.check_form(dictionary).map_err(|error| refuse(PREPROCESSOR, &error))?;
            if LearnedTarget::of(dictionary) != target {
                return Err(refuse(TARGET, &"is not the dictionary's"));
            }
        }
        Ok(Self { preprocessor, statistics, target, missing, dictionary })
    }
}

fn to_toml(value: &impl Serialize) -> Result<String, LearningError> {
    toml::to_string(value).map_err(|error| LearningError::Description(error.to_string()))
}

fn from_toml<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, LearningError> {
    toml::from_str(text).map_err(|error| {
        let reason = error.message().replace('\n', " ");
        LearningError::Description(format!("{name}: {reason}"))
    })
}
