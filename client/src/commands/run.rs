//! Taking part, and what it needs of an institution's rows.

use std::{fmt::Display, fs, path::Path, time::Duration};

use consilium_cli::{Failure, version::warning};
use consilium_client::{
    ClientError, Institution, Plain, RoundReport, Verification,
    prepare::{Participant, Quantisation},
};
use consilium_contract::Parameters;
use consilium_crypto::TEST_FEATURES;
use consilium_datasets::{Dataset, Preprocessor, Table};
use consilium_identity::InstitutionFiles;
use consilium_learning::{LocalTrainer, Trainer, TrainingPlan};
use consilium_trainer::{ProgramTrainer, Stopper};

use super::{failure, trainer::OwnTrainer};

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
    table: Table,
    own: &OwnTrainer,
    seed: u64,
    verify: Verification,
    patience: Option<Duration>,
) -> Result<String, Failure> {
    Plain::to(coordinator).map_err(failure)?;
    let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
    let (rows, positive) = (table.rows, table.positives());
    let (participant, stopper) = participant(&files, data, table, own, seed)?;
    let parameters = files.parameters.clone();
    let observer = move |report: RoundReport| {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let update = report.update.unwrap_or_default();
        tracing::info!(
            step = report.step,
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
    };
    let institution = Institution::new(files, state, coordinator, participant, Box::new(observer));
    let mut institution = institution.map_err(|error| match error {
        ClientError::State { .. } => Failure::unusable(error),
        error => failure(error),
    })?;
    institution = institution.verifying(verify);
    if let Some(patience) = patience {
        institution = institution.give_up_after(patience);
    }
    if let Some(warning) = warning(TEST_FEATURES) {
        tracing::warn!("{warning}");
    }
    // Whoever has labelled patients otherwise than the schema says sees it here, before anything is sent.
    tracing::info!("{positive} of {rows} rows are positive");
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

pub(crate) fn load(data: &str) -> Result<Dataset, Failure> {
    Dataset::open(data).map_err(Failure::unusable)
}

pub(crate) fn fit(dataset: &Dataset) -> Result<Preprocessor, Failure> {
    let all: Vec<usize> = (0..dataset.rows()).collect();
    Preprocessor::fit(dataset, &all).map_err(Failure::unusable)
}

/// All rows of the dataset, standardised by the agreed statistics, or by their own where none are given.
pub(crate) fn rows(data: &str, statistics: Option<&Path>) -> Result<Table, Failure> {
    let dataset = load(data)?;
    let preprocessor = match statistics {
        None => fit(&dataset)?,
        Some(path) => {
            let named =
                |error: &dyn Display| Failure::unusable(format!("{}: {error}", path.display()));
            let text = fs::read_to_string(path).map_err(|error| named(&error))?;
            Preprocessor::from_toml(&text).map_err(|error| named(&error))?
        }
    };
    let all: Vec<usize> = (0..dataset.rows()).collect();
    preprocessor.transform(&dataset, &all).map_err(Failure::unusable)
}

pub(super) fn plan(parameters: &Parameters) -> Result<TrainingPlan, Failure> {
    TrainingPlan::agreed(&parameters.training, parameters.dimension).map_err(Failure::unusable)
}

/// The training and the preparation that genesis and certificate ask for, and what ends a program that trains.
fn participant(
    files: &InstitutionFiles,
    data: &str,
    table: Table,
    own: &OwnTrainer,
    seed: u64,
) -> Result<(Participant, Option<Stopper>), Failure> {
    let parameters = &files.parameters;
    let identity = &files.identity;
    if table.rows as u64 != identity.rows {
        let found = table.rows;
        let certified = identity.rows;
        return Err(Failure::new(
            2,
            format!(
                "the data has {found} rows, the certificate says {certified}: give the rows that were certified"
            ),
        ));
    }
    let preparation = Quantisation::of(files, seed).map_err(Failure::unusable)?;
    let own = own.start(files, &table, data, seed)?;
    let stopper = own.as_ref().map(ProgramTrainer::stopper);
    let trainer: Box<dyn Trainer> = match own {
        Some(program) => Box::new(program),
        None => {
            let TrainingPlan { architecture, config } = plan(parameters)?;
            let institution = u64::from(identity.trustee_index);
            let trainer = LocalTrainer::new(architecture, table, config, seed, institution);
            Box::new(trainer.map_err(Failure::unusable)?)
        }
    };
    Ok((Participant::new(trainer, preparation), stopper))
}
