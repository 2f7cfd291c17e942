//! The bars of `consilium bench` at small sizes, by the program itself: federations of one process each, turns with a peer,
//! and every file.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::fs;
use std::process::{Command, Stdio};

#[test]
fn all_bars_are_measured_at_small_sizes_where_none_is_met_or_missed() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("bars");
    let status = Command::new(env!("CARGO_BIN_EXE_consilium"))
        .args(["bench", "--bars", "--quick", "--format", "json"])
        .args(["--peer", "plain=sleep 0.3", "--peer", "secagg=sleep 0.3", "--peer", "own=true"])
        .arg("--out")
        .arg(&out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());

    let json = fs::read_to_string(out.join("bench.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["failures"], serde_json::json!([]));
    assert!(["AVX-512", "AVX2", "portable"].contains(&json["arithmetic"].as_str().unwrap()));
    let bars = json["bars"].as_array().unwrap();
    assert_eq!(bars.len(), 15);
    for bar in bars {
        assert!(bar["measured"].is_string(), "{bar}");
        let verdict = if bar["what"].as_str().unwrap().contains("against own") {
            "no_bar"
        } else {
            "not_measured"
        };
        assert_eq!(bar["verdict"], verdict, "{bar}");
    }

    let table = fs::read_to_string(out.join("bench.md")).unwrap();
    assert!(table.contains(json["machine"]["cpu"].as_str().unwrap()), "{table}");
    assert_eq!(fs::read_to_string(out.join("bars.csv")).unwrap().lines().count(), 1 + bars.len());
    for of_cells in ["bench.csv", "bench.svg"] {
        assert!(!out.join(of_cells).exists(), "{of_cells} would be empty");
    }
}
