//! What the program does, one command after the other.

use consilium_cli::Failure;
use consilium_client::ClientError;

pub(super) mod account;
pub(super) mod audit;
pub(super) mod backup;
pub(super) mod data;
pub(super) mod keys;
mod log;
mod metrics;
pub(super) mod model;
mod participant;
pub(super) mod personal;
pub(super) mod predict;
pub(super) mod preflight;
mod reach;
pub(super) mod rows;
pub(super) mod run;
pub(super) mod state;
pub(super) mod trainer;

fn failure(error: impl Into<ClientError>) -> Failure {
    let error = error.into();
    Failure::new(error.exit_code(), error.to_string())
}
