//! Progress on stderr, the same way from every program.

use std::io;

use tracing_subscriber::EnvFilter;

/// Starts logging to stderr: `info` and above, or what RUST_LOG says. A log that cannot be written stops nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    log.with_writer(io::stderr).with_target(false).init();
}
