//! Requests and replies: one line of JSON each.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;

/// Longest line of a reply, in bytes: names of as many tensors as a genesis has room for.
pub(crate) const MAX_REPLY_BYTES: usize = 256 << 10;

/// What the program is asked.
#[derive(Serialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request<'a> {
    /// The first request: which model the program trains.
    Describe {
        protocol: u32,
        /// The prepared rows, unless the program reads its own.
        table: Option<&'a Path>,
        /// The file that the institution named as its rows, where the program reads its own.
        data: Option<&'a Path>,
        options: &'a str,
    },
    /// A local model out of the global one.
    Train { step: u64, model: &'a Path, out: &'a Path, seed: u32, options: &'a str },
    /// How good a model is on the program's rows.
    Evaluate { model: &'a Path, options: &'a str },
    /// What a model says of rows that nobody trains on.
    Predict { model: &'a Path, rows: &'a Path, out: &'a Path, options: &'a str },
    /// The last request.
    Stop,
}

impl Request<'_> {
    /// As messages call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Describe { .. } => "describe",
            Self::Train { .. } => "train",
            Self::Evaluate { .. } => "evaluate",
            Self::Predict { .. } => "predict",
            Self::Stop => "stop",
        }
    }

    /// The line, with its end.
    pub(crate) fn line(&self, id: u64) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Numbered<'a, 'b> {
            id: u64,
            #[serde(flatten)]
            request: &'a Request<'b>,
        }
        Ok(serde_json::to_string(&Numbered { id, request: self })? + "\n")
    }
}

/// What every reply has.
#[derive(Deserialize)]
pub(crate) struct Reply<T> {
    /// The request's.
    pub id: u64,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The answer; its fields stand beside these.
    #[serde(flatten)]
    pub answer: Option<T>,
}

/// The answer to [`Request::Describe`].
#[derive(Deserialize)]
pub(crate) struct Described {
    pub protocol: u32,
    pub tensors: Vec<DescribedTensor>,
    /// Whether it answers [`Request::Evaluate`].
    #[serde(default)]
    pub evaluates: bool,
    /// Whether it answers [`Request::Predict`].
    #[serde(default)]
    pub predicts: bool,
}

/// A tensor as a program names it.
#[derive(Deserialize)]
pub(crate) struct DescribedTensor {
    pub name: String,
    pub shape: Vec<u32>,
}

/// The answer to [`Request::Train`], [`Request::Predict`] and [`Request::Stop`]: that it is done.
#[derive(Deserialize)]
pub(crate) struct Done {}

/// The answer to [`Request::Evaluate`].
#[derive(Deserialize)]
pub(crate) struct Evaluated {
    /// By name; `null` for what cannot be said, such as the AUC of one class.
    pub metrics: BTreeMap<String, Option<f64>>,
}
