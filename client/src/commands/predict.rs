//! A finished model, applied to new rows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use consilium_cli::{Failure, output::write_file};
use consilium_datasets::{Features, Schema, Source};
use consilium_learning::{Prediction, TrainedModel};

pub(crate) const PREDICT: &str = "\
The file needs the columns that the model was trained on, by name, in any order; a target is not needed and not looked at. Missing
values, unknown categories and codes become what they became in training, and values outside of the agreed ranges are
refused. The answer is CSV: the row (or the column of --id), the probability of the positive class, and the class by its name,
positive from a probability of a half on.

It is no medical device: see the model's card.

Exit codes:
  0  every row has an answer
  2  a file cannot be used (one line says why)

Example:
  consilium-client predict --model model.safetensors --data new.csv --id patient --out predictions.csv";

/// Largest model that is read.
const MAX_MODEL_BYTES: u64 = 256 << 20;
const HEADER: &str = ",probability,class\n";

#[derive(Args)]
pub(crate) struct Predict {
    /// The model: what `consilium-client model` or `consilium replay` has written.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// New rows, CSV, plain or gzip.
    #[arg(long, value_name = "FILE.csv")]
    data: PathBuf,
    /// How that file is read, where it is not plain CSV with the spellings of the training: a dataset schema, whose own file is not
    /// looked at.
    #[arg(long, value_name = "SCHEMA.toml")]
    schema: Option<PathBuf>,
    /// The column that says which row is which [default: rows are numbered from 1].
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// The file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Predict {
    pub(crate) fn execute(&self) -> Result<String, Failure> {
        let model = read_model(&self.model)?;
        let schema = match &self.schema {
            Some(path) => Schema::load(path).map_err(Failure::unusable)?,
            None => model.description.schema(),
        };
        let source = Source::of_file(schema, &self.data).map_err(Failure::unusable)?;
        let description = &model.description;
        let rows = match &description.dictionary {
            Some(dictionary) => dictionary.open_unlabelled(&source, self.id.as_deref()),
            None => description.preprocessor.read(&source, self.id.as_deref()),
        };
        let rows = rows.map_err(Failure::unusable)?;
        let inputs = description.preprocessor.inputs(&rows).map_err(Failure::unusable)?;
        let predictions = model.predict(&inputs).map_err(Failure::unusable)?;
        let text = self.csv(&model, &rows, &predictions);
        let Some(out) = &self.out else { return Ok(text) };
        let is_former = |found: &[u8]| {
            let first = found.split(|byte| *byte == b'\n').next().unwrap_or_default();
            first.ends_with(HEADER.trim_end().as_bytes())
        };
        write_file(out, text.as_bytes(), usize::MAX, is_former).map_err(Failure::unusable)?;
        let positive = predictions.iter().filter(|row| row.positive).count();
        let total = predictions.len();
        Ok(format!("{positive} of {total} rows are positive: {}\n", out.display()))
    }

    fn csv(&self, model: &TrainedModel, rows: &Features, predictions: &[Prediction]) -> String {
        let classes = &model.description.classes;
        let names = [false, true].map(|positive| quoted(&classes.name(positive)));
        let [negative, positive] = &names;
        let mut text = quoted(self.id.as_deref().unwrap_or("row")) + HEADER;
        for (number, prediction) in predictions.iter().enumerate() {
            let id = rows.ids().and_then(|ids| ids.get(number));
            let id = id.map_or_else(|| (number + 1).to_string(), |id| quoted(id));
            let class = if prediction.positive { positive } else { negative };
            text += &format!("{id},{:.6},{class}\n", prediction.probability);
        }
        text
    }
}

fn read_model(path: &Path) -> Result<TrainedModel, Failure> {
    let named =
        |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let length = fs::metadata(path).map_err(|error| named(&error))?.len();
    if length > MAX_MODEL_BYTES {
        return Err(named(&format!("{length} bytes; a model has at most {MAX_MODEL_BYTES}")));
    }
    let bytes = fs::read(path).map_err(|error| named(&error))?;
    TrainedModel::from_bytes(&bytes).map_err(|error| named(&error))
}

/// A field of a CSV, as other programs read it back.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
