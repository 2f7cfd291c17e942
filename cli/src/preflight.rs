//! Whether what a program needs is there, before it is needed: what was found of each thing, and what to do where it is not as it
//! should be.

use std::{fmt, path::Path};

use rustix::fs::statvfs;
use serde::Serialize;

use crate::{Failure, command_line::print};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// As it should be.
    Good,
    /// A run is possible, but somebody should look.
    Doubtful,
    /// No run is possible like this.
    Bad,
    /// Not looked at, because of something else.
    Skipped,
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The thing.
    pub what: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// What was found.
    pub found: String,
    /// What to do about it; empty where nothing is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

impl Finding {
    /// As it should be.
    pub fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, standing: Standing::Good, found: found.into(), advice: String::new() }
    }

    /// Not as it should be, and what to do.
    pub fn bad(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let (found, advice) = (found.into(), advice.into());
        Self { what, standing: Standing::Bad, found, advice }
    }

    /// Not as it should be, but no reason not to begin.
    pub fn doubtful(
        what: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { standing: Standing::Doubtful, ..Self::bad(what, found, advice) }
    }

    /// Not looked at.
    pub fn skipped(what: &'static str, because: impl Into<String>) -> Self {
        Self { standing: Standing::Skipped, ..Self::good(what, because) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, standing, found, advice } = self;
        let standing = match standing {
            Standing::Good => "ok",
            Standing::Doubtful => "look",
            Standing::Bad => "NOT OK",
            Standing::Skipped => "-",
        };
        write!(f, "{standing:<7} {what:<12} {found}")?;
        if !advice.is_empty() {
            write!(f, "\n{:<20} {advice}", "")?;
        }
        Ok(())
    }
}

/// Free bytes of the disk that a path is on, or will be: of the nearest folder that is there. And that folder.
///
/// # Errors
/// What the system says.
pub fn free_bytes(path: &Path) -> Result<(u64, &Path), String> {
    let there = nearest(path);
    let disk = statvfs(there).map_err(|error| format!("{}: {error}", there.display()))?;
    Ok((disk.f_bavail.saturating_mul(disk.f_frsize), there))
}

/// The path, or the nearest folder above it that is there.
pub fn nearest(path: &Path) -> &Path {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    if there.as_os_str().is_empty() { Path::new(".") } else { there }
}

/// What a program prints of its findings, and how it ends: a failure where something is not as it should be.
///
/// # Errors
/// [`Failure`] with [`FAILED`](crate::failure::FAILED); the report has been printed then.
pub fn report(findings: &[Finding], as_json: bool) -> Result<String, Failure> {
    let bad = findings.iter().filter(|finding| finding.standing == Standing::Bad).count();
    let text = if as_json {
        format!("{:#}\n", serde_json::json!({ "ready": bad == 0, "findings": findings }))
    } else {
        findings.iter().map(|finding| format!("{finding}\n")).collect()
    };
    if bad == 0 {
        return Ok(text);
    }
    print(&text);
    Err(Failure::failed(format!("{bad} of {} are not as they should be", findings.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_advice_another() {
        let bad = Finding::bad("port", "10.0.0.1:1: refused", "is it started?").to_string();
        assert_eq!(
            bad,
            "NOT OK  port         10.0.0.1:1: refused\n                     is it started?"
        );
        assert_eq!(Finding::good("name", "hub").to_string(), "ok      name         hub");
    }

    #[test]
    fn the_disk_of_a_folder_that_there_is_not_yet_is_that_of_the_nearest_one() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("new/state");
        let (free, there) = free_bytes(&state).unwrap();
        assert!(free > 0 && there == dir.path());
    }
}
