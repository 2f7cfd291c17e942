//! Where the curves end.

use std::fmt::Write as _;

use serde::Serialize;

use super::record::{AccuracyRow, Experiment};

/// Whose models a line of the summary is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Independent runs.
    Runs,
    /// The observed institutions' models after their local epochs.
    Institutions,
    /// The global model.
    Global,
}

/// Quality after the last epoch, over the models of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryRow {
    /// How they were trained.
    pub experiment: Experiment,
    /// Whose they are.
    pub scope: Scope,
    /// How many there are.
    pub models: usize,
    /// Last epoch.
    pub epoch: usize,
    /// Mean accuracy.
    pub accuracy: f64,
    /// Sample standard deviation of the accuracy; 0 for one model.
    pub accuracy_sd: f64,
    /// Mean AUC of those that have one.
    pub auc: Option<f64>,
    /// Mean loss.
    pub loss: f64,
}

/// One row for every experiment and scope that was recorded.
#[must_use]
pub fn summarise(rows: &[AccuracyRow]) -> Vec<SummaryRow> {
    let mut summary = Vec::new();
    for experiment in Experiment::ALL {
        let own: Vec<_> = rows.iter().filter(|row| row.experiment == experiment).collect();
        let Some(epoch) = own.iter().map(|row| row.epoch).max() else {
            continue;
        };
        for scope in [Scope::Runs, Scope::Institutions, Scope::Global] {
            let models: Vec<_> =
                own.iter().filter(|row| row.epoch == epoch && scope_of(row) == scope).collect();
            if models.is_empty() {
                continue;
            }
            let (accuracy, accuracy_sd) =
                mean_and_sd(models.iter().map(|row| row.metrics.accuracy));
            let aucs: Vec<f64> = models.iter().filter_map(|row| row.metrics.auc).collect();
            let auc = (!aucs.is_empty()).then(|| mean_and_sd(aucs.iter().copied()).0);
            let loss = mean_and_sd(models.iter().map(|row| row.metrics.loss)).0;
            let models = models.len();
            summary.push(SummaryRow {
                experiment,
                scope,
                models,
                epoch,
                accuracy,
                accuracy_sd,
                auc,
                loss,
            });
        }
    }
    summary
}

fn scope_of(row: &AccuracyRow) -> Scope {
    match (row.experiment, row.institution) {
        (Experiment::Centralised, _) => Scope::Runs,
        (_, Some(_)) => Scope::Institutions,
        (_, None) => Scope::Global,
    }
}

/// Mean and sample standard deviation; (NaN, 0) of nothing.
pub(crate) fn mean_and_sd(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 })
}

impl SummaryRow {
    /// Standard deviation for a table; a dash for one model, which has none.
    pub(crate) fn shown_sd(&self) -> String {
        if self.models > 1 { format!("{:.3}", self.accuracy_sd) } else { "-".into() }
    }

    /// What the row is about, for readers: "plain FL, 2 malicious: global model".
    #[must_use]
    pub fn title(&self, malicious: usize) -> String {
        let scheme = label(self.experiment, malicious);
        match self.scope {
            Scope::Runs => format!("{scheme}: {}", count(self.models, "run")),
            Scope::Institutions => format!("{scheme}: {}", count(self.models, "institution")),
            Scope::Global => format!("{scheme}: global model"),
        }
    }
}

/// "1 run", "2 runs".
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Name of an experiment in tables and legends.
#[must_use]
pub fn label(experiment: Experiment, malicious: usize) -> String {
    let parties = match malicious {
        0 => ", nobody malicious".to_owned(),
        n => format!(", {n} malicious"),
    };
    match experiment {
        Experiment::Centralised => "centralised".into(),
        Experiment::Alone => "alone".into(),
        Experiment::PlainHonest => "plain FL, nobody malicious".into(),
        Experiment::Plain => format!("plain FL{parties}"),
        Experiment::Verified => format!("verified FL{parties}"),
    }
}

/// The closing table in aligned columns.
#[must_use]
pub fn text_table(summary: &[SummaryRow], malicious: usize) -> String {
    let titles: Vec<String> = summary.iter().map(|row| row.title(malicious)).collect();
    let width = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0);
    let mut table = format!("{:width$}  epoch  accuracy      sd     AUC    loss\n", "");
    for (row, title) in summary.iter().zip(titles) {
        let auc = row.auc.map_or_else(|| "-".into(), |auc| format!("{auc:.3}"));
        let SummaryRow { epoch, accuracy, loss, .. } = row;
        let sd = row.shown_sd();
        // Writing into a String cannot fail.
        let _ = writeln!(
            table,
            "{title:width$}  {epoch:>5}  {accuracy:>8.3}  {sd:>6}  {auc:>6}  {loss:>6.3}"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_learning::Metrics;

    fn row(
        experiment: Experiment,
        run: usize,
        institution: Option<usize>,
        epoch: usize,
        accuracy: f64,
    ) -> AccuracyRow {
        AccuracyRow {
            experiment,
            run,
            institution,
            epoch,
            metrics: Metrics { accuracy, auc: Some(0.5), loss: 1.0 },
        }
    }

    #[test]
    fn only_the_last_epoch_counts_and_global_models_stand_apart() {
        let rows = [
            row(Experiment::Centralised, 0, None, 1, 0.1),
            row(Experiment::Centralised, 0, None, 2, 0.7),
            row(Experiment::Centralised, 1, None, 2, 0.9),
            row(Experiment::Plain, 0, Some(1), 2, 0.6),
            row(Experiment::Plain, 0, None, 2, 0.5),
        ];
        let summary = summarise(&rows);
        let found: Vec<_> =
            summary.iter().map(|row| (row.scope, row.models, row.accuracy)).collect();
        assert_eq!(
            found,
            [(Scope::Runs, 2, 0.8), (Scope::Institutions, 1, 0.6), (Scope::Global, 1, 0.5)]
        );
        assert!((summary[0].accuracy_sd - 0.02f64.sqrt()).abs() < 1e-12);
        let table = text_table(&summary, 2);
        assert_eq!(table.lines().count(), 4);
        assert!(table.contains("plain FL, 2 malicious: global model"), "{table}");
    }
}
