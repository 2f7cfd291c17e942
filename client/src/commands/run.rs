//! Taking part, and what it needs of an institution's rows.

use std::{path::Path, time::Duration};

use consilium_cli::{Failure, version::warning};
use consilium_client::{
    ClientError, Institution, Plain, RoundReport, Verification,
    contribution::OwnScores,
    prepare::{Participant, Quantisation},
    state::description,
};
use consilium_contract::{Model, Parameters};
use consilium_crypto::TEST_FEATURES;
use consilium_datasets::scorecard::Scores;
use consilium_identity::InstitutionFiles;
use consilium_learning::{LocalTrainer, TabularTrainer, Trainer, TrainingPlan};
use consilium_trainer::Stopper;

use super::{
    failure,
    rows::{Rows, RowsKind},
    trainer::OwnTrainer,
};

/// `all`, or how many updates of a sum.
pub(crate) fn verification(text: &str) -> Result<Verification, String> {
    match text {
        "all" => Ok(Verification::All),
        count => match count.parse() {
            Ok(count) if count > 0 => Ok(Verification::Sample(count)),
            _ => Err("expected all, or a number of updates from 1 on".to_owned()),
        },
    }
}

#[allow(clippy::too_many_arguments, reason = "a flag each")]
pub(crate) fn take_part(
    ceremony: &Path,
    state: &Path,
    coordinator: &str,
    data: &str,
    rows: Rows,
    own: &OwnTrainer,
    seed: u64,
    verify: Verification,
    patience: Option<Duration>,
) -> Result<String, Failure> {
    Plain::to(coordinator).map_err(failure)?;
    let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
    let Rows { number, positive, kind, description, remarks } = rows;
    let (participant, stopper) = participant(&files, data, number, kind, own, seed)?;
    let parameters = files.parameters.clone();
    let observer = move |report: RoundReport| {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let update = report.update.unwrap_or_default();
        tracing::info!(
            step = report.step,
            purpose = report.purpose.label(),
            epsilon = report.epsilon.map(tracing::field::display),
            verdict = report.verdict.map_or("none", |reason| reason.as_str_name()),
            clipped_share = update.clipped_share,
            train_ms = ms(update.train),
            encrypt_ms = ms(update.encrypt),
            prove_ms = ms(update.prove),
            judge_ms = ms(report.judge),
            countersign_ms = ms(report.countersign),
            share_ms = ms(report.share),
            verify_ms = ms(report.verify),
            fetch_ms = ms(report.fetch),
            check_ms = ms(report.check),
            bytes_up = report.bytes_up,
            bytes_down = report.bytes_down,
            "round"
        );
        if let Some(scores) = &report.scores {
            tracing::info!("{}", scores_of_all(scores, update.own.as_ref()));
        }
    };
    let institution = Institution::new(files, state, coordinator, participant, Box::new(observer));
    let mut institution = institution.map_err(|error| match error {
        ClientError::State { .. } => Failure::unusable(error),
        error => failure(error),
    })?;
    if let Some(description) = &description {
        description::store(description, state).map_err(Failure::unusable)?;
    }
    institution = institution.verifying(verify);
    if let Some(patience) = patience {
        institution = institution.give_up_after(patience);
    }
    if let Some(warning) = warning(TEST_FEATURES) {
        tracing::warn!("{warning}");
    }
    // Whoever has labelled patients otherwise than the schema says sees it here, before anything is sent.
    tracing::info!("{positive} of {number} rows are positive");
    remarks.tell();
    tracing::info!(
        dimension = parameters.dimension,
        bound = %parameters.promise(),
        "taking part"
    );
    if let Some(privacy) = &parameters.privacy {
        tracing::info!(
            "every update carries noise of variance {}; a whole run costs {}",
            privacy.terms().variance,
            privacy.plan()
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let outcome = runtime.block_on(institution.run());
    if let (Err(_), Some(stopper)) = (&outcome, &stopper) {
        // A step that is still being trained is of no use, and would be waited for.
        stopper.stop();
    }
    let outcome = outcome.map_err(failure)?;
    let steps = outcome.steps;
    let blocks = outcome.height + 1;
    Ok(match outcome.privacy {
        None => format!("{steps} rounds closed and checked; the chain has {blocks} blocks\n"),
        Some(spent) => {
            let early =
                if steps < parameters.steps { "the privacy budget ends the run: " } else { "" };
            format!(
                "{steps} rounds closed and checked; {early}{spent}; the chain has {blocks} blocks\n"
            )
        }
    })
}

pub(super) fn plan(parameters: &Parameters) -> Result<TrainingPlan, Failure> {
    TrainingPlan::agreed(&parameters.training, parameters.dimension).map_err(Failure::unusable)
}

/// The training and the preparation that genesis and certificate ask for, and what ends a program that trains.
fn participant(
    files: &InstitutionFiles,
    data: &str,
    number: usize,
    rows: RowsKind,
    own: &OwnTrainer,
    seed: u64,
) -> Result<(Participant, Option<Stopper>), Failure> {
    let parameters = &files.parameters;
    let identity = &files.identity;
    if number as u64 != identity.rows {
        let found = number;
        let certified = identity.rows;
        return Err(Failure::new(
            2,
            format!(
                "the data has {found} rows, the certificate says {certified}: give the rows that were certified"
            ),
        ));
    }
    let preparation = Quantisation::of(files, seed).map_err(Failure::unusable)?;
    let institution = u64::from(identity.trustee_index);
    let (trainer, stopper): (Box<dyn Trainer>, _) = match rows {
        RowsKind::Counted { dataset, split, dictionary } => {
            own.refuse()?;
            let plan = plan(parameters)?;
            let trainer =
                TabularTrainer::new(*dataset, split, *dictionary, plan, seed, institution);
            (Box::new(trainer), None)
        }
        RowsKind::Scaled { train, held_out } => match own.start(files, &train, data, seed)? {
            Some(program) => {
                let stopper = program.stopper();
                (Box::new(program), Some(stopper))
            }
            None => {
                let TrainingPlan { architecture, config } = plan(parameters)?;
                let trainer = LocalTrainer::new(architecture, train, config, seed, institution);
                let mut trainer = trainer.map_err(Failure::unusable)?;
                if let Some(table) = held_out {
                    trainer = trainer.holding_out(table).map_err(Failure::unusable)?;
                }
                (Box::new(trainer), None)
            }
        },
    };
    let mut participant = Participant::new(trainer, preparation);
    if parameters.agenda().evaluation().is_some() {
        let initial = Model::from_bytes(&files.initial_model, parameters.dimension);
        participant = match initial {
            Some(initial) => participant.comparing(initial.parameters().to_vec()),
            None => participant,
        };
    }
    Ok((participant, stopper))
}

/// What an evaluation says, for the log: on the held-out rows of all, and on this institution's own, which nobody else sees.
fn scores_of_all(scores: &Scores, own: Option<&OwnScores>) -> String {
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"));
    let error = scores.auc_error.map_or_else(String::new, |error| format!(" ± {error:.3}"));
    let mut text = format!(
        "on {} held-out rows of all institutions: loss {:.4}, AUC {}{error}, sensitivity {}, specificity {}, balanced accuracy \
         {}, Brier {:.4}, calibration error {:.4}",
        scores.rows,
        scores.loss,
        share(scores.auc),
        share(scores.sensitivity),
        share(scores.specificity),
        share(scores.balanced_accuracy),
        scores.brier,
        scores.calibration_error,
    );
    if let Some(OwnScores { global, alone }) = own {
        text += &format!(
            "; on your own {}: loss {:.4}, AUC {}",
            global.rows,
            global.loss,
            share(global.auc)
        );
        if let Some(alone) = alone {
            let verdict = if global.loss < alone.loss { "better" } else { "not better" };
            text += &format!(
                ", {verdict} than a model of your rows alone (loss {:.4}, AUC {})",
                alone.loss,
                share(alone.auc)
            );
        }
    }
    text
}
