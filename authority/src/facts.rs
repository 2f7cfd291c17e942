//! What a genesis says, as lines and as JSON.

use consilium_authority::bound_facts;
use consilium_contract::{Parameters, ServerOptimiser};
use consilium_crypto::mask::Kind;
use consilium_privacy::Terms;
use consilium_proto::training::{Agreed, Convolution, Head, Plan, Program};
use consilium_proto::v1::{Cosine, Schedule, StepDecay, Training, schedule::Fall};

/// A line a fact.
pub fn text_of(parameters: &Parameters) -> String {
    let line = |(name, value): (_, serde_json::Value)| match value.as_str() {
        Some(text) => format!("{name:<22} {text}"),
        None => format!("{name:<22} {value}"),
    };
    facts(parameters).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What the institutions train, where it is a plan that this program knows: other trainers may have agreed on another.
fn plan_facts(training: &[u8]) -> Vec<(&'static str, serde_json::Value)> {
    match Agreed::decode(training) {
        Ok(Agreed::Network(plan)) => network_facts(plan),
        Ok(Agreed::Program(program)) => program_facts(&program),
        Err(_) => {
            vec![("training", format!("{} bytes of another program", training.len()).into())]
        }
    }
}

fn program_facts(program: &Program) -> Vec<(&'static str, serde_json::Value)> {
    let tensor = |(name, shape): (String, Vec<usize>)| format!("{name} {shape:?}");
    let tensors: Vec<String> = program.tensors().shapes().into_iter().map(tensor).collect();
    let mut facts = vec![
        ("trained by", "a program of each institution's (run --trainer)".into()),
        ("tensors", tensors.join(", ").into()),
        ("options", program.options().into()),
        ("predicts", predicted(program.head()).into()),
    ];
    facts.extend(program.dictionary().map(|hash| ("data dictionary", hash.to_string().into())));
    facts
}

fn predicted(head: Head) -> String {
    match head {
        Head::Binary => "one of 2 classes".to_owned(),
        Head::Classes(classes) => format!("one of {classes} classes, a logit each"),
        Head::Regression => "a number".to_owned(),
    }
}

fn network_facts(plan: Plan) -> Vec<(&'static str, serde_json::Value)> {
    let Plan { layers, training, dictionary } = plan;
    let optimiser = training.optimiser().as_str_name().trim_start_matches("OPTIMISER_");
    let mut facts = vec![("inputs", layers.inputs.into())];
    if let Some(Convolution { image_channels, channels }) = layers.convolution {
        facts.push(("image channels", image_channels.into()));
        facts.push(("convolution", channels.into()));
    }
    facts.extend([
        ("hidden", layers.hidden.into()),
        ("predicts", predicted(layers.head).into()),
        ("optimiser", optimiser.to_lowercase().into()),
        ("learning rate", training.learning_rate.into()),
        ("batch size", training.batch_size.into()),
        ("local epochs", training.local_epochs.into()),
    ]);
    facts.extend(dictionary.map(|hash| ("data dictionary", hash.to_string().into())));
    facts.extend(optional_facts(&training));
    facts
}

/// What training has where somebody has asked for it.
fn optional_facts(training: &Training) -> Vec<(&'static str, serde_json::Value)> {
    let mut facts = Vec::new();
    if let Some(Schedule { warmup_steps, fall }) = training.schedule {
        facts.push(("warmup steps", warmup_steps.into()));
        match fall {
            None => {}
            Some(Fall::Cosine(Cosine { final_share, .. })) => {
                facts.push(("final share of rate", final_share.into()));
            }
            Some(Fall::StepDecay(StepDecay { factor, every_steps })) => {
                facts.push(("decay of rate", factor.into()));
                facts.push(("steps between decays", every_steps.into()));
            }
        }
    }
    for (name, value) in
        [("weight decay", training.weight_decay), ("proximal term", training.proximal)]
    {
        if value != 0.0 {
            facts.push((name, value.into()));
        }
    }
    if !training.class_weights.is_empty() {
        facts.push(("class weights", training.class_weights.clone().into()));
    }
    facts
}

/// Names and values, in the order in which people read them.
pub fn facts(parameters: &Parameters) -> Vec<(&'static str, serde_json::Value)> {
    let mut facts = vec![
        ("chain id", parameters.chain_id.to_string().into()),
        ("institutions", parameters.institutions.into()),
        ("threshold", parameters.threshold.into()),
        ("quorum", parameters.quorum.into()),
        ("min updates", parameters.min_updates.into()),
        ("min rows", parameters.min_rows.into()),
        ("max rows", parameters.max_rows.into()),
        ("dimension", parameters.dimension.into()),
    ];
    facts.extend(bound_facts(&parameters.promise()));
    if let Kind::Lattice { scale } = parameters.update_parameters().kind() {
        facts.extend([("mask", "lattice, experimental".into()), ("scale", scale.into())]);
    }
    facts.extend([
        ("steps", parameters.steps.into()),
        ("collection timeout ms", parameters.collection_timeout_ms.into()),
        ("max attempts", parameters.max_attempts.into()),
        ("refresh steps", parameters.refresh_steps.into()),
        ("suspend after", parameters.suspend_after.into()),
        ("min threshold", parameters.min_threshold.into()),
        ("initial model", parameters.initial_model.to_string().into()),
    ]);
    if parameters.server_optimiser != ServerOptimiser::Mean {
        facts.push(("server optimiser", parameters.server_optimiser.to_string().into()));
    }
    facts.extend(plan_facts(&parameters.training));
    if let Some(privacy) = &parameters.privacy {
        let Terms { signal, variance, .. } = privacy.terms();
        facts.extend([
            ("norm before noise", (*signal).into()),
            ("noise variance", (*variance).into()),
            ("privacy when it ends", privacy.plan().into()),
        ]);
    }
    facts
}
