//! A finished model, applied to new rows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use consilium_cli::{Failure, output::write_file};
use consilium_datasets::{Features, Schema, Source};
use consilium_learning::{LearnedTarget, Prediction, TrainedModel};

pub(crate) const PREDICT: &str = "\
The file needs the columns that the model was trained on, by name, in any order; a target is not needed and not looked at. Missing
values and codes become what they became in training. Values outside of the agreed ranges are refused, the file with them, and so are
categories that the data dictionary does not have, where it has no `other` for them; messages count the lines of the file, its header
included. The answer is CSV: the row (or the column of --id), and what the model predicts. Of two classes: the probability of the
positive one, and the class by its name, positive from a probability of a half on. Of several: a probability for each class, by
name, and the likeliest class. Of a number: the number, in the unit and within the range of the data dictionary.

It is no medical device: see the model's card.

Exit codes:
  0  every row has an answer
  2  a file cannot be used (one line says why)

Example:
  consilium-client predict --model model.safetensors --data new.csv --id patient --out predictions.csv";

/// Largest model that is read.
const MAX_MODEL_BYTES: u64 = 256 << 20;

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
    /// The column that says which row is which [default: rows are numbered from 1, the header not
    /// counted].
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
        let header = header(&model.description.target);
        let is_former = |found: &[u8]| {
            let first = found.split(|byte| *byte == b'\n').next().unwrap_or_default();
            first.ends_with(header.as_bytes())
        };
        write_file(out, text.as_bytes(), usize::MAX, is_former).map_err(Failure::unusable)?;
        let total = predictions.len();
        let is_positive =
            |row: &&Prediction| matches!(row, Prediction::Binary { positive: true, .. });
        let said = match &model.description.target {
            LearnedTarget::Binary(_) => {
                let positive = predictions.iter().filter(is_positive).count();
                format!("{positive} of {total} rows are positive")
            }
            LearnedTarget::Several(_) | LearnedTarget::Number(_) => {
                format!("{total} rows have an answer")
            }
        };
        Ok(format!("{said}: {}\n", out.display()))
    }

    fn csv(&self, model: &TrainedModel, rows: &Features, predictions: &[Prediction]) -> String {
        let target = &model.description.target;
        let names = classes(target);
        let mut text = quoted(self.id.as_deref().unwrap_or("row")) + &header(target) + "\n";
        for (number, prediction) in predictions.iter().enumerate() {
            let id = rows.ids().and_then(|ids| ids.get(number));
            let id = id.map_or_else(|| (number + 1).to_string(), |id| quoted(id));
            let name = |place: usize| names.get(place).map_or("", String::as_str);
            let answer = match prediction {
                Prediction::Binary { probability, positive, .. } => {
                    format!("{probability:.6},{}", name(usize::from(*positive)))
                }
                Prediction::Class { probabilities, class } => {
                    let probabilities = probabilities.iter();
                    let each = probabilities.map(|probability| format!("{probability:.6},"));
                    each.collect::<String>() + name(*class)
                }
                // As precise as what the network computes with.
                Prediction::Number(number) => (*number as f32).to_string(),
            };
            text += &format!("{id},{answer}\n");
        }
        text
    }
}

/// The classes in the order of their numbers, quoted; none where the target is a number.
fn classes(target: &LearnedTarget) -> Vec<String> {
    match target {
        LearnedTarget::Binary(names) => {
            [false, true].map(|positive| quoted(&names.name(positive))).to_vec()
        }
        LearnedTarget::Several(several) => {
            several.classes.iter().map(|class| quoted(class)).collect()
        }
        LearnedTarget::Number(_) => Vec::new(),
    }
}

/// What stands above the columns but the first.
fn header(target: &LearnedTarget) -> String {
    match target {
        LearnedTarget::Binary(_) => ",probability,class".to_owned(),
        LearnedTarget::Several(several) => {
            let column =
                |class: &String| format!(",{}", quoted(&format!("probability of {class}")));
            several.classes.iter().map(column).collect::<String>() + ",class"
        }
        LearnedTarget::Number(number) => format!(",{}", quoted(&number.name())),
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
