//! Replays, audits, plots and benchmarks
