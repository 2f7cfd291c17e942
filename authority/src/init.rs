//! Founding a run: from requests, or with every key made here.

use std::path::PathBuf;

use clap::Args;
use consilium_authority::{
    AgreedDictionary, BoundChoice, CeremonySpec, PrivacyFlags, Protection, ServerOptimiserFlags,
    TrainingFlags, default_min_threshold, default_min_updates,
};
use consilium_cli::version::warning;
use consilium_contract::parameters::honest_shares;
use consilium_crypto::TEST_FEATURES;
use consilium_privacy::Run;
use consilium_proto::training::{Convolution, Head, Layers};

use crate::{
    counting::Counting,
    facts::text_of,
    founded::{Founded, OwnProgram, network},
    inputs::Inputs,
    parties::Parties,
};

#[derive(Args)]
pub(super) struct Init {
    #[command(flatten)]
    parties: Parties,
    /// Rows that each institution trains on, in order: its weight in the mean. One number stands for all.
    /// With --from: as there, where nothing is given.
    #[arg(long, value_delimiter = ',', required_unless_present = "from")]
    rows: Vec<u64>,
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    own_program: OwnProgram,
    #[command(flatten)]
    counting: Counting,
    #[command(flatten)]
    server_optimiser: ServerOptimiserFlags,
    /// Where rows are square images, their pixels row by row: values of a pixel after each convolution of 3 by 3 pixels,
    /// which come before the hidden layers.
    #[arg(long, value_delimiter = ',', num_args = 0.., value_name = "N,N,...")]
    convolution: Vec<u32>,
    /// Values of a pixel of these images: 1 where they are grey.
    #[arg(long, default_value_t = 1, requires = "convolution")]
    image_channels: u32,
    /// Sizes of the hidden layers; no number at all is logistic regression.
    #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "16,8")]
    hidden: Vec<u32>,
    /// Model to start from: what `consilium-client model` writes (safetensors with layers.N.weight [inputs, outputs] and
    /// layers.N.bias, or the names under --tensors), or d floats of four bytes, little-endian, in that order. Drawn at
    /// random where none is given.
    #[arg(long, alias = "initial", value_name = "FILE")]
    initial_model: Option<PathBuf>,
    /// Shares that open a sum, t [default: the largest with n ≥ 3t − 2].
    #[arg(long)]
    threshold: Option<u32>,
    /// Accepted updates that a sum needs, t + 1 to n [default: half of the institutions, at least t + 1].
    #[arg(long)]
    min_updates: Option<u32>,
    /// Rows that the institutions of a sum have at least, together; with fewer the round waits [default: a quarter of the
    /// rows of all institutions].
    #[arg(long)]
    min_rows: Option<u64>,
    #[command(flatten)]
    bound: BoundChoice,
    #[command(flatten)]
    privacy: PrivacyFlags,
    /// Improvements of the model until the run is finished.
    #[arg(long, default_value_t = 60)]
    steps: u64,
    /// The least time that a round waits for updates, and a stage of making a committee for its members. With too few of
    /// them it goes on waiting.
    #[arg(long, default_value_t = 30_000)]
    collection_timeout_ms: u64,
    /// Attempts at passing the key on before the committee that holds it goes on; it is tried again after the next round.
    #[arg(long, default_value_t = 3)]
    max_attempts: u32,
    /// Closed rounds after which the shares of the decryption key are refreshed; 0 for never.
    #[arg(long, default_value_t = 0)]
    refresh_steps: u64,
    /// Rounds in a row without an update of an institution after which no further round waits for it, as long as the
    /// others are enough; its next update, or its word that it is there again, ends that. 0: each round waits for
    /// everyone as long as it may.
    #[arg(long, default_value_t = 3, value_name = "ROUNDS")]
    suspend_after: u32,
    /// The smallest threshold that a later committee may have: to no fewer can the key ever be passed on [default: t − 1,
    /// at least 2 where t is].
    #[arg(long)]
    min_threshold: Option<u32>,
    #[command(flatten)]
    protection: Protection,
    #[command(flatten)]
    training: TrainingFlags,
    /// Directory to create; it must not exist.
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn init(arguments: &Init) -> Result<String, String> {
    let known = arguments.parties.known()?;
    let rows = arguments.parties.rows(&arguments.rows, known.as_ref())?;
    let institutions = u32::try_from(rows.len()).map_err(|error| error.to_string())?;
    let channels = arguments.convolution.clone();
    let convolution = (!channels.is_empty())
        .then_some(Convolution { image_channels: arguments.image_channels, channels });
    let hidden = arguments.hidden.clone();
    let (inputs, dictionary) = arguments.inputs.resolve()?;
    // What is predicted follows from the target that all have agreed on; without one it is one of two classes.
    let head = dictionary.as_ref().map_or(Head::Binary, AgreedDictionary::head);
    let layers = Layers { inputs, convolution, hidden, head };
    let initial = arguments.initial_model.as_deref();
    let own = arguments.own_program.found(initial, head, dictionary.as_ref())?;
    let Founded { program, dimension, model } =
        own.map_or_else(|| network(&layers, initial), Ok)?;
    let largest = rows.iter().copied().max().unwrap_or(1);
    let defaults = CeremonySpec::new(layers, model, rows);
    let training = arguments.training.over(defaults.training, arguments.steps);
    let training = training.map_err(|error| error.to_string())?;
    let threshold = arguments.threshold.unwrap_or(defaults.threshold);
    let min_updates =
        arguments.min_updates.unwrap_or_else(|| default_min_updates(institutions, threshold));
    let run = Run {
        dimension,
        norm: 0,
        institutions,
        honest: honest_shares(min_updates, threshold),
        most_honest: honest_shares(
            min_updates,
            arguments.min_threshold.unwrap_or_else(|| default_min_threshold(threshold)),
        ),
        steps: arguments.steps,
    };
    let bounded = arguments.privacy.bounded(&arguments.bound, run, &training, largest);
    let (bound, clip, privacy) = bounded.map_err(|error| error.to_string())?;
    let mask = arguments.bound.mask.resolve(dimension).map_err(|error| error.to_string())?;
    let spec = CeremonySpec {
        threshold,
        min_updates,
        min_rows: arguments.min_rows.unwrap_or(defaults.min_rows),
        bound,
        mask,
        clip,
        privacy,
        steps: arguments.steps,
        collection_timeout_ms: arguments.collection_timeout_ms,
        max_attempts: arguments.max_attempts,
        refresh_steps: arguments.refresh_steps,
        suspend_after: arguments.suspend_after,
        min_threshold: arguments.min_threshold.unwrap_or_else(|| default_min_threshold(threshold)),
        protection: arguments.protection,
        training,
        program,
        statistics: arguments.counting.statistics(dictionary.as_ref()),
        evaluation: arguments.counting.evaluation(dictionary.as_ref())?,
        server_optimiser: arguments
            .server_optimiser
            .resolve()
            .map_err(|error| error.to_string())?,
        dictionary,
        ..defaults
    };
    let (parameters, handed_out) = arguments.parties.found(known, &spec, &arguments.out)?;
    let mut text = text_of(&parameters);
    let influence = parameters.influence().most(&spec.rows);
    text += &format!("\n{:<22} {influence} in a step, at most", "one institution moves");
    text += &format!("\n\nwritten to {}: {handed_out}", arguments.out.display());
    if let Some(warning) = warning(TEST_FEATURES) {
        text += &format!("\nwarning: {warning}");
    }
    if let Some(warning) = parameters.mask_warning() {
        text += &format!("\nwarning: {warning}");
    }
    if let Some(warning) = parameters.promise().warning() {
        text += &format!("\nwarning: {warning}");
    }
    if spec.min_updates < 2 * spec.threshold {
        text += &format!(
            "\nwarning: min_updates {} is below 2t = {}: t trustees could be most of a sum's contributors",
            spec.min_updates,
            2 * spec.threshold,
        );
    }
    Ok(text)
}
