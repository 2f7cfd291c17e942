//! A model and its description as one safetensors file.

use std::collections::BTreeMap;

use consilium_proto::training::{Convolution, Head as OutputHead, Layers};
use serde::{Deserialize, Serialize};

use super::description::Description;
use super::target::{LearnedTarget, SeveralClasses};
use crate::weights::{metadata, with_metadata};
use crate::{Architecture, LearningError, from_safetensors, to_safetensors};

/// The form of the metadata that this program reads and writes.
const FORMAT: &str = "1";

const FORMAT_VERSION: &str = "format_version";
const ARCHITECTURE: &str = "architecture";
const CONFUSION: &str = "confusion";
const METRICS: &str = "metrics";
const STEP: &str = "step";
const CHAIN_ID: &str = "chain_id";
const HEAD_HEIGHT: &str = "head_height";
const HEAD_HASH: &str = "head_hash";

/// How far the chain was verified by whoever wrote a model's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The run, hexadecimal.
    pub chain_id: String,
    /// Height of the last verified block.
    pub height: u64,
    /// Hash of that block, hexadecimal.
    pub hash: String,
}

/// A model that can be applied to new rows.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    /// Shape of the network, with as many inputs as the description's preprocessor makes.
    pub architecture: Architecture,
    /// Its parameters, flat, all finite.
    pub parameters: Vec<f32>,
    /// What its inputs and its output mean.
    pub description: Description,
    /// Closed rounds that it is after.
    pub step: u64,
    /// What is known of its quality, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Of several classes, where it was measured: rows of each actual class, by the class that was predicted.
    pub confusion: Option<Vec<Vec<u64>>>,
    /// Where it stands in a chain; `None` for a simulated one.
    pub head: Option<Head>,
}

/// As the metadata has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    inputs: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_channels: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    convolution: Vec<u32>,
    hidden: Vec<u32>,
    head: NamedHead,
}

/// What the last layer gives.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NamedHead {
    /// One logit of the positive class.
    Binary,
    /// A logit for each of so many classes.
    Classes(u32),
    /// A number.
    Regression,
}

impl TrainedModel {
    /// Puts together what belongs together.
    ///
    /// # Errors
    /// [`LearningError::ParameterCount`]; [`LearningError::Description`] where the preprocessor makes another number of inputs
    /// than the network has, or the target is not what it predicts.
    pub fn new(
        architecture: Architecture,
        parameters: Vec<f32>,
        description: Description,
        step: u64,
    ) -> Result<Self, LearningError> {
        architecture.check(&parameters)?;
        crate::weights::finite(&parameters)?;
        let made = description.preprocessor.width();
        let expected = architecture.inputs();
        if made != expected {
            return Err(LearningError::Description(format!(
                "its preprocessor makes {made} inputs, the network has {expected}"
            )));
        }
        if architecture.head() != description.target.head() {
            return Err(LearningError::Description(format!(
                "its target `{}` is not what the network's last layer predicts",
                description.target.column()
            )));
        }
        let metrics = BTreeMap::new();
        let (confusion, head) = (None, None);
        Ok(Self { architecture, parameters, description, step, metrics, confusion, head })
    }

    /// The safetensors file. The same model gives the same bytes.
    ///
    /// # Errors
    /// [`LearningError::Description`] if something cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LearningError> {
        let mut texts = self.description.to_texts()?;
        let json = |error: serde_json::Error| LearningError::Description(error.to_string());
        let shape = serde_json::to_string(&Shape::of(self.architecture.layers())).map_err(json)?;
        let metrics = serde_json::to_string(&self.metrics).map_err(json)?;
        let mut put = |name: &str, text: String| texts.insert(name.to_owned(), text);
        put(FORMAT_VERSION, FORMAT.to_owned());
        put(ARCHITECTURE, shape);
        put(METRICS, metrics);
        put(STEP, self.step.to_string());
        if let Some(confusion) = &self.confusion {
            put(CONFUSION, serde_json::to_string(confusion).map_err(json)?);
        }
        if let Some(Head { chain_id, height, hash }) = &self.head {
            put(CHAIN_ID, chain_id.clone());
            put(HEAD_HEIGHT, height.to_string());
            put(HEAD_HASH, hash.clone());
        }
        with_metadata(&to_safetensors(&self.architecture, &self.parameters)?, &texts)
    }

    /// Reads what [`TrainedModel::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`LearningError::ModelFile`] for a file that is damaged or has other tensors than its description says,
    /// [`LearningError::NonFinite`]; [`LearningError::Description`] for one without a description, of another format, or that
    /// contradicts itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearningError> {
        let texts = metadata(bytes)?;
        let refuse = |problem: String| LearningError::Description(problem);
        match texts.get(FORMAT_VERSION).map(String::as_str) {
            Some(FORMAT) => {}
            Some(found) => {
                let found: String = found.chars().take(20).filter(|c| !c.is_control()).collect();
                return Err(refuse(format!(
                    "it is of format {found}, this program reads format {FORMAT}: use the version that wrote it"
                )));
            }
            None => {
                return Err(refuse(
                    "there is none, so that nothing says which columns its inputs are: have the model written by \
                     `consilium-client model` where an institution has taken part, or by `consilium replay`"
                        .to_owned(),
                ));
            }
        }
        let text = |name: &str| {
            texts.get(name).map(String::as_str).ok_or_else(|| refuse(format!("it has no {name}")))
        };
        let number = |name: &str| {
            text(name)?.parse::<u64>().map_err(|_| refuse(format!("{name} is no number")))
        };
        let shape: Shape = serde_json::from_str(text(ARCHITECTURE)?)
            .map_err(|error| refuse(format!("{ARCHITECTURE}: {error}")))?;
        let architecture = Architecture::try_from(shape.layers())?;
        let parameters = from_safetensors(&architecture, bytes)?;
        let description = Description::from_texts(&texts)?;
        let mut model = Self::new(architecture, parameters, description, number(STEP)?)?;
        model.metrics = serde_json::from_str(text(METRICS)?)
            .map_err(|error| refuse(format!("{METRICS}: {error}")))?;
        if let Some(confusion) = texts.get(CONFUSION) {
            let confusion: Vec<Vec<u64>> = serde_json::from_str(confusion)
                .map_err(|error| refuse(format!("{CONFUSION}: {error}")))?;
            let LearnedTarget::Several(SeveralClasses { classes, .. }) = &model.description.target
            else {
                return Err(refuse(format!("{CONFUSION} of a model that has not several classes")));
            };
            let width = classes.len();
            if confusion.len() != width || confusion.iter().any(|row| row.len() != width) {
                return Err(refuse(format!("{CONFUSION} is not of {width} classes")));
            }
            model.confusion = Some(confusion);
        }
        if let Some(chain_id) = texts.get(CHAIN_ID) {
            let chain_id = chain_id.clone();
            let hash = text(HEAD_HASH)?.to_owned();
            model.head = Some(Head { chain_id, height: number(HEAD_HEIGHT)?, hash });
        }
        Ok(model)
    }
}

impl Shape {
    fn of(layers: &Layers) -> Self {
        let Layers { inputs, convolution, hidden, head } = layers.clone();
        let head = match head {
            OutputHead::Binary => NamedHead::Binary,
            OutputHead::Classes(classes) => NamedHead::Classes(classes),
            OutputHead::Regression => NamedHead::Regression,
        };
        let image_channels = convolution.as_ref().map(|convolution| convolution.image_channels);
        let convolution = convolution.map(|convolution| convolution.channels).unwrap_or_default();
        Self { inputs, image_channels, convolution, hidden, head }
    }

    fn layers(self) -> Layers {
        let Self { inputs, image_channels, convolution: channels, hidden, head } = self;
        let head = match head {
            NamedHead::Binary => OutputHead::Binary,
            NamedHead::Classes(classes) => OutputHead::Classes(classes),
            NamedHead::Regression => OutputHead::Regression,
        };
        let convolution =
            image_channels.map(|image_channels| Convolution { image_channels, channels });
        Layers { inputs, convolution, hidden, head }
    }
}
