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
    let rows = scores.rows();
    let mut text = format!("on {rows} held-out rows of all institutions: {}", in_full(scores));
    if let Some(OwnScores { global, alone }) = own {
        text += &format!("; on your own {}: {}", global.rows(), global.in_short());
        if let Some(alone) = alone {
            let verdict = if global.loss() < alone.loss() { "better" } else { "not better" };
            text += &format!(", {verdict} than a model of your rows alone ({})", alone.in_short());
        }
    }
    text
}

fn in_full(scores: &Scores) -> String {
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"));
    match scores {
        Scores::Binary(scores) => {
            let error = scores.auc_error.map_or_else(String::new, |error| format!(" ± {error:.3}"));
            format!(
                "loss {:.4}, AUC {}{error}, sensitivity {}, specificity {}, balanced accuracy {}, Brier {:.4}, calibration \
                 error {:.4}",
                scores.loss,
                share(scores.auc),
                share(scores.sensitivity),
                share(scores.specificity),
                share(scores.balanced_accuracy),
                scores.brier,
                scores.calibration_error,
            )
        }
        Scores::Classes(scores) => format!(
            "loss {:.4}, accuracy {:.3}, balanced accuracy {:.3}, mean AUC of a class against the others {}, Brier {:.4}, \
             calibration error {:.4}",
            scores.loss,
            scores.accuracy,
            scores.balanced_accuracy,
            share(scores.auc),
            scores.brier,
            scores.calibration_error,
        ),
        Scores::Number(scores) => format!(
            "RMSE {:.2} % and MAE {:.2} % of the plausible range, R² {}",
            100.0 * scores.rmse,
            100.0 * scores.mae,
            share(scores.r_squared),
        ),
    }
}
