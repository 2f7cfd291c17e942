//! A snapshot in Prometheus' text format. `docs/alerts.yml` asks for some of these by name.

use consilium_cli::observing::{Exposition, process::Usage};

use super::{look::standings, snapshot::Snapshot};

/// Milliseconds as seconds.
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

pub(super) fn metrics(snapshot: &Snapshot) -> String {
    let mut text = Exposition::default();
    run(snapshot, &mut text);
    institutions(snapshot, &mut text);
    chain(snapshot, &mut text);
    machine(snapshot, &mut text);
    text.finish()
}

fn run(snapshot: &Snapshot, text: &mut Exposition) {
    let Snapshot { run, counts, durations, .. } = snapshot;
    let since = |ms: u64| seconds(snapshot.time_ms.saturating_sub(ms));
    let truth = |is_true: bool| f64::from(u8::from(is_true));
    text.gauge(
        "consilium_up_seconds",
        "Since the program was started.",
        since(snapshot.started_ms),
    );
    text.gauge("consilium_rounds", "Rounds that the chain has closed.", run.step as f64);
    text.gauge("consilium_rounds_of_genesis", "Rounds of the whole run.", run.steps as f64);
    text.gauge("consilium_attempt", "The try at the present step, from 0.", run.attempt.into());
    text.gauge("consilium_run_finished", "1 once the run is finished.", truth(run.is_finished));
    text.gauges("consilium_phase", "1 for the phase of the run.", "phase", [(&run.phase, 1.0)]);
    text.gauge("consilium_phase_age_seconds", "In the present phase.", since(run.since_ms));
    text.gauge(
        "consilium_seconds_since_last_round",
        "Since a round was closed, or the program started.",
        since(run.last_round_ms),
    );
    text.counter(
        "consilium_rounds_closed_total",
        "Rounds closed since the program was started.",
        counts.rounds_closed as f64,
    );
    text.counter(
        "consilium_attempts_abandoned_total",
        "Attempts given up since the program was started.",
        counts.attempts_abandoned as f64,
    );
    text.counter(
        "consilium_updates_accepted_total",
        "Updates accepted since the program was started.",
        counts.updates_accepted as f64,
    );
    text.counters(
        "consilium_rejections_total",
        "Transactions rejected since the program was started, by reason.",
        "reason",
        counts.rejected.iter().map(|(reason, count)| (reason, *count as f64)),
    );
    text.histograms(
        "consilium_phase_duration_seconds",
        "How long phases lasted.",
        "phase",
        &durations.phases,
    );
    text.histogram(
        "consilium_verification_seconds",
        "Verifying a batch of updates.",
        &durations.verify,
    );
    if let Some(budget) = &snapshot.budget {
        text.gauge("consilium_epsilon", "ε that an institution has spent.", budget.epsilon);
    }
    if let Some(evaluation) = snapshot.evaluations.last() {
        let help = "The last evaluation of the model, by score.";
        text.gauges(
            "consilium_evaluation",
            help,
            "score",
            evaluation.scores.iter().map(|(name, value)| (name, *value)),
        );
    }
}

fn institutions(snapshot: &Snapshot, text: &mut Exposition) {
    let Snapshot { institutions, waiting, .. } = snapshot;
    let connected = institutions.iter().filter(|other| other.is_connected).count();
    text.gauge("consilium_places", "Institutions of the genesis.", snapshot.run.places.into());
    text.gauge("consilium_enrolled", "Institutions that are enrolled.", institutions.len() as f64);
    text.gauge("consilium_connected", "Enrolled ones that follow now.", connected as f64);
    text.gauges(
        "consilium_institution_connected",
        "1 for an institution that follows now, by the beginning of its pseudonym.",
        "institution",
        institutions
            .iter()
            .map(|other| (short(&other.name), f64::from(u8::from(other.is_connected)))),
    );
    text.gauges(
        "consilium_institution_credit",
        "Faults that an institution may still have.",
        "institution",
        institutions.iter().map(|other| (short(&other.name), f64::from(other.credit))),
    );
    text.gauges(
        "consilium_standing",
        "Institutions by what they have done in the present phase.",
        "standing",
        standings(institutions).into_iter().map(|(name, count)| (name, count as f64)),
    );
    text.gauge(
        "consilium_awaited",
        "Institutions that the run waits for.",
        waiting.as_ref().map_or(0.0, |waiting| waiting.absent.len() as f64),
    );
}

fn chain(snapshot: &Snapshot, text: &mut Exposition) {
    let since = |ms: u64| seconds(snapshot.time_ms.saturating_sub(ms));
    if let Some(head) = &snapshot.head {
        text.gauge(
            "consilium_head_height",
            "Height of the last durable block.",
            head.height as f64,
        );
        if let Some(sealed_ms) = head.time_ms {
            text.gauge("consilium_head_age_seconds", "Since it was sealed.", since(sealed_ms));
        }
        if let Some(signed) = &head.countersigned {
            text.gauge(
                "consilium_countersignatures",
                "Under the last sum.",
                signed.by.len() as f64,
            );
            text.gauge("consilium_countersignatures_needed", "To open it.", signed.needed.into());
            let lacks = signed.by.len() < signed.needed as usize;
            text.gauge(
                "consilium_countersigning_seconds",
                "For how long the last sum has lacked countersignatures; 0 where it has enough.",
                if lacks { since(signed.since_ms) } else { 0.0 },
            );
        }
    }
    if let Some(committee) = &snapshot.committee {
        text.gauge(
            "consilium_committee_members",
            "Who hold the key.",
            committee.members.len() as f64,
        );
        text.gauge("consilium_committee_quorum", "Of them, for a sum.", committee.quorum.into());
        text.gauge(
            "consilium_committee_silent",
            "Members that were not heard since the step before the present one.",
            committee.silent.len() as f64,
        );
    }
    text.histogram(
        "consilium_flush_seconds",
        "Writing a block and flushing it.",
        &snapshot.durations.flush,
    );
}

fn machine(snapshot: &Snapshot, text: &mut Exposition) {
    let Snapshot { machine, counts, .. } = snapshot;
    text.counter("consilium_bytes_in_total", "Payload from peers.", counts.bytes_up as f64);
    text.counter("consilium_bytes_out_total", "Payload to peers.", counts.bytes_down as f64);
    text.gauge("consilium_connections", "Open connections.", machine.connections as f64);
    text.gauge("consilium_connections_limit", "Most of them.", machine.most_connections as f64);
    text.gauge("consilium_followers", "Open subscriptions.", machine.followers as f64);
    text.counters(
        "consilium_refusals_total",
        "Connections and calls turned away, by the limit that they met.",
        "limit",
        counts.refused.iter().map(|(limit, count)| (limit, *count as f64)),
    );
    text.gauge("consilium_ledger_bytes", "Size of the ledger.", machine.ledger_bytes as f64);
    for (name, help, bytes) in [
        ("consilium_disk_free_bytes", "Free on the ledger's disk.", machine.disk_free_bytes),
        ("consilium_disk_bytes", "Size of the ledger's disk.", machine.disk_bytes),
    ] {
        if let Some(bytes) = bytes {
            text.gauge(name, help, bytes as f64);
        }
    }
    let usage = Usage {
        resident_bytes: machine.resident_bytes,
        descriptors: machine.descriptors,
        most_descriptors: machine.most_descriptors,
    };
    usage.expose(text);
}

/// The beginning of a pseudonym, as the logs have it.
pub(super) fn short(name: &str) -> &str {
    name.get(..16).unwrap_or(name)
}
