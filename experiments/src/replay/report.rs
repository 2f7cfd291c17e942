//! `report.html`: one file that shows a run, with nothing to fetch.

use std::fmt::Write as _;

use consilium_contract::parameters::EXPERIMENTAL;
use consilium_privacy::Thousandths;

use super::config::{Privacy, ReplayConfig};
use super::record::Experiment;
use super::summary::Summary;
use super::tables::Mask;
use super::words::{ALL, FIRST, Line, balance, differences, differences_title, lines, verdict};
use crate::ExperimentError;
use crate::tables::count;

/// What the report shows.
pub struct Report<'a> {
    /// The run.
    pub config: &'a ReplayConfig,
    /// Where its curves end.
    pub summary: &'a Summary,
    /// Figure 5, SVG text.
    pub figure5: &'a str,
    /// Figure 6, SVG text.
    pub figure6: &'a str,
    /// `rounds.csv`, if the verified federation ran.
    pub rounds: Option<&'a str>,
    /// Where the ledger lies.
    pub ledger: &'a str,
}

const STYLE: &str = "body{font:16px/1.5 sans-serif;color:#222;max-width:75rem;margin:2rem auto;padding:0 1rem}\
svg{max-width:100%;height:auto}table{border-collapse:collapse;margin:1rem 0}\
th,td{padding:.25rem .8rem;text-align:right;border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left;white-space:nowrap}\
.wide{overflow-x:auto}pre{background:#f6f6f6;padding:1rem;overflow:auto}figure{margin:1.5rem 0}figcaption{color:#555}";

impl Report<'_> {
    /// The page.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] if the configuration has no TOML form.
    pub fn html(&self) -> Result<String, ExperimentError> {
        let config = self.config;
        let ReplayConfig { institutions, epochs, malicious, seed, .. } = config;
        let dataset = escape(&config.dataset);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Consilium: {dataset}</title>\
             <style>{STYLE}</style></head><body>\n<h1>Consilium: {dataset}</h1>\n\
             <p>{institutions} institutions, {}, {}, {malicious} malicious, seed {seed}.</p>\n\
             <p>Bound of the verified federation: {}. One institution moves its model by {} in a step at most.</p>\n",
            count(*epochs, "epoch"),
            count(config.splits, "split"),
            escape(&config.promise().to_string()),
            config.influence()
        );
        if let Some(privacy) = &config.privacy {
            let Privacy { signal, variance, epsilon_milli, delta_bits } = privacy;
            let budget = Thousandths((*epsilon_milli).into());
            let spent = self.rounds.and_then(last_epsilon);
            let _ = writeln!(
                page,
                "<p>Every update of the verified federation has a norm of at most {signal} and carries Skellam noise of \
                 variance {variance} a parameter. Each institution, not each record, is \
                 protected: ε = {} of {budget} at δ = 2<sup>-{delta_bits}</sup>. The noise of a replay follows from its \
                 seed: a simulation.</p>",
                escape(spent.unwrap_or("0.000")),
            );
        }
        if let Mask::Lattice { scale } = config.mask {
            let _ = writeln!(
                page,
                "<p>Updates of the verified federation are hidden by a lattice mask, {scale} units in a quantisation step: \
                 {}. Its noise is not seeded, so that models differ a little from run to run.</p>",
                escape(EXPERIMENTAL),
            );
        }
        page.push_str(&table(self.summary, *malicious));
        page.push_str(&differences_table(self.summary, *malicious));
        let _ = writeln!(page, "<p>{}</p>", escape(&balance(config)));
        if let Some(verdict) = verdict(self.summary, config) {
            let _ = writeln!(page, "<p><strong>{}</strong></p>", escape(&verdict));
        }
        page.push_str(READING);
        let captions = [
            (
                self.figure5,
                "Accuracy by epoch with all rows in one place, on every split: what federation is measured against.",
            ),
            (
                self.figure6,
                "Honest institutions, three drawn at random or all if there are no more, on the first split, on which verified FL \
                 runs encrypted; on the right their mean over all splits, where what verified FL computes was computed in the \
                 clear. Malicious institutions send their update sign-flipped and scaled by ten.",
            ),
        ];
        for (figure, caption) in captions {
            let _ = writeln!(
                page,
                "<figure>{}<figcaption>{caption}</figcaption></figure>",
                inline(figure)
            );
        }
        if let Some(rounds) = self.rounds {
            let _ = writeln!(page, "<h2>Rounds of the verified federation</h2>\n{}", costs(rounds));
            let _ = writeln!(
                page,
                "<p>Check the run: <code>consilium audit {}</code> replays its ledger through the contract.</p>",
                escape(self.ledger)
            );
            page.push_str(&rounds_table(rounds));
        }
        let _ = writeln!(
            page,
            "<h2>Configuration</h2>\n<pre>{}</pre>\n</body></html>",
            escape(&config.to_toml()?)
        );
        Ok(page)
    }
}

/// ε after the last round of `rounds.csv`.
fn last_epsilon(csv: &str) -> Option<&str> {
    let column = csv.lines().next()?.split(',').position(|name| name == "epsilon")?;
    csv.lines().last()?.split(',').nth(column)
}

/// What a reader has to know of the tables.
const READING: &str = "<p>On a split every scheme trains on the same rows and is tested on the same others. Alone is the mean of \
the institutions, each of which has chosen its number of epochs on a fifth of its own rows. Sensitivity is the share of the \
positive test rows that are found, at a probability of a half. Splits are of one table and share rows: an interval says what \
another split would bring, not what other hospitals would.</p>\n";

/// A row of cells, the first to the left.
fn row(cell: &str, cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let cells = cells.into_iter();
    let cells: String =
        cells.map(|text| format!("<{cell}>{}</{cell}>", escape(text.as_ref()))).collect();
    format!("<tr>{cells}</tr>\n")
}

fn table(summary: &Summary, malicious: usize) -> String {
    let mut table = String::from("<table>");
    let blocks: [(usize, String); 2] = [
        (ALL.len(), format!("mean of {}", count(summary.splits, "split"))),
        (FIRST.len(), "first split".to_owned()),
    ];
    let heads = blocks.map(|(columns, title)| format!("<th colspan=\"{columns}\">{title}</th>"));
    let _ = writeln!(table, "<tr><th></th>{}</tr>", heads.concat());
    table += &row("th", [""].into_iter().chain(ALL).chain(FIRST));
    for Line { title, all, first } in lines(summary, malicious) {
        table += &row("td", [title].into_iter().chain(all).chain(first));
    }
    table + "</table>\n"
}

fn differences_table(summary: &Summary, malicious: usize) -> String {
    let mut table = format!("<p>{}</p>\n<table>", escape(&differences_title(summary)));
    table += &row("th", [""].into_iter().chain(FIRST));
    for (title, figures) in differences(summary, Experiment::PlainHonest, malicious) {
        table += &row("td", [title].into_iter().chain(figures));
    }
    table + "</table>\n"
}

/// Where the time of the rounds went and what they moved, as means over all of them.
fn costs(csv: &str) -> String {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap_or_default();
    let rows: Vec<_> = lines.collect();
    let mean = |column: usize| {
        let values = rows.iter().filter_map(|row| row.get(column)?.parse::<f64>().ok());
        values.sum::<f64>() / rows.len().max(1) as f64
    };
    let mut table = String::from("<table><tr><th>mean of a round</th><th>ms</th></tr>\n");
    let mut moved = String::new();
    for (column, name) in header.iter().enumerate() {
        if let Some(part) = name.strip_suffix("_ms") {
            let _ =
                writeln!(table, "<tr><td>{}</td><td>{:.1}</td></tr>", escape(part), mean(column));
        } else if let Some(direction) = name.strip_prefix("bytes_") {
            let _ = write!(moved, " {:.0} kB {direction}.", mean(column) / 1e3);
        }
    }
    let _ = writeln!(
        table,
        "</table>\n<p>{}. To and from the coordinator in a round:{moved} The times of train, quantise, encrypt, \
         prove, upload, trustee and check are added up over all institutions and passed while they shared this machine's \
         cores; wall is what a round took.</p>",
        count(rows.len(), "round")
    );
    table
}

/// A CSV as a table that can be folded away.
fn rounds_table(csv: &str) -> String {
    let mut table =
        String::from("<details><summary>rounds.csv</summary><div class=\"wide\"><table>\n");
    for (number, line) in csv.lines().enumerate() {
        let cell = if number == 0 { "th" } else { "td" };
        let cells: String =
            line.split(',').map(|field| format!("<{cell}>{}</{cell}>", escape(field))).collect();
        let _ = writeln!(table, "<tr>{cells}</tr>");
    }
    table.push_str("</table></div></details>");
    table
}

/// An SVG document without the line that only a file needs.
fn inline(svg: &str) -> &str {
    svg.find("<svg").and_then(|start| svg.get(start..)).unwrap_or(svg)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use consilium_crypto::Bound;

    use super::*;
    use crate::replay::{Choice, load_dataset};

    #[test]
    fn the_page_says_what_privacy_was_spent() {
        let flags =
            consilium_authority::PrivacyFlags { privacy_epsilon: Some(8.0), ..Default::default() };
        let choice = Choice { privacy: flags, ..Choice::default() };
        let config = ReplayConfig::resolve(choice, &load_dataset("pima").unwrap()).unwrap();
        let rounds = Some("step,epsilon\n1,0.731\n2,1.234\n");
        let report = Report {
            config: &config,
            summary: &Summary::of(&[]),
            figure5: "",
            figure6: "",
            rounds,
            ledger: "",
        };
        assert!(report.html().unwrap().contains("ε = 1.234 of 8.000 at δ = 2<sup>-17</sup>"));
    }

    #[test]
    fn the_page_and_the_configuration_promise_what_noise_leaves_of_the_bound() {
        let flags =
            consilium_authority::PrivacyFlags { privacy_epsilon: Some(8.0), ..Default::default() };
        let choice = Choice { privacy: flags, ..Choice::default() };
        let config = ReplayConfig::resolve(choice, &load_dataset("pima").unwrap()).unwrap();
        let signal = f64::from(config.privacy.unwrap().signal);
        let Bound::Norm { norm, .. } = config.bound else { panic!("noise needs a norm") };
        // Clipped to c = S units, accepted up to 2.78·B of them; rounding makes a unit a little more than c/S.
        let least = 2.78 * f64::from(norm) / signal;
        let excess = config.promise().excess();
        assert!(excess > least && excess < 1.2 * least, "{excess} and {least}");
        let said = format!("{excess:.0} times the clip");
        let report = Report {
            config: &config,
            summary: &Summary::of(&[]),
            figure5: "",
            figure6: "",
            rounds: None,
            ledger: "",
        };
        assert!(report.html().unwrap().contains(&said), "{said}");
        assert!(config.promise().warning().is_some_and(|warning| warning.contains("hostile")));
    }

    #[test]
    fn the_page_holds_figures_table_and_configuration_and_fetches_nothing() {
        let mut config =
            ReplayConfig::resolve(Choice::default(), &load_dataset("pima").unwrap()).unwrap();
        config.dataset = "<script>".into();
        let figure5 = "<?xml?>\n<svg id=\"five\"></svg>";
        let report = Report {
            config: &config,
            summary: &Summary::of(&[]),
            figure5,
            figure6: "<svg id=\"six\"></svg>",
            rounds: Some("step,prove_ms,bytes_up\n1,2.0,4000\n2,4.0,8000\n"),
            ledger: "runs/<x>/ledger",
        };
        let page = report.html().unwrap();
        let clipped = format!("an update is clipped to norm {} (B = 5600)", config.clip);
        for part in [
            "id=\"five\"",
            "id=\"six\"",
            "<td>1</td><td>2.0</td>",
            "<td>prove</td><td>3.0</td>",
            "6 kB up",
            "runs/&lt;x&gt;/ledger",
            "min_updates = 5",
            &clipped,
            "&lt;script&gt;",
        ] {
            assert!(page.contains(part), "{part}");
        }
        for absent in ["<script>", "<?xml", "src=", "href="] {
            assert!(!page.contains(absent), "{absent}");
        }
    }
}
