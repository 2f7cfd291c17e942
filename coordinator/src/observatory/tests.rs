use std::collections::BTreeSet;

use super::{
    metrics::metrics,
    snapshot::{
        Budget, Committee, Countersigned, Evaluation, Head, Institution, Machine, Rejection, Round,
        Snapshot, Waiting,
    },
    *,
};

/// Something of everything.
fn full() -> Snapshot {
    let name = "ab".repeat(32);
    let mut snapshot = Snapshot {
        time_ms: 100_000,
        waiting: Some(Waiting {
            what: "updates".to_owned(),
            since_ms: 90_000,
            present: 2,
            needed: 3,
            absent: vec![name.clone()],
        }),
        institutions: vec![Institution {
            name: name.clone(),
            rows: 62,
            credit: 2,
            full_credit: 3,
            is_revoked: false,
            is_connected: true,
            connected_since_ms: Some(5),
            seat: Some(1),
            standing: Some("awaited".to_owned()),
            uploaded_ms: None,
        }],
        head: Some(Head {
            height: 7,
            hash: name.clone(),
            time_ms: Some(90_000),
            countersigned: Some(Countersigned {
                step: 3,
                block: name.clone(),
                needed: 3,
                by: vec![name.clone()],
                since_ms: 60_000,
            }),
        }),
        committee: Some(Committee {
            number: 0,
            members: vec![name.clone()],
            threshold: 2,
            quorum: 3,
            silent: vec![],
        }),
        budget: Some(Budget { epsilon: 1.25, says: "1.250 of 10".to_owned() }),
        evaluations: vec![Evaluation {
            step: 2,
            rows: 120,
            loss: 0.5,
            scores: [("AUC".to_owned(), 0.83)].into(),
        }],
        rounds: vec![Round {
            step: 2,
            attempt: 0,
            is_closed: true,
            ended_ms: 80_000,
            accepted: 3,
            rejected: 1,
            collection_ms: 900,
            verify_ms: 40,
            aggregate_ms: 3,
            decrypt_ms: 5,
            ledger_ms: 9,
            bytes_up: 1,
            bytes_down: 2,
        }],
        rejections: vec![Rejection {
            time_ms: 70_000,
            step: 2,
            author: Some(name),
            what: "update".to_owned(),
            reason: "bad_range_proof".to_owned(),
            culprit: None,
        }],
        machine: Machine {
            disk_free_bytes: Some(1),
            disk_bytes: Some(2),
            resident_bytes: Some(3),
            descriptors: Some(4),
            most_descriptors: Some(5),
            ..Machine::default()
        },
        ..Snapshot::default()
    };
    snapshot.counts.rejected.insert("bad_range_proof".to_owned(), 1);
    snapshot.counts.refused.insert("rate".to_owned(), 0);
    snapshot
}

/// Names that a text asks for, or that it exports, with this beginning.
fn names<'a>(text: &'a str, beginning: &str) -> BTreeSet<&'a str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_of_name(c));
    words.filter(|word| word.starts_with(beginning)).collect()
}

#[test]
fn every_metric_that_an_alert_asks_for_is_exported() {
    let alerts = include_str!("../../../docs/alerts.yml");
    let exported = metrics(&full());
    let mut asked = names(alerts, "consilium_");
    asked.retain(|name| !name.starts_with("consilium_client"));
    asked.extend(names(alerts, "process_"));
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        assert!(exported.contains(&format!("# TYPE {name} ")), "{name} is not exported");
    }
}

#[test]
fn a_metric_is_named_once_and_every_sample_is_a_number() {
    let text = metrics(&full());
    let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(types.len(), types.iter().collect::<BTreeSet<_>>().len());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, number) = line.rsplit_once(' ').unwrap();
        assert!(number.parse::<f64>().is_ok(), "{line}");
    }
    for line in [
        "consilium_countersigning_seconds 40",
        "consilium_rejections_total{reason=\"bad_range_proof\"} 1",
        "consilium_institution_connected{institution=\"abababababababab\"} 1",
        "consilium_evaluation{score=\"AUC\"} 0.83",
        "consilium_awaited 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_sum_with_enough_countersignatures_waits_for_none() {
    let mut snapshot = full();
    snapshot.head.as_mut().unwrap().countersigned.as_mut().unwrap().needed = 1;
    assert!(metrics(&snapshot).contains("\nconsilium_countersigning_seconds 0\n"));
}

#[test]
fn a_snapshot_is_read_as_it_was_written() {
    let snapshot = full();
    let read: Snapshot = serde_json::from_str(&json(&snapshot)).unwrap();
    assert_eq!(read, snapshot);
    let text = read.to_string();
    assert!(
        text.contains("waiting      for updates since 10 s, 2 of 3: abababababababab"),
        "{text}"
    );
    assert!(text.contains("bad_range_proof"), "{text}");
}

#[test]
fn the_page_has_nothing_inline_and_puts_no_markup_together() {
    for inline in ["style=", "<style", "onclick", "onload", "javascript:", "http://", "https://"] {
        assert!(!PAGE.contains(inline), "{inline}");
    }
    assert_eq!(PAGE.matches("<script").count(), PAGE.matches("<script src=\"/page.js\"").count());
    let maker =
        ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("];
    for maker in maker {
        assert!(!SCRIPT.contains(maker), "{maker}");
    }
    // What the script looks up is there.
    for id in SCRIPT.split("at(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(PAGE.contains(&format!("id=\"{id}\"")), "{id}");
    }
}
