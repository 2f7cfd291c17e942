//! File names inside the directory of a replay.

/// Everything resolved.
pub const CONFIG: &str = "config.toml";
/// Quality of every model after every epoch.
pub const ACCURACY: &str = "accuracy.csv";
/// What happened in each round of the verified federation.
pub const ROUNDS: &str = "rounds.csv";
/// The last model of the verified federation, with all that turns a row into its inputs.
pub const MODEL: &str = "model.safetensors";
/// What people should know of it.
pub const CARD: &str = "model.md";
/// The coordinator's ledger of the verified federation.
pub const LEDGER: &str = "ledger";
/// Centralised training.
pub const FIGURE5: &str = "fig5.svg";
/// Alone, plain and verified.
pub const FIGURE6: &str = "fig6.svg";
/// All of it on one page.
pub const REPORT: &str = "report.html";
