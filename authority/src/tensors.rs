//! The tensors of a model that institutions train with programs of their own, out of a file.

use std::path::Path;

use consilium_hash::DictionaryHash;
use consilium_identity::{FilesError, disk};
use consilium_proto::training::{Head, MAX_OPTIONS_BYTES, Program, Tensor, Tensors};
use serde::Deserialize;

use crate::{AuthorityError, TensorsFileError};

/// Longest file: as many tensors as there may be, with room for layout.
const MAX_FILE_BYTES: usize = (512 << 10) + MAX_OPTIONS_BYTES;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    options: String,
    tensors: Vec<WrittenTensor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTensor {
    name: String,
    shape: Vec<u32>,
}

/// Reads names and shapes of tensors, and options: JSON where the file's name ends in `.json`, else TOML. What the model
/// predicts and the data dictionary are not in that file: all sites agree on them, whatever trains.
///
/// # Errors
/// [`AuthorityError::Files`] and [`AuthorityError::Tensors`], naming the file and what is wrong with it.
pub fn read_program(
    path: &Path,
    head: Head,
    dictionary: Option<DictionaryHash>,
) -> Result<Program, AuthorityError> {
    let bytes = disk::read(path, MAX_FILE_BYTES).map_err(|error| match error {
        FilesError::Io { path, source, .. } => {
            FilesError::Io { path, source, advice: "give a file that names the model's tensors" }
        }
        error => error,
    })?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let program = parse(&bytes, is_json).and_then(|written| checked(written, head, dictionary));
    program.map_err(|problem| AuthorityError::Tensors { path: path.to_owned(), problem })
}

fn parse(bytes: &[u8], is_json: bool) -> Result<Written, TensorsFileError> {
    if is_json {
        return serde_json::from_slice(bytes)
            .map_err(|error| TensorsFileError::Syntax(error.to_string()));
    }
    let text =
        str::from_utf8(bytes).map_err(|error| TensorsFileError::Syntax(error.to_string()))?;
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| {
            let before = text.get(..span.start).unwrap_or_default();
            format!("line {}: ", before.matches('\n').count() + 1)
        });
        let place = line.unwrap_or_default();
        TensorsFileError::Syntax(format!("{place}{}", error.message()))
    })
}

fn checked(
    Written { options, tensors }: Written,
    head: Head,
    dictionary: Option<DictionaryHash>,
) -> Result<Program, TensorsFileError> {
    let tensors = tensors.into_iter().map(|WrittenTensor { name, shape }| Tensor { name, shape });
    Ok(Program::new(Tensors::new(tensors.collect())?, options, head, dictionary)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn toml_and_json_name_the_same_tensors() {
        let folder = tempfile::tempdir().unwrap();
        let toml = folder.path().join("model.toml");
        let text = "options = \"alpha=1\"\n[[tensors]]\nname = \"coef\"\nshape = [1, 8]\n\
                    [[tensors]]\nname = \"intercept\"\nshape = []\n";
        fs::write(&toml, text).unwrap();
        let program = read_program(&toml, Head::Binary, None).unwrap();
        let shapes = [("coef".to_owned(), vec![1, 8]), ("intercept".to_owned(), vec![])];
        assert_eq!(program.tensors().shapes(), shapes);
        assert_eq!(program.options(), "alpha=1");
        let json = folder.path().join("model.json");
        let text = r#"{"options": "alpha=1", "tensors": [{"name": "coef", "shape": [1, 8]},
                      {"name": "intercept", "shape": []}]}"#;
        fs::write(&json, text).unwrap();
        assert_eq!(read_program(&json, Head::Binary, None).unwrap(), program);
    }

    #[test]
    fn a_file_that_names_no_model_is_refused_on_one_line_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.toml");
        for (text, says) in [
            ("tensors = 3", "line 1"),
            ("tensors = []", "0 tensors"),
            ("tensor = []", "unknown field"),
            ("[[tensors]]\nname = \"a\"\nshape = [-1]", "line 3"),
            ("[[tensors]]\nname = \"a\"\nshape = [0]", "\"a\" has the shape [0]"),
            ("[[tensors]]\nname = \"a\"", "shape"),
            ("[[tensors]]\nname = \"a\"\nshape = [4000000000, 4000000000]", "parameters"),
        ] {
            fs::write(&path, text).unwrap();
            let error = read_program(&path, Head::Binary, None).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("model.toml"), "{error} / {says}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(read_program(&path, Head::Binary, None).unwrap_err().to_string().contains("utf-8"));
        fs::write(&path, vec![b' '; 1 << 20]).unwrap();
        assert!(
            read_program(&path, Head::Binary, None)
                .unwrap_err()
                .to_string()
                .contains("is longer than")
        );
        fs::remove_file(&path).unwrap();
        let error = read_program(&path, Head::Binary, None).unwrap_err().to_string();
        assert!(error.contains("names the model's tensors"), "{error}");
    }
}
