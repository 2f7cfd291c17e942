//! The data dictionary that a run agrees on.

use std::{fs::File, io::Read as _, path::Path};

use consilium_datasets::dictionary::{Dictionary, MAX_DICTIONARY_BYTES};
use consilium_datasets::scorecard::{Form, MAX_CLASSES};
use consilium_datasets::survey::Survey;
use consilium_hash::DictionaryHash;
use consilium_proto::{training::Head, v1::Tally};

use crate::AuthorityError;

// What is written here has to be read there.
const _: () = assert!(MAX_DICTIONARY_BYTES == consilium_identity::MAX_DICTIONARY_BYTES as u64);

/// A dictionary as people have written it, comments included, and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreedDictionary {
    text: Vec<u8>,
    dictionary: Dictionary,
}

impl AgreedDictionary {
    /// Reads the dictionary at `path`.
    ///
    /// # Errors
    /// [`AuthorityError::Dictionary`] where it cannot be read, or is none.
    pub fn load(path: &Path) -> Result<Self, AuthorityError> {
        let refuse =
            |problem: String| AuthorityError::Dictionary { path: path.to_owned(), problem };
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_DICTIONARY_BYTES + 1).read_to_string(&mut text))
            .map_err(|error| refuse(format!("cannot be read ({error})")))?;
        let dictionary = Dictionary::parse(&text).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { text: text.into_bytes(), dictionary })
    }

    /// What names it in the genesis.
    pub fn hash(&self) -> DictionaryHash {
        self.dictionary.hash()
    }

    /// Inputs of a model under it.
    pub fn inputs(&self) -> u32 {
        // A dictionary has at most 4,096.
        u32::try_from(self.dictionary.width()).unwrap_or(u32::MAX)
    }

    /// What a model under it predicts.
    pub fn head(&self) -> Head {
        match self.form() {
            Form::Binary => Head::Binary,
            Form::Classes(classes) => Head::Classes(small(classes)),
            Form::Number => Head::Regression,
        }
    }

    /// What every site counts of its rows under it.
    pub fn tally(&self) -> Tally {
        let survey = Survey::of(&self.dictionary);
        Tally { counts: small(survey.counts()), sums: small(survey.sums()) }
    }

    /// What every site counts of a model's predictions.
    ///
    /// # Errors
    /// [`AuthorityError::Classes`] where there are too many classes to count each against each.
    pub fn evaluation_tally(&self) -> Result<Tally, AuthorityError> {
        match self.form() {
            Form::Classes(classes) if classes > MAX_CLASSES => {
                Err(AuthorityError::Classes { classes, most: MAX_CLASSES })
            }
            form => Ok(tally_of(form)),
        }
    }

    fn form(&self) -> Form {
        self.dictionary.target().kind.form()
    }

    /// The file, byte for byte.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

/// What every site counts of the predictions of a model of this form.
pub fn tally_of(form: Form) -> Tally {
    Tally { counts: small(form.counts()), sums: small(form.sums()) }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
