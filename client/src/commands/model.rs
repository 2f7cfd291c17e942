//! The model of a run, written so that it can be used: with all that turns a row into its inputs, and a card for people.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use consilium_audit::CheckedModel;
use consilium_cli::{Failure, output::write_file};
use consilium_client::{
    Status, agreed_dictionary,
    contribution::{scores, statistics},
    state::{description, model},
    status,
};
use consilium_datasets::{Preprocessor, scorecard::Scores, survey::Survey};
use consilium_identity::InstitutionFiles;
use consilium_learning::{
    Card, Description, Head, LearnedTarget, NumberTarget, Participant, TrainedModel,
    from_safetensors, to_safetensors,
};

use super::{
    failure,
    participant::plan,
    personal::{Compared, Personal},
    trainer,
};

/// Longest card that is written over.
const MAX_CARD_BYTES: usize = 4 << 20;
/// What a card of ours begins with.
const CARD_HEAD: &[u8] = b"# Model card: ";

/// Which of a run's models.
struct Chosen {
    parameters: Vec<f32>,
    /// Closed rounds that it is after.
    step: u64,
    scores: Option<Scores>,
    words: String,
}

pub(crate) fn export(
    ceremony: &Path,
    state: &Path,
    out: &Path,
    last: bool,
    personal: &Personal,
) -> Result<String, Failure> {
    let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
    let parameters = &files.parameters;
    let checked = model::load(state, parameters).map_err(failure)?.ok_or_else(|| {
        Failure::unusable(format!("{}: no round has been closed and checked yet", state.display()))
    })?;
    let Chosen { parameters: chosen, step, scores, words } = choose(&files, &checked, last);
    if let Some(written) = trainer::export(parameters, &chosen, out) {
        written?;
        let measured = scores.map_or_else(String::new, |scores| format!("{}\n", scores.in_short()));
        return Ok(format!("{words}: {}\n{measured}", out.display()));
    }
    let architecture = plan(parameters)?.architecture;
    // The model after an earlier round may be replaced; one of another network is somebody else's.
    let is_former = |found: &[u8]| from_safetensors(&architecture, found).is_ok();
    let Some(description) = describe(&files, state, &checked)? else {
        let bytes = to_safetensors(&architecture, &chosen).map_err(Failure::unusable)?;
        write_file(out, &bytes, bytes.len(), is_former).map_err(Failure::unusable)?;
        return Ok(format!(
            "{words}: {}\nwarning: nothing in {} says what its inputs are: `run` writes that once it has its rows\n",
            out.display(),
            state.display()
        ));
    };
    let standing = status(&files, state).map_err(failure)?;
    let trained = TrainedModel::new(architecture.clone(), chosen, description, step);
    let mut trained = trained.map_err(Failure::unusable)?;
    let target = &trained.description.target;
    let measured = scores.as_ref().map(|scores| metrics(scores, target));
    trained.metrics = measured.unwrap_or_default();
    trained.confusion = scores.as_ref().and_then(confusion);
    trained.head = standing.head.map(|(height, hash)| Head {
        chain_id: standing.chain_id.to_string(),
        height,
        hash: hash.to_string(),
    });
    let compared = personal.apply(&files, &mut trained)?;
    if let Some(Compared { own, .. }) = &compared {
        trained.metrics = metrics(own, &trained.description.target);
        trained.confusion = confusion(own);
    }
    let bytes = trained.to_bytes().map_err(Failure::unusable)?;
    // Another model's metadata may be longer.
    let most = bytes.len().saturating_add(8 << 20);
    write_file(out, &bytes, most, is_former).map_err(Failure::unusable)?;
    let card = card_of(out);
    let text = card_text(&trained, &standing, scores.as_ref(), compared.as_ref());
    let is_card = |found: &[u8]| found.starts_with(CARD_HEAD);
    write_file(&card, text.as_bytes(), MAX_CARD_BYTES, is_card).map_err(Failure::unusable)?;
    let compared = compared.map_or_else(String::new, |compared| compared.words() + "\n");
    Ok(format!("{words}: {}\nits card: {}\n{compared}", out.display(), card.display()))
}

/// The model with the smallest loss on held-out rows, where the run has measured any; otherwise, or where it is asked for, the last.
fn choose(files: &InstitutionFiles, checked: &CheckedModel, last: bool) -> Chosen {
    match checked.findings().best().filter(|_| !last) {
        Some(best) => Chosen {
            parameters: best.model.parameters().to_vec(),
            step: best.step,
            scores: scores(&files.parameters, &best.places),
            words: format!(
                "the model that the evaluation in step {} found best, after {} rounds of {}",
                best.step,
                best.step,
                checked.step()
            ),
        },
        None => Chosen {
            parameters: checked.model().parameters().to_vec(),
            step: checked.step(),
            scores: None,
            words: format!("the model after {} rounds", checked.step()),
        },
    }
}

/// What the model's inputs are: by the statistics that the run has counted, or by those that `run` was given or has made.
fn describe(
    files: &InstitutionFiles,
    state: &Path,
    checked: &CheckedModel,
) -> Result<Option<Description>, Failure> {
    let Some(counted) = statistics(&files.parameters, checked.findings()) else {
        return description::load(state).map_err(Failure::unusable);
    };
    let Some(dictionary) = agreed_dictionary(files).map_err(failure)? else { return Ok(None) };
    let statistics = Survey::of(&dictionary).read(&counted).map_err(Failure::unusable)?;
    let preprocessor = Preprocessor::agreed(&dictionary, &statistics.numbers());
    let preprocessor = preprocessor.map_err(Failure::unusable)?;
    Ok(Some(Description::agreed(dictionary, preprocessor)))
}

/// By name; lengths of a number in its unit.
fn metrics(scores: &Scores, target: &LearnedTarget) -> BTreeMap<String, f64> {
    let width = match target {
        LearnedTarget::Number(NumberTarget { range, .. }) => range.maximum - range.minimum,
        LearnedTarget::Binary(_) | LearnedTarget::Several(_) => 1.0,
    };
    let in_unit = |(name, value): (&str, f64)| {
        let value = match name {
            "RMSE" | "MAE" => value * width,
            _ => value,
        };
        (name.to_owned(), value)
    };
    scores.named().into_iter().map(in_unit).collect()
}

fn confusion(scores: &Scores) -> Option<Vec<Vec<u64>>> {
    match scores {
        Scores::Classes(scores) => Some(scores.confusion.clone()),
        Scores::Binary(_) | Scores::Number(_) => None,
    }
}

/// Beside the model: `model.safetensors` has `model.md`.
fn card_of(out: &Path) -> PathBuf {
    out.with_extension("md")
}

fn card_text(
    model: &TrainedModel,
    standing: &Status,
    scores: Option<&Scores>,
    compared: Option<&Compared>,
) -> String {
    let institutions = standing.certified.len();
    let participant = |(pseudonym, rows, is_out): &(consilium_hash::Pseudonym, u64, bool)| {
        Participant { pseudonym: pseudonym.to_string(), rows: *rows, is_out: *is_out }
    };
    let mut run = format!(
        "Trained by {institutions} institutions in a verified federation; nobody has seen another's rows."
    );
    let of_all = scores.map(|scores| {
        format!("{} rows that the institutions held out, summed over all of them", scores.rows())
    });
    let measured_on = match compared {
        None => of_all,
        Some(compared) => {
            run += &format!(
                " **The last layer is of the rows of institution {} alone**: it was trained after the run, without a proof of \
                 its bound and without noise, tells of these rows, and is for this institution: {}.",
                standing.pseudonym,
                compared.words()
            );
            Some(format!("{} rows that this institution held out", compared.own.rows()))
        }
    };
    let card = Card {
        model,
        run,
        rounds: standing.steps.1,
        participants: standing.certified.iter().map(participant).collect(),
        bound: standing.bound.clone(),
        privacy: standing.privacy.clone(),
        measured_on,
    };
    card.to_string()
}
