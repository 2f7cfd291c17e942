//! File descriptors: every connection takes one, and so does every file of the ledger.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks the system for as many as it allows this process.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is refused, what there is has to do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// How many of them connections may take: half, so that the ledger always has one when it needs it.
pub(crate) fn for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}
