//! What a round cost and came to, for the log.

use std::time::Duration;

use consilium_client::{RoundReport, contribution::OwnScores};
use consilium_datasets::scorecard::Scores;

/// Logs a closed round.
pub(super) fn round_closed(report: RoundReport) {
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
