//! `accuracy.csv` as it grows.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use super::record::{ACCURACY_HEADER, AccuracyRow};
use crate::ExperimentError;
use crate::output::OutputDirectory;

/// Takes what schemes measure, row by row, in an order that follows from the configuration alone. Where there is a file, each
/// line is in it before the next row is measured, so that a run can be followed and plotted while it goes on.
#[derive(Debug, Default)]
pub struct Recorder {
    rows: Vec<AccuracyRow>,
    file: Option<(PathBuf, File)>,
}

impl Recorder {
    /// Keeps the rows and writes no file.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Writes them into a new file of this name, too.
    pub(crate) fn growing(output: &OutputDirectory, name: &str) -> Result<Self, ExperimentError> {
        let path = output.join(name);
        let file = File::create_new(&path).map_err(ExperimentError::file(&path))?;
        let mut recorder = Self { rows: Vec::new(), file: Some((path, file)) };
        recorder.append(&format!("{ACCURACY_HEADER}\n"))?;
        Ok(recorder)
    }

    /// Takes one row.
    ///
    /// # Errors
    /// [`ExperimentError::File`] where it cannot be written.
    pub fn record(&mut self, row: AccuracyRow) -> Result<(), ExperimentError> {
        self.append(&row.line())?;
        self.rows.push(row);
        Ok(())
    }

    /// All rows so far.
    #[must_use]
    pub fn rows(&self) -> &[AccuracyRow] {
        &self.rows
    }

    /// One write a line and no buffer: whoever reads meanwhile finds whole lines.
    fn append(&mut self, line: &str) -> Result<(), ExperimentError> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(line.as_bytes()).map_err(ExperimentError::file(path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::output::Producer;
    use crate::replay::quality::Quality;
    use crate::replay::record::{Experiment, accuracy_csv};

    #[test]
    fn every_row_is_in_the_file_before_the_next_one_comes() {
        let directory = tempfile::tempdir().unwrap();
        let output = OutputDirectory::claim(directory.path(), Producer::Replay).unwrap();
        let mut recorder = Recorder::growing(&output, "accuracy.csv").unwrap();
        let text = || fs::read_to_string(directory.path().join("accuracy.csv")).unwrap();
        assert_eq!(text(), accuracy_csv(&[]));
        for epoch in 1..=3 {
            let quality = Quality { accuracy: 0.5, auc: None, sensitivity: Some(0.25), loss: 1.0 };
            let experiment = Experiment::Plain;
            let row = AccuracyRow { experiment, split: 0, institution: Some(1), epoch, quality };
            recorder.record(row).unwrap();
            assert_eq!(text().lines().count(), 1 + epoch);
            assert_eq!(text(), accuracy_csv(recorder.rows()));
        }
        assert!(Recorder::growing(&output, "accuracy.csv").is_err(), "nothing is overwritten");
    }
}
