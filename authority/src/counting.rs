//! What a run counts besides training: statistics of all rows before it, and how good the model is in between.

use clap::Args;
use consilium_authority::{AgreedDictionary, tally_of};
use consilium_datasets::scorecard::Form;
use consilium_proto::v1::{Evaluation, Tally};

#[derive(Args)]
pub(crate) struct Counting {
    /// Counts the rows of all institutions under the dictionary before the first model: their sum, which nobody's own counts can
    /// be told from, gives the medians, means and deviations by which all scale their rows.
    #[arg(long, requires = "dictionary")]
    count_statistics: bool,
    /// Measures the model after so many steps, and after the last one, on rows that institutions hold out: loss, AUC,
    /// sensitivity, specificity, calibration of two classes; a confusion matrix of several, 32 at most; RMSE, MAE and R² of a
    /// number; all from counts that are summed.
    #[arg(long, value_name = "STEPS")]
    evaluate_every: Option<u64>,
    /// Ends the run after so many evaluations in a row without a smaller loss; 0 for never.
    #[arg(long, value_name = "EVALUATIONS", default_value_t = 0, requires = "evaluate_every")]
    patience: u32,
    /// Share of its rows that an institution holds out, of each class.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, requires = "evaluate_every")]
    held_out: f64,
}

impl Counting {
    /// Rows that are counted before the first model.
    pub(crate) fn statistics(&self, dictionary: Option<&AgreedDictionary>) -> Option<Tally> {
        dictionary.filter(|_| self.count_statistics).map(AgreedDictionary::tally)
    }

    /// How the model is measured.
    pub(crate) fn evaluation(
        &self,
        dictionary: Option<&AgreedDictionary>,
    ) -> Result<Option<Evaluation>, String> {
        let Some(every) = self.evaluate_every else { return Ok(None) };
        let held_out_permille = (self.held_out * 1000.0).round();
        if !(1.0..=900.0).contains(&held_out_permille) {
            return Err(format!("--held-out is {}; expected 0.001 to 0.9", self.held_out));
        }
        let tally = match dictionary {
            Some(dictionary) => dictionary.evaluation_tally().map_err(|error| error.to_string())?,
            None => tally_of(Form::Binary),
        };
        Ok(Some(Evaluation {
            tally: Some(tally),
            every,
            patience: self.patience,
            held_out_permille: held_out_permille as u32,
        }))
    }
}
