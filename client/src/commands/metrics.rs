//! What an institution's own monitoring reads of it, at `run --metrics`.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use consilium_cli::observing::{Answer, Exposition, Histogram, Kind, process::Usage, serve};
use consilium_client::{ClientError, Observer, RoundReport, Standing};
use consilium_proto::v1::Reason;
use tokio::net::TcpListener;

/// The longest error that is shown, in characters.
const MOST_SHOWN: usize = 200;

const PAGE: &str = "<!doctype html><html lang=\"en\"><title>Consilium</title>\
                    <p>An institution: <a href=\"/metrics\">metrics</a></p></html>\n";

/// What is known, for whoever asks.
#[derive(Debug)]
struct Known {
    rows: u64,
    steps: u64,
    standing: Standing,
    is_connected: bool,
    errors: u64,
    last_error: Option<(String, Instant)>,
    accepted: u64,
    rejected: u64,
    last_accepted: Option<Instant>,
    training: Histogram,
    verification: Histogram,
}

/// Listens to an institution, and shows what it hears.
#[derive(Debug, Clone)]
pub(super) struct Metrics(Arc<Mutex<Known>>);

impl Metrics {
    /// Of an institution with so many rows, in a run of so many steps.
    pub(super) fn new(rows: u64, steps: u64) -> Self {
        Self(Arc::new(Mutex::new(Known {
            rows,
            steps,
            standing: Standing::default(),
            is_connected: false,
            errors: 0,
            last_error: None,
            accepted: 0,
            rejected: 0,
            last_accepted: None,
            training: Histogram::default(),
            verification: Histogram::default(),
        })))
    }

    /// Shows it at this address until the runtime ends. Returns the address, with the port that was given where any was asked for.
    ///
    /// # Errors
    /// One line that names the address.
    pub(super) async fn show(&self, address: SocketAddr) -> Result<SocketAddr, String> {
        let said = |error| format!("--metrics {address}: {error}; choose another address");
        let listener = TcpListener::bind(address).await.map_err(said)?;
        let address = listener.local_addr().map_err(said)?;
        tracing::info!("metrics are at http://{address}/metrics");
        let metrics = self.clone();
        tokio::spawn(serve(listener, move |path| match path {
            "/" => Some(Answer { kind: Kind::Html, text: PAGE.to_owned() }),
            "/metrics" => Some(Answer { kind: Kind::Metrics, text: metrics.text() }),
            _ => None,
        }));
        Ok(address)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        let known = self.known();
        let Standing { step, attempt, phase, blocks, behind, is_finished } = known.standing;
        let truth = |is_true: bool| f64::from(u8::from(is_true));
        let mut text = Exposition::default();
        let connected = truth(known.is_connected);
        text.gauge("consilium_client_connected", "1 while it follows the chain.", connected);
        text.gauge("consilium_client_rounds", "Rounds that it has read as closed.", step as f64);
        let steps = known.steps as f64;
        text.gauge("consilium_client_rounds_of_genesis", "Rounds of the whole run.", steps);
        text.gauge("consilium_client_attempt", "The try at the step, from 0.", attempt.into());
        text.gauges("consilium_client_phase", "1 for the phase.", "phase", [(phase, 1.0)]);
        let finished = truth(is_finished);
        text.gauge("consilium_client_run_finished", "1 once the run is finished.", finished);
        text.gauge("consilium_client_blocks", "Blocks that it has verified.", blocks as f64);
        let help = "Blocks between its chain and the head that the coordinator named.";
        text.gauge("consilium_client_blocks_behind", help, behind as f64);
        text.gauge("consilium_client_rows", "Rows that it trains on.", known.rows as f64);
        let help = "Own updates that were accepted, since the program was started.";
        text.counter("consilium_client_updates_accepted_total", help, known.accepted as f64);
        let help = "Own updates that were rejected, since then.";
        text.counter("consilium_client_updates_rejected_total", help, known.rejected as f64);
        if let Some(accepted) = known.last_accepted {
            let age = accepted.elapsed().as_secs_f64();
            let help = "Since a round with an own update was closed.";
            text.gauge("consilium_client_last_update_age_seconds", help, age);
        }
        let help = "Training, or counting rows, in a step.";
        text.histogram("consilium_client_training_seconds", help, &known.training);
        let help = "Verifying the updates of a sum and executing the chain.";
        text.histogram("consilium_client_verification_seconds", help, &known.verification);
        let help = "Connections that ended with an error.";
        text.counter("consilium_client_errors_total", help, known.errors as f64);
        if let Some((error, since)) = &known.last_error {
            let age = since.elapsed().as_secs_f64();
            let help = "Since the last error, which the label has.";
            text.gauges("consilium_client_last_error_age_seconds", help, "error", [(error, age)]);
        }
        Usage::now().expose(&mut text);
        text.finish()
    }
}

impl Observer for Metrics {
    fn round_closed(&mut self, report: RoundReport) {
        let mut known = self.known();
        let mut took = |histogram: fn(&mut Known) -> &mut Histogram, took: Duration| {
            if !took.is_zero() {
                histogram(&mut known).observe(took);
            }
        };
        took(|known| &mut known.verification, report.verify);
        took(
            |known| &mut known.training,
            report.update.map(|update| update.train).unwrap_or_default(),
        );
        match report.verdict {
            None => {}
            Some(Reason::Accepted) => {
                known.accepted += 1;
                known.last_accepted = Some(Instant::now());
            }
            Some(_) => known.rejected += 1,
        }
    }

    fn stands(&mut self, standing: Standing) {
        let mut known = self.known();
        known.is_connected = true;
        known.standing = standing;
    }

    fn lost(&mut self, error: &ClientError) {
        let mut known = self.known();
        known.is_connected = false;
        known.errors += 1;
        let shown = error.to_string().chars().take(MOST_SHOWN).collect();
        known.last_error = Some((shown, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn metrics_are_served_and_an_address_in_use_is_named() {
        let metrics = Metrics::new(62, 60);
        let address = metrics.show("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        assert!(answer.contains("\nconsilium_client_rows 62\n"), "{answer}");
        let error = metrics.show(address).await.unwrap_err();
        assert!(error.contains(&address.to_string()), "{error}");
    }

    #[test]
    fn every_metric_that_an_alert_asks_for_is_exported() {
        let metrics = Metrics::new(62, 60);
        let exported = metrics.text();
        let alerts = include_str!("../../../docs/alerts.yml");
        let words = alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let asked: Vec<&str> = words.filter(|word| word.starts_with("consilium_client")).collect();
        assert!(asked.len() >= 4, "{asked:?}");
        for name in asked {
            assert!(exported.contains(&format!("# TYPE {name} ")), "{name} is not exported");
        }
    }

    #[test]
    fn what_is_heard_is_shown() {
        let mut metrics = Metrics::new(62, 60);
        metrics.stands(Standing { step: 3, blocks: 9, behind: 2, ..Standing::default() });
        let verify = Duration::from_millis(30);
        let rejected =
            RoundReport { verdict: Some(Reason::BadRangeProof), verify, ..RoundReport::default() };
        metrics.round_closed(rejected);
        assert!(metrics.text().contains("\nconsilium_client_connected 1\n"));
        metrics.lost(&ClientError::Unreachable("a \"strange\"\nanswer".to_owned()));
        let text = metrics.text();
        for line in [
            "consilium_client_connected 0",
            "consilium_client_blocks_behind 2",
            "consilium_client_updates_rejected_total 1",
            "consilium_client_verification_seconds_count 1",
            "consilium_client_errors_total 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("a \\\"strange\\\"\\nanswer"), "{text}");
    }
}
